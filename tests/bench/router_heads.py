"""Settings of the router's heads, compared by cross-validation on the graded answers of a pair to validation problems.

    python tests/bench/router_heads.py [FOLDER]    # a repository with a finished run; by default this one

The problems are those that calibrate no router of the run. Test problems have no part. Each fifth of them is answered by heads that
were fitted to the first answers to the others. `right` is the share of right second answers of the student and style that the heads
choose; `error` the mean distance between expected and observed share of right answers of a task's cell.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import torch
from stages.shared.files import read
from stages.shared.rows import Problem, Trace
from stages.students.router.question_states import Encoder
from stages.students.router.route_heads import Features, Heads
from stages.students.router.route_settings import Params
from stages.students.router.utilities import Observation, Observations
from stages.styles import plain

PAIR, SYSTEM, BASES, FOLDS, SEEDS = "router_pair", "router", ("router", "router_peer"), 5, 3
# weight decay, dropout, steps
SETTINGS = [(decay, dropout, steps) for decay in (0.01, 1.0, 3.0, 8.0) for dropout in (0.0, 0.5, 0.8) for steps in (200, 400)]


class Answered(NamedTuple):
    """What both students made of some problems."""

    features: Features
    tasks: list[str]
    # 1 or 0 of both answers, (problems, students, styles, 2)
    right: torch.Tensor


def answered(root: Path) -> Answered:
    """The validation problems of the run in `root` with their graded answers."""
    grades: dict[str, dict[tuple[str, str, int], float]] = defaultdict(dict)
    for row in read(root / "data" / SYSTEM / "pair_graded" / f"{PAIR}.jsonl", Trace):
        if row.split == "validation":
            grades[row.id][Path(row.model).name, row.style, row.sample] = row.grades["answer"]
    styles = sorted({style for cells in grades.values() for _, style, _ in cells})
    every = {problem.id: problem for problem in read(root / "data/validation" / f"{SYSTEM}.jsonl", Problem)}
    problems = [every[name] for name in sorted(grades)]
    params = Params(signal="frozen")
    questions = [plain.render(problem) for problem in problems]
    features = Features(*(Encoder(root / "models/bases" / base, params, "cpu").questions(questions) for base in BASES))
    right = [
        [[[grades[problem.id][student, style, sample] for sample in (0, 1)] for style in styles] for student in ("first", "second")]
        for problem in problems
    ]
    return Answered(features, [problem.task for problem in problems], torch.tensor(right))


def fitted(rows: Answered, train: list[int], decay: float, dropout: float, steps: int, seed: int) -> Heads:
    """Heads that have seen the first answers to the problems `train`."""
    styles, params = rows.right.shape[2], Params(signal="frozen")
    heads = Heads(tuple(part.shape[1] for part in rows.features), styles, params.style_width, params.hidden, seed)  # type: ignore[arg-type]
    heads.standardise(rows.features.at(torch.tensor(train)))
    optimizer = torch.optim.AdamW(heads.parameters(), lr=params.learning_rate, weight_decay=decay)
    seen = [
        Observation(0, problem, style, student, float(rows.right[problem, student, style, 0]))
        for problem in train
        for style in range(styles)
        for student in (0, 1)
    ]
    observations = Observations(seen, 1.0)
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed * 100_003 + step)
        observations.loss(heads, rows.features, dropout, generator).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return heads


@torch.no_grad()
def expected(rows: Answered, heads: Heads, problems: list[int]) -> torch.Tensor:
    """(problems, students, styles)"""
    features, styles = rows.features.at(torch.tensor(problems)), rows.right.shape[2]
    values = [heads.log_odds(features, torch.full((len(problems),), style)).sigmoid() for style in range(styles)]
    return torch.stack(values, -1).permute(1, 0, 2)


def measured(rows: Answered, decay: float, dropout: float, steps: int, seed: int) -> tuple[float, float]:
    """`right` (a mean over tasks) and `error` of one setting."""
    order = torch.randperm(len(rows.tasks), generator=torch.Generator().manual_seed(seed)).tolist()
    values = torch.zeros(rows.right.shape[:3])
    for fold in range(FOLDS):
        held = order[fold::FOLDS]
        heads = fitted(rows, sorted(set(order) - set(held)), decay, dropout, steps, seed)
        values[held] = expected(rows, heads, held)
    chosen = values.flatten(1).argmax(1)
    hits = rows.right[..., 1].flatten(1).gather(1, chosen[:, None])[:, 0]
    shares, errors = [], []
    for task in sorted(set(rows.tasks)):
        members = torch.tensor([number for number, name in enumerate(rows.tasks) if name == task])
        shares.append(float(hits[members].mean()))
        errors.append(float((values[members].mean(0) - rows.right[members].mean((0, 3))).abs().mean()))
    return sum(shares) / len(shares), sum(errors) / len(errors)


def main() -> None:
    """Prints a line for each setting."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", default=".", type=Path)
    torch.set_num_threads(1)
    rows = answered(parser.parse_args().folder)
    print(f"{len(rows.tasks)} validation problems, {FOLDS} folds, {SEEDS} seeds")
    print("weight_decay  dropout  steps  right  error")
    for decay, dropout, steps in SETTINGS:
        results = [measured(rows, decay, dropout, steps, seed) for seed in range(SEEDS)]
        right, error = (sum(column) / SEEDS for column in zip(*results, strict=True))
        print(f"{decay:12} {dropout:8} {steps:6} {right:6.3f} {error:6.3f}", flush=True)


if __name__ == "__main__":
    main()
