"""Your own problems: one JSON object a line, or a row of CSV or Parquet with the same names as columns.

    {"id": "tea-1", "question": "Tea has 3 cups, pours 1. How many are left?", "answer": "2"}
    {"id": "sky-1", "question": "Which is blue?", "choices": {"label": ["A", "B"], "text": ["the sky",
    "coal"]}, "answerKey": "A"}
    {"id": "cat-1", "premise": "A cat sleeps.", "hypothesis": "A cat runs.", "label": "contradiction"}
    {"id": "eel-1", "question": "Can eels sing?", "answer": false}
    {"id": "pen-1", "table": "Thing | Price\\nPen | 3\\nCup | 5", "question": "How much are both?",
    "gold_answer": "8"}

Needed: `question` (or `premise` and `hypothesis`), and the gold answer in `answer`, `gold_answer`,
`answerKey` or `label`; where several are given they must agree. Free: `id` (where there is none, it is made
of the row), `choices` (texts, `{"A": "the sky", "B": "coal"}`, or labels and texts as above), `table` (text,
or rows of cells), `context`, `kind`, `task`, `solution`, `level`, `split` (train, validation or test).
A row that does not say its kind has the kind that it looks like: choice, nli, yes_no, else number.
All rows of a file are of one kind, unless `kinds` names several. The rows that `collect` writes fit as well.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import Field, field_validator

from stages.shared.errors import BadInput, unknown
from stages.shared.rows import Kind, Problem
from stages.tasks.reading.lines import Line, problem
from stages.tasks.reading.own_lines import own_lines
from stages.tasks.reading.row_files import row_files
from stages.tasks.splitting.splits import SPLITS, TRAIN, NumberOrShare, Sizes, split_of


class Params(Sizes):
    """Which files are read, and how their rows are divided.

    A row without a `split` has the split of the folder `train`, `validation` or `test` in which its file lies
    below `file`. `held_out` divides the rows that have neither. Where `validation` is a share, it takes that
    share out of the train rows, to which the rows that are validation by themselves are added.
    """

    # Relative to collect's root (empty: the root itself): a file, or a folder whose *.jsonl, *.csv and
    # *.parquet files, at any depth, are read in the order of their paths.
    file: str = ""
    # At most so many validation rows (null: all), or a share of the train rows; see Sizes.
    validation: NumberOrShare = None
    # Leaves out what lies in a folder `train`, so that it is neither prompted nor trained on.
    skip_train: bool = False
    # The kinds that the rows of a file may have (null: one, that of its first row).
    kinds: list[str] | None = Field(None, min_length=1)

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: list[str] | None) -> list[str] | None:
        for name in value or []:
            if name not in [kind.value for kind in Kind]:
                raise ValueError(unknown("kind", name, [kind.value for kind in Kind]))
        return value


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; BadInput names file and line. `seed` plays no part."""
    limit = params.limit(split)
    rows = (
        row
        for path, own in row_files(root / params.file, "jsonl", params.skip_train)
        for row in _rows(path, own, params)
    )
    return islice((row for row in rows if row.split == split), limit)


def _rows(path: Path, own: str | None, params: Params) -> Iterator[Problem]:
    first: Problem | None = None
    for where, line in own_lines(path):
        line.split = _split(line, own, where, params)
        row = problem(line, where)
        first = first or row
        if row.kind.value not in (params.kinds or [first.kind.value]):
            expected = (
                f"tasks.jsonl.kinds has {', '.join(params.kinds)}"
                if params.kinds
                else f"the first is {first.kind.value}"
            )
            raise BadInput(
                f"{where}: mixed kinds in one file: this row is {row.kind.value}, {expected}; name all kinds "
                "in tasks.jsonl.kinds"
            )
        yield row


def _split(line: Line, own: str | None, where: str, params: Params) -> str:
    split = line.split if line.split is not None else own
    if split is None:
        if params.held_out is None:
            raise BadInput(
                f"{where}: missing field `split`; give every row one, or set "
                "tasks.jsonl.held_out, the share of the rows that is kept for the evaluation"
            )
        return split_of(line.id, params.held_out, params.validation_share)
    if split not in SPLITS:
        raise BadInput(f"{where}: {unknown('split', split, SPLITS)}")
    return split_of(line.id, 0.0, params.validation_share) if split == TRAIN else split
