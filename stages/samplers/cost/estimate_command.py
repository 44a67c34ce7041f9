"""The flag `--estimate` of the stages that ask a sampler: prints what a run would buy, without a call."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

from stages.samplers.cost.estimation import as_text, estimates
from stages.shared.rows import Prompt

# By the name of a system: its prompts, and the params of its samplers by `by`.
Asked = Callable[[str], tuple[Iterable[Prompt], Mapping[str, Any]]]


def print_estimate(stage: str, arguments: list[str], asked: Asked) -> None:
    """Reads the command line of `python -m stages.<stage> --estimate` and prints the estimates."""
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{stage} --estimate", description="What a run would buy, without a call."
    )
    parser.add_argument("system", help="a section of params.yaml: systems.<system>")
    parser.add_argument(
        "--answer-tokens",
        type=_length,
        help="tokens of an answer, where you know it; used until two of them are stored",
    )
    given = parser.parse_args(arguments)
    prompts, samplers = asked(given.system)
    texts = [as_text(estimate) for estimate in estimates(prompts, samplers, given.answer_tokens)]
    print("\n".join(texts) or "nothing would be bought: no sampler of this system costs anything")


def _length(text: str) -> float:
    """A positive number."""
    try:
        tokens = float(text)
    except ValueError:
        tokens = 0.0
    if not 0 < tokens < inf:
        raise argparse.ArgumentTypeError(f"must be a positive number of tokens, got {text!r}")
    return tokens
