"""Which `dvc repro` processes a run of the flow is made of, and which must have ended before which."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from stages.shared import params
from stages.shared.routes import STUDENTS

# the stages of each job, in the order of the flow
DATA = ("prompt", "respond", "grade", "judge", "enrich", "filter")
STUDENT, PRACTICE, EVALUATION = ("format", "train"), ("practise",), ("generate", "evaluate")
CALIBRATION, REPORT = ("calibrate",), ("report",)
PAIR, ANSWERS, MEASURE = ("format_pair", "train_pair"), ("generate_pair",), ("evaluate_pair",)


class Job(NamedTuple):
    """A `dvc repro` process: what it is called in the output, its arguments, and the jobs that must have
    ended before."""

    name: str
    arguments: tuple[str, ...]
    needs: frozenset[str]


def jobs(systems: Collection[str], path: Path = params.PARAMS) -> list[Job]:
    """The jobs of `systems`, in the order in which they are started once what they need is there.

    Base models come first, then the data of the systems, their pairs and students, their evaluations, the
    calibrations of their classifiers, the measures of their pairs, their reports. Where all systems are run,
    the base models that no system needs are the last jobs.
    """
    bases = {system: _bases(system, path) for system in systems}
    students = {system: _students(system, path) for system in systems}
    pairs = {system: _pairs(system, path) for system in systems}
    practice = {system: _practice(system, path) for system in systems}
    # what a pair needs comes first: its lane is the longest
    needed = sorted({base for system in systems for base in _bases_of_pairs(system, path)}, reverse=True)
    for system in systems:
        own = (params.refers("students", name, "base", path) for name in params.students_of(system, path))
        needed += sorted({*bases[system], *own})
    every = set(systems) == set(params.entries("systems", path))
    others = [base for base in params.entries("bases", path) if base not in needed] if every else []
    plan = [single("base", base) for base in dict.fromkeys(needed)]
    plan += [Job(f"data {system}", _items(DATA, system), _after("base", bases[system])) for system in systems]
    for kind in (pairs, students, practice):
        plan += [job for system in systems for job in kind[system]]
    for system in systems:
        learnt = frozenset(job.name for job in (*students[system], *pairs[system], *practice[system]))
        needs = _after("data", [system]) | _after("base", bases[system]) | learnt
        plan.append(Job(f"evaluate {system}", _items(EVALUATION, system), needs))
    for system in systems:
        for name in params.classifiers_of(system, path):
            plan.append(Job(f"calibrate {name}", _items(CALIBRATION, name), _after("evaluate", [system])))
        measures = _measures(system, path)
        needs = frozenset(job.name for job in measures) | _after("evaluate", [system])
        needs |= _after("calibrate", params.classifiers_of(system, path))
        plan += [*measures, Job(f"report {system}", _items(REPORT, system), needs)]
    return [*plan, *(single("base", base) for base in others)]


def single(stage: str, entry: str) -> Job:
    """The job of one stage of an entry, which needs no other job."""
    return Job(f"{stage} {entry}", _items((stage,), entry), frozenset())


def _bases(system: str, path: Path) -> set[str]:
    """The base models of a system: its own, that of a local teacher, and those that practice starts from."""
    roots = [params.entries("systems", path)[system].get("respond", {}).get("root")]
    roots += [_start(name, path) for name in params.students_of(system, path, "practice")]
    folders = [Path(str(root)) for root in roots]
    return {params.refers("systems", system, "base", path)} | {
        folder.name for folder in folders if folder.parent == Path("models/bases")
    }


def _start(practice: str, path: Path) -> Path:
    return Path(str(params.entries("practice", path)[practice].get("start")))


def _students(system: str, path: Path) -> list[Job]:
    """A job for each student: after the data and its base model."""
    return [
        Job(
            f"student {name}",
            _items(STUDENT, name),
            _after("data", [system]) | _after("base", [params.refers("students", name, "base", path)]),
        )
        for name in params.students_of(system, path)
    ]


def _bases_of_pairs(system: str, path: Path) -> set[str]:
    """The base models of both students of each pair."""
    names = params.students_of(system, path, "pairs")
    return {base for name in names for base in _bases_of(name, path)}


def _bases_of(pair: str, path: Path) -> set[str]:
    return {params.refers("pairs", pair, student, path) for student in STUDENTS}


def _pairs(system: str, path: Path) -> list[Job]:
    """A job for each pair: after the data and both base models."""
    return [
        Job(
            f"pair {name}",
            _items(PAIR, name),
            _after("data", [system]) | _after("base", _bases_of(name, path)),
        )
        for name in params.students_of(system, path, "pairs")
    ]


def _measures(system: str, path: Path) -> list[Job]:
    """Two jobs for each pair: its answers, while the system's students answer as well; and what they are
    worth, which is compared with the graded answers of those students."""
    plan = []
    for name in params.students_of(system, path, "pairs"):
        needs = _after("pair", [name]) | _after("base", _bases_of(name, path))
        plan.append(Job(f"answers {name}", _items(ANSWERS, name), needs))
        needs = _after("answers", [name]) | _after("evaluate", [system])
        plan.append(Job(f"measure {name}", _items(MEASURE, name), needs))
    return plan


def _practice(system: str, path: Path) -> list[Job]:
    """A job for each practice: after the data, and after the model that it starts from."""
    names = params.students_of(system, path, "practice")
    pairs = params.students_of(system, path, "pairs")
    plan = []
    for name in names:
        start = _start(name, path)
        kind, model = "student", start.name
        if start.parent.name in pairs:
            kind, model = "pair", start.parent.name
        elif start.parent.name == "bases" or start.name in names:
            kind = "base" if start.parent.name == "bases" else "practice"
        needs = _after("data", [system]) | _after(kind, [model])
        plan.append(Job(f"practice {name}", _items(PRACTICE, name), needs))
    return plan


def _after(kind: str, names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{kind} {name}" for name in names)


def _items(stages: Iterable[str], entry: str) -> tuple[str, ...]:
    """These stages and none before them: DVC would lock what the earlier ones wrote while others read it."""
    return ("--single-item", *(f"{stage}@{entry}" for stage in stages))
