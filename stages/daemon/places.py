"""Where a daemon keeps what it knows: one folder of the repository for each system."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.shared.files import write_json


class Places(NamedTuple):
    """The paths of the daemon of one system; `root` is the repository."""

    root: Path
    system: str

    @property
    def home(self) -> Path:
        """Everything below is kept across restarts; git and DVC ignore it."""
        return self.root / ".athanor" / "daemon" / self.system

    @property
    def inbox(self) -> Path:
        """Where files arrive."""
        return self.root / "data" / self.system / "inbox"

    @property
    def work(self) -> Path:
        """The copy of the repository in which the stages run."""
        return self.home / "work"

    @property
    def training(self) -> Path:
        """Shared with a running training: `pause` asks it to stop, `progress.json` says how far it is."""
        return self.work / ".athanor" / "control"

    def taken(self, sha: str) -> Path:
        """The daemon's own copy of a file, named by its SHA-256."""
        return self.home / "taken" / f"{sha}.jsonl"

    def folder(self, name: str) -> Path:
        """A folder of the home, made if need be: spool, commands, logs, snapshots."""
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def make(self) -> None:
        """Makes the folders that files arrive in."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        for name in ("taken", "spool", "commands", "logs", "snapshots"):
            self.folder(name)


def slug(name: str, length: int = 40) -> str:
    """`name` as a part of a git reference: letters, digits, `_` and `-`, at most `length` characters."""
    stem = re.sub(r"\.jsonl$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-")[:length].strip("-") or "file"


def shown(name: str) -> str:
    """A file's name in one line: control characters as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def put_json(path: Path, value: Any) -> None:
    """Writes one JSON value whole or not at all, in a folder made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)


def read_json(path: Path) -> Any:
    """The value in a JSON file; None where there is none or it was not written whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def below(folder: Path) -> Iterator[Path]:
    """The files and links of a folder and its sub-folders, in the order of their names; links to folders are
    not followed."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from below(path)
        else:
            yield path
