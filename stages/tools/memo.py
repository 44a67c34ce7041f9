"""What the memo holds: every answer that was bought or computed, with what it was asked. No stage; nothing is
asked here."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from stages.samplers import SAMPLERS, sampler
from stages.samplers.cost.repository_ledger import RepositoryLedger, ledger_path
from stages.samplers.memo.administration import (
    export_lines,
    import_lines,
    last_runs,
    prune,
    seed,
    totals_by_model,
)
from stages.samplers.memo.unread import UnreadAnswers
from stages.shared import params
from stages.shared.cli import guard, progress, working_directory
from stages.shared.errors import BadInput
from stages.shared.files import read, replacing
from stages.shared.member_params import SamplerParams
from stages.shared.rows import Ending, Prompt, Response
from stages.tools.terminal import printable

MEMO = "memo.sqlite"


class Samplers(params.Strict, extra="ignore"):
    """Of the section `respond`, what `seed` needs."""

    teacher: Annotated[SamplerParams, params.member("stages.samplers", SAMPLERS, "sampler")]
    probe: Annotated[SamplerParams, params.member("stages.samplers", SAMPLERS, "sampler")] | None = None


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
    """forget the answers of a model, old ones, those with one ending, or those that cannot be read"""
    if given.unread:
        _print(f"{UnreadAnswers(given.memo).forget()} answers that cannot be read forgotten")
        return
    ending = Ending(given.ending) if given.ending else None
    _print(f"{prune(given.memo, given.model, given.older_than, ending)} answers forgotten")


def print_unread(given: argparse.Namespace) -> None:
    """print the answers that were paid for and cannot be read, as they came"""
    for made, kind, asked, body in UnreadAnswers(given.memo).rows():
        _print(f"{made}  {kind}  asked {asked}  answered {body.decode(errors='backslashreplace')}")


def print_spending(given: argparse.Namespace) -> None:
    """what the runs with `scope: repository` have spent together, and what is set aside just now"""
    if not ledger_path().is_file():
        raise BadInput(f"{ledger_path()}: no run with `scope: repository` has bought anything yet")
    ledger = RepositoryLedger()
    if given.reset:
        ledger.start_anew()
    with ledger.changing():
        ledger.count_dead()
    account, since = ledger.account(), ledger.since()
    ledger.close()
    _print(f"since {since} UTC: {account.requests} requests")
    _print(f"{account.spent:12.6f} USD spent for answers")
    _print(f"{account.lost:12.6f} USD at most for calls without an answer")
    _print(f"{account.reserved:12.6f} USD set aside for {account.in_flight} requests in flight")


def seed_answers(given: argparse.Namespace) -> None:
    """put the answers of FILE, a responses.jsonl, into the memo, as answers to what SYSTEM asks now"""
    respond = params.read(given.system, "respond", Samplers)
    paid = {"teacher": respond.teacher, "probe": respond.probe}
    asked_of = {by: partial(_asked, section) for by, section in paid.items() if hasattr(section, "max_usd")}
    if not asked_of:
        raise BadInput(f"seed: no sampler of systems.{given.system}.respond asks a server (openai, gemini)")
    count, new = seed(given.memo, progress(read(given.file, Response), "seed"), asked_of)
    _print(f"{count} answers to what {given.system} asks, {new} of them new")


def _asked(section: Any, prompt: Prompt) -> list[dict[str, Any]]:
    return sampler(section.sampler).asked(prompt, section)  # type: ignore[attr-defined, no-any-return]


COMMANDS = {
    "list": print_totals,
    "runs": print_runs,
    "spending": print_spending,
    "export": export_answers,
    "import": import_answers,
    "seed": seed_answers,
    "unread": print_unread,
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
        if name == "spending":
            options.add_argument("--reset", action="store_true", help="count from 0 again")
        if name in ("export", "import", "seed"):
            options.add_argument("file", type=Path)
        if name == "seed":
            options.add_argument("--system", required=True, help="a section of params.yaml: systems.<system>")
        if name == "prune":
            options.add_argument("--model", help="as listed")
            options.add_argument("--older-than", type=float, metavar="DAYS")
            options.add_argument("--ending", choices=[str(ending) for ending in Ending])
            options.add_argument(
                "--unread", action="store_true", help="those that cannot be read; they are asked for again"
            )
    given = parser.parse_args()
    guard("memo", lambda: given.command(given))


def _print(line: str) -> None:
    """Prints a line; a model's name comes from a server."""
    sys.stdout.write(printable(line) + "\n")


if __name__ == "__main__":
    main()
