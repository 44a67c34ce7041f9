"""Calibrates a classification: threshold and temperature from the validation answers, for all splits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from stages.scores.binary.classified import Arms, Classes, collect_arms
from stages.scores.binary.drawings import drawings, threshold_drawing
from stages.scores.binary.measuring import (
    arm_estimates,
    by_arm,
    confusions,
    every_pair,
    pair_estimates,
    tests,
)
from stages.scores.binary.operating import Choices, Operating, choose
from stages.scores.binary.prediction_rows import Split, predictions_of
from stages.scores.binary.rule_citations import citation_estimates
from stages.scores.measures.needs import Pair
from stages.scores.measures.nesting import report
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import as_bytes, as_json, read, replacing, sweep
from stages.shared.rows import Trace

SPLITS = ("train", "validation", "test")
Name = Annotated[str, Field(pattern=r"^[\w-]+$")]  # part of a metric's name, where a dot would nest


class Params(params.Strict):
    """What is reported, and how labels follow from probabilities."""

    # the label that counts as positive, as the gold answers write it
    positive: str = Field(min_length=1)
    # the label of all other problems
    negative: str = Field(min_length=1)
    # how probabilities become labels
    choose: Choices = Field(default_factory=Choices)
    # the arms that answer without reasoning: their metrics stand in files of their own
    label_only: list[str] = Field(default_factory=list)
    # differences between arms, paired by problem: name -> [arm, the arm that is subtracted from it]; null: of
    # every two arms
    compare: dict[Name, Pair] | None = None
    # bins of the calibration error and of the reliability diagram
    bins: int = Field(default=10, ge=2)


def main(name: str) -> None:
    """data/S/graded.jsonl -> data/S/predictions/N/<split>.csv and, in metrics/N_report/, run_summary.json,
    metrics_<split>.json and metrics_<split>_label_only.json; metrics/N_curves/*.csv.

    N is the entry of params, S its system. Each split has its files; those of a split that no arm answered
    say so with n 0. The curves are of the test problems, and those of thresholds of the validation problems.
    """
    ours, seed = params.read(name, "calibrate", Params, family="classifiers"), params.seed()
    system = params.refers("classifiers", name, "system")
    graded = Path("data", system, "graded.jsonl")
    classes = Classes(ours.positive, ours.negative)
    arms = collect_arms(progress(read(graded, Trace), "calibrate"), classes)
    _check_names(ours, arms, name)
    operating = _chosen(ours, arms, seed)
    splits = {split: Split(answered, operating) for split, answered in arms.items()}
    predictions, out = Path("data", system, "predictions", name), Path("metrics", f"{name}_report")
    curves = Path("metrics", f"{name}_curves")
    files = _metrics(ours, splits, operating, seed)
    plots = {curves / f"{drawn}.csv": text for drawn, text in _plots(ours, splits).items()}
    tables = {split: predictions / f"{split}.csv" for split in splits}
    with (outputs := replacing(*tables.values())):
        for split, line in predictions_of(read(graded, Trace), splits, classes):
            outputs.also(tables[split]).write(as_bytes(line))
        for file, content in files.items():
            outputs.also(out / file).write(as_json(content))
        for path, text in plots.items():
            outputs.also(path).write(as_bytes(text))
    sweep(curves, plots)
    sweep(predictions, tables.values())


def _check_names(ours: Params, arms: Arms, name: str) -> None:
    """Raises BadInput where params name an arm that did not answer the test problems."""
    if "test" not in arms:
        raise BadInput("no test problem was answered; expected the answers of at least one arm")
    named = {"label_only": ours.label_only}
    named |= {f"compare.{pair}": list(arms) for pair, arms in (ours.compare or {}).items()}
    faults = [
        f"classifiers.{name}.calibrate.{place}: {unknown('arm', arm, arms['test'])}"
        for place, wanted in named.items()
        for arm in wanted
        if arm not in arms["test"]
    ]
    if faults:
        raise BadInput(f"{params.PARAMS}: {'; '.join(faults)}")


def _chosen(ours: Params, arms: Arms, seed: int) -> dict[str, Operating]:
    """What the validation answers of each arm with probabilities lead to. No other split is looked at."""
    validation = arms.get("validation", {})
    return {
        name: choose(name, validation.get(name), ours.choose, seed)
        for name, arm in arms["test"].items()
        if arm.probs is not None
    }


def _metrics(
    ours: Params, splits: Mapping[str, Split], operating: Mapping[str, Operating], seed: int
) -> dict[str, Any]:
    """The content of every metrics file, by its name."""
    files: dict[str, Any] = {}
    for split in SPLITS:
        for ending, wanted in (("", False), ("_label_only", True)):
            files[f"metrics_{split}{ending}.json"] = _split_metrics(
                ours, splits.get(split), operating, seed, wanted
            )
    arms = {name: _operating(ours, name, operating.get(name), files) for name in splits["test"].arms}
    return files | {"run_summary.json": {"seed": seed, "arms": arms}}


def _split_metrics(
    ours: Params, split: Split | None, operating: Mapping[str, Operating], seed: int, label_only: bool
) -> dict[str, Any]:
    """The metrics of the arms without reasoning, or of the others. What compares arms stands with the
    others."""
    arms = {} if split is None else split.arms
    shown = {name: arm for name, arm in arms.items() if (name in ours.label_only) == label_only}
    if split is None or not shown:
        return {"n": 0}
    metrics = by_arm(
        {
            name: arm_estimates(arm, split.labels[name], operating.get(name), ours.bins, seed)
            | ({} if label_only or not arm.rules else citation_estimates(arm.rules, seed))
            for name, arm in shown.items()
        }
    )
    gold = next(iter(shown.values())).gold
    facts: dict[str, Any] = {"positives": int(gold.sum()), "confusion": confusions(shown, split.labels)}
    if not label_only:
        pairs = every_pair(list(arms)) if ours.compare is None else ours.compare
        pairs = {name: pair for name, pair in pairs.items() if set(pair) <= set(arms)}
        metrics |= pair_estimates(arms, split.labels, pairs, seed)
        facts["mcnemar"] = tests(arms, split.labels, pairs)
    return report(len(gold), metrics) | facts


def _operating(
    ours: Params, name: str, operating: Operating | None, files: Mapping[str, Any]
) -> dict[str, Any]:
    """What run_summary.json says of one arm: its mode, what was chosen, its macro-F1 in each split."""
    label_only = name in ours.label_only
    scores = {
        split: files[f"metrics_{split}{'_label_only' if label_only else ''}.json"]
        .get("macro_f1", {})
        .get(name)
        for split in SPLITS
    }
    summary: dict[str, Any] = {"mode": "label_only" if label_only else "reasoning"}
    if operating:
        value, low, high = (round(number, 6) for number in operating.threshold)
        summary |= {
            "temperature": round(operating.temperature, 6),
            "threshold": value,
            "threshold_interval": [low, high],
            "certainty": operating.certainty,
        }
    return summary | {"macro_f1": {split: score for split, score in scores.items() if score is not None}}


def _plots(ours: Params, splits: Mapping[str, Split]) -> dict[str, str]:
    """The plots by their names."""
    test, validation = splits["test"], splits.get("validation")
    plots: dict[str, str] = {}
    for name, arm in test.arms.items():
        plots |= drawings(name, arm, test.labels[name], ours.bins)
    for name, arm in validation.arms.items() if validation else ():
        probs = validation.labels[name].probs if validation else None
        if probs is not None:
            plots |= threshold_drawing(name, probs, arm.gold)
    return plots


if __name__ == "__main__":
    run(main, family="classifier")
