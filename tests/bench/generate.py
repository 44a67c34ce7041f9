"""Generated tokens a second of samplers/hf.py beside plain `model.generate` in file order.

Prompts are the held-out problems of the default, and the model its student, where both have been made here (`make repro`): its answers are
short on easy problems and long on hard ones. Otherwise a model with random weights answers generated problems; it hardly ever stops, so
every answer is as long as the limit.
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from measure import BENCH, ROOT, load, middle, options, python, run, table

STUDENT, HELD_OUT = ROOT / "models/glyph/student", ROOT / "data/held_out/glyph.jsonl"


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each of the two, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1200, help="problems, at most")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--limit", type=int, default=160, help="new tokens, at most")
    parser.add_argument("--rounds", type=int, default=3, help="how often both are run")
    parser.add_argument("--fresh", action="store_true", help="take the model with random weights in any case")
    given = options(parser, arguments, rows=64, batch=16, limit=24, rounds=1, fresh=True)
    note = load()
    made = STUDENT.is_dir() and HELD_OUT.is_file() and not given.fresh
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        model, problems = (STUDENT, HELD_OUT) if made else _fresh(Path(name), given.rows)
        found: dict[str, list[dict[str, Any]]] = {"ours": [], "plain": []}
        for turn in range(given.rounds):
            for who in ("ours", "plain") if turn % 2 == 0 else ("plain", "ours"):
                command = python(BENCH / "writer.py", who, model, problems, given.rows, given.batch, given.limit)
                found[who].append(json.loads(run(command).output.splitlines()[-1]))
    ratios = [_speed(mine) / _speed(other) for mine, other in zip(found["ours"], found["plain"], strict=True)]
    names = {"ours": "samplers/hf.py", "plain": "`generate` in file order"}
    lines = []
    for who, ones in found.items():
        first = ones[0]
        speed, peak = median(map(_speed, ones)), median(one["peak"] for one in ones)
        lines.append((names[who], first["answers"], first["tokens"], speed, middle(ratios) if who == "ours" else "1", peak))
    same = sum(one == other for one, other in zip(found["ours"][0]["texts"], found["plain"][0]["texts"], strict=True))
    title = f"Generation by {'the default student' if made else 'a random model'} ({note}, {given.rounds} rounds)"
    table(title, ("sampler", "answers", "tokens", "tokens/s", "ratio", "peak MiB"), lines)
    print(f"\n{same} of {lines[0][1]} answers are the same text.")


def _speed(figures: dict[str, Any]) -> float:
    return float(figures["tokens"] / figures["seconds"])


def _fresh(folder: Path, rows: int) -> tuple[Path, Path]:
    run(python(BENCH / "learner.py", "prepare", "tiny", folder, rows))
    return folder / "base", folder / "problems.jsonl"


if __name__ == "__main__":
    main()
