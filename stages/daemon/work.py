"""A job's work: a copy of the repository in which DVC runs the stages admit, update and assess.

The copy is a git clone that shares git's objects and DVC's cache with the repository. So the working tree of
the repository is left alone, and DVC's locks are the copy's own: `dvc repro` and `dvc exp show` in the
repository wait for nothing. A job works on the commit that HEAD named when the job began.
"""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ruamel.yaml import YAML

from stages.daemon import experiments, working_copy
from stages.daemon.child import Ended, Runner
from stages.daemon.experiments import git
from stages.daemon.places import Places, put_json, read_json, slug
from stages.daemon.section import Daemon, as_update
from stages.shared import params
from stages.shared.errors import BadInput


class Plan(NamedTuple):
    """What a job starts from, and what it will be called."""

    base: str  # the commit of the repository
    parent: str | None  # the commit of the student; None: the student as params made it
    name: str  # the experiment


class Work(Protocol):
    """What the conductor has done for a job, step by step; each step may be repeated after a kill."""

    def begin(self) -> None:
        """Puts right what a killed daemon left behind; called once at the start."""

    def plan(self, job: Mapping[str, Any]) -> Plan:
        """What the job starts from."""

    def check(self, job: Mapping[str, Any], runner: Runner) -> Ended:
        """Whether the rows can be learnt from."""

    def train(self, job: Mapping[str, Any], plan: Plan, runner: Runner, resumed: bool) -> Ended:
        """Trains; `resumed` says whether it was paused before, in this process."""

    def keep(self, job: Mapping[str, Any], plan: Plan) -> dict[str, Any] | None:
        """Makes what was trained the current student; None where another one is current by now."""

    def tidy(self) -> None:
        """Retention."""


class DvcWork:
    """The work as DVC does it."""

    def __init__(self, places: Places, section: Daemon) -> None:
        self.places, self.section = places, section
        self.student = section.student
        self.folder = Path("updates", self.student)

    def log(self, job: Mapping[str, Any]) -> Path:
        """Where the output of a job's commands goes."""
        return self.places.home / "logs" / f"{job['id']}.log"

    def begin(self) -> None:
        """Removes the lock of the reference to the current student. Raises BadInput where there is no student
        to start from."""
        root, system = self.places.root, self.places.system
        experiments.unlock(root, experiments.current_reference(system))
        self._inputs(Plan(git(root, "rev-parse", "HEAD"), experiments.current(root, system), ""))

    def plan(self, job: Mapping[str, Any]) -> Plan:
        """The commit that HEAD names, the current student, and a name from file, time and hash."""
        time = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        stem = f"{slug(job['name'])}-{time}"
        taken = {each.name for each in experiments.experiments(self.places.root)}
        again = chain([""], (f"-{number}" for number in count(2)))
        names = (f"{stem}{each}-{job['sha'][:8]}" for each in again)
        name = next(each for each in names if each not in taken)
        base = git(self.places.root, "rev-parse", "HEAD")
        return Plan(base, experiments.current(self.places.root, self.places.system), name)

    def check(self, job: Mapping[str, Any], runner: Runner) -> Ended:
        """Whether the rows can be learnt from; a status above 0 means that they cannot."""
        file = str(self.places.taken(job["sha"]).resolve())
        return runner.run(
            "stages.admit", "--check", file, self.places.system, cwd=self.places.root, log=self.log(job)
        )

    def train(self, job: Mapping[str, Any], plan: Plan, runner: Runner, resumed: bool) -> Ended:
        """Runs the stages. A pause ends admit and assess at once, and update at a checkpoint."""
        working_copy.unlock(self.places)
        before = [] if resumed else self.prepare(job, plan)
        ended = Ended("ended", 0, "")
        for stage in ("admit", "update", *(["assess"] if self.section.assess is not None else [])):
            put_json(self.places.home / "stage.json", {"stage": stage})
            commands = [*before, ("repro", "--single-item", f"{stage}@{self.student}")]
            ended = self._dvc(runner, job, *commands, pausable=stage == "update")
            if ended.how != "ended" or ended.status:
                return Ended("again", 0, "") if before and ended.how == "paused" else ended
            before = []
        return ended

    def _dvc(
        self, runner: Runner, job: Mapping[str, Any], *commands: Sequence[str], pausable: bool = False
    ) -> Ended:
        return runner.dvc(*commands, cwd=self.places.work, log=self.log(job), pausable=pausable)

    def prepare(self, job: Mapping[str, Any], plan: Plan) -> list[Sequence[str]]:
        """Makes the copy hold the plan's commit, the file, and what names the last student and the sample of
        older rows; returns the commands by which DVC fetches these."""
        work, taken = self.places.work, self.places.taken(job["sha"])
        if not taken.is_file():
            raise BadInput(f"{taken}: the job's data is gone; drop the file into the inbox again, then retry")
        working_copy.ready(self.places, job, plan.base)
        self._write_params()
        folder = work / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("/arrived.jsonl\n/last\n/older.jsonl\n")
        put_json(folder / "arrived.json", {"file": job["name"], "sha256": job["sha"], "bytes": job["bytes"]})
        (folder / "arrived.jsonl").unlink(missing_ok=True)
        shutil.copyfile(taken, folder / "arrived.jsonl")
        last, older = self._inputs(plan)
        _track(folder / "last.dvc", last, "last")
        _track(folder / "older.jsonl.dvc", older, "older.jsonl")
        targets = [f"{self.folder}/last.dvc", f"{self.folder}/older.jsonl.dvc"]
        targets += [f"data/{split}/{self.places.system}.jsonl" for split in ("held_out", "validation")]
        # DVC 3.67, given several targets of several folders at once, deletes some of them
        checkouts = [("checkout", "--force", target) for target in targets]
        return [("add", "--quiet", f"{self.folder}/arrived.jsonl"), *checkouts]

    def _inputs(self, plan: Plan) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """What dvc.lock says of the last student's folder and of the older rows."""
        root, system, student = self.places.root, self.places.system, self.student
        model = f"models/students/{system}/{student}"
        if plan.parent:
            older = f"data/{system}/older/{student}.jsonl"
            return (
                experiments.out_at(root, plan.parent, f"update@{student}", model),
                experiments.out_at(root, plan.parent, f"admit@{student}", older),
            )
        chats = f"data/{system}/chats/{student}.jsonl"
        return (
            experiments.out_at(root, plan.base, f"train@{student}", model),
            experiments.out_at(root, plan.base, f"format@{student}", chats),
        )

    def _write_params(self) -> None:
        """params.yaml of the copy, in which the student is an update."""
        path = self.places.work / params.PARAMS
        yaml = YAML()
        values = yaml.load(path)
        try:
            as_update(values, self.places.system, self.section)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        with path.open("w") as file:
            yaml.dump(values, file)

    def keep(self, job: Mapping[str, Any], plan: Plan) -> dict[str, Any] | None:
        """Saves the copy as an experiment of the repository and makes its student the current one; None where
        the current student is no longer the one that the training started from."""
        root, work, system = self.places.root, self.places.work, self.places.system
        if experiments.current(root, system) != plan.parent:
            kept = experiments.named(root, plan.name)
            if kept is None or kept.commit != experiments.current(root, system):
                return None
        working_copy.unlock(self.places)
        kept = experiments.named(root, plan.name) or self._save(plan)
        if not experiments.set_current(
            root, system, kept.commit, plan.parent, f"{plan.name}: learnt {job['name']!r}"
        ):
            return None
        shutil.rmtree(work / ".athanor" / "checkpoints", ignore_errors=True)
        curves = read_json(work / "metrics" / f"{self.student}_train" / "metrics.json") or {}
        model = f"models/students/{system}/{self.student}"
        return {
            "experiment": plan.name,
            "commit": kept.commit,
            "loss": curves.get("loss"),
            "steps": curves.get("step"),
            "bytes": experiments.out_at(root, kept.commit, f"update@{self.student}", model).get("size", 0),
        }

    def _save(self, plan: Plan) -> experiments.Experiment:
        """Commits the copy, and gives the repository the commit under the reference that makes it an
        experiment.

        `dvc exp save` would commit the same, since DVC has written dvc.lock and filled its cache already; but
        it refuses a working tree that holds some outs of a stage and not the others, as this one does.
        """
        work = self.places.work
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", f"experiment {plan.name}")
        commit = git(work, "rev-parse", "HEAD")
        reference = f"refs/exps/{plan.base[:2]}/{plan.base[2:]}/{plan.name}"
        experiments.unlock(self.places.root, reference)
        git(work, "push", "--quiet", str(self.places.root.resolve()), f"{commit}:{reference}")
        return experiments.Experiment(plan.name, commit, reference)

    def tidy(self) -> None:
        """Drops the weights that params no longer keep."""
        from stages.daemon import retention

        retention.drop(self.places, self.section)


def _track(path: Path, out: Mapping[str, Any], name: str) -> None:
    """Writes the .dvc file `path` of a file or folder that lies in DVC's cache already."""
    kept = {key: value for key, value in out.items() if key in ("hash", "md5", "size", "nfiles", "isexec")}
    with path.open("w") as file:
        YAML().dump({"outs": [{**kept, "path": name}]}, file)
