"""Counts traces: how many passed, why the others did not, and how hard the problems are."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from stages.shared.rows import Kind, Trace

INVALID = "(none)"  # stands for the label of an answer that gives none


class Tally:
    """Counts of any number of traces; the traces of one problem must be adjacent. Tallies add up (`add`)."""

    def __init__(self, traces: Iterable[Trace] = ()) -> None:
        self.rows: Counter[str] = Counter()
        self.graded: Counter[tuple[str, str]] = Counter()
        self.passed: Counter[tuple[str, str]] = Counter()
        self.reasons: dict[tuple[str, str], Counter[str]] = {}
        # from (`by`, "models" | "styles" | "tasks") to each model, style or task: [rows, right rows]
        self.accuracy: dict[tuple[str, str], dict[str, list[int]]] = {}
        # answers to problems of kind label: (`by`, gold label, label as read)
        self.labels: Counter[tuple[str, str, str]] = Counter()
        self.rates: Counter[str] = Counter(
            {"always_fails": 0, "below_half": 0, "half_or_more": 0, "always_passes": 0, "not_measured": 0}
        )
        problem = None
        for trace in traces:
            self._count(trace)
            if trace.id != problem:
                problem = trace.id
                self.rates[_difficulty(trace.pass_rate)] += 1

    def _count(self, trace: Trace) -> None:
        self.rows[trace.by] += 1
        for name, score in trace.grades.items():
            self.graded[trace.by, name] += 1
            self.passed[trace.by, name] += score == 1
            counts = self.reasons.setdefault((trace.by, name), Counter())
            if name in trace.reasons:
                counts[trace.reasons[name]] += 1
        for what, value in (("models", trace.model), ("styles", trace.style), ("tasks", trace.task)):
            counted = self.accuracy.setdefault((trace.by, what), {}).setdefault(value, [0, 0])
            counted[0] += 1
            counted[1] += trace.grades.get("answer") == 1
        if trace.kind is Kind.LABEL and "answer" in trace.grades:
            right = trace.grades["answer"] == 1
            self.labels[trace.by, trace.answer, trace.answer if right else trace.pred or INVALID] += 1

    def add(self, tally: "Tally") -> None:
        """Adds the counts of `tally`, which must be of other problems."""
        self.rows.update(tally.rows)
        self.graded.update(tally.graded)
        self.passed.update(tally.passed)
        self.rates.update(tally.rates)
        self.labels.update(tally.labels)
        for key, counts in tally.reasons.items():
            self.reasons.setdefault(key, Counter()).update(counts)
        for group, values in tally.accuracy.items():
            for name, (rows, right) in values.items():
                counted = self.accuracy.setdefault(group, {}).setdefault(name, [0, 0])
                counted[0] += rows
                counted[1] += right

    def metrics(self) -> dict[str, Any]:
        """The content of the metrics file.

        For each `by`: the number of rows; for each grader the share of graded rows with a grade of 1, the
        reasons of the others, and the number of graded rows where not all were graded; the accuracy by
        model, style and task where there are several. `problems_by_pass_rate` counts the problems by the
        base model's pass rate.
        """
        return {by: self._of(by) for by in sorted(self.rows)} | {"problems_by_pass_rate": dict(self.rates)}

    def _of(self, by: str) -> dict[str, Any]:
        metrics: dict[str, Any] = {"rows": self.rows[by]}
        for (who, name), counts in self.reasons.items():
            if who == by:
                graded = self.graded[by, name]
                metrics[name] = {} if graded == self.rows[by] else {"rows": graded}
                metrics[name] |= {
                    "passed": round(self.passed[by, name] / graded, 6),
                    "reasons": dict(sorted(counts.items())),
                }
        for what in ("models", "styles", "tasks") if (by, "answer") in self.reasons else ():
            values = sorted(self.accuracy[by, what].items())
            if len(values) > 1:
                metrics[what] = {
                    name: {"rows": rows, "accuracy": round(right / rows, 6)} for name, (rows, right) in values
                }
        if labels := {key[1:]: count for key, count in self.labels.items() if key[0] == by}:
            metrics["labels"] = label_metrics(labels)
        return metrics


def label_metrics(counts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Macro-F1, and by label precision, recall, F1 and the labels that were read (`read_as`), from the number
    of answers by gold label and label as read. An answer without a label is `INVALID` and costs recall."""
    labels = sorted({gold for gold, _ in counts})
    by_label: dict[str, dict[str, Any]] = {}
    for label in labels:
        right = counts.get((label, label), 0)
        gold = sum(count for (name, _), count in counts.items() if name == label)
        read = sum(count for (_, name), count in counts.items() if name == label)
        by_label[label] = {
            "rows": gold,
            "precision": round(right / read, 6) if read else 0.0,
            "recall": round(right / gold, 6),
            "f1": round(2 * right / (gold + read), 6),
            "read_as": {name: count for (own, name), count in sorted(counts.items()) if own == label},
        }
    macro = sum(values["f1"] for values in by_label.values()) / len(by_label)
    return {"macro_f1": round(macro, 6), "by_label": by_label}


def _difficulty(pass_rate: float | None) -> str:
    if pass_rate is None:
        return "not_measured"
    if pass_rate in (0.0, 1.0):
        return "always_passes" if pass_rate else "always_fails"
    return "half_or_more" if pass_rate >= 0.5 else "below_half"
