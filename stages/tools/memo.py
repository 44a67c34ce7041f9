"""What the memo holds: every answer that was bought or computed, with what it was asked. No stage; nothing is
asked here."""

import argparse
import sys
from pathlib import Path

from stages.samplers.memo.administration import (
    export_lines,
    import_lines,
    last_runs,
    prune,
    totals_by_model,
)
from stages.shared.cli import guard, progress, working_directory
from stages.shared.files import as_bytes, replacing

MEMO = "memo.sqlite"


def print_totals(given: argparse.Namespace) -> None:
    """what it holds, by provider and model (the default)"""
    _print(f"{'provider':10} {'model':40} {'answers':>9} {'tokens':>12} {'prompt tokens':>14} {'USD':>10}")
    for provider, model, answers, tokens, prompt_tokens, cost, unpriced in totals_by_model(given.memo):
        price = f"{cost:10.4f}" + (f" and {unpriced} without a price" if unpriced else "")
        _print(f"{provider:10} {model:40} {answers:9} {tokens:12} {prompt_tokens:14} {price}")


def print_runs(given: argparse.Namespace) -> None:
    """what became of the last runs: new, stored, retries, failures"""
    for made, counts in last_runs(given.memo, given.last):
        _print(f"{made}  " + "  ".join(f"{name} {count}" for name, count in counts.items()))


def export_answers(given: argparse.Namespace) -> None:
    """write all answers to FILE, as JSON lines"""
    with replacing(given.file) as file:
        for line in progress(export_lines(given.memo), "export"):
            file.write(line)


def import_answers(given: argparse.Namespace) -> None:
    """put the answers of FILE into the memo, after checking each line"""
    with given.file.open("rb") as file:
        count, new = import_lines(given.memo, progress(file, "import"), str(given.file))
    _print(f"{count} answers, {new} of them new")


def prune_answers(given: argparse.Namespace) -> None:
    """forget the answers of a model, or old ones"""
    _print(f"{prune(given.memo, given.model, given.older_than)} answers forgotten")


COMMANDS = {
    "list": print_totals,
    "runs": print_runs,
    "export": export_answers,
    "import": import_answers,
    "prune": prune_answers,
}


def main() -> None:
    """Reads the command line and runs the command."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.memo", description=__doc__)
    parser.set_defaults(command=print_totals, memo=working_directory() / MEMO)
    commands = parser.add_subparsers(metavar=" | ".join(COMMANDS))
    for name, function in COMMANDS.items():
        options = commands.add_parser(name, help=function.__doc__)
        options.set_defaults(command=function)
        if name == "runs":
            options.add_argument("--last", type=int, default=20, help="how many of them")
        if name in ("export", "import"):
            options.add_argument("file", type=Path)
        if name == "prune":
            options.add_argument("--model", help="as listed")
            options.add_argument("--older-than", type=float, metavar="DAYS")
    given = parser.parse_args()
    guard("memo", lambda: given.command(given))


def _print(line: str) -> None:
    """Prints `line` with its control characters escaped: a model's name comes from a server."""
    escaped = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
    sys.stdout.write(as_bytes(escaped).decode() + "\n")


if __name__ == "__main__":
    main()
