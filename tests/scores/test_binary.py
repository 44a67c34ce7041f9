"""Two classes told apart: every number against scikit-learn, scipy or a count by hand."""

import csv
import io
import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest
from sklearn import metrics as sk
from stages.scores.binary import abstention, calibration, confusion, drawings, thresholds
from stages.scores.binary.classified import INVALID, NEGATIVE, POSITIVE, Classes, Labelled, collect_arms, stated_label
from stages.scores.binary.mcnemar import mcnemar
from stages.scores.binary.measuring import arm_estimates
from stages.scores.binary.operating import Choices, apply, choose
from stages.scores.binary.ranks import auprc, auroc
from stages.scores.binary.rule_citations import citation_estimates
from stages.scores.measures.intervals import wilson
from stages.scores.measures.table import Flags, Numbers
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Trace

CLASSES = Classes("spam", "ham")


def drawn(seed: int, n: int = 200, rounded: int = 9) -> tuple[Numbers, Flags]:
    """Probabilities that say something of the classes; `rounded` to few digits they have ties."""
    rng = np.random.default_rng(seed)
    gold = rng.random(n) < 0.3
    probs = np.round(np.clip(rng.normal(0.35 + 0.25 * gold, 0.2), 0, 1), rounded).astype(np.float64)
    return probs, gold


def arm(probs: Any, gold: Any) -> Labelled:
    flags = np.array(gold, dtype=bool)
    return Labelled([f"p{n}" for n in range(len(flags))], flags, flags.astype(np.int8), np.array(probs, dtype=float), np.ones(len(flags)))


@pytest.mark.parametrize("seed", range(4))
def test_confusion_agrees_with_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold, pred = rng.random(80) < 0.3, rng.choice([POSITIVE, NEGATIVE, INVALID], 80, p=[0.4, 0.5, 0.1]).astype(np.int8)
    found = confusion.confusion_estimates(gold, pred, 0)
    f1 = sk.f1_score(gold, pred, labels=[0, 1], average=None)
    expected = {
        "accuracy": sk.accuracy_score(gold, pred),
        "macro_f1": f1.mean(),
        "f1_negative": f1[0],
        "f1_positive": f1[1],
        "balanced_accuracy": sk.recall_score(gold, pred, labels=[0, 1], average="macro"),
        "mcc": sk.matthews_corrcoef(gold.astype(int), pred),
        "precision_positive": sk.precision_score(gold, pred, labels=[1], average="macro"),
        "recall_positive": sk.recall_score(gold, pred, labels=[1], average="macro"),
        "precision_negative": sk.precision_score(gold, pred, labels=[0], average="macro"),
        "recall_negative": sk.recall_score(gold, pred, labels=[0], average="macro"),
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        estimate = found[name]
        assert estimate is not None and estimate.value == pytest.approx(value), name
        assert estimate.low < estimate.value < estimate.high


# true positives, false negatives, invalid positives, true negatives, false positives, invalid negatives -> macro-F1, accuracy, MCC
BY_HAND = [
    ((5, 0, 0, 5, 0, 0), 1.0, 1.0, 1.0),
    ((0, 5, 0, 5, 0, 0), 1 / 3, 0.5, 0.0),  # all called negative: F1 of 0 and of 2/3
    ((4, 0, 1, 5, 0, 0), (8 / 9 + 1) / 2, 0.9, 45 / math.sqrt((100 - 42) * 50) * 40 / 45),
    ((0, 0, 5, 0, 0, 5), 0.0, 0.0, 0.0),  # no text names a label
]


@pytest.mark.parametrize(("sums", "macro", "share", "correlation"), BY_HAND)
def test_confusion_by_hand(sums: tuple[int, ...], macro: float, share: float, correlation: float) -> None:
    row = np.array(sums, dtype=float)
    assert [float(f(row)) for f in (confusion.macro_f1, confusion.accuracy)] == pytest.approx([macro, share])
    gold = np.array([True] * sum(sums[:3]) + [False] * sum(sums[3:]))
    codes = [(1, 0, -1), (0, 1, -1)]
    pred = np.array(
        [
            code
            for side, counts in zip(codes, (sums[:3], sums[3:]), strict=True)
            for code, k in zip(side, counts, strict=True)
            for _ in range(k)
        ]
    )
    assert float(confusion.mcc(row)) == pytest.approx(sk.matthews_corrcoef(gold.astype(int), pred))
    assert list(confusion.cells(gold, pred.astype(np.int8)).values()) == list(sums)
    if correlation in (0.0, 1.0):
        assert float(confusion.mcc(row)) == correlation


def test_a_perfect_arm_has_an_interval() -> None:
    gold = np.array([True, False] * 20)
    found = confusion.confusion_estimates(gold, gold.astype(np.int8), 0)
    assert all(estimate and estimate.value == 1 and estimate.low < 0.95 for estimate in found.values())


@pytest.mark.parametrize("rounded", [9, 1])
@pytest.mark.parametrize("seed", range(3))
def test_areas_agree_with_sklearn(seed: int, rounded: int) -> None:
    probs, gold = drawn(seed, rounded=rounded)
    for ours, theirs in ((auroc, sk.roc_auc_score), (auprc, sk.average_precision_score)):
        found = ours(probs, gold, 0)
        assert found and found.value == pytest.approx(theirs(gold, probs))
        assert found.low < found.value < found.high


def test_a_resample_is_the_statistic_of_what_was_drawn() -> None:
    """The weights stand for problems that are drawn several times or not at all."""
    from stages.scores.measures.intervals import weighted_bootstrap

    probs, gold = drawn(1, 60, 1)
    rng = np.random.default_rng(5)
    rows = rng.integers(60, size=(2000, 60))
    expected = np.percentile([sk.roc_auc_score(gold[row], probs[row]) for row in rows], [2.5, 97.5])
    found = auroc(probs, gold, 5)
    assert found and [found.low, found.high] == pytest.approx(list(expected))
    assert weighted_bootstrap(0, lambda weights: weights.sum(axis=1), 0) is None


@pytest.mark.parametrize("gold", [[True] * 5, [False] * 5])
def test_areas_are_undefined_without_both_classes(gold: list[bool]) -> None:
    flags = np.array(gold)
    assert auroc(np.linspace(0, 1, 5), flags, 0) is None
    assert (auprc(np.linspace(0, 1, 5), flags, 0) is None) == (not gold[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_the_temperature_is_where_the_cross_entropy_is_lowest(seed: int, true: float) -> None:
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 2, 3000)
    gold = rng.random(3000) < 1 / (1 + np.exp(-odds))
    probs = 1 / (1 + np.exp(-odds * true))  # their log-odds are `true` times too large
    found = calibration.fit_temperature(probs, gold)
    n = int(gold.sum())
    targets = np.where(gold, (n + 1) / (n + 2), 1 / (3000 - n + 2))

    def entropy(temperature: float) -> float:
        p = calibration.scaled(probs, temperature)
        return float(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean())

    reference = minimize_scalar(entropy, bounds=(0.01, 100), method="bounded", options={"xatol": 1e-9})
    assert found == pytest.approx(reference.x, rel=1e-3) and found == pytest.approx(true, rel=0.15)
    before, after = (calibration.ece(p, gold, 10, 0).value for p in (probs, calibration.scaled(probs, found)))
    assert after < before / 2 if true != 1.0 else after < before + 0.01


def test_classes_that_are_parted_have_a_finite_temperature() -> None:
    gold = np.array([False] * 50 + [True] * 50)
    found = calibration.fit_temperature(np.where(gold, 0.9, 0.1), gold)
    assert found == pytest.approx(math.log(9) / math.log(51))  # log-odds of the targets, 51/52 and 1/52


def test_brier_and_ece() -> None:
    probs, gold = drawn(2)
    found = calibration.brier(probs, gold, 0)
    assert found and found.value == pytest.approx(sk.brier_score_loss(gold, probs))
    shares = np.array([0.05, 0.05, 0.95, 1.0])
    assert calibration.ece(shares, np.array([False, True, True, True]), 10, 0).value == pytest.approx(0.9 / 4 + 0.05 / 4)


@pytest.mark.parametrize(("true", "other"), [(10, 3), (0, 0), (7, 7), (1, 9), (60, 30)])
def test_mcnemar_is_the_binomial_test(true: int, other: int) -> None:
    first = np.array([True] * true + [False] * other + [True] * 5)
    found = mcnemar(first, np.array([False] * true + [True] * other + [True] * 5))
    expected = binomtest(true, true + other).pvalue if true + other else 1.0
    assert (found["only_first"], found["only_second"]) == (true, other)
    assert found["p"] == pytest.approx(expected)


# probabilities, gold labels -> the threshold
THRESHOLDS = [
    ("parted by the middle", [0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 0.5),
    ("parted below", [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], 0.25),
    ("parted above", [0.6, 0.7, 0.8, 0.9], [0, 0, 1, 1], 0.75),
    ("of two that are as good and as near, the lower", [0.2, 0.4, 0.6, 0.8], [0, 1, 0, 1], 0.3),
    ("all the same", [0.3] * 4, [0, 1, 1, 1], 0.15),
    ("all certain", [1.0] * 4, [0, 1, 1, 1], 0.5),
]


@pytest.mark.parametrize(("probs", "gold", "expected"), [case[1:] for case in THRESHOLDS], ids=[case[0] for case in THRESHOLDS])
def test_the_threshold(probs: list[float], gold: list[int], expected: float) -> None:
    found = thresholds.choose_threshold(np.array(probs), np.array(gold, dtype=bool), 0)
    assert found and found.value == pytest.approx(expected)
    assert 0 <= found.low <= found.high <= 1


@pytest.mark.parametrize("rounded", [9, 1])
@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_is_better_than_the_chosen_one(seed: int, rounded: int) -> None:
    """Of all of them, tried one by one: by macro-F1, then accuracy, then nearness to 0.5."""
    probs, gold = drawn(seed, 60, rounded)
    found = thresholds.choose_threshold(probs, gold, 0)
    assert found

    def rank(threshold: float) -> tuple[float, float]:
        pred = probs >= threshold
        return round(sk.f1_score(gold, pred, average="macro"), 10), round(sk.accuracy_score(gold, pred), 10)

    tried = [(rank(threshold), threshold) for threshold in np.linspace(0, 1, 1001)]
    best = max(tried)[0]
    assert rank(found.value) == best
    nearest = min(abs(threshold - 0.5) for score, threshold in tried if score == best)
    values = np.unique(probs)
    gap = max(np.diff(np.concatenate([[0], values, [1]])))
    assert abs(found.value - 0.5) <= nearest + gap  # the middle between two probabilities, not their nearer end


def test_the_curve_of_thresholds_agrees_with_sklearn() -> None:
    probs, gold = drawn(3, 60, 2)
    for threshold, macro, share in thresholds.threshold_curve(probs, gold):
        pred = probs >= threshold
        assert (macro, share) == pytest.approx((sk.f1_score(gold, pred, average="macro"), sk.accuracy_score(gold, pred)))


def test_the_interval_of_the_threshold_narrows_with_more_problems() -> None:
    widths = []
    for n in (50, 5000):
        found = thresholds.choose_threshold(*drawn(0, n), 0)
        assert found and found.low <= found.value <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0]


def test_risk_and_coverage_by_hand() -> None:
    certain, wrong = np.array([0.9, 0.5, 0.5, 0.1]), np.array([False, True, False, True])
    assert abstention.risk_coverage(certain, wrong) == [(0.9, 0.25, 0.0), (0.5, 0.75, pytest.approx(1 / 3)), (0.1, 1.0, 0.5)]
    assert [abstention.certainty_for(certain, wrong, risk) for risk in (0.0, 0.4, 0.5)] == [0.9, 0.5, 0.1]
    assert abstention.certainty_for(certain, ~np.array([False] * 4), 0.5) is None
    found = abstention.aurc(certain, wrong, 0)
    assert found and found.value == pytest.approx((0 + 2 / 3 + 0.5) / 4)


@pytest.mark.parametrize(("prob", "expected"), [(0.2, 0.0), (0.6, 0.5), (1.0, 1.0), (0.0, 1.0), (0.1, 0.5)])
def test_certainty(prob: float, expected: float) -> None:
    assert abstention.certainty(np.array([prob]), 0.2)[0] == pytest.approx(expected)


def test_what_is_chosen_on_validation_is_applied_as_it_is() -> None:
    validation, test = arm([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]), arm([0.3, 0.4, 0.6, 0.7], [0, 0, 1, 1])
    chosen = choose("student", validation, Choices(calibrate=False), 0)
    assert chosen.threshold.value == pytest.approx(0.25) and chosen.temperature == 1
    assert apply(test, chosen).pred.tolist() == [1, 1, 1, 1]  # 0.5 would be right four times
    fixed = choose("student", None, Choices(calibrate=False, threshold=0.5), 0)
    assert apply(test, fixed).pred.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("choices", [{}, {"threshold": 0.5}, {"calibrate": False}])
def test_without_validation_nothing_is_chosen(choices: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="arm 'student' answered no validation problem, so no threshold"):
        choose("student", None, Choices(**choices), 0)


def test_calibration_changes_no_order() -> None:
    probs, gold = drawn(7)
    chosen = choose("a", arm(probs, gold), Choices(), 0)
    found = apply(arm(probs, gold), chosen).probs
    assert found is not None and (np.argsort(found, kind="stable") == np.argsort(probs, kind="stable")).all()


def test_rules_by_hand() -> None:
    cited = [frozenset({"R1"}), frozenset({"R1", "R2"}), frozenset()]
    true = [frozenset({"R1"}), frozenset({"R2"}), frozenset({"R3"})]
    found = citation_estimates(list(zip(cited, true, strict=True)), 0)
    assert [round(estimate.value, 4) for estimate in found.values() if estimate] == [0.6667, 0.6667, 0.3333]
    assert citation_estimates([(frozenset(), frozenset({"R1"}))] * 3, 0)["rule_precision"] is None


def trace(id: str = "p1", by: str = "student", gold: str = "spam", pred: str | None = "spam", **more: Any) -> Trace:
    right = pred is not None and pred.casefold() == gold.casefold()
    fixed: dict[str, Any] = {"task": "t", "kind": Kind.LABEL, "style": "s", "sampler": "hf", "model": "m", "messages": []}
    values: dict[str, Any] = fixed | {
        "split": "test", "question": "q", "choices": ["ham", "spam"], "sample": 0, "text": "x", "ending": Ending.STOP, "tokens": 2,
        "grades": {"answer": float(right)}, "reasons": {} if right else {"answer": "no_answer" if pred is None else "wrong"},
    }  # fmt: skip
    return Trace(id=id, by=by, answer=gold, pred=pred, **values | more)


STATED = [
    ("spam", "spam", POSITIVE),
    ("spam", "ham", NEGATIVE),
    ("ham", "Spam ", POSITIVE),
    ("spam", None, INVALID),
    ("spam", "not wanted", NEGATIVE),  # the grader read it as the label that is not the gold one
]


@pytest.mark.parametrize(("gold", "pred", "code"), STATED)
def test_the_label_that_a_text_states(gold: str, pred: str | None, code: int) -> None:
    assert stated_label(trace(gold=gold, pred=pred), CLASSES) == code


PROBS = {"ham": 0.25, "spam": 0.75}
FAULTY: list[tuple[str, list[Trace], str]] = [
    ("another gold label", [trace(gold="eggs")], "problem 'p1': its gold label is 'eggs'; expected 'spam' or 'ham'"),
    ("two answers", [trace(), trace(sample=1)], "problem 'p1': arm 'student' has more than one answer"),
    ("other labels", [trace(label_probs={"a": 1.0, "ham": 0.0})], "it has probabilities of a, ham; expected those of spam and ham"),
    ("some without", [trace(label_probs=PROBS), trace("p2", gold="ham")], "1 of 2 answers have label_probs"),
    ("other problems", [trace(), trace("p2", gold="ham", by="base")], "'student' and 'base' answered different problems"),
    ("one class", [trace(), trace("p2")], "split 'test': none of 2 problems has the label 'ham'; expected both labels"),
]


@pytest.mark.parametrize(("traces", "message"), [case[1:] for case in FAULTY], ids=[case[0] for case in FAULTY])
def test_answers_that_cannot_be_reported(traces: list[Trace], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        collect_arms(traces, CLASSES)


def test_answers_as_arrays() -> None:
    rows = [
        trace(label_probs=PROBS),
        trace("p2", gold="ham", pred=None, label_probs=PROBS),
        trace("p3", by="probe"),
        trace("p3", by="probe"),
    ]
    found = collect_arms(rows, CLASSES)["test"]["student"]
    assert (found.ids, found.gold.tolist(), found.stated.tolist()) == (["p1", "p2"], [True, False], [POSITIVE, INVALID])
    assert found.probs is not None and found.probs.tolist() == [0.75, 0.75]


@pytest.mark.parametrize(
    ("preds", "followed", "changed"),
    [
        (("spam", "ham"), 1.0, 1.0),
        (("spam", "spam"), 0.0, 0.0),  # whoever does not read the rule book says the same both times, and is right once
        (("ham", "spam"), 0.0, 1.0),
        (("spam", "eggs"), 0.0, 0.0),  # no label is no change
    ],
)
def test_pairs_of_a_rule_book_and_an_edited_one(preds: tuple[str, str], followed: float, changed: float) -> None:
    rows = [trace(f"p{n}{end}", pred=pred, gold=gold, pair=f"p{n}" if end else None) for n in range(3)
            for end, pred, gold in (("", preds[0], "spam"), ("-edited", preds[1], "ham"))]  # fmt: skip
    found = collect_arms(rows, CLASSES)["test"]["student"]
    assert found.pairs == [(0, 1), (2, 3), (4, 5)]
    told = arm_estimates(found, apply(found, None), None, 10, 0)
    for name, share in (("pairs_followed", followed), ("pairs_changed", changed)):
        assert told[name] == wilson(round(3 * share), 3)


def test_the_curves() -> None:
    probs, gold = drawn(4, 300)
    labels = apply(arm(probs, gold), choose("a", arm(probs, gold), Choices(), 0))
    found = {name: list(csv.reader(io.StringIO(text))) for name, text in drawings.drawings("a", arm(probs, gold), labels, 10).items()}
    assert set(found) == {"roc_a", "precision_recall_a", "calibration_a", "risk_coverage_a"}
    assert found["roc_a"][1] == ["0.0", "0.0"] and found["roc_a"][-1] == ["1.0", "1.0"]
    assert found["risk_coverage_a"][-1][0] == "1.0"
    assert {row[0] for row in found["calibration_a"][1:]} == {"calibrated", "uncalibrated"}
    assert max(map(len, found.values())) <= drawings.POINTS + 2
