"""The answers of one arm to a classification, as arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.scores.measures.table import Flags, Numbers
from stages.shared.errors import BadInput
from stages.shared.rows import PROBE, Trace
from stages.shared.rule_books import cited, ids_of, reasoning_of

POSITIVE, NEGATIVE, INVALID = 1, 0, -1
Codes = npt.NDArray[np.int8]  # one of the three for each problem


class Classes(NamedTuple):
    """The two labels of a classification, as the gold answers write them."""

    positive: str
    negative: str

    def code(self, label: str) -> int:
        """POSITIVE or NEGATIVE; INVALID for any other label. Case and space around it do not count."""
        written = label.strip().casefold()
        codes = {self.positive.casefold(): POSITIVE, self.negative.casefold(): NEGATIVE}
        return codes.get(written, INVALID)


@dataclass(frozen=True)
class Labelled:
    """One answer to each problem of a split; every array has the shape (problems,)."""

    ids: Sequence[str]
    gold: Flags  # whether the gold label is the positive one
    stated: Codes  # the label that the text of the answer names
    probs: Numbers | None  # of the positive label; None where the arm gives no probabilities
    tokens: Numbers
    # of each problem whose deciding rules are known: the rules that the answer cites, and those that decide
    rules: Sequence[tuple[frozenset[str], frozenset[str]]] = ()
    # places of the problems that stand twice, the second time under an edited rule book
    pairs: Sequence[tuple[int, int]] = ()

    def __len__(self) -> int:
        return len(self.gold)


class _Columns:
    """What is kept of the answers of one arm to one split."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.gold: list[bool] = []
        self.stated: list[int] = []
        self.probs: list[float] = []
        self.tokens: list[int] = []
        self.rules: list[tuple[frozenset[str], frozenset[str]]] = []
        self.originals: list[str | None] = []  # of a problem under an edited rule book the id of the original


Arms = dict[str, dict[str, Labelled]]  # by split, then by arm


def collect_arms(traces: Iterable[Trace], classes: Classes) -> Arms:
    """The answers of every arm, by split; the texts are not kept. Answers of the probe are left out.

    Raises BadInput on a gold answer that is neither label, on an arm with several answers to a problem, on
    probabilities of other labels, on an arm that gives probabilities for some problems only, on arms of one
    split that answered different problems, and on a split that lacks one of the classes.
    """
    columns: dict[tuple[str, str], _Columns] = {}
    for trace in traces:
        if trace.by != PROBE:
            _add(columns.setdefault((trace.split, trace.by), _Columns()), trace, classes)
    arms: Arms = {}
    for (split, by), kept in columns.items():
        arms.setdefault(split, {})[by] = _labelled(kept, f"arm {by!r}, split {split!r}")
    for split, answered in arms.items():
        _check_split(split, answered, classes)
    return arms


def _add(columns: _Columns, trace: Trace, classes: Classes) -> None:
    gold = classes.code(trace.answer)
    if gold == INVALID:
        raise BadInput(
            f"problem {trace.id!r}: its gold label is {trace.answer!r}; "
            f"expected {classes.positive!r} or {classes.negative!r}"
        )
    if columns.ids and columns.ids[-1] == trace.id:
        raise BadInput(f"problem {trace.id!r}: arm {trace.by!r} has more than one answer; expected one")
    columns.ids.append(trace.id)
    columns.gold.append(gold == POSITIVE)
    columns.stated.append(stated_label(trace, classes))
    columns.tokens.append(trace.tokens)
    columns.originals.append(trace.pair)
    if trace.chain is not None:
        columns.rules.append((frozenset(cited_rules(trace)), frozenset(trace.chain)))
    if trace.label_probs is not None:
        if set(map(classes.code, trace.label_probs)) != {POSITIVE, NEGATIVE} or len(trace.label_probs) != 2:
            raise BadInput(
                f"row {trace.trace_id!r}: it has probabilities of {', '.join(trace.label_probs)}; "
                f"expected those of {classes.positive} and {classes.negative}"
            )
        columns.probs += [prob for name, prob in trace.label_probs.items() if classes.code(name) == POSITIVE]


def stated_label(trace: Trace, classes: Classes) -> int:
    """The label that the answer names, as a code; INVALID where it names none of the two."""
    if trace.grades.get("answer") == 1:
        return classes.code(trace.answer)
    named = INVALID if trace.pred is None else classes.code(trace.pred)
    if named == INVALID and trace.reasons.get("answer") == "wrong":
        # the grader read the pred as a label in other words, and it is not the gold one
        return NEGATIVE if classes.code(trace.answer) == POSITIVE else POSITIVE
    return named


def cited_rules(trace: Trace) -> list[str]:
    """The rules of its rule book that the reasoning of an answer cites."""
    ids = ids_of(trace.rule_book) if trace.rule_book else []
    return cited(reasoning_of(trace.text), ids) if ids else []


def _labelled(columns: _Columns, where: str) -> Labelled:
    if len(columns.probs) not in (0, len(columns.ids)):
        raise BadInput(
            f"{where}: {len(columns.probs)} of {len(columns.ids)} answers have label_probs; "
            "expected all or none"
        )
    places = {name: place for place, name in enumerate(columns.ids)}
    return Labelled(
        ids=columns.ids,
        gold=np.array(columns.gold, dtype=np.bool_),
        stated=np.array(columns.stated, dtype=np.int8),
        probs=np.array(columns.probs, dtype=np.float64) if columns.probs else None,
        tokens=np.array(columns.tokens, dtype=np.float64),
        rules=columns.rules,
        pairs=[
            (places[original], place)
            for place, original in enumerate(columns.originals)
            if original is not None and original in places
        ],
    )


def _check_split(split: str, arms: dict[str, Labelled], classes: Classes) -> None:
    first = next(iter(arms))
    for name, arm in arms.items():
        if arm.ids != arms[first].ids:
            raise BadInput(
                f"split {split!r}: arms {first!r} and {name!r} answered different problems, or in another "
                "order"
            )
    gold = arms[first].gold
    for label, there in ((classes.positive, gold.any()), (classes.negative, not gold.all())):
        if not there:
            raise BadInput(
                f"split {split!r}: none of {len(gold)} problems has the label {label!r}; expected both labels"
            )
