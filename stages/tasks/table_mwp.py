"""TabMWP: word problems over small tables (Lu et al. 2023, https://arxiv.org/abs/2209.14610).

https://github.com/lupantech/PromptPG (data/tabmwp), CC BY-NC-SA 4.0: 23059 train, 7686 dev and 7686 test
problems. The Hub has no official copy: this reads a local one, `<root>/tabmwp`, Parquet files with the
columns of problems_*.json and `pid`, the key there; rows like

    pid: 16   answer: 84   choices: null   unit: null   ans_type: integer_number   grade: 5
    question: Some friends discussed the sizes of their coin collections. What is the mean of the numbers?
    table_title: Coin collections   row_num: 9   column_num: 2
    table: Name | Number of coins\\nBraden | 76\\nCamilla | 94\\n...
    solution: Read the numbers from the table. ...

Quirks: a quarter of the rows have two to six options without letters, and the answer is the text of one:
these are choices, all others numbers (`4,656`, `3.30`, `3/10`). A unit stands after the question, as in the
authors' prompts. The grade is the school's, from 1 to 8. The dev rows are the split `validation` of a copy.
"""

from collections.abc import Iterator
from pathlib import Path

from stages.shared.rows import Kind, Problem
from stages.tasks.reading import gold
from stages.tasks.reading.hub import HubParams, Row, Source, problems
from stages.tasks.reading.options import LETTERS, check, named
from stages.tasks.reading.tables import parsed

SOURCE = Source(
    "table_mwp",
    "tabmwp",
    ("default",),
    validation=("validation",),
    origin="https://github.com/lupantech/PromptPG (data/tabmwp)",
)


class Params(HubParams):
    """See `HubParams`; `revision` plays no part."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; ids are the data set's own (`pid`). `seed` plays no part."""
    return problems(SOURCE, split, params, root, problem)


def problem(row: Row) -> Problem:
    """A row as a problem, its table as context; BadInput where the table has not as many rows and columns as
    the row says, or the answer is no number and no option."""
    choices = row.value("choices", list) if row.values.get("choices") else None
    unit = row.maybe("unit")
    return Problem(
        id=row.text("pid"),
        task="table_mwp",
        kind=Kind.CHOICE if choices else Kind.NUMBER,
        split=row.split,
        question=row.text("question").strip() + (f" (Unit: {unit})" if unit else ""),
        answer=_answer(row, choices),
        solution=row.maybe("solution"),
        choices=choices,
        context=_table(row),
        level=row.value("grade", int),
    )


def _answer(row: Row, choices: list[str] | None) -> str:
    if choices:
        check(choices, (), row.where)
        return named(row.text("answer"), choices, LETTERS[: len(choices)], row.where)
    answer = gold.answer(row.text("answer"), Kind.NUMBER, None)
    if answer is None:
        raise row.wrong(
            "the gold answer does not parse: expected a number in column 'answer'", row.text("answer")
        )
    return answer


def _table(row: Row) -> str:
    """The title, if there is one, and the table as it is written."""
    cells = parsed(row.text("table"), row.where, least=1)
    shape = (len(cells), len(cells[0]))
    stated = (row.value("row_num", int), row.value("column_num", int))
    if shape != stated:
        raise row.wrong(
            f"the table does not parse: expected {stated[0]} rows of {stated[1]} cells",
            f"{shape[0]} of {shape[1]}",
        )
    title = row.maybe("table_title")
    return (f"{title}\n" if title else "") + row.text("table").strip("\n")
