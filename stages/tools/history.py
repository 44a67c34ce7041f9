"""What one validation problem came to at each step of a student's training: its loss, and what was answered.

Reads metrics/<student>_train/validation/, which the stage train writes where `train.validation` asks for it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.shared.cli import guard
from stages.shared.errors import BadInput, unknown
from stages.tools.terminal import printable

NAMES = 12  # problems that are listed where none is named


def history(folder: Path, problem: str) -> list[tuple[int, dict[str, Any]]]:
    """Each step with its row of `problem`, in order; raises BadInput where there is none."""
    files = sorted(folder.glob("step_*.json"))
    if not files:
        raise BadInput(f"{folder}: no steps; set train.validation of the student, and run the stage train")
    steps = []
    for path in files:
        record = _read(path)
        rows = {row["id"]: row for row in record["rows"]}
        if problem not in rows:
            raise BadInput(f"{path}: {unknown('problem', problem, list(rows)[:NAMES])}")
        steps.append((record["step"], rows[problem]))
    return steps


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path}: malformed JSON: {error}") from None


def lines(steps: Sequence[tuple[int, dict[str, Any]]]) -> list[str]:
    """The page: the question, what is expected, then the steps; an answer that stays as it was stands
    once."""
    first, before = steps[0][1], None
    page = [f"asked     {_indented(first['asked'])}", f"gold      {_indented(first['gold'])}"]
    if first["expected"] is not None:
        page.append(f"expected  {_indented(first['expected'])}")
    for step, row in steps:
        grades = "".join(f"  {name} {score:g}" for name, score in row["grades"].items())
        loss = "" if row["loss"] is None else f"  loss {row['loss']:.4f}"
        match = {True: "  exact match", False: "", None: ""}[row["exact_match"]]
        page += ["", f"step {step}{loss}{grades}{match}  {row['tokens']} tokens, ended by {row['ending']}"]
        page.append(
            "          as before" if row["answer"] == before else f"          {_indented(row['answer'])}"
        )
        before = row["answer"]
    return page


def _indented(text: str) -> str:
    """`text` below a column of ten; it is what a model wrote."""
    return printable(text).replace("\n", "\n          ")


def main() -> None:
    """Reads the command line and prints the history."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.history", description=__doc__)
    parser.add_argument("student", help="an entry of students in params.yaml")
    parser.add_argument("problem", help="the id of a validation problem")
    given = parser.parse_args()
    folder = Path("metrics", f"{given.student}_train", "validation")

    def act() -> None:
        sys.stdout.write("\n".join(lines(history(folder, given.problem))) + "\n")

    guard("history", act)


if __name__ == "__main__":
    main()
