"""MATH: competition problems in LaTeX with boxed answers (Hendrycks et al. 2021,
https://arxiv.org/abs/2103.03874).

https://huggingface.co/datasets/EleutherAI/hendrycks_math, one config for each of seven subjects, MIT: 7500
train and 5000 test rows like

    problem: What is the positive difference between $120\\%$ of 30 and $130\\%$ of 20?
    level: Level 1   type: Algebra
    solution: ... $130\\cdot 20\\cdot\\frac{1}{100}=26$.  The difference between 36 and 26 is $\\boxed{10}$.

Quirks: boxes nest braces, or have none (`\\boxed 2`); some are `\\fbox`; a second way of solving boxes its
answer again, so the last box counts, but where the problem wants several values `separated by commas` each
may stand in a box of its own; a few levels are `Level ?`.
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from pydantic import Field, field_validator

from stages.shared.errors import BadInput, unknown
from stages.shared.rows import Kind, Problem
from stages.tasks.reading.hub import HubParams, Row, Source, problems

SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
SOURCE = Source("competition_math", "EleutherAI/hendrycks_math", SUBJECTS)
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BARE = re.compile(r"[^$\n]*?(?=\$|\\[\])\\]|\n|\.?\s*$)")
_LEVEL = re.compile(r"Level ([1-5?])")
_RANGES = re.compile(r"\d{1,5}(-\d{1,5})?( \d{1,5}(-\d{1,5})?)*", re.ASCII)


class Params(HubParams):
    """The sizes of the splits, and the row numbers of a copy that is not whole."""

    revision: str = Field("21a5633873b6a120296cce3e2df9d5550074f4a3", min_length=1)  # see HubParams
    # For a copy that leaves test rows out: the numbers that its rows have in the full split, by subject, as
    # in `prealgebra: 0-109 121 123`. Ids are made of these numbers; recorded answers are looked up by id.
    test_rows: dict[str, str] = Field(default_factory=dict)

    @field_validator("test_rows")
    @classmethod
    def _check(cls, value: dict[str, str]) -> dict[str, str]:
        for subject, ranges in value.items():
            if subject not in SUBJECTS:
                raise ValueError(unknown("subject", subject, SUBJECTS))
            if (
                not _RANGES.fullmatch(ranges)
                or not numbers(ranges)
                or sorted(set(numbers(ranges))) != numbers(ranges)
            ):
                raise ValueError(f"{subject}: expected rising row numbers and ranges such as '0-109 121 123'")
        return value


def numbers(ranges: str) -> list[int]:
    """`0-2 5` as [0, 1, 2, 5]."""
    ends = [part.split("-") for part in ranges.split()]
    return list(chain.from_iterable(range(int(end[0]), int(end[-1]) + 1) for end in ends))


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, the subjects in turn; ids are `<subject>-<own split>-<row within both>`.
    `seed` plays no part."""
    rows = {subject: numbers(ranges) for subject, ranges in params.test_rows.items()}

    def parse(row: Row) -> Problem:
        known = rows.get(row.config) if row.split == "test" else None
        if known and len(known) != row.of:
            raise BadInput(
                f"{row.where}: test_rows names {len(known)} rows of {row.config}, this copy has {row.of}"
            )
        return problem(row, known[row.number] if known else row.number)

    return problems(SOURCE, split, params, root, parse)


def problem(row: Row, number: int) -> Problem:
    """A row as a problem; BadInput where its solution has no box that can be read, or its level is none."""
    question, solution, level = (
        row.text("problem").strip(),
        row.text("solution").strip(),
        _LEVEL.fullmatch(row.text("level").strip()),
    )
    if not level:
        raise row.wrong("expected 'Level <1 to 5>' in column 'level'", row.text("level"))
    return Problem(
        id=f"{row.config}-{row.split}-{number}",
        task="competition_math",
        kind=Kind.EXPRESSION,
        split=row.split,
        question=question,
        answer=_answer(row, question, solution),
        solution=solution,
        level=int(level[1]) if level[1] != "?" else None,
    )


def _answer(row: Row, question: str, solution: str) -> str:
    boxed = boxes(solution)
    if not boxed or not boxed[-1]:
        raise row.wrong(
            "the gold answer does not parse: expected \\boxed{<answer>} in column 'solution'", solution
        )
    several = list(dict.fromkeys(boxed))
    if "separated by commas" in question and all(several) and not any("," in box for box in several):
        return ", ".join(several)
    return boxed[-1]


def boxes(text: str) -> list[str]:
    """What stands in each `\\boxed` or `\\fbox` of `text`, in order, nested boxes within their outer one;
    empty where it never closes."""
    contents: list[str] = []
    place = 0
    while box := _BOX.search(text, place):
        place = box.end()
        if text[place : place + 1] == "{":
            end = _closing(text, place)
            if end is None:
                return [*contents, ""]
            contents.append(text[place + 1 : end].strip())
        else:
            bare = _BARE.match(text, place)
            end = bare.end() if bare else place
            contents.append(text[place:end].strip().rstrip(".,"))
        place = end
    return contents


def _closing(text: str, opening: int) -> int | None:
    """Where the brace that opens at `opening` is closed; `\\{` and `\\}` are characters, not braces."""
    depth, place = 0, opening
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if not depth:
                return place
        place += 1
    return None
