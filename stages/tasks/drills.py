"""Generated drills: the single steps that reasoning is made of, several a row, for a base model that is made
from nothing.

A sample row of each kind of step:

    sums         question  9 - 8; 4 * 4; 2 + 5      answer  9 - 8 = 1; 4 * 4 = 16; 2 + 5 = 7
    comparisons  question  6, 5; 15, 18             answer  6 beside 5: more; 15 beside 18: less
    copies       question  🐟 /three/ times; 🎈 /two/ times      answer  🐟🐟🐟; 🎈🎈
    lines        question  9 - 8; last line: 🐟 /two/ times      answer  9 - 8 = 1; 🐟🐟
    dates        question  Mar 28 + 5; Mar 33       answer  Mar 28 + 5 = Mar 33; Mar 33 = Apr 02
    recalls      question  Tom: 5; red: Pava / red; Tom         answer  red: Pava; Tom: 5
    facts        question  Tom is a dax. Every dax has fins. // dax; Tom
                 answer    a dax has fins; Tom is a dax
    tables       question  a table // pens: Tom, Eva            answer  pens are column 2; Tom: 1; Eva: 2
    options      question  fins; fur // A. fur / B. fins        answer  fins is B; fur is A
    equalities   question  red, red; red, blue      answer  red beside red: the same, so true; red beside ...

(`/` stands for a newline.) The look-ups, from `recalls` on, are made in drilling/look_ups.py.
A plain answer to a word problem holds one sum in some sixty tokens, a drill one in sixteen; and drills say
nothing about which steps a problem takes, or in which order. There is only the split `pretrain`.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from stages.shared.params import Strict
from stages.shared.rows import Problem
from stages.shared.signals import STOP_SYMBOLS, THINK_SYMBOLS, spelled
from stages.tasks import date_toy
from stages.tasks.drilling import look_ups
from stages.tasks.drilling.pretraining import pretraining_rows

HIGHEST, LARGEST = 20, 9
SYMBOLS = (*THINK_SYMBOLS, *STOP_SYMBOLS, *"🍎🍋🐟🐝🌙🎈🎲🔔🚲🌵🍄🎁")
MOST = 8  # copies of a symbol
Skill = Literal[
    "sums",
    "comparisons",
    "copies",
    "lines",
    "dates",
    "recalls",
    "facts",
    "tables",
    "options",
    "equalities",
]


class Params(Strict):
    """How many rows, and of which skills."""

    pretrain: int = Field(default=0, ge=0)  # so many rows, all different
    # Of which skills the rows are, each as often as it is named here.
    skills: list[Skill] = Field(default=["sums", "comparisons", "dates"], min_length=1)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different rows as `params` asks for; `root` is not used, nothing is read.

    Raises BadInput for any split but `pretrain`: drills are no problems to judge anybody by.
    """
    return pretraining_rows(
        "drills", split, params.pretrain, lambda draw: SKILLS[draw.choice(params.skills)](draw), seed
    )


def _sum(draw: random.Random) -> tuple[str, str]:
    sign = draw.choices("+-*", (9, 9, 2))[0]
    if sign == "*":
        left, right = draw.randint(2, LARGEST), draw.randint(2, 5)
        return f"{left} * {right}", f"{left} * {right} = {left * right}"
    left = draw.randint(0, HIGHEST)
    right = draw.randint(0, min(LARGEST, HIGHEST - left if sign == "+" else left))
    return (
        f"{left} {sign} {right}",
        f"{left} {sign} {right} = {left + right if sign == '+' else left - right}",
    )


def _sums(draw: random.Random) -> tuple[str, list[str]]:
    asked, steps = zip(*(_sum(draw) for _ in range(6)), strict=True)
    return "; ".join(asked), list(steps)


def _comparisons(draw: random.Random) -> tuple[str, list[str]]:
    pairs = []
    for _ in range(6):
        first = draw.randint(4, HIGHEST - 3)
        pairs.append((first, first + draw.choice((-3, -2, -1, 1, 2, 3))))
    return "; ".join(f"{first}, {second}" for first, second in pairs), [
        f"{first} beside {second}: {'less' if first < second else 'more'}" for first, second in pairs
    ]


def _dates(draw: random.Random) -> tuple[str, list[str]]:
    steps: list[str] = []
    for _ in range(4):
        month = draw.randrange(12)
        steps += date_toy.shift(draw, (month, draw.randint(1, date_toy.DAYS[month])))[2]
    return "; ".join(step.partition(" = ")[0] for step in steps), steps


def _copies(draw: random.Random) -> tuple[str, list[str]]:
    parts = [(symbol, draw.randint(2, MOST)) for symbol in draw.sample(SYMBOLS, 3)]
    asked = "; ".join(f"{symbol} /{spelled(count)}/ times" for symbol, count in parts)
    return asked, [symbol * count for symbol, count in parts]


def _lines(draw: random.Random) -> tuple[str, list[str]]:
    """A sum; the answer begins or ends with copies of a symbol, or both, as the question says."""
    asked, step = _sum(draw)
    first, last = (symbol * draw.randint(2, MOST) for symbol in draw.sample(SYMBOLS, 2))
    lines = draw.choice(
        [{"first": first}, {"last": last}, {"first": first, "last": last}, {"last": last, "first": first}]
    )
    parts = [
        asked,
        *(f"{where} line: {text[0]} /{spelled(len(text))}/ times" for where, text in lines.items()),
    ]
    return "; ".join(parts), [text for text in (lines.get("first"), step, lines.get("last")) if text]


SKILLS = {
    **{"sums": _sums, "comparisons": _comparisons, "copies": _copies, "lines": _lines, "dates": _dates},
    **{"recalls": look_ups.recalls, "facts": look_ups.facts, "tables": look_ups.tables},
    **{"options": look_ups.options, "equalities": look_ups.equalities},
}
