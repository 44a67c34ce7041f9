"""The files of a data set of one's own: one file, or all JSON lines, CSV and Parquet in a folder."""

from collections.abc import Iterator
from pathlib import Path

from stages.shared.errors import BadInput
from stages.tasks.reading.table_files import ENDINGS as TABLES
from stages.tasks.splitting.splits import SPLITS, TRAIN

ENDINGS = (".jsonl", *TABLES)


def row_files(path: Path, task: str, skip_train: bool = False) -> Iterator[tuple[Path, str | None]]:
    """The files to read, each with the split that its folder says; raises BadInput where there are none."""
    if path.is_file():
        yield path, None
        return
    if not path.is_dir():
        raise BadInput(
            f"{path}: no such file; tasks.{task}.file is taken from collect's root, and left out where "
            "root is the file itself"
        )
    named = {file: set(file.relative_to(path).parts[:-1]) for file in _below(path)}
    kept = {file: folders for file, folders in named.items() if not (skip_train and TRAIN in folders)}
    if not kept:
        raise BadInput(
            f"{path}: the folder holds no *.jsonl, *.csv or *.parquet file"
            + (f" outside {TRAIN}/, which skip_train leaves out" if named else "")
        )
    for file, folders in kept.items():
        own = [split for split in SPLITS if split in folders]
        if len(own) > 1:
            raise BadInput(f"{file}: it lies in a folder {own[0]} and in a folder {own[1]}")
        yield file, own[0] if own else None


def _below(folder: Path) -> list[Path]:
    """The files in the order of their paths. Raises BadInput where two differ in their endings alone."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())
    stems: dict[Path, Path] = {}
    for file in files:
        if (same := stems.setdefault(file.with_suffix(""), file)) != file:
            raise BadInput(f"{file}: {same.name} is there as well; keep one of them")
    return files
