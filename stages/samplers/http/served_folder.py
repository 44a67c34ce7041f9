"""A server of a model of this project: what identifies its answers is the model's files, not an address."""

from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from stages.models.folders import hash_of_folder, locate
from stages.shared.errors import BadInput

PLACE = "{hash}"  # in the name of a model: its hash stands there
DIGITS = 12  # so many of its hexadecimal digits

Params = TypeVar("Params", bound=Any)


def of_folder(params: Params) -> Params:
    """`params` with the hash of the folder `params.serves` in place of the server's name in the memo, and for
    `{hash}` in the name of the model; as they are where `serves` is None. Raises BadInput where the folder
    holds no model."""
    if params.serves is None:
        return params
    digest = hash_of_model(params.serves)
    named = params.model.replace(PLACE, digest[:DIGITS])
    resolved: Params = params.model_copy(
        update={"serves": None, "identity": f"folder:{digest}", "model": named}
    )
    return resolved


def hash_of_model(folder: str) -> str:
    """SHA-256 over the files of a model folder. Raises BadInput where there is none."""
    if not Path(folder).is_dir():
        raise BadInput(f"{folder}: no such model folder; run the stage that makes it (`dvc repro`)")
    locate(folder)
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    stats = ((path, path.stat()) for path in files)
    return _hash(folder, tuple((path, stat.st_size, stat.st_mtime_ns, stat.st_ino) for path, stat in stats))


@lru_cache(maxsize=8)
def _hash(folder: str, state: tuple[tuple[Path, int, int, int], ...]) -> str:
    """Hashed once in the state that the sizes and times of its files say."""
    return hash_of_folder(Path(folder))
