"""Sections about the held-out answers and the training of the students."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.pages.charts import bars, folded, heat, intervals, lines, points_of
from stages.pages.data_sections import counted, shared
from stages.pages.plot_files import by_prefix, overlaid
from stages.pages.result_table import Names, Result, every, results
from stages.pages.sections import Cell, Chart, Section, Table, number
from stages.pages.tallies import ArmTally, RuleTally, SignalTally


def headline(wanted: Sequence[Result], metrics: Mapping[str, Any], arms: ArmTally) -> Section:
    """The metrics that params name, against their bars; accuracy of every arm; all metrics."""
    names = Names(arms.arms(), list(dict.fromkeys(task for _, task in arms.answers)))
    accuracy, between = metrics.get("accuracy", {}), metrics.get("interval", {}).get("accuracy", {})
    rows = [
        {"group": arm, "name": arm, "value": value, "low": between[arm][0], "high": between[arm][1]}
        for arm, value in accuracy.items()
        if arm in between
    ]
    chart = (
        [intervals(rows, "accuracy on the held-out problems", "Accuracy of every arm with 95 % intervals")]
        if rows
        else []
    )
    blocks: list[Chart | Table] = [
        *([results(wanted, metrics, names)] if wanted else []),
        *chart,
        every("All metrics", metrics, names),
    ]
    n = f"{metrics.get('n', 0):,} held-out problems."
    note = f"{n} A number leads to its rows. A bar is set in params: systems.*.report.results."
    return Section("results", "Results", note, blocks)


def by_task(arms: ArmTally) -> Section | None:
    """How many held-out answers are right, by arm and task; None where there is one task."""
    tasks = list(dict.fromkeys(task for _, task in arms.answers))
    if len(tasks) < 2:
        return None
    names = arms.arms()
    rows = [
        [
            Cell(task),
            counted(arms.answers[names[0], task], {"split": "test", "task": task}),
            *(
                shared(
                    arms.right[arm, task],
                    arms.answers[arm, task],
                    {"split": "test", "task": task, "arm": arm, "verdict": "right"},
                )
                for arm in names
            ),
        ]
        for task in tasks
    ]
    cells = [
        {
            "x": arm,
            "y": task,
            "value": arms.right[arm, task] / arms.answers[arm, task],
            "n": arms.answers[arm, task],
        }
        for task in tasks
        for arm in names
        if arms.answers[arm, task]
    ]
    chart = heat(cells, "arm", "task", "Share of right held-out answers by arm and task")
    return Section(
        "tasks", "Held-out answers by task", "", [chart, Table(["task", "problems", *names], rows)]
    )


def training(curves: Mapping[str, Mapping[str, str]], validation: Mapping[str, str]) -> Section | None:
    """The loss of every student, and what was measured on validation problems; None where nothing was.

    `curves` holds, by student, TSV files by the name of the curve; `validation` CSV files by student.
    """
    losses = [
        {"x": row["step"], "name": name, "value": row["loss"]}
        for name, files in curves.items()
        if "loss" in files
        for row in points_of(files["loss"], "\t")
        if isinstance(row.get("loss"), float) and row["loss"] > 0
    ]
    named = list(dict.fromkeys(row["name"] for row in losses))
    blocks: list[Chart | Table] = []
    if losses:
        blocks.append(
            lines(losses, named, "step", "loss (logarithmic)", "Training loss of every student", log=True)
        )
    for name, text in validation.items():
        rows = points_of(text)
        measured = [
            column for column in (rows[0] if rows else {}) if column not in ("step", "loss", "tokens")
        ]
        points = folded(rows, "step", measured)
        if points:
            blocks.append(
                lines(points, measured, "step", "share", f"Validation problems while {name} trains")
            )
    return Section("training", "Training", "", blocks) if blocks else None


def signals(tally: SignalTally, arms: Sequence[str], plots: Sequence[Chart | Table]) -> Section | None:
    """How often signals stand exactly as asked for, by symbol and by count; None where none was asked for."""
    if not tally.asked:
        return None
    asked = [arm for arm in arms if any(name == arm for name, _, _ in tally.asked)]
    blocks: list[Chart | Table] = [*plots]
    for part, words in (("think", "think symbol"), ("stop", "stop symbol")):
        for counts, of in ((False, words), (True, f"count of the {words}")):
            values = tally.values(part, counts)
            rows = [
                {"x": value, "name": arm, "value": tally.exact[key] / tally.asked[key], "n": tally.asked[key]}
                for value in values
                for arm in asked
                for key in [(arm, part, value)]
                if tally.asked[key]
            ]
            if rows:
                blocks.append(
                    bars(rows, asked, of, "exactly as often as asked", f"Signals exactly as asked, by {of}")
                )
    note = "Share of the held-out answers in which a signal stands exactly as often as the turn asks for it."
    return Section("signals", "Signals", note, blocks)


def rules(tally: RuleTally) -> Section | None:
    """For each rule how often it decides a problem and how often it is cited; None where none is cited."""
    arms = tally.arms()
    rows = []
    for rule in tally.rules():
        for arm in arms:
            key = (arm, rule)
            rows.append(
                [
                    Cell(rule),
                    Cell(arm),
                    counted(tally.decides[key]),
                    counted(tally.cited[key]),
                    shared(tally.both[key], tally.cited[key]),
                    shared(tally.both[key], tally.decides[key]),
                ]
            )
    if not rows:
        return None
    head = ["rule", "arm", "decides", "cited", "precision", "recall"]
    note = (
        "decides: problems whose answer rests on the rule. precision: of the answers that cite it. recall: "
        "of the problems that it decides."
    )
    return Section("rules", "Rules", note, [Table(head, rows)])


def classification(summary: Mapping[str, Any], curves: Mapping[str, str]) -> Section | None:
    """Thresholds with their intervals, and the curves of every arm; None where nothing was calibrated."""
    rows = [_threshold(arm, chosen) for arm, chosen in summary.get("arms", {}).items()]
    if not rows:
        return None
    f1 = ["macro-F1, validation", "macro-F1, test"]
    head = ["arm", "mode", "threshold", "95 % interval", "temperature", *f1]
    note = "Threshold and temperature are chosen on the validation problems and applied to the test problems."
    drawn = filter(None, _curves(curves))
    return Section("classification", "Classification", note, [Table(head, rows), *drawn])


def _threshold(arm: str, chosen: Mapping[str, Any]) -> list[Cell]:
    interval, f1 = chosen.get("threshold_interval"), chosen.get("macro_f1", {})
    return [
        Cell(arm),
        Cell(str(chosen.get("mode", ""))),
        _number(chosen.get("threshold")),
        Cell(" to ".join(map(number, interval)) if interval else "–", look="number"),
        _number(chosen.get("temperature")),
        _number(f1.get("validation")),
        _number(f1.get("test")),
    ]


def _curves(files: Mapping[str, str]) -> list[Chart | None]:
    rates = overlaid(by_prefix(files, "roc"), "false_positive_rate", "recall", "ROC curves", diagonal=True)
    precision = overlaid(by_prefix(files, "precision_recall"), "recall", "precision", "Precision over recall")
    words = "Calibration after temperature scaling"
    calibration = overlaid(
        by_prefix(files, "calibration"), "probability", "positives", words, "calibrated", diagonal=True
    )
    words = "Macro-F1 over the threshold, validation problems"
    thresholds = overlaid(by_prefix(files, "thresholds"), "threshold", "macro_f1", words)
    risk = overlaid(by_prefix(files, "risk_coverage"), "coverage", "risk", "Risk over coverage")
    return [rates, precision, calibration, thresholds, risk]


def _number(value: Any) -> Cell:
    return Cell(number(value) if isinstance(value, int | float) else "–", look="number")
