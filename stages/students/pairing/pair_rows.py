"""What the training of a pair is given, and the rows that it leaves."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from stages.shared.rows import Chat, Message, Prompt, Response

NAMES = ("first", "second")


class PairTask(NamedTuple):
    """What is learnt, as the stage hands it in."""

    # the paths, each with the tag of its style in the question and with its task
    chats: Sequence[Chat]
    # the question of each problem without a tag, by the problem's id: of the paths and of the calibration
    questions: Mapping[str, Sequence[Message]]
    # the styles that have a tag; their numbers are their places
    styles: Sequence[str]
    # the calibration problems, for each a prompt under the tag of every style, in the order of `styles`
    asked: Sequence[Prompt]
    # a grade from 0 to 1 for each answer
    grade: Callable[[Sequence[Response]], list[float]]
    # what identifies the grading: with another key it is another training
    key: str


class PairJob(NamedTuple):
    """Where the training of a pair reads and writes."""

    # the folders of the two base models
    bases: tuple[Path, Path]
    # the folder that is written: first/, second/ and router/
    out: Path
    # the folder of the curves that is written
    curves: Path
    # the folder of the logs by path that is written
    logs: Path
    # the folder of checkpoints; outside every out of a stage, so that it outlives a killed run
    checkpoints: Path
    # what every random choice is drawn from
    seed: int


class RouteRow(msgspec.Struct, kw_only=True):
    """Whether a path went to a student. `sample` is the id of the problem; `cot_index` counts its paths from
    0. `probability` is that with which the route was drawn."""

    step: int
    epoch: int
    sample: str
    cot_index: int
    style: str
    task: str
    student: str
    route: int
    probability: float


class CompetenceRow(msgspec.Struct, kw_only=True):
    """The mean competence weight of a student over an epoch."""

    epoch: int
    student: str
    weight: float


class PathMeasure(msgspec.Struct, kw_only=True):
    """What was measured of a path for a student. `expected` is the utility that the router expects of the
    student for the problem and the style of the path. `observed` is the mean utility of the student's answers
    to calibration problems of the task in that style, in the same round; None: there were none."""

    step: int
    sample: str
    cot_index: int
    style: str
    task: str
    student: str
    expected: float
    observed: float | None
    # cosine of two gradients, -1 to 1; None: the student had no right answer in the round
    alignment: float | None
    # rank-surprisal ratio, above 0
    rank_surprisal: float


class EvaluationRow(msgspec.Struct, kw_only=True):
    """The share of right answers of a student under a style, with its 95 % interval (Wilson's). The student
    `pair` under the style `routed` is what the router chose; the task `all` is all of them."""

    step: int
    epoch: int
    student: str
    style: str
    task: str
    accuracy: float
    low: float
    high: float
    problems: int


class PairPoint(msgspec.Struct, kw_only=True):
    """A logged step: means of scalars over the steps since the last one."""

    step: int
    epoch: int
    scalars: dict[str, float]
