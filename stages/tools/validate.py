"""Checks a file of chats as a student will be trained on it: rendered, tokenised and masked.

    python -m stages.tools.validate data/glyph/chats/glyph_selective.jsonl
    python -m stages.tools.validate mine.jsonl --student glyph_selective --auto-adjust

Exit status 0: the file can be trained on, perhaps with warnings. 1: it cannot, or something is missing.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from stages.shared import params
from stages.shared.cli import guard, progress
from stages.shared.errors import BadInput, unknown
from stages.shared.files import as_bytes
from stages.students import STUDENTS
from stages.students.validating.chat_checks import Student, validated
from stages.students.validating.chat_lines import ChatLine
from stages.students.validating.student_of import student_of

Params: Any = Annotated[Any, params.member("stages.students", STUDENTS, "student")]


def main() -> None:
    """Reads the command line and prints the report."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.validate", description=__doc__)
    parser.add_argument("file", type=Path, help="chats, one a line, as JSON")
    parser.add_argument(
        "--student", help="whose template, tokenizer and max_tokens; by default the file's name"
    )
    parser.add_argument(
        "--auto-adjust", action="store_true", help="propose max_tokens: p99 x 1.1, rounded up"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    given = parser.parse_args()
    guard("validate", lambda: sys.exit(0 if run(given) else 1))


def run(given: argparse.Namespace) -> bool:
    """Prints the report that the command line asks for. Returns whether the file can be trained on."""
    name = given.student or given.file.stem
    students = params.entries("students")
    if name not in students:
        where = "--student" if given.student else "name the student with --student"
        raise BadInput(f"{where}: {unknown('student', name, students)}")
    report = validated(given.file, _student(name), progress=_with_bar)
    if given.json:
        sys.stdout.write(json.dumps({"file": str(given.file), "student": name} | report, indent=2) + "\n")
    else:
        lines = _errors(report) if given.quiet else _page(report, str(given.file), name)
        if given.auto_adjust:
            lines.append(f"-S students.{name}.train.max_tokens={report['proposed_max_tokens']}")
        sys.stdout.write(as_bytes("".join(f"{line}\n" for line in lines)).decode())
    return bool(report["ok"])


def _student(name: str) -> Student:
    section = params.read(name, "train", Params, family="students")
    base = params.refers("students", name, "base")
    pad_token = getattr(section, "pad_token", None)  # of the student `sft` alone
    return student_of(str(Path("models/bases", base)), section.max_tokens, pad_token)


def _with_bar(lines: Iterable[ChatLine]) -> Iterable[ChatLine]:
    return progress(lines, "validate")


def _page(report: dict[str, Any], file: str, name: str) -> list[str]:
    """The report for a person to read."""
    lines = [f"{file}: {report['rows']} rows for {name}, max_tokens {report['max_tokens']}", ""]
    lines.append(f"{'tokens':8}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    for part, lengths in report["lengths"].items():
        lines.append(f"{part:8}" + "".join(f"{length:8}" for length in lengths.values()))
    lines += ["", f"learnt   {report['mask_share']:.1%} of all tokens", f"too long {report['too_long']} rows"]
    lines += [f"copies   {report['duplicates']} rows", f"leaks    {report['leaks']} rows"]
    said = [f"{kind[:-1]}: {text}" for kind in ("errors", "warnings", "hints") for text in report[kind]]
    return [*lines, "", *(said or ["nothing is wrong"])]


def _errors(report: dict[str, Any]) -> list[str]:
    return [f"error: {text}" for text in report["errors"]]


if __name__ == "__main__":
    main()
