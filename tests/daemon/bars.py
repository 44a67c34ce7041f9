"""What the daemon is to bear, run by hand from the root:
`PYTHONPATH=.:tests python tests/daemon/bars.py BAR FOLDER [COUNT [FILES]] [--real]`.

kills     20 times SIGKILL at random moments over twelve files of three priorities, two of them bad
commands  20 random commands: pause, resume, skip, stop
mixed     40 kills and commands over twelve files, with a stand-in for the work, which counts its steps
queued    10,000 queued files: how long a listing takes; idle; from `add` to the start of a job
soak      500 small files, with a stand-in for the work: memory and handles

kills and commands run DVC's stages; the training among them is a stand-in of no weight unless `--real`. Each bar
prints what it saw, and fails where that is not what it has to be.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic, process_time, sleep
from typing import Any

from daemon_tree import STUDENT, SYSTEM, daemon, jobs, make_project, rows, started
from stages.daemon import control, experiments, intake
from stages.daemon.lock import leftovers
from stages.daemon.places import Places, read_json
from stages.daemon.queue import Queue
from stages.daemon.section import Limits
from stages.daemon.status import entry

ENDED = ("done", "failed", "skipped")
FILES = {f"{priority}{number}": priority for number in range(4) for priority in ("low", "high", "normal")}
BAD = ("normal1", "high2")
REAL = "--real" in sys.argv


def log(*words: object) -> None:
    print(*words, flush=True)


def project(folder: Path, **changed: Any) -> Path:
    """A small project with the same tiny student every time."""
    import tiny

    folder.mkdir(parents=True)
    changed = {} if REAL else {"train": {"steps": 60, "seconds": 0.05}, "assess": None} | changed
    return make_project(folder / "project", tiny.make(folder / "model"), stand_in=not REAL, **changed)


def fill(root: Path, names: list[str]) -> None:
    """Adds files, the good ones with rows of their own."""
    for name in names:
        path = root.parent / f"{name}.jsonl"
        text = (
            f'{{"messages": [], "metadata": {{"id": "{name}"}}}}\n' if name in BAD else rows([f"{name} says {word}" for word in range(8)])
        )
        path.write_text(text)
        daemon(root, "add", str(path), "--priority", FILES[name])


def events(root: Path, system: str = SYSTEM) -> list[dict[str, Any]]:
    path = Places(root, system).home / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def ends(root: Path) -> dict[str, str]:
    """How each job ended, by file."""
    said = [event for event in events(root) if event["event"] in ("done", "failed", "skipped")]
    return {event["file"].removesuffix(".jsonl"): event["event"] for event in said}


def chain(root: Path) -> list[str]:
    """The files that the current student learnt, the first one first: each experiment starts from the student of
    the one before."""
    kept = {}
    for each in experiments.experiments(root):
        stage = experiments.lock_at(root, each.commit)[f"update@{STUDENT}"]
        start = next(dep["md5"] for dep in stage["deps"] if dep["path"] == f"updates/{STUDENT}/last")
        made = next(out["md5"] for out in stage["outs"] if out["path"].startswith("models/"))
        kept[made] = (each.name.split("-")[0], start)
    order, at = [], student(root)
    while at in kept:
        name, at = kept[at]
        order.append(name)
    return order[::-1]


def student(root: Path) -> str:
    """DVC's hash of the current student's folder."""
    commit = experiments.current(root, SYSTEM)
    assert commit, "no student yet"
    return str(experiments.out_at(root, commit, f"update@{STUDENT}", f"models/students/{SYSTEM}/{STUDENT}")["md5"])


def work_off(root: Path, names: list[str], seconds: float = 1200) -> None:
    """Runs a daemon until each file has ended."""
    process = started(root)
    until = monotonic() + seconds
    while set(ends(root)) < set(names):
        assert process.poll() is None and monotonic() < until, (process.poll(), ends(root))
        sleep(0.2)
    daemon(root, "stop")
    process.wait(30)


def undisturbed(folder: Path, names: list[str]) -> str:
    """The student after these files, in this order, with nothing in between."""
    root = project(folder)
    for name in names:
        FILES[name] = "normal"
    fill(root, names)
    begun = monotonic()
    work_off(root, names)
    log(f"undisturbed: {len(names)} files in {monotonic() - begun:.0f} s: {chain(root)}")
    assert chain(root) == names
    return student(root)


def kill(root: Path, whom: str, process: Any) -> None:
    """SIGKILL to the daemon, to what it started, or to both."""
    pids = leftovers(Places(root, SYSTEM)) if whom != "daemon" else []
    if whom != "trainer":
        pids = [process.pid, *pids]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def power_loss(root: Path, drawn: random.Random) -> None:
    """Who worked and what was locked, as a power loss leaves it: half the time deleted by someone who tidied up, half the time stale."""
    places = Places(root, SYSTEM)
    stale = (".git/index.lock", ".dvc/tmp/lock", ".dvc/tmp/rwlock")
    locks = [places.work / name for name in stale] + [root / ".git" / f"{experiments.current_reference(SYSTEM)}.lock"]
    if drawn.random() < 0.5:
        for path in (places.home / "daemon.json", *locks):
            path.unlink(missing_ok=True)
        return
    (places.home / "daemon.json").write_text('{"pid": 1, "started": 0}')
    for path in locks:
        if places.work.is_dir() or path.is_relative_to(root / ".git"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def repeated(root: Path) -> int:
    """How many steps of the stand-in trainings were made again."""
    path = Places(root, SYSTEM).home / "steps.log"
    steps = path.read_text().splitlines() if path.exists() else []
    return len(steps) - len(set(steps))


def kills(folder: Path, count: int = 20, files: int = len(FILES)) -> None:
    """At random moments; at most two more than twice the files that have ended, so that they fall on all of them."""
    drawn, names = random.Random(0), set(list(FILES)[:files])
    root = project(folder / "kills")
    fill(root, list(FILES)[:files])
    process, killed, spared = started(root), Counter[str](), set[str]()
    begun = monotonic()
    while set(ends(root)) < names:
        until = monotonic() + drawn.uniform(0.5, 15)
        while (monotonic() < until or killed.total() >= 2 * len(ends(root)) + 2) and set(ends(root)) < names:
            assert process.poll() is None
            sleep(0.1)
        if killed.total() >= count or set(ends(root)) >= names:
            assert process.poll() is None
            continue
        whom = drawn.choice(["daemon", "both", "trainer"])
        current = Places(root, SYSTEM).home / "current.json"
        job = json.loads(current.read_text())["name"] if current.exists() else ""
        if whom == "trainer" and (job in spared or not job):
            whom = "both"  # three failures of the trainer would rightly end the job
        spared |= {job} if whom == "trainer" else set()
        kill(root, whom, process)
        killed[whom] += 1
        log(f"{monotonic() - begun:5.0f} s: killed {whom} in {job or 'no job'}; {len(ends(root))} ended")
        if whom != "trainer":
            process.wait()
            power_loss(root, drawn)
            process = started(root)
    daemon(root, "stop")
    process.wait(30)
    log(f"{dict(killed)} in {monotonic() - begun:.0f} s; ends: {dict(Counter(ends(root).values()))}")
    listed = jobs(root)
    assert sorted(job["name"].removesuffix(".jsonl") for job in listed) == sorted(names), "a file was lost or came twice"
    assert {job["name"].removesuffix(".jsonl") for job in listed if job["state"] == "failed"} == names & set(BAD)
    learnt = [each.name.split("-")[0] for each in experiments.experiments(root)]
    assert sorted(learnt) == sorted(names - set(BAD)), f"trained to completion: {learnt}"
    order = chain(root)
    log("order:", order)
    assert sorted(order) == sorted(names - set(BAD))
    log(f"{repeated(root)} steps of training made again; a checkpoint is made every five")
    assert repeated(root) <= 5 * killed.total()
    expected = undisturbed(folder / "undisturbed", order)
    log("student:", student(root), "undisturbed:", expected)
    assert student(root) == expected


def commands(folder: Path, count: int = 20, files: int = len(FILES)) -> None:
    drawn = random.Random(1)
    root = project(folder / "commands")
    names = [name for name in list(FILES)[:files] if name not in BAD]
    fill(root, names)
    process, given, slowest = started(root), Counter[str](), 0.0
    begun = monotonic()
    while set(ends(root)) < set(names):
        sleep(drawn.uniform(0.5, 12))
        if given.total() >= min(count, 3 * len(ends(root)) + 5):  # so that they fall on all files
            if Places(root, SYSTEM).home.joinpath("paused.json").exists():
                daemon(root, "resume")
            continue
        what = drawn.choice(["pause", "resume", "skip", "stop", "pause", "resume"])
        if what == "skip" and ends(root).values() and list(ends(root).values()).count("skipped") >= 3:
            what = "pause"
        done = daemon(root, what, "--reason", f"number {given.total()}", check=False)
        given[what] += 1
        log(f"{monotonic() - begun:5.0f} s: {what}: {done.stderr.strip() or 'left'}; {len(ends(root))} ended")
        if what == "stop" and not done.returncode:
            asked = monotonic()
            process.wait(120)
            slowest = max(slowest, monotonic() - asked)
            process = started(root)
    daemon(root, "stop")
    process.wait(30)
    log(f"{dict(given)} in {monotonic() - begun:.0f} s; slowest stop {slowest:.1f} s; ends: {ends(root)}")
    order = chain(root)
    assert sorted(order) == sorted(name for name in names if ends(root)[name] == "done")
    expected = undisturbed(folder / "undisturbed", order)
    log("student:", student(root), "undisturbed:", expected)
    assert student(root) == expected


def stand_in(root: Path, system: str = "s", **section: Any) -> "subprocess.Popen[bytes]":
    """A daemon whose work is a stand-in without git and DVC."""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here.parents[1]), str(here.parent), str(here), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(here / "stand_in.py"), str(root), system, json.dumps(section)]
    out = (root / "log").open("ab")
    return subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": paths}, stdout=out, stderr=out)


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """MiB that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def job(places: Places, name: str, text: str, priority: str = "normal") -> str:
    path = places.root / "file.jsonl"
    path.write_text(text)
    taken = intake.copy_in(places, path, Limits(free_gb=0))
    intake.spool(places, taken, name, priority, "")
    return taken.sha


def ended(places: Places) -> int:
    return sum(event["event"] in ("done", "failed") for event in events(places.root, places.system))


def mixed(folder: Path, count: int = 40) -> None:
    """Kills and commands at random moments; a checkpoint is made at each step, so a kill repeats one step at most."""
    folder.mkdir(parents=True)
    drawn, places, given = random.Random(2), Places(folder, "s"), Counter[str]()
    places.make()
    shas = {name: job(places, name, "bad" + name if name in BAD else name + " sleep" * 12, FILES[name]) for name in FILES}
    process = stand_in(folder)
    while len(last := {event["file"]: event["event"] for event in events(folder, "s") if event["event"] in ENDED}) < len(FILES):
        sleep(drawn.uniform(0.1, 2))
        if given.total() >= min(count, 4 * len(last) + 6):  # so that they fall on all files
            control.send(places, "resume", "")
            continue
        what = drawn.choice(["kill", "kill", "kill", "pause", "pause", "resume", "resume", "skip", "stop"])
        current = (read_json(places.home / "current.json") or {}).get("id")
        if what == "skip" and (current is None or list(last.values()).count("skipped") == 3):
            continue
        given[what] += 1
        if what == "kill":
            for pid in [process.pid, *(leftovers(places) if drawn.random() < 0.5 else [])]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            control.send(places, what, f"number {given.total()}", job=current, pid=process.pid)
        if what in ("kill", "stop"):
            process.wait(120)
            process = stand_in(folder)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    made = (places.home / "steps.log").read_text().splitlines()
    log(f"{dict(given)}; ends: {last}; {len(made)} steps, {len(made) - len(set(made))} of them repeated")
    learnt = [name for name, sha in shas.items() if sha in json.loads((places.home / "student.json").read_text())]
    listed = {row.job["name"]: entry(row, None)["state"] for row in Queue(places, None).rows()}
    assert listed == last and {name for name, state in last.items() if state == "failed"} == set(BAD)
    assert sorted(learnt) == sorted(name for name, state in last.items() if state == "done")
    assert len(json.loads((places.home / "student.json").read_text())) == len(learnt), "trained twice to completion"
    assert len(made) - len(set(made)) <= given["kill"]


def queued(folder: Path, count: int = 10_000) -> None:
    """A paused daemon with a long queue; then an idle one; then the time from a file to the start of its job."""
    folder.mkdir(parents=True)
    places = Places(folder, "s")
    places.make()
    process = stand_in(folder)
    while not (places.home / "queue.made").exists():
        sleep(0.1)
    sleep(15)
    before, begun = cpu(process.pid), monotonic()
    sleep(30)
    idle = (cpu(process.pid) - before) / (monotonic() - begun)
    waits = []
    for number in range(6):
        if number == 3:
            sleep(12)  # DBOS's threads rest, and start again for the next file
        asked, known = monotonic(), (places.home / "steps.log").read_text() if number else ""
        sha = job(places, f"n{number}", f"one{number}")
        while sha[:8] not in (places.home / "steps.log").read_text()[len(known) :] if (places.home / "steps.log").exists() else True:
            sleep(0.01)
        waits.append(round(monotonic() - asked, 2))
    control.set_paused(places, "bar")
    for number in range(count):
        intake.spool(places, intake.Taken(f"{number:064x}", 1), f"file {number}", ("high", "normal", "low")[number % 3], "")
    begun = monotonic()
    while any(places.folder("spool").iterdir()):
        sleep(0.2)
    fed = monotonic() - begun
    listings, busy = [], []
    for _ in range(3):
        begun, used = monotonic(), process_time()
        rows_listed = Queue(places, None).rows()
        listings.append(round(monotonic() - begun, 2))
        busy.append(round(process_time() - used, 2))
    process.kill()
    log(f"idle {idle:.2%} of a core; to the first step, the work's own start included: {waits} s")
    log(f"{count} files went into the queue in {fed:.0f} s; {len(rows_listed)} listed in {listings} s, of which {busy} s of CPU")
    log(f"load of the machine: {os.getloadavg()[0]:.0f}")
    assert idle <= 0.01 and min(listings) < 1 and min(waits) <= 1, "on a machine with other work the times are longer"


def soak(folder: Path, count: int = 500) -> None:
    """Small files through one daemon, with the stand-in for the work: memory and handles over time."""
    folder.mkdir(parents=True)
    places = Places(folder, "s")
    places.make()
    process, seen = stand_in(folder), list[tuple[int, float, int, int]]()
    for number in range(count):
        path = places.inbox / f"{number}.jsonl"
        path.write_text(f"file{number}")
        while number - ended(places) > 5:
            sleep(0.02)
        if number % (count // 10) == count // 10 - 1:
            handles = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
            seen.append((number + 1, memory(process.pid), handles, threads))
            log(f"{number + 1} files: {seen[-1][1]:.1f} MiB, {handles} handles, {threads} threads")
    while ended(places) < count:
        sleep(0.1)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert len(json.loads((places.home / "student.json").read_text())) == count
    assert seen[-1][1] - seen[1][1] < 10 and seen[-1][2] - seen[1][2] < 5 and seen[-1][3] - seen[1][3] < 3


def main() -> None:
    bars = {"kills": kills, "commands": commands, "mixed": mixed, "queued": queued, "soak": soak}
    name, folder = sys.argv[1], Path(sys.argv[2])
    os.environ.update({"OMP_NUM_THREADS": "1"})
    bars[name](folder, *(int(number) for number in sys.argv[3:] if number.isdigit()))
    log("holds")


if __name__ == "__main__":
    main()
