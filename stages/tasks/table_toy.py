"""Generated questions about a small table: look up, add, compare.

A sample row (level = number of cells that are needed):

    context   name | figs | pens
              Tom | 3 | 1
              Eva | 5 | 2
              Max | 8 | 7
    question  How many figs do Tom and Max have together?
    solution  figs are column 1
              Tom: 3
              Max: 8
              3 + 8 = 11
    answer    11

Quirks: every cell is within 1 and 9, every result within 0 and 20; the column with the names counts as none.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from stages.shared.rows import Kind, Problem
from stages.tasks.making.toys import NAMES, Drawn, ToyParams, problems

THINGS = ["figs", "pens", "cups", "hats", "nuts", "eggs", "keys", "cards", "rings", "books"]
LARGEST = 9
HIGHEST = 20
LOOK_UPS = "How many {things} does {a} have?"
SUMS = {
    2: "How many {things} do {a} and {b} have together?",
    3: "How many {things} do {a}, {b} and {c} have together?",
}
LEADS = {
    2: "How many more {things} does {a} have than {b}?",
    3: "How many more {things} do {a} and {b} together have than {c}?",
}


class Params(ToyParams):
    """See `ToyParams`."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read."""
    return problems("table_toy", Kind.NUMBER, split, params, seed, _make)


def _make(draw: random.Random, level: int) -> Drawn:
    while True:
        names, columns = draw.sample(NAMES, draw.choice((3, 4))), draw.sample(THINGS, 2)
        cells = {name: [draw.randint(1, LARGEST) for _ in columns] for name in names}
        column = draw.randrange(2)
        asked = draw.sample(names, level)
        lead = level > 1 and draw.random() < 0.5
        values = [cells[name][column] for name in asked]
        result = sum(values[:-1]) - values[-1] if lead else sum(values)
        if 0 <= result <= HIGHEST and sum(values[:2]) <= HIGHEST:
            break
    form = LOOK_UPS if level == 1 else (LEADS if lead else SUMS)[level]
    words = dict(zip("abc", asked, strict=False)) | {"things": columns[column]}
    rows = [["name", *columns], *([name, *map(str, cells[name])] for name in names)]
    lines = [f"{columns[column]} are column {column + 1}"]
    lines += [f"{name}: {value}" for name, value in zip(asked, values, strict=True)]
    return Drawn(
        form.format(**words),
        str(result),
        [*lines, *_worked(values, lead)],
        context="\n".join(" | ".join(row) for row in rows),
    )


def _worked(values: list[int], lead: bool) -> list[str]:
    """The additions, one a line; with `lead` the last one is a subtraction."""
    lines, total = [], values[0]
    for place, value in enumerate(values[1:], 2):
        minus = lead and place == len(values)
        after = total - value if minus else total + value
        lines.append(f"{total} {'-' if minus else '+'} {value} = {after}")
        total = after
    return lines
