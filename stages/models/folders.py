"""Model folders: which weights one stands for, and the hash over its files."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from stages.shared.errors import BadInput

PIN = "base.json"  # a folder with this file names a model kept elsewhere
DESCRIPTION = "student.json"  # how a model that was trained here came about


class Weights(NamedTuple):
    """Where weights are."""

    # a folder or a hub id
    name: str
    # of a hub model
    revision: str | None = None
    # the hash that a local folder must have
    sha256: str | None = None
    # the folder of an adapter on top
    adapter: Path | None = None
    # the arguments of the chat template, and the date that it takes for today's
    template: dict[str, bool | int | float | str] | None = None
    template_date: str | None = None


def locate(model: str) -> Weights:
    """The weights of `model`: a folder, a pinning folder, an adapter's folder or a hub id.

    Raises BadInput where `model` looks like a folder but is not one, or holds no model.
    """
    folder = Path(model)
    if not folder.is_dir():
        if folder.is_absolute() or model.count("/") != 1:  # a hub id is owner/name
            raise BadInput(
                f"{model}: no such model folder; run the stage that makes it, or give a hub id (owner/name)"
            )
        return Weights(model)
    if (folder / PIN).is_file():
        return _named(folder / PIN)
    if (folder / "adapter_config.json").is_file():
        return _named(folder / DESCRIPTION, "base")._replace(adapter=folder)
    if not (folder / "config.json").is_file():
        raise BadInput(
            f"{model}: not a model folder: it holds none of config.json, adapter_config.json and {PIN}"
        )
    return Weights(model)


def _named(path: Path, section: str | None = None) -> Weights:
    """The weights that the description `path` names; raises BadInput where it is missing or names none."""
    try:
        described = json.loads(path.read_text())
        described = described[section] if section else described
        return Weights(
            described["model"],
            described["revision"],
            described["sha256"],
            template=described.get("template"),
            template_date=described.get("template_date"),
        )
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file: an adapter needs it to find its base model") from None
    except (ValueError, KeyError, TypeError):
        where = f"{section}: " if section else ""
        raise BadInput(
            f"{path}: {where}expected a mapping with the keys model, revision and sha256"
        ) from None


def hash_of_folder(folder: Path) -> str:
    """SHA-256 over the names, sizes and contents of all files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
