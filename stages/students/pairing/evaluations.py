"""What both students can do while they are trained, on validation problems that the router is not calibrated
by."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from heapq import nsmallest
from typing import NamedTuple

import torch

from stages.shared.errors import BadInput
from stages.shared.rows import Prompt
from stages.students.backends import Sampling
from stages.students.pairing.learner import Learner
from stages.students.pairing.pair_rows import NAMES, EvaluationRow, PairTask
from stages.students.pairing.pair_settings import Evaluation
from stages.students.pairing.rounds import Asked, graded
from stages.students.router.route_counts import interval
from stages.students.router.route_heads import Features, Heads

PAIR, ROUTED, ALL = "pair", "routed", "all"


class Parts(NamedTuple):
    """The calibration problems in two parts, each as numbers of problems in their order."""

    # by which the router is calibrated
    router: list[int]
    # by which the training is evaluated
    evaluated: list[int]


def parts(task: PairTask, settings: Evaluation | None, calibrated: bool, seed: int) -> Parts:
    """Of each task the `settings.problems` problems whose ids have the lowest hashes are for the evaluation.

    Raises BadInput where there are no calibration problems, and where a task has none left for the router
    (`calibrated`).
    """
    problems = list(task.asked[:: len(task.styles)])
    if settings is None:
        return Parts(list(range(len(problems))), [])
    if not problems:
        raise BadInput(
            "train.evaluation: no validation problem is there; set validation in the tasks of the section "
            "collect and calibration in the section format, or leave evaluation out"
        )
    counts = Counter(problem.task for problem in problems)
    name, count = min(counts.items(), key=lambda item: item[1])
    if count <= settings.problems and calibrated:
        raise BadInput(
            f"train.evaluation.problems: asks for {settings.problems} problems of each task; of {name} there "
            f"are {count}, and the router needs one at least; lower it, or collect more validation problems"
        )
    held = {
        id
        for task_name in counts
        for id in nsmallest(
            settings.problems,
            [problem.id for problem in problems if problem.task == task_name],
            key=lambda id: hashlib.blake2b(f"evaluated/{seed}/{id}".encode(), digest_size=8).digest(),
        )
    }
    numbers = range(len(problems))
    return Parts(
        [number for number in numbers if problems[number].id not in held],
        [number for number in numbers if problems[number].id in held],
    )


def prompts_of(task: PairTask, numbers: Sequence[int]) -> list[Prompt]:
    """The prompts of some problems, under the tag of every style."""
    styles = len(task.styles)
    return [task.asked[number * styles + style] for number in numbers for style in range(styles)]


class Evaluations:
    """Asks both students the problems that `parts` set aside, with the likeliest token each time."""

    def __init__(
        self,
        task: PairTask,
        numbers: Sequence[int],
        learners: Sequence[Learner],
        settings: Evaluation,
        features: Features | None,
    ) -> None:
        """`features` are those of the problems, in their order; None: there is no router to ask."""
        self.task, self.settings, self.features = task, settings, features
        self.prompts = prompts_of(task, numbers)
        self.asked = Asked(self.prompts, learners, settings.max_new_tokens, "evaluation")

    def measure(self, step: int, epoch: int, heads: Heads | None) -> list[EvaluationRow]:
        """The share of right answers of each student under each style, and of the student and style that the
        router expects most of, for each task and for all."""
        settings, styles = self.settings, self.task.styles
        sampling = Sampling(1, settings.max_new_tokens, 0.0)
        right: dict[tuple[int, int, int], bool] = {}  # by problem, student, style
        for student in range(2):
            drawn = self.asked.answers(student, range(len(self.prompts)), sampling, settings.batch_size)
            grades = graded(self.task, [[response for response, _ in answers] for answers in drawn])
            for place, (grade,) in enumerate(grades):
                problem, style = divmod(place, len(styles))
                right[problem, student, style] = grade == 1
        tasks = [prompt.task for prompt in self.prompts[:: len(styles)]]
        rows = []
        for student, name in enumerate(NAMES):
            for style, asked in enumerate(styles):
                answers = [right[problem, student, style] for problem in range(len(tasks))]
                rows += _rows(step, epoch, name, asked, tasks, answers)
        if heads is not None and self.features is not None:
            chosen = _chosen(heads, self.features, len(styles))
            answers = [right[problem, *choice] for problem, choice in enumerate(chosen)]
            rows += _rows(step, epoch, PAIR, ROUTED, tasks, answers)
        return rows


@torch.no_grad()
def _chosen(heads: Heads, features: Features, styles: int) -> list[tuple[int, int]]:
    """Of each problem the student and the style of the highest log-odds."""
    count = len(features.first)
    columns = [
        heads.log_odds(features, torch.full((count,), style)) + heads.offset[:, None]
        for style in range(styles)
    ]
    best = torch.stack(columns, -1).transpose(0, 1).flatten(1).argmax(1)
    return [divmod(place, styles) for place in best.tolist()]


def _rows(
    step: int, epoch: int, student: str, style: str, tasks: Sequence[str], right: Sequence[bool]
) -> list[EvaluationRow]:
    rows = []
    for name in (ALL, *sorted(set(tasks))):
        answers = [value for task, value in zip(tasks, right, strict=True) if name in (ALL, task)]
        share = sum(answers) / len(answers)
        low, high = interval(share, len(answers))
        rows.append(
            EvaluationRow(
                step=step,
                epoch=epoch,
                student=student,
                style=style,
                task=name,
                accuracy=round(share, 6),
                low=round(low, 6),
                high=round(high, 6),
                problems=len(answers),
            )
        )
    return rows
