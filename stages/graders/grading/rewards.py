"""What an answer is worth: a weighted sum of grades, as reinforcement learning needs it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from stages.graders import GRADERS, Grade, grader
from stages.shared.errors import BadInput
from stages.shared.params import Strict, members
from stages.shared.rows import Response


class Length(Strict):
    """Rewards short answers; wrong answers get nothing for it, since a short one is easily written."""

    # what an answer of no tokens gets
    weight: float = Field(gt=0)
    # from this length on an answer gets nothing; the reward falls evenly until there
    tokens: int = Field(ge=1)


class Params(Strict):
    """The terms of the reward."""

    # the graders and their params; `answer` must be among them
    graders: Annotated[dict[str, Any], members("stages.graders", GRADERS)]
    # grader -> what a grade of 1 gets; a grader that is not named gets nothing
    weights: dict[str, float]
    # what an answer gets in which the grader `answer` finds a final answer, right or wrong
    parsed: float = Field(default=0.0, ge=0)
    # null: length does not count
    length: Length | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> "Params":
        if "answer" not in self.graders:
            raise ValueError("graders: 'answer' is missing: it says which answers are right")
        strangers = sorted(self.weights.keys() - self.graders.keys())
        if strangers:
            raise ValueError(f"weights: {', '.join(strangers)}: no such grader among graders")
        negative = sorted(name for name, weight in self.weights.items() if weight < 0)
        if negative:
            raise ValueError(
                f"weights: {', '.join(negative)}: expected 0 or more: the worse answer would win"
            )
        if not any(self.weights.values()):
            raise ValueError("weights: no grader has a weight: no answer would be better than another")
        return self


class Worth(NamedTuple):
    """The reward of one answer, and what it is made of."""

    total: float
    # term -> its share of the total
    terms: dict[str, float]
    # whether the grader `answer` gives 1
    right: bool
    # the final answer as extracted; None: there is none
    pred: str | None


def worth(response: Response, params: Params) -> Worth:
    """The reward of `response`; raises BadInput, naming the row, where it cannot be graded."""
    grades = {name: _graded(name, response, settings) for name, settings in params.graders.items()}
    answer = grades["answer"]
    right = answer.score == 1
    terms = {name: weight * grades[name].score for name, weight in params.weights.items()}
    terms["parsed"] = params.parsed * (answer.pred is not None)
    if params.length:
        short = max(0.0, 1 - response.tokens / params.length.tokens)
        terms["length"] = params.length.weight * short * right
    return Worth(sum(terms.values()), terms, right, answer.pred)


def _graded(name: str, response: Response, settings: Any) -> Grade:
    grade = grader(name).grade(response, settings)
    if not isinstance(grade.score, int | float):
        raise BadInput(f"{response.trace_id}: grader {name!r} gave no score")
    return grade


def macro_f1(golds: Sequence[str], worths: Sequence[Worth]) -> float:
    """The mean over the gold labels of F1, 0 to 1; a label that no answer is given for has an F1 of 0.

    A right answer counts for its gold label, whatever its wording; a wrong one counts for the label that it
    names, where it names one.
    """
    labels = sorted(set(map(_plain, golds)))
    pairs = [
        (_plain(gold), _plain(gold) if item.right else _plain(item.pred or ""))
        for gold, item in zip(golds, worths, strict=True)
    ]
    return sum(_f1(label, pairs) for label in labels) / len(labels)


def _plain(label: str) -> str:
    return " ".join(label.casefold().split())


def _f1(label: str, pairs: Sequence[tuple[str, str]]) -> float:
    hits = sum(gold == pred == label for gold, pred in pairs)
    named = sum(gold == label for gold, _ in pairs) + sum(pred == label for _, pred in pairs)
    return 2 * hits / named if hits else 0.0


def difficulty(pass_rate: float | None, teacher: Sequence[Mapping[str, float]]) -> float | None:
    """How often a problem is solved: the base model's pass rate, or else the share of the teacher's answers
    that are right.

    `teacher` holds the grades of the teacher's answers. None: nobody was asked.
    """
    if pass_rate is not None:
        return pass_rate
    return sum(grades.get("answer") == 1 for grades in teacher) / len(teacher) if teacher else None
