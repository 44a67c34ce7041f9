"""The predictions of a classification as tables: a row for each answer."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from stages.scores.binary.classified import NEGATIVE, POSITIVE, Classes, Labelled, cited_rules
from stages.scores.binary.operating import Labels, Operating, apply
from stages.shared.rows import PROBE, Trace

# p1: the calibrated probability of the positive label; pred: the label at the threshold; stated: the label
# that the answer names
COLUMNS = ("arm", "id", "text", "gold", "pred", "p1", "p1_uncalibrated", "stated", "reasoning", "cited_rules")


class Split:
    """The arms of one split with their labels."""

    def __init__(self, arms: Mapping[str, Labelled], operating: Mapping[str, Operating]) -> None:
        self.arms = arms
        self.labels: dict[str, Labels] = {name: apply(arm, operating.get(name)) for name, arm in arms.items()}


def predictions_of(
    traces: Iterable[Trace], splits: Mapping[str, Split], classes: Classes
) -> Iterator[tuple[str, str]]:
    """The lines of the table of each split, each with the name of its split; the first of a split names the
    columns. `traces` are those of which the arms of `splits` were collected."""
    for name in splits:
        yield name, _line(COLUMNS)
    places: dict[tuple[str, str], int] = {}
    for trace in traces:
        if trace.by != PROBE:
            place = places.get((trace.split, trace.by), 0)
            places[trace.split, trace.by] = place + 1
            yield trace.split, _line(_cells(trace, splits[trace.split], place, classes))


def _cells(trace: Trace, split: Split, place: int, classes: Classes) -> list[str]:
    arm, labels = split.arms[trace.by], split.labels[trace.by]
    names = {POSITIVE: classes.positive, NEGATIVE: classes.negative}
    return [
        trace.by,
        trace.id,
        trace.question,
        trace.answer,
        names.get(int(labels.pred[place]), ""),
        "" if labels.probs is None else f"{labels.probs[place]:.6f}",
        "" if arm.probs is None else f"{arm.probs[place]:.6f}",
        names.get(int(arm.stated[place]), ""),
        trace.text if trace.reasoning is None else trace.reasoning,
        " ".join(cited_rules(trace)),
    ]


def _line(cells: Iterable[str]) -> str:
    """One row of a table; cells with quotes, commas or line breaks are quoted (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
