"""What the memo holds: every answer that was bought or computed, with what it was asked. No stage; nothing is
asked here."""

import argparse
import sys
from pathlib import Path

from stages.samplers.memo.administration import bring, holdings, lines, prune, runs
from stages.shared.cli import guard, progress, working_directory
from stages.shared.rows import as_bytes, replacing

MEMO = "memo.sqlite"


def tell(given: argparse.Namespace) -> None:
    """what it holds, by provider and model (the default)"""
    _print(f"{'provider':10} {'model':40} {'answers':>9} {'tokens':>12} {'prompt tokens':>14} {'USD':>10}")
    for provider, model, answers, tokens, prompt_tokens, cost, unpriced in holdings(given.memo):
        price = f"{cost:10.4f}" + (f" and {unpriced} without a price" if unpriced else "")
        _print(f"{provider:10} {model:40} {answers:9} {tokens:12} {prompt_tokens:14} {price}")


def tell_runs(given: argparse.Namespace) -> None:
    """what became of the last runs: new, stored, retries, failures"""
    for made, counts in runs(given.memo, given.last):
        _print(f"{made}  " + "  ".join(f"{name} {count}" for name, count in counts.items()))


def take_along(given: argparse.Namespace) -> None:
    """write all answers to FILE, as JSON lines"""
    with replacing(given.file) as file:
        for line in progress(lines(given.memo), "export"):
            file.write(line)


def bring_back(given: argparse.Namespace) -> None:
    """put the answers of FILE into the memo, after checking each line"""
    with given.file.open("rb") as file:
        count, new = bring(given.memo, progress(file, "import"), str(given.file))
    _print(f"{count} answers, {new} of them new")


def thin_out(given: argparse.Namespace) -> None:
    """forget the answers of a model, or old ones"""
    _print(f"{prune(given.memo, given.model, given.older_than)} answers forgotten")


def main() -> None:
    """Reads the command line and does it."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.memo", description=__doc__)
    parser.set_defaults(act=tell, memo=working_directory() / MEMO)
    commands = parser.add_subparsers(metavar="list | runs | export | import | prune")
    for name, act in (
        ("list", tell),
        ("runs", tell_runs),
        ("export", take_along),
        ("import", bring_back),
        ("prune", thin_out),
    ):
        command = commands.add_parser(name, help=act.__doc__)
        command.set_defaults(act=act)
        if name == "runs":
            command.add_argument("--last", type=int, default=20, help="how many of them")
        if name in ("export", "import"):
            command.add_argument("file", type=Path)
        if name == "prune":
            command.add_argument("--model", help="as listed")
            command.add_argument("--older-than", type=float, metavar="DAYS")
    given = parser.parse_args()
    guard("memo", lambda: given.act(given))


def _print(line: str) -> None:
    """What a server calls itself may hold anything."""
    told = "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)
    sys.stdout.write(as_bytes(told).decode() + "\n")


if __name__ == "__main__":
    main()
