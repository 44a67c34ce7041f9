"""python -m stages.tools.served_name models/students/glyph/glyph_selective -> glyph_selective-1f0c34a9d2b7

The name under which a server is to serve a model of this project: the folder's, and the hash of its files. An
arm of the evaluation that asks for `model: "glyph_selective-{hash}"` with `serves: <the folder>` is then
answered by no other state of the folder. docs/scale.md has the commands.
"""

import argparse
from pathlib import Path

from stages.samplers.http.served_folder import DIGITS, hash_of_model
from stages.shared.cli import guard


def served_name(folder: str) -> str:
    """The last part of the folder's path, a dash, and the start of the hash of its files.

    Raises BadInput where the folder holds no model.
    """
    return f"{Path(folder).name}-{hash_of_model(folder)[:DIGITS]}"


def main() -> None:
    """Prints the name of the folder that the command line gives."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.served_name", description=__doc__)
    parser.add_argument("folder", help="a model folder of this project")
    given = parser.parse_args()
    guard("served_name", lambda: print(served_name(given.folder)))


if __name__ == "__main__":
    main()
