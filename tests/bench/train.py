"""Training tokens a second, peak memory and loss beside TRL's SFTTrainer, on the same rows.

Three cases: the tiny default (0.49 M weights, vocabulary 512, batches of 16; with AdamW, as TRL knows no Muon), and a Qwen2 model of 1.8
M weights with a vocabulary of 8192, trained whole and through LoRA. Each training runs in a process of its own (see learner.py); the two
take turns, first one leading, then the other. Both compute in one thread, in bf16, with an allocator that keeps freed memory. Beside the
ratio of the clock's seconds is that of the processor's: on a busy machine it is the one to read. Tokens are those of the rows, padding
not counted; the loss is that of all rows after one epoch. A run that did not see exactly these tokens, each once, ends the benchmark.
"""

import argparse
import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from measure import BENCH, load, middle, options, python, run, table

AIMS = {"tiny": 2.0, "full": 4.0, "lora": 3.5}  # times TRL's tokens a second
MEMORY = 0.7  # the aim: at most this share of TRL's peak
NOISE = 0.1  # the losses may differ by this share of TRL's

Figures = dict[str, Any]


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=AIMS, default=list(AIMS))
    parser.add_argument("--rows", type=int, default=2560, help="chats in the epoch, a multiple of 64")
    parser.add_argument("--rounds", type=int, default=3, help="how often both are run")
    given = options(parser, arguments, rows=64, rounds=1)
    if find_spec("trl") is None:
        parser.exit(1, "train: TRL is not installed; pip install -r tests/bench/requirements.txt\n")
    note = load()
    header = [
        "case",
        "weights",
        "tokens",
        "tokens/s",
        "TRL's",
        "times TRL",
        "by processor",
        "aim",
        "peak MiB",
        "TRL's",
        "of TRL's",
        "aim ",
        "loss",
        "TRL's",
        "equal",
    ]
    table(f"Training beside TRL ({note}, {given.rounds} rounds)", header, [_line(case, given.rows, given.rounds) for case in given.cases])


def _line(case: str, rows: int, rounds: int) -> list[Any]:
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        folder = Path(name)
        made = _learner("prepare", case, folder, rows)
        found: dict[str, list[Figures]] = {"ours": [], "trl": []}
        for turn in range(rounds):
            for who in ("ours", "trl") if turn % 2 == 0 else ("trl", "ours"):
                found[who].append(_learner(who, case, folder, folder / f"{who}{turn}"))
                _same(made, found[who][-1], f"{case}, {who}", rows)
    clock, busy = (
        [theirs[seconds] / mine[seconds] for mine, theirs in zip(found["ours"], found["trl"], strict=True)]
        for seconds in ("seconds", "busy")
    )
    speed = [made["tokens"] / median(one["seconds"] for one in found[who]) for who in found]
    peak = [median(one["peak"] for one in found[who]) for who in found]
    loss = [median(one["loss"] for one in found[who]) for who in found]
    equal = "yes" if abs(loss[0] - loss[1]) <= NOISE * loss[1] else "NO"
    ratios = [middle(clock), middle(busy), AIMS[case]]
    return [case, made["weights"], made["tokens"], *speed, *ratios, *peak, f"{peak[0] / peak[1]:.2f}", MEMORY, *loss, equal]


def _same(made: Figures, seen: Figures, what: str, rows: int) -> None:
    """Ends the benchmark where a training did not see each row once; TRL learns the line break after each end of turn as well."""
    found, expected = [(one["tokens"], one.get("rows", rows)) for one in (seen, made)]
    if found != expected or seen["learnt"] - made["learnt"] not in (0, rows):
        raise SystemExit(f"train: {what}: not an epoch of {expected[0]} tokens in {rows} rows, {made['learnt']} of them learnt: {seen}")


def _learner(*arguments: object) -> Figures:
    figures: Figures = json.loads(run(python(BENCH / "learner.py", *arguments)).output.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
