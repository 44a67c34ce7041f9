"""`stages.calibrate` from graded answers to thresholds, metrics, predictions and curves."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score, roc_auc_score
from stages.calibrate import Params, main
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.shared.params import read as read_params
from stages.shared.rows import Ending, Kind, Trace

PARAMS = """\
seed: 3
systems: {rules: {}}
classifiers:
  rules:
    system: rules
    calibrate: {positive: spam, negative: ham, label_only: [direct]}
"""
OUT = Path("metrics/rules_report")
CURVES = Path("metrics/rules_curves")
BOOK = "R1. offer: spam\nWhen: it sells\n\nR2. friend: ham"
HOSTILE = 'He said "win",\r\n=1+1\n🜞'


def row(id: str, split: str, by: str, gold: str, prob: float | None, text: str = "", **more: Any) -> Trace:
    said = "spam" if (prob or 0) >= 0.5 else "ham"
    fixed: dict[str, Any] = {"task": "t", "kind": Kind.LABEL, "style": "s", "sampler": "hf", "model": "m", "messages": [], "sample": 0}
    right = said == gold
    values: dict[str, Any] = {
        "question": f"text {id}", "choices": ["ham", "spam"], "ending": Ending.STOP, "tokens": 4, "pred": said,
        "grades": {"answer": float(right)}, "reasons": {} if right else {"answer": "wrong"},
        "text": text or f"<label>{said}</label>", "label_probs": None if prob is None else {"ham": 1 - prob, "spam": prob},
    }  # fmt: skip
    return Trace(id=id, split=split, by=by, answer=gold, **fixed | values | more)


def probability(rng: random.Random, positive: bool, shift: float = 0.0) -> float:
    return min(0.999, max(0.001, rng.gauss(0.55 + shift if positive else 0.35 + shift, 0.12)))


def rows(shift: float = 0.0) -> list[Trace]:
    """200 test problems, 150 of validation: the student's probabilities are good, the words' say nothing, the base gives none.

    `shift` moves the student's probabilities of test problems alone, so that a better threshold for them lies elsewhere."""
    rng, made = random.Random(0), []
    for split, count in (("test", 200), ("validation", 150)):
        for number in range(count):
            positive = number % 3 == 0
            gold = "spam" if positive else "ham"
            id = f"{split}-{number}"
            moved = shift if split == "test" else 0.0
            cites = "<think>R1 sells</think>" if positive else "<think>R2 applies</think>"
            rules: dict[str, Any] = {"rule_book": BOOK, "chain": ["R1" if positive else "R2"]}
            made.append(row(id, split, "student", gold, probability(rng, positive, moved), cites + "<label>spam</label>", **rules))
            made.append(row(id, split, "direct", gold, probability(rng, positive), **rules))
            made.append(row(id, split, "words", gold, rng.random(), **rules))
            made.append(row(id, split, "base", gold, None, **rules))
            if split == "test":
                made.append(row(id, split, "probe", gold, None, sample=0, **rules))
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    return tmp_path


def calibrate(given: list[Trace]) -> None:
    write(Path("data/rules/graded.jsonl"), given)
    main("rules")


def metrics(name: str) -> Any:
    return json.loads((OUT / f"{name}.json").read_text())


def predictions(split: str) -> list[dict[str, str]]:
    with Path(f"data/rules/predictions/rules/{split}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_reported(project: Path) -> None:
    calibrate(rows())
    found, direct = metrics("metrics_test"), metrics("metrics_test_label_only")
    assert (found["n"], found["positives"], set(found["accuracy"]), set(direct["accuracy"])) == (
        200,
        67,
        {"student", "words", "base"},
        {"direct"},
    )
    assert found["auroc"]["student"] > 0.85 and 0.4 < found["auroc"]["words"] < 0.6
    assert set(found["auroc"]) == {"student", "words"}  # the base gives no probabilities
    assert found["rule_recall"]["student"] == found["rule_precision"]["student"] == 1 and "rule_recall" not in direct
    assert found["confusion"]["base"] == {
        "true_positive": 0, "false_negative": 67, "invalid_positive": 0, "true_negative": 133, "false_positive": 0, "invalid_negative": 0,
    }  # fmt: skip
    pairs = {"student_direct", "student_words", "student_base", "direct_words", "direct_base", "words_base"}
    assert set(found["mcnemar"]) == set(found["difference_macro_f1"]) == set(found["difference_accuracy"]) == pairs
    assert found["mcnemar"]["student_words"]["p"] < 0.001 and found["interval"]["difference_macro_f1"]["student_words"][0] > 0
    assert metrics("metrics_train") == metrics("metrics_train_label_only") == {"n": 0}
    assert metrics("metrics_validation")["n"] == 150


def test_metrics_are_of_the_predictions(project: Path) -> None:
    calibrate(rows())
    table = [line for line in predictions("test") if line["arm"] == "student"]
    gold, pred = ([line[name] == "spam" for line in table] for name in ("gold", "pred"))
    found = metrics("metrics_test")
    assert found["macro_f1"]["student"] == pytest.approx(f1_score(gold, pred, average="macro"), abs=1e-4)
    assert found["auroc"]["student"] == pytest.approx(roc_auc_score(gold, [float(line["p1"]) for line in table]), abs=1e-3)
    threshold = metrics("run_summary")["arms"]["student"]["threshold"]
    assert all((line["pred"] == "spam") == (float(line["p1"]) >= threshold) for line in table if abs(float(line["p1"]) - threshold) > 1e-5)
    assert {line["cited_rules"] for line in table} == {"R1", "R2"}


def test_the_threshold_is_not_taken_from_test(project: Path) -> None:
    """On the test problems another threshold is far better; the one of validation is applied, and nothing of it depends on test."""
    calibrate(rows())
    chosen = metrics("run_summary")["arms"]["student"]
    calibrate(rows(shift=0.3))
    assert {**metrics("run_summary")["arms"]["student"], "macro_f1": {}} == {**chosen, "macro_f1": {}}
    table = [line for line in predictions("test") if line["arm"] == "student"]
    gold = [line["gold"] == "spam" for line in table]
    best = max(f1_score(gold, [float(line["p1"]) >= cut for line in table], average="macro") for cut in (k / 100 for k in range(100)))
    assert metrics("metrics_test")["macro_f1"]["student"] < best - 0.2


def test_a_threshold_raises_macro_f1_on_validation(project: Path) -> None:
    calibrate(rows())
    found, chosen = metrics("metrics_validation"), metrics("run_summary")["arms"]["student"]
    assert found["macro_f1"]["student"] > found["stated_macro_f1"]["student"]  # the texts name the label from 0.5 on
    low, high = chosen["threshold_interval"]
    assert 0 < low <= chosen["threshold"] <= high < 1


def test_the_same_bytes_twice(project: Path) -> None:
    def contents() -> dict[str, bytes]:
        files = [path for folder in ("metrics", "data/rules/predictions") for path in Path(folder).rglob("*") if path.is_file()]
        return {path.as_posix(): path.read_bytes() for path in files}

    calibrate(rows())
    first = contents()
    calibrate(rows())
    assert contents() == first
    Path("params.yaml").write_text(PARAMS.replace("seed: 3", "seed: 4"))
    calibrate(rows())
    changed = {name for name, content in contents().items() if first[name] != content}
    assert "metrics/rules_report/metrics_test.json" in changed and "data/rules/predictions/rules/test.csv" not in changed


def test_texts_are_exported_as_they_are(project: Path) -> None:
    given = rows()
    for trace in given[:5]:
        trace.question = HOSTILE
    calibrate(given)
    assert [line["text"] for line in predictions("test")[:5]] == [HOSTILE] * 4 + ["text test-1"]  # the probe is left out


def test_the_curves(project: Path) -> None:
    CURVES.mkdir(parents=True)
    (CURVES / "roc_gone.csv").write_text("of an earlier run")
    calibrate(rows())
    curves = ("roc", "precision_recall", "calibration", "risk_coverage", "thresholds")
    assert {path.stem for path in CURVES.iterdir()} == {f"{curve}_{arm}" for curve in curves for arm in ("student", "words", "direct")}


def test_a_fixed_threshold_needs_no_validation(project: Path) -> None:
    Path("params.yaml").write_text(PARAMS.replace("label_only: [direct]", "choose: {calibrate: false, threshold: 0.5}"))
    calibrate([trace for trace in rows() if trace.split == "test"])
    found = metrics("metrics_test")
    assert found["macro_f1"]["student"] == pytest.approx(
        f1_score(
            *zip(
                *((line["gold"] == "spam", float(line["p1"]) >= 0.5) for line in predictions("test") if line["arm"] == "student"),
                strict=True,
            ),
            average="macro",
        ),
        abs=1e-4,
    )
    assert found["ece"] == found["ece_uncalibrated"] and metrics("metrics_validation") == {"n": 0}


def test_every_pair_that_params_name(project: Path) -> None:
    Path("params.yaml").write_text(PARAMS.replace("label_only: [direct]", "compare: {gain: [student, words]}"))
    calibrate(rows())
    assert set(metrics("metrics_test")["mcnemar"]) == {"gain"}


FAULTS: list[tuple[str, str, Callable[[Trace], bool], str]] = [
    ("no validation", "", lambda trace: trace.split == "test", "arm 'student' answered no validation problem"),
    ("no test", "", lambda trace: trace.split != "test", "no test problem was answered"),
    ("one class", "", lambda trace: trace.split == "test" or trace.answer == "ham", "none of 100 problems has the label 'spam'"),
    ("a stranger", "label_only: [nobody]", lambda trace: True, "classifiers.rules.calibrate.label_only: unknown arm 'nobody'"),
    ("compared", "compare: {a: [student, nobody]}", lambda trace: True, "calibrate.compare.a: unknown arm 'nobody'"),
    ("other labels", "bins: 5, positive: eggs", lambda trace: True, "its gold label is 'spam'; expected 'eggs' or 'ham'"),
]  # fmt: skip


@pytest.mark.parametrize(("params", "keep", "message"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_what_cannot_be_reported(project: Path, params: str, keep: Callable[[Trace], bool], message: str) -> None:
    text = PARAMS.replace("label_only: [direct]", params or "bins: 10")
    Path("params.yaml").write_text(text.replace("positive: spam, ", "") if "eggs" in params else text)
    with pytest.raises(BadInput, match=message):
        calibrate([trace for trace in rows() if keep(trace)])
    assert not OUT.exists()


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("positive: spam, ", "", "positive: is missing"),
        ("label_only: [direct]", "bins: 1", "bins: .*greater than or equal to 2"),
        ("label_only: [direct]", "choose: {threshold: 2.0}", "choose.threshold: .*less than or equal to 1"),
        ("label_only: [direct]", "compare: {a: [x, x]}", "compare.a: expected two different arms"),
        ("system: rules", "system: other", "classifiers.rules.system: unknown system 'other'"),
    ],
)
def test_faulty_params(project: Path, good: str, bad: str, message: str) -> None:
    assert good in PARAMS
    Path("params.yaml").write_text(PARAMS.replace(good, bad))
    with pytest.raises(BadInput, match=message):
        read_params("rules", "calibrate", Params, family="classifiers")
        main("rules")
