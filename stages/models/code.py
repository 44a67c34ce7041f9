"""The hash of our own code, for what identifies a result: other code may give other bytes."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1]  # the package `stages`


def hash_of_code(*parts: str) -> str:
    """SHA-256 over the names and contents of the Python files in `parts`.

    A part is a path below `stages/`: a package (all of it, sub-packages included) or a module. Whole packages
    are hashed, since a list of file names forgets the file that is added next. Raises FileNotFoundError where
    there is no such part.
    """
    digest = hashlib.sha256()
    for part in sorted(parts):
        path = ROOT / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            content = file.read_bytes()
            digest.update(f"{file.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()
