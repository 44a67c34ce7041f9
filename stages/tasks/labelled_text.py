"""Texts with one of two labels: tables and JSON lines as people have them, and data sets of the Hub.

    dataset/<name>/train.csv, val.csv, test.csv    data: dataset/<name>
    <name>_train.csv, <name>_val.csv, ...          data: <name>
    one file, .csv, .parquet, .jsonl or .json      data: <file>
    a data set of the Hub, or a copy of it         data: ucirvine/sms_spam, config: plain_text

`valid`, `validation` and `dev` stand for `val`. A table has a header; JSON lines have an object a line. Two
columns are read, a text and a label, and an id where there is a column `id`.

What has no splits of its own is divided into test, validation and train by a hash of the ids, label by label,
so that each split has the same shares of the labels. Where validation is missing, a share of train is taken.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pydantic import Field, field_validator

from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Kind, Problem
from stages.shared.rule_books import written
from stages.tasks.reading.labelled_rows import Columns, Labelled, own_tables, rows_of
from stages.tasks.reading.rule_files import rule_book
from stages.tasks.splitting.splits import SPLITS, TEST, TRAIN, VALIDATION, share

TASK = "labelled_text"


class Params(Strict):
    """Where the texts lie, what their labels mean, and how they are divided."""

    # Relative to collect's root (empty: the root itself): a folder, a file, the beginning of the names of
    # files, or the id of a data set of the Hub.
    data: str = ""
    # Which config of a data set of the Hub; null: `data` is no such data set.
    config: str | None = Field(default=None, min_length=1)
    # The commit (or branch) of the Hub repository; it plays no part where a local copy is read.
    revision: str = Field(default="main", min_length=1)
    # The column of the texts (null: the only one of the usual names that is there).
    text: str | None = Field(default=None, min_length=1)
    # The column of the labels (null: likewise).
    label: str | None = Field(default=None, min_length=1)
    # What stands in the column of the labels -> the label as it is written in answers. Two labels, the
    # negative one first.
    labels: dict[str, str]
    # Relative to collect's root: a folder with the rules that the labels follow, a *.txt file each; null:
    # none.
    rule_book: str | None = Field(default=None, min_length=1)
    # At most so many train problems (null: all).
    train: int | None = Field(default=None, ge=1)
    # The share of the rows that goes to test, where there is no test split.
    test: float = Field(default=0.2, gt=0, lt=1)
    # The share of the rows that are not test that goes to validation, where there is no validation split.
    validation: float = Field(default=0.15, gt=0, lt=1)

    @field_validator("labels")
    @classmethod
    def _two(cls, value: dict[str, str]) -> dict[str, str]:
        if len(value) != 2 or len({label.casefold() for label in value.values()}) != 2:
            raise ValueError("expected two values of the label column and two different labels for them")
        if any(not label.strip() or label != label.strip() for label in value.values()):
            raise ValueError("a label must not be blank, nor begin or end with a space")
        return value


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order. `seed` plays no part.

    Raises BadInput, naming the row, where a text or label is missing or unknown, and where a split lacks one
    of the labels.
    """
    if split not in SPLITS:
        raise BadInput(f"{TASK}: no split {split!r}: choose from {', '.join(SPLITS)}")
    names = list(params.labels.values())
    book = written(rule_book(root / params.rule_book, names)) if params.rule_book else None
    rows = list(_of_split(split, params, root))
    missing = sorted(set(names) - {row.label for row in rows})
    if missing:
        raise BadInput(f"{TASK}: {root / params.data}: no {split} row has the label {', '.join(missing)}")
    for row in islice(rows, params.train if split == TRAIN else None):
        yield Problem(
            id=row.id,
            task=TASK,
            kind=Kind.LABEL,
            split=split,
            question=row.text,
            answer=row.label,
            choices=names,
            rule_book=book,
        )


def _of_split(split: str, params: Params, root: Path) -> Iterable[Labelled]:
    tables = own_tables(root, params.data, params.config, params.revision)
    columns = Columns(params.text, params.label, params.labels)
    if set(tables) != {TRAIN} and split in tables:
        rows = rows_of(tables[split], columns)
        divides = split == TRAIN and VALIDATION not in tables
        return divided(list(rows), 0, params.validation)[TRAIN] if divides else rows
    if set(tables) != {TRAIN} and split == TEST:
        raise BadInput(f"{TASK}: {root / params.data}: train and validation, but no test split")
    if TRAIN not in tables:
        raise BadInput(f"{TASK}: {root / params.data}: no train split, only {', '.join(tables)}")
    held_out = 0.0 if TEST in tables else params.test
    return divided(list(rows_of(tables[TRAIN], columns)), held_out, params.validation)[split]


def divided(rows: list[Labelled], test: float, validation: float) -> dict[str, list[Labelled]]:
    """The rows of each split, in their order: of each label the share `test`, and of its other rows the share
    `validation`, those with the lowest hashes of their ids; numbers are rounded."""
    split_of: dict[str, str] = {}
    for label, count in Counter(row.label for row in rows).items():
        ordered = sorted((row.id for row in rows if row.label == label), key=share)
        held_out = round(test * count)
        validated = held_out + round(validation * (count - held_out))
        for place, id in enumerate(ordered):
            split_of[id] = TEST if place < held_out else VALIDATION if place < validated else TRAIN
    return {split: [row for row in rows if split_of[row.id] == split] for split in SPLITS}
