"""What a pair of students is worth, with and without its router."""

from collections.abc import Mapping

from stages.scores.choosing.arms_of_pair import (
    Scored,
    chosen,
    drawn,
    fixed,
    most_likely,
    permuted_in_task,
    routed,
    scored,
)
from stages.scores.choosing.cell_answers import Answers
from stages.scores.choosing.cross_fitting import cross_fitted
from stages.scores.choosing.utility_measures import utility_estimates
from stages.scores.choosing.ways import Ways
from stages.scores.measures.estimates import Estimates
from stages.scores.measures.table import Numbers

PAIR, RANDOM, ORACLE = "pair", "random", "oracle"
BASELINES = ("best_single", "best_style_per_task", "best_cell_per_task")


def choices(answers: Answers, validation: Answers | None) -> dict[str, Numbers]:
    """Every choice by its name, each of shape (problems, cells); those made on validation problems only where
    there are some."""
    baselines = chosen(answers, validation) if validation else {}
    return {**routed(answers), **baselines, **drawn(answers), **fixed(answers)}


def ways_of(
    answers: Answers, choice: Mapping[str, Numbers], against: Mapping[str, Scored]
) -> dict[str, Scored]:
    """What each choice is worth; besides them the ensemble, the cross-fitted oracle, and students of other
    trainings (`against`), where there are any."""
    ways = {name: scored(answers, chances) for name, chances in choice.items()}
    if PAIR in choice:  # no choice: its figures hold how far the mean choice is known
        ways["permuted_in_task"] = permuted_in_task(answers, choice[PAIR])
    others = {"ensemble": most_likely(answers), ORACLE: cross_fitted(answers), **against}
    return ways | {name: way for name, way in others.items() if way}


def estimates(answers: Answers, ways: Mapping[str, Scored], seed: int) -> Estimates:
    """The metrics, all of them means over tasks (`macro`) or of one task.

    `accuracy_macro.<way>`, `tokens_macro.<way>`, `accuracy_task.<task>.<way>`;
    `difference_macro.<way>_<subtracted>` and `difference_task.<task>.<way>_<subtracted>`, paired by problem:
    the pair minus every way but its single cells, and the oracle minus the best choices without a router;
    `regret_macro` and `regret_task.<task>`: the oracle minus the pair; `gap_closed.<way>`: the part of the
    gap between random and oracle; `utility.<...>`: see `utility_estimates`.
    """
    tasks = answers.tasks
    right = [{name: way.right[among] for name, way in ways.items()} for among in tasks.values()]
    tokens = [{name: way.tokens[among] for name, way in ways.items()} for among in tasks.values()]
    macro, cost = Ways(right, seed), Ways(tokens, seed)
    by_task = {task: Ways([group], seed) for task, group in zip(tasks, right, strict=True)}
    metrics: Estimates = {f"accuracy_macro.{way}": macro.mean(way) for way in ways}
    metrics |= {f"tokens_macro.{way}": cost.mean(way) for way in ways}
    metrics |= {
        f"accuracy_task.{task}.{way}": part.mean(way) for task, part in by_task.items() for way in ways
    }
    for way, subtracted in _compared(answers, ways):
        name = f"{way}_{subtracted}"
        metrics[f"difference_macro.{name}"] = macro.difference(way, subtracted)
        metrics |= {
            f"difference_task.{task}.{name}": part.difference(way, subtracted)
            for task, part in by_task.items()
        }
    if {PAIR, ORACLE} <= ways.keys():
        metrics["regret_macro"] = macro.difference(ORACLE, PAIR)
        metrics |= {f"regret_task.{task}": part.difference(ORACLE, PAIR) for task, part in by_task.items()}
    if ORACLE in ways:
        closing = [way for way in (PAIR, *BASELINES) if way in ways]
        metrics |= {f"gap_closed.{way}": macro.share_of_gap(way, RANDOM, ORACLE) for way in closing}
    return metrics | utility_estimates(answers, seed)


def _compared(answers: Answers, ways: Mapping[str, Scored]) -> list[tuple[str, str]]:
    """Which way is compared with which."""
    cells = fixed(answers).keys()
    pairs = [(PAIR, way) for way in ways if way not in cells | {PAIR, ORACLE}] if PAIR in ways else []
    if ORACLE in ways:
        pairs += [(ORACLE, way) for way in (RANDOM, *BASELINES) if way in ways]
    return pairs
