"""Data sets of the Hugging Face Hub: from a copy under the root where there is one, else from the Hub at a
pinned revision."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

from pydantic import Field, model_validator

from stages.shared.errors import BadInput
from stages.shared.rows import Problem
from stages.tasks.splitting.splits import TEST, TRAIN, VALIDATION, Sizes, split_of

Table = Collection[Mapping[str, Any]]
Value = TypeVar("Value")


class HubParams(Sizes):
    """The sizes of the splits, and which version of the data set is read."""

    # The commit (or branch) of the Hub repository; it plays no part where a local copy is read.
    revision: str = Field("main", min_length=1)

    @model_validator(mode="after")
    def _validation_is_left(self) -> "HubParams":
        if self.held_out is not None and self.validation != 0 and not self.validation_share:
            raise ValueError(
                "validation: with held_out the data set's own splits are pooled, its validation split among "
                "them; give a share of train such as 0.1, or 0"
            )
        return self


class Source(NamedTuple):
    """A data set of the Hub; rows of several configs are dealt in turn, so that a limited number holds some
    of each.

    `train`, `validation` and `test` are the data set's own names for these splits (no `validation`: it has
    none, or its validation rows are test here). `without`: its splits that carry no answers, from which
    nothing is taken. `files`: the files of its repository that are needed. `origin`: where to get a data set
    that the Hub does not have in this shape.
    """

    task: str
    hub_id: str
    configs: Sequence[str]
    train: Sequence[str] = (TRAIN,)
    validation: Sequence[str] = ()
    test: Sequence[str] = (TEST,)
    without: Sequence[str] = ()
    files: str = "*.parquet"
    origin: str = ""


class Row(NamedTuple):
    """A row as the data set has it: `number` counts from 0 to `of` - 1 within `config` and the data set's own
    `split`."""

    values: Mapping[str, Any]
    config: str
    split: str
    number: int
    of: int
    where: str

    def text(self, column: str) -> str:
        """The text in `column`; BadInput where the column is missing, is no text or is blank."""
        value = self.values.get(column)
        if not isinstance(value, str) or not value.strip():
            raise BadInput(f"{self.where}: expected text in column {column!r}, {self._got(column)}")
        return value

    def value(self, column: str, kind: type[Value]) -> Value:
        """What stands in `column`; BadInput where that is no `kind`."""
        value = self.values.get(column)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BadInput(
                f"{self.where}: expected {kind.__name__} in column {column!r}, {self._got(column)}"
            )
        return value

    def maybe(self, column: str) -> str | None:
        """The text in `column`; None where there is none."""
        value = self.values.get(column)
        return None if value is None or value == "" else self.text(column).strip()

    def _got(self, column: str) -> str:
        return (
            f"got {self.values[column]!r}"[:200]
            if column in self.values
            else f"found the columns {', '.join(self.values)}"
        )

    def wrong(self, what: str, got: str) -> BadInput:
        """The error to raise for this row."""
        return BadInput(f"{self.where}: {what}, got {got[-120:]!r}")


def problems(
    source: Source, split: str, params: HubParams, root: Path, parse: Callable[[Row], Problem]
) -> Iterator[Problem]:
    """The problems of `split`, in the data set's order, at most `params.limit(split)`.

    With `held_out` all of the data set's own splits that have answers are pooled and divided anew by id.
    With a share as `validation`, that share of train goes to validation, by id.
    Raises BadInput where the data set, a config or the split is missing, and where `parse` does.
    """
    if params.limit(split) == 0:
        return
    folder = locate(source, params.revision, root)
    tables = {config: read(folder, config) for config in source.configs}
    if params.held_out is not None:
        own = sorted({name for table in tables.values() for name in table} - set(source.without))
    else:
        own = _own(source, TRAIN if split == VALIDATION and params.validation_share else split)
        _expect(split, own, tables, f"{source.task}: {folder}")
    parts = (
        _in_turn(
            [
                _rows(source.task, folder, config, name, table.get(name, ()))
                for config, table in tables.items()
            ]
        )
        for name in own
    )
    parsed = (parse(row) for part in parts for row in part)
    if params.held_out is not None or (split != TEST and params.validation_share):
        shares = params.held_out or 0.0, params.validation_share
        parsed = (problem for problem in parsed if split_of(problem.id, *shares) == split)
    for problem in islice(parsed, params.limit(split)):
        problem.split = split
        yield problem


def _own(source: Source, split: str) -> list[str]:
    """The data set's own names for `split`."""
    return list({TRAIN: source.train, VALIDATION: source.validation, TEST: source.test}[split])


def locate(source: Source, revision: str, root: Path) -> Path:
    """The folder of the data set: `root/<hub id>` where that exists, else the Hub's snapshot (kept in the Hub
    client's own cache)."""
    if root.is_file():
        raise BadInput(
            f"{root}: collect.root is a file; set it to data/hub, or to the folder that holds your data sets"
        )
    if not root.is_dir():
        raise BadInput(
            f"{root}: missing hub root; make it (empty: every data set comes from the Hub) or name another "
            "in collect.root"
        )
    hub_id = source.hub_id
    folder = root / hub_id
    if folder.is_dir():
        return folder
    if source.origin:
        raise BadInput(
            f"{folder}: no such directory, and {source.task} is not on the Hub in this shape; make it from "
            f"{source.origin}"
        )
    from huggingface_hub import snapshot_download

    try:
        snapshot = snapshot_download(
            hub_id, repo_type="dataset", revision=revision, allow_patterns=["README.md", source.files]
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(
            f"{folder}: no such directory, and the Hub did not give {hub_id} at revision {revision!r}; "
            f"put a copy of the repository there or run once with a network ({reason})"
        ) from None
    return Path(snapshot)


def read(folder: Path, config: str) -> dict[str, Table]:
    """The splits of a config as the README of the data set names them; rows are memory-mapped, not held.

    `datasets` knows its cached tables by a folder's base name, so two copies of one data set would read each
    other's rows: each reading gets a cache of its own, deleted at once (the mapped files live on until they
    are let go).
    """
    import datasets

    datasets.disable_progress_bars()
    with TemporaryDirectory(prefix="athanor-") as cache:
        try:
            builder = datasets.load_dataset_builder(str(folder), config, cache_dir=cache)
            builder.download_and_prepare()
        except (datasets.exceptions.DatasetsError, ValueError, OSError) as error:
            raise BadInput(f"{folder}: config {config!r} cannot be read: {_reason(error)}") from None
        return {str(split): builder.as_dataset(split=split) for split in builder.info.splits}


def _reason(error: BaseException) -> str:
    """The first cause, in one line: `datasets` wraps what Parquet says in its own words."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _expect(split: str, own: Sequence[str], tables: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Raises BadInput where a config lacks one of the splits `own`, which are to be `split`."""
    advice = f"give held_out to divide what there is by id, or {split}: 0 to do without"
    if split == VALIDATION:
        advice = "give a share of train such as validation: 0.1, or validation: 0 to do without"
    if not own:
        raise BadInput(f"{where}: the data set has no validation split of its own; {advice}")
    for config, table in tables.items():
        for name in own:
            if name not in table:
                raise BadInput(
                    f"{where}: config {config!r} has no split {name!r}, only {', '.join(table)}; {advice}"
                )


def _rows(task: str, folder: Path, config: str, split: str, table: Table) -> Iterator[Row]:
    for number, values in enumerate(table):
        yield Row(
            values,
            config,
            split,
            number,
            len(table),
            f"{task}: {folder}: config {config!r}, split {split!r}, row {number}",
        )


def _in_turn(parts: Sequence[Iterator[Row]]) -> Iterator[Row]:
    """One row of each part, then the next one of each, until all have run out."""
    waiting = list(parts)
    while waiting:
        still = []
        for part in waiting:
            for row in islice(part, 1):
                still.append(part)
                yield row
        waiting = still
