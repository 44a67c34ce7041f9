"""stages/tools/repro.py: which processes it starts, on real DVC projects of stages that echo, fail and sleep."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML
from stages.shared.errors import BadInput
from stages.tools import plan, repro

from project_tree import ROOT, SCRIPTS

Table = dict[str, Any]
SMALL: Table = {"small": {}}
PLANS: dict[str, tuple[Table, list[str], list[tuple[str, str]]]] = {
    "a base model that systems share is one job": (
        {"bases": SMALL, "systems": {"a": {"base": "small"}, "b": {"base": "small"}}},
        ["a", "b"],
        [
            ("base small", ""),
            ("data a", "base small"),
            ("data b", "base small"),
            ("student a1", "base small, data a"),
            ("student b1", "base small, data b"),
            ("evaluate a", "base small, data a, student a1"),
            ("evaluate b", "base small, data b, student b1"),
            ("report a", "evaluate a"),
            ("report b", "evaluate b"),
        ],
    ),
    "a student waits for its base model, and the evaluation for all students of its system": (
        {
            "bases": {"large": {}, "small": {}},
            "systems": {"a": {"base": "small"}},
            "students": {"a1": {"system": "a", "base": "large"}, "a2": {"system": "a", "base": "small"}},
        },
        ["a"],
        [
            ("base large", ""),
            ("base small", ""),
            ("data a", "base small"),
            ("student a1", "base large, data a"),
            ("student a2", "base small, data a"),
            ("evaluate a", "base small, data a, student a1, student a2"),
            ("report a", "evaluate a"),
        ],
    ),
    "a local teacher is a base model": (
        {"bases": {"small": {}, "teacher": {}}, "systems": {"a": {"base": "small", "respond": {"root": "models/bases/teacher"}}}},
        ["a"],
        [
            ("base small", ""),
            ("base teacher", ""),
            ("data a", "base small, base teacher"),
            ("student a1", "base small, data a"),
            ("evaluate a", "base small, base teacher, data a, student a1"),
            ("report a", "evaluate a"),
        ],
    ),
    "of one system, its base models alone": (
        {"bases": {"other": {}, "small": {}, "idle": {}}, "systems": {"a": {"base": "small"}, "b": {"base": "other"}}},
        ["a"],
        [
            ("base small", ""),
            ("data a", "base small"),
            ("student a1", "base small, data a"),
            ("evaluate a", "base small, data a, student a1"),
            ("report a", "evaluate a"),
        ],
    ),
    "of all systems, the base models that nobody needs as well, at last": (
        {"bases": {"idle": {}, "small": {}}, "systems": {"a": {"base": "small"}}},
        ["a"],
        [
            ("base small", ""),
            ("data a", "base small"),
            ("student a1", "base small, data a"),
            ("evaluate a", "base small, data a, student a1"),
            ("report a", "evaluate a"),
            ("base idle", ""),
        ],
    ),
    "a calibration waits for the evaluation of its system": (
        {
            "bases": SMALL,
            "systems": {"a": {"base": "small"}, "b": {"base": "small"}},
            "classifiers": {"a_classifier": {"system": "a"}, "b_classifier": {"system": "b"}},
        },
        ["a"],
        [
            ("base small", ""),
            ("data a", "base small"),
            ("student a1", "base small, data a"),
            ("evaluate a", "base small, data a, student a1"),
            ("calibrate a_classifier", "evaluate a"),
            ("report a", "calibrate a_classifier, evaluate a"),
        ],
    ),
    "a pair waits for both its base models; it answers beside its system, and is compared with the system's students": (
        {
            "bases": {"large": {}, "other": {}, "small": {}},
            "systems": {"a": {"base": "small"}},
            "pairs": {
                "duo": {"system": "a", "first": "large", "second": "small"},
                "elsewhere": {"system": "b", "first": "x", "second": "y"},
            },
            "practice": {"go": {"system": "a", "start": "models/students/a/duo/second"}},
        },
        ["a"],
        [
            ("base small", ""),
            ("base large", ""),
            ("data a", "base small"),
            ("pair duo", "base large, base small, data a"),
            ("student a1", "base small, data a"),
            ("practice go", "data a, pair duo"),
            ("evaluate a", "base small, data a, pair duo, practice go, student a1"),
            ("answers duo", "base large, base small, pair duo"),
            ("measure duo", "answers duo, evaluate a"),
            ("report a", "answers duo, evaluate a, measure duo"),
            ("base other", ""),
        ],
    ),
}


def write_params(values: Table) -> None:
    students = {f"{name}1": {"system": name, "base": entry["base"]} for name, entry in values["systems"].items()}
    with Path("params.yaml").open("w") as file:
        YAML().dump({"seed": 0, "students": students} | values, file)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


@pytest.mark.parametrize("case", PLANS)
def test_the_plan(case: str) -> None:
    values, systems, expected = PLANS[case]
    write_params(values)
    made = plan.jobs(systems)
    assert [(job.name, ", ".join(sorted(job.needs))) for job in made] == expected
    stages = {
        "base": ("base",),
        "data": plan.DATA,
        "student": plan.STUDENT,
        "practice": plan.PRACTICE,
        "evaluate": plan.EVALUATION,
        "calibrate": plan.CALIBRATION,
        "report": plan.REPORT,
        "pair": plan.PAIR,
        "answers": plan.ANSWERS,
        "measure": plan.MEASURE,
    }
    for job in made:
        kind, entry = job.name.split()
        assert job.arguments == ("--single-item", *(f"{stage}@{entry}" for stage in stages[kind]))


def test_the_jobs_run_every_stage_of_the_flow() -> None:
    of_jobs = (
        plan.DATA,
        plan.STUDENT,
        plan.PAIR,
        plan.PRACTICE,
        plan.EVALUATION,
        plan.ANSWERS,
        plan.MEASURE,
        plan.CALIBRATION,
        plan.REPORT,
    )
    assert {"collect", "corpus", "base"}.union(*of_jobs) == set(SCRIPTS)


def test_the_plan_of_the_project_names_every_entry_of_each_family_once() -> None:
    values = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    kinds = {
        "base": "bases",
        "data": "systems",
        "student": "students",
        "evaluate": "systems",
        "calibrate": "classifiers",
        "report": "systems",
    }
    kinds |= dict.fromkeys(("pair", "answers", "measure"), "pairs")
    made = plan.jobs(list(values["systems"]), ROOT / "params.yaml")
    assert sorted(job.name for job in made) == sorted(f"{kind} {entry}" for kind, family in kinds.items() for entry in values[family])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"bases": SMALL, "systems": {"a": {"base": "smal"}}, "students": {"n": {"system": "a", "base": "small"}}},
            "systems.a.base: unknown base 'smal' (did you mean 'small'?)",
        ),
        (
            {"bases": SMALL, "systems": {"a": {"base": "small"}}, "students": {"n": {"system": "a", "base": "x"}}},
            "students.n.base: unknown base 'x'; choose from: small",
        ),
    ],
)
def test_a_name_that_no_family_has_is_told_before_anything_runs(values: Table, told: str) -> None:
    write_params(values)
    with pytest.raises(BadInput) as error:
        repro.repro([], 1)
    assert str(error.value).startswith(f"params.yaml: {told}")


PIPELINE = """\
stages:
  collect:
    foreach: ${systems}
    do:
      cmd: echo collect ${key} >> log; echo ${key} > data/held_out/${key}.jsonl; echo ${key} > data/${key}/train.jsonl
      outs: ["data/held_out/${key}.jsonl", "data/${key}/train.jsonl"]
  corpus:
    foreach: ${bases}
    do:
      cmd: echo corpus ${key} >> log; cat data/held_out/* > data/corpora/${key}.jsonl
      deps: [data/held_out]
      outs: ["data/corpora/${key}.jsonl"]
  base:
    foreach: ${bases}
    do:
      cmd: echo base ${key} >> log; ${item.run}; cp data/corpora/${key}.jsonl models/bases/${key}
      deps: ["data/corpora/${key}.jsonl"]
      outs: ["models/bases/${key}"]
  prompt:
    foreach: ${systems}
    do:
      cmd: echo prompt ${key} >> log; ${item.run}; cp data/${key}/train.jsonl data/${key}/prompt
      deps: ["data/${key}/train.jsonl"]
      outs: ["data/${key}/prompt"]
  respond:
    foreach: ${systems}
    do:
      cmd: echo respond ${key} >> log; cp data/${key}/prompt data/${key}/respond
      deps: ["data/${key}/prompt"]
      outs: ["data/${key}/respond"]
  grade:
    foreach: ${systems}
    do:
      cmd: echo grade ${key} >> log; cp data/${key}/respond data/${key}/grade
      deps: ["data/${key}/respond"]
      outs: ["data/${key}/grade"]
  judge:
    foreach: ${systems}
    do:
      cmd: echo judge ${key} >> log; cp data/${key}/grade data/${key}/judge
      deps: ["data/${key}/grade"]
      outs: ["data/${key}/judge"]
  enrich:
    foreach: ${systems}
    do:
      cmd: echo enrich ${key} >> log; cp data/${key}/judge data/${key}/enrich
      deps: ["data/${key}/judge"]
      outs: ["data/${key}/enrich"]
  filter:
    foreach: ${systems}
    do:
      cmd: echo filter ${key} >> log; cp data/${key}/judge data/${key}/filter
      deps: ["data/${key}/judge"]
      outs: ["data/${key}/filter"]
  format:
    foreach: ${students}
    do:
      cmd: echo format ${key} >> log; cp data/${item.system}/filter data/${item.system}/${key}
      deps: ["data/${item.system}/filter"]
      outs: ["data/${item.system}/${key}"]
  train:
    foreach: ${students}
    do:
      cmd: echo train ${key} >> log; cat models/bases/${item.base} data/${item.system}/${key} > models/${key}
      deps: ["models/bases/${item.base}", "data/${item.system}/${key}"]
      outs: ["models/${key}"]
  generate:
    foreach: ${systems}
    do:
      cmd: echo generate ${key} >> log; cp models/${key}1 data/${key}/generate
      deps: ["models/${key}1"]
      outs: ["data/${key}/generate"]
  evaluate:
    foreach: ${systems}
    do:
      cmd: echo evaluate ${key} >> log; cp data/${key}/generate data/${key}/end
      deps: ["data/${key}/generate"]
      outs: ["data/${key}/end"]
  report:
    foreach: ${systems}
    do:
      cmd: echo report ${key} >> log; cp data/${key}/end data/${key}/report
      deps: ["data/${key}/end"]
      outs: ["data/${key}/report"]
"""
SYSTEMS = {"first": "left", "second": "right", "third": "right"}


def project(*names: str, **commands: str) -> None:
    """These systems (none named: all three) and their base models; `commands` are what `base` and `prompt` run for an entry, if not
    nothing. A system costs six processes of DVC, a second each."""
    chosen = {system: SYSTEMS[system] for system in names or SYSTEMS}
    for folder in ("data/held_out", "data/corpora", "models/bases", *(f"data/{system}" for system in chosen)):
        Path(folder).mkdir(parents=True, exist_ok=True)
    bases = {base: {"run": commands.get(base, "true")} for base in sorted(set(chosen.values()))}
    systems = {system: {"base": base, "run": commands.get(system, "true")} for system, base in chosen.items()}
    write_params({"bases": bases, "systems": systems})
    Path("dvc.yaml").write_text(PIPELINE)
    if not Path(".dvc").exists():
        Repo.init(no_scm=True).close()
        Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n")


def log() -> list[str]:
    return Path("log").read_text().splitlines() if Path("log").exists() else []


def lock() -> Any:
    return YAML(typ="safe").load(Path("dvc.lock"))["stages"]


OF_SYSTEM = (*(f"{stage} {{}}" for stage in (*plan.DATA, *plan.EVALUATION, *plan.REPORT)), *(f"{stage} {{}}1" for stage in plan.STUDENT))
TWO = ("first", "second")
EVERY = {stage.format(system) for stage in ("collect {}", *OF_SYSTEM) for system in TWO}
EVERY |= {f"{stage} {base}" for stage in ("corpus", "base") for base in ("left", "right")}


def test_it_runs_what_a_plain_repro_runs_once_and_a_second_time_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(*TWO)
    Path(".dvc/tmp").mkdir(exist_ok=True)
    repro.READ_WRITE_LOCK.write_text("")  # as DVC leaves it, killed as it wrote it
    repro.repro([], 2)
    ran = log()
    assert sorted(ran) == sorted(EVERY)
    places = [max(ran.index(f"collect {system}") for system in TWO), ran.index("corpus left"), ran.index("base left")]
    assert places == sorted(places) and ran.index("base left") < ran.index("evaluate first")
    repro.repro([], 2)
    assert log() == ran
    (here / "plain").mkdir()
    monkeypatch.chdir(here / "plain")
    project(*TWO)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], check=True)
    assert lock() == YAML(typ="safe").load(here / "dvc.lock")["stages"]


def test_of_one_system_it_runs_no_other_but_what_all_hold_out() -> None:
    project(*TWO)
    repro.repro(["first"], 2)
    assert sorted(log()) == sorted(
        [*(f"collect {system}" for system in TWO), "corpus left", "base left", *(stage.format("first") for stage in OF_SYSTEM)]
    )


def test_an_unknown_system_is_told_and_nothing_runs() -> None:
    project()
    with pytest.raises(BadInput, match=r"^unknown system 'frist' \(did you mean 'first'\?\); choose from: first, second, third$"):
        repro.repro(["second", "frist"], 2)
    assert log() == []


def test_a_missing_key_is_told_before_anything_runs_and_not_where_nothing_is_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    project(*TWO)
    values = YAML(typ="safe").load(Path("params.yaml"))
    values["systems"]["first"]["respond"] = {"teacher": {"sampler": "openai", "api_key_env": "THE_KEY"}}
    with Path("params.yaml").open("w") as file:
        YAML().dump(values, file)
    with pytest.raises(BadInput, match=r"^systems\.first\.respond\.teacher\.api_key_env: the environment variable THE_KEY is not set"):
        repro.repro([], 2)
    assert log() == []
    repro.repro(["second"], 2)
    assert "respond second" in log() and "respond first" not in log()
    monkeypatch.setenv("THE_KEY", "sk-1234567890123456")
    repro.repro([], 2)
    monkeypatch.delenv("THE_KEY")
    before = log()
    repro.repro([], 2)
    assert log() == before


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "stages.tools.repro", *arguments]


def test_what_needs_a_failed_job_is_not_started_and_the_others_go_on() -> None:
    project(right="exit 3")
    done = subprocess.run(command("--cores", "2"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("repro: failed: base right (the lines above that begin with these names say why); not started: ")
    names = done.stderr.partition("not started: ")[2].partition(".")[0].split(", ")
    assert set(names) == {f"{kind} {system}" for kind in ("data", "evaluate", "report") for system in ("second", "third")} | {
        "student second1",
        "student third1",
    }
    assert done.stderr.count("\n") == 1
    reasons = [line for line in done.stdout.splitlines() if line.lstrip().startswith("base right | ")]
    assert any("failed to run" in line for line in reasons)
    started = {line.partition("|")[0].strip() for line in done.stdout.splitlines()}
    assert not {f"{kind} {system}" for kind in ("data", "evaluate") for system in ("second", "third")} & started
    assert {"evaluate first", "base right"} <= set(log()) and not {"prompt second", "prompt third"} & set(log())
    project()  # the cause is mended
    before = log()
    repro.repro([], 2)
    again = log()[len(before) :]
    rest = {stage.format(system) for stage in OF_SYSTEM for system in ("second", "third")}
    assert sorted(again) == sorted({"base right"} | rest)


def test_a_failed_system_stops_no_other() -> None:
    project(second="exit 3")
    with pytest.raises(BadInput, match=r"^failed: data second \(.*\); not started: student second1, evaluate second, report second\. "):
        repro.repro([], 2)
    assert {"evaluate first", "evaluate third"} <= set(log()) and "evaluate second" not in log()


def test_where_what_is_held_out_fails_nothing_else_starts() -> None:
    project()
    Path("data/held_out").rename("data/elsewhere")
    Path("data/held_out").write_text("a file in the place of the folder")
    with pytest.raises(BadInput, match=r"^failed: collect \w+, collect \w+, collect \w+ \("):
        repro.repro([], 2)
    assert not any(line.startswith(("base", "prompt")) for line in log())


def test_a_job_waits_for_the_lock_of_another_process(capfd: pytest.CaptureFixture[str]) -> None:
    """For longer than the three seconds after which DVC gives up by itself; its stage runs once."""
    project()
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with Path(".dvc/tmp/lock").open("w") as file, ThreadPoolExecutor(1) as pool:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        running = pool.submit(repro.run, [plan.Job("base left", ("base@left",), frozenset())], 1)
        sleep(6)
        assert not running.done()
        fcntl.flock(file, fcntl.LOCK_UN)
        assert running.result(timeout=60).failed == []
    assert log().count("base left") == 1


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended may stand in the list until somebody asks for its status."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline, "it did not happen"
        sleep(0.05)


SLEEP = "echo $$ $PPID > pids; exec sleep 120"  # the shell of the stage, and DVC


@pytest.fixture
def asleep() -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    """The tool, in the midst of a stage that sleeps, and the processes that must not outlive it."""
    project("first", first=SLEEP)
    running = subprocess.Popen(command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: Path("pids").exists() and Path("pids").read_text().endswith("\n"))
    pids = [int(pid) for pid in Path("pids").read_text().split()]
    yield running, pids
    for pid in [running.pid, *pids]:
        if lives(pid):
            os.kill(pid, signal.SIGKILL)
    running.wait()
    assert running.stderr
    running.stderr.close()


Asleep = tuple["subprocess.Popen[str]", list[int]]


@pytest.mark.parametrize("group", [False, True], ids=["a signal", "Ctrl-C in a terminal"])
def test_an_interrupt_ends_the_stages_that_run(group: bool, asleep: Asleep) -> None:
    """A terminal sends it to all processes of the group, `kill -INT` to the tool alone."""
    running, pids = asleep
    (os.killpg if group else os.kill)(running.pid, signal.SIGINT)
    assert running.wait(timeout=60) == 130
    assert running.stderr and running.stderr.read() == "repro: interrupted; run it again to go on\n"
    assert [pid for pid in pids if lives(pid)] == []
    assert "evaluate first" not in log()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_killed_with_9_it_leaves_no_dvc_behind(asleep: Asleep) -> None:
    running, (_, dvc) = asleep
    assert lives(dvc)
    running.kill()
    wait_until(lambda: not lives(dvc), 10)
