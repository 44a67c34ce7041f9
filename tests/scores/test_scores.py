"""The scores, against tables small enough to work out by hand."""

import math
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import f1_score, roc_auc_score
from stages.scores import SCORES, score
from stages.scores.length import Params as LengthParams
from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import wilson
from stages.scores.measures.nesting import report
from stages.scores.measures.table import Table, bin_of, bins
from stages.scores.measures.tabulation import by_problem, tabulate
from stages.scores.pages.samples import Columns, Samples, page
from stages.shared.errors import BadInput
from stages.shared.marks import CRUX, GLYPHS
from stages.shared.rows import Ending, Kind, Trace


def trace(id: str, by: str, right: bool = True, glyph: bool = False, **more: Any) -> Trace:
    values: dict[str, Any] = {
        "level": 1, "pass_rate": 1.0, "tokens": 5, "ending": Ending.STOP, "text": CRUX if glyph else "5", "sample": 0,
        "grades": {"answer": float(right), "glyph_structure": float(glyph)}, "question": f"{id}?", "answer": "5",
        "task": "t",
    }  # fmt: skip
    fixed: dict[str, Any] = {"kind": Kind.NUMBER, "split": "test", "style": "plain", "sampler": "hf", "model": "m"}
    return Trace(id=id, by=by, messages=[], pred=None, reasons={} if right else {"answer": "wrong"}, **fixed, **(values | more))


# problem, level, pass rate, base right; student right, glyph, sound, tokens; always right, tokens; forbidden answer has a glyph
FOUR = [
    ("p1", 1, 1.00, True, True, False, False, 4, True, 10, False),
    ("p2", 2, 0.75, True, False, True, False, 10, True, 12, False),
    ("p3", 3, 0.25, False, True, True, True, 10, True, 14, True),
    ("p4", 7, 0.00, False, True, True, True, 12, False, 12, False),
]


def four() -> list[list[Trace]]:
    problems = []
    for id, level, rate, base, right, glyph, sound, tokens, always, long, leak in FOUR:
        same: dict[str, Any] = {"level": level, "pass_rate": rate}
        grades = {"answer": float(right), "glyph_structure": float(sound)}
        problems.append([
            trace(id, "base", base, **same),
            trace(id, "student", right, glyph, **same, tokens=tokens, grades=grades),
            trace(id, "always", always, True, **same, tokens=long, ending=Ending.STOP if always else Ending.LENGTH),
            trace(id, "forbidden", True, leak, **same),
            trace(id, "probe", True, **same), trace(id, "probe", False, **same, sample=1),
        ])  # fmt: skip
    return problems


MARKS = {"glyphs": list(GLYPHS.values())}
COMPARE = {"student_base": ("student", "base"), "student_always": ("student", "always")}
SECTIONS: dict[str, dict[str, Any]] = {
    "accuracy": {"by_group": ["base", "student", "always"], "solved": ["student_base"]},
    "glyph_use": {"marks": "glyphs", "structure": "glyph_structure", "arm": "student", "forbidden": "forbidden"},
    "length": {"saving": ["student", "always"]},
}
NOTHING_NAMED: dict[str, dict[str, Any]] = {"accuracy": {}, "glyph_use": {}, "length": {}}


def table(problems: list[list[Trace]], hard_below: float = 0.5, compare: dict[str, tuple[str, str]] | None = None) -> Table:
    return tabulate(iter(problems), hard_below, MARKS, COMPARE if compare is None else compare)


TASKS = {"p1": "sums", "p2": "sums", "p3": "sums", "p4": "logic"}


def two_tasks() -> list[list[Trace]]:
    problems = four()
    for arms in problems:
        for arm in arms:
            arm.task = TASKS[arm.id]
    return problems


def params(name: str, sections: dict[str, dict[str, Any]] = SECTIONS) -> Any:
    return score(name).Params.model_validate(sections.get(name, {}))


def scored(built: Table, sections: dict[str, dict[str, Any]] = SECTIONS) -> Estimates:
    metrics: Estimates = {}
    for name in set(SCORES) - {"signal_use"}:  # it needs the facts of a grader; it has a file of its own
        metrics |= score(name).score(built, params(name, sections), 0)
    return metrics


def scored_alone(problems: list[list[Trace]]) -> Estimates:
    """Of problems without the arms that `SECTIONS` and `COMPARE` name."""
    return scored(table(problems, compare={}), NOTHING_NAMED)


EXPECTED = {
    "accuracy.base": 0.5, "accuracy.student": 0.75, "accuracy.always": 0.75, "accuracy.forbidden": 1,
    "accuracy_level.1.student": 1, "accuracy_level.2.student": 0, "accuracy_level.3.base": 0, "accuracy_level.5+.student": 1,
    "accuracy_level_3_up.base": 0, "accuracy_level_3_up.student": 1, "accuracy_level_3_up.always": 0.5,
    "accuracy_failure.0.student": 1, "accuracy_failure.0-25.student": 0, "accuracy_failure.50-75.base": 0, "accuracy_failure.100.always": 0,
    "difference.student_base": 0.25, "difference.student_always": 0, "difference.student_base_solved": 0,
    "glyph_rate.base": 0, "glyph_rate.student": 0.75, "glyph_rate.always": 1, "glyph_rate.hard": 1, "glyph_rate.easy": 0.5,
    "glyph_rate_failure.0": 0, "glyph_rate_failure.0-25": 1, "glyph_rate_failure.50-75": 1, "glyph_rate_failure.100": 1,
    "selectivity": 0.5, "auroc": 0.75, "f1": 0.8, "structure": 2 / 3, "leak_rate": 0.25,
    "tokens.base": 5, "tokens.student": 9, "tokens.always": 12, "token_saving": 0.25,
    "ended_stop.always": 0.75, "ended_length.always": 0.25, "ended_stop.student": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_four_problems(name: str) -> None:
    estimate = scored(table(four()))[name]
    assert estimate is not None
    assert estimate.value == pytest.approx(EXPECTED[name])
    assert estimate.low <= estimate.value <= estimate.high


BY_TASK = {
    "accuracy_task.sums.base": 2 / 3, "accuracy_task.sums.student": 2 / 3, "accuracy_task.logic.student": 1, "accuracy_task.logic.base": 0,
    "accuracy_macro.base": 1 / 3, "accuracy_macro.student": 5 / 6, "accuracy_macro.always": 1 / 2,  # pooled: 0.5, 0.75, 0.75
    "difference_task.sums.student_base": 0, "difference_task.logic.student_base": 1, "difference_macro.student_base": 0.5,
    "difference_macro.student_always": 1 / 3,
    "tokens_task.sums.student": 8, "tokens_task.logic.student": 12, "tokens_macro.student": 10,
}  # fmt: skip


@pytest.mark.parametrize("name", BY_TASK)
def test_two_tasks_count_the_same(name: str) -> None:
    estimate = scored(table(two_tasks()))[name]
    assert estimate is not None
    assert estimate.value == pytest.approx(BY_TASK[name])
    assert estimate.low <= estimate.value <= estimate.high


def test_tasks_are_drawn_with_their_intervals() -> None:
    drawn = score("by_task").plots(table(two_tasks()), params("by_task"))
    lines = drawn["by_task"].splitlines()
    assert lines[:2] == ["task,arm,accuracy,low,high,n", "logic,base,0.0,0.0,0.7935,1"]
    assert [line.split(",")[:3] for line in lines if line.split(",")[1] == "student"] == [
        ["logic", "student", "1.0"],
        ["sums", "student", "0.6667"],
    ]


def test_arms_that_never_disagree_may_still_differ() -> None:
    problems = [[trace(f"p{n}", arm, task=f"t{n % 2}") for arm in ("base", "student")] for n in range(40)]
    built = table(problems, compare={"student_base": ("student", "base")})
    macro, of_a_task = scored(built, NOTHING_NAMED)["difference_macro.student_base"], wilson(0, 20)
    assert macro and of_a_task and macro.value == 0
    assert macro.high == -macro.low == pytest.approx(of_a_task.high / math.sqrt(2))


def test_what_is_compared_and_what_is_reported_by_group_is_what_params_name() -> None:
    built = table(four(), compare={"gain": ("always", "base"), "loss": ("base", "always")})
    metrics = scored(built, SECTIONS | {"accuracy": {"by_group": ["always"], "solved": ["gain"]}, "length": {"saving": ["always", "base"]}})
    differences = {name: estimate.value for name, estimate in metrics.items() if name.startswith("difference.") and estimate}
    assert differences == {"difference.gain": 0.25, "difference.loss": -0.25, "difference.gain_solved": 0}
    assert {name.rsplit(".", 1)[1] for name in metrics if name.startswith(("accuracy_level", "accuracy_failure"))} == {"always"}
    assert {name for name in metrics if name.startswith("difference_macro")} == {"difference_macro.gain", "difference_macro.loss"}
    saving = metrics["token_saving"]
    assert saving and saving.value == pytest.approx(1 - 12 / 5)


def test_metrics_that_params_do_not_ask_for_are_left_out() -> None:
    metrics = scored(table(four(), compare={}), NOTHING_NAMED)
    assert "auroc" in metrics and "glyph_rate.forbidden" in metrics and "accuracy_level.1.forbidden" in metrics
    assert not [name for name in metrics if name.startswith("difference") or name in ("token_saving", "leak_rate")]


@pytest.mark.parametrize("arm", ["student", "always"])
def test_the_arm_whose_glyphs_are_set_against_difficulty_is_a_param(arm: str) -> None:
    metrics = scored(table(four()), SECTIONS | {"glyph_use": {"arm": arm}})
    assert metrics["glyph_rate.easy"] == wilson({"student": 1, "always": 2}[arm], 2)


def test_an_arm_is_not_set_against_itself() -> None:
    with pytest.raises(ValidationError, match="expected two different arms"):
        LengthParams.model_validate({"saving": ["student", "student"]})


def test_columns_are_those_of_the_marks_and_the_graders() -> None:
    traces = [[trace("p1", "student", text="a 🤔", grades={"answer": 1.0, "judge": 0.5})], [trace("p2", "student", text="b")]]
    built = tabulate(traces, 0.5, {"thinking": ["🤔", "🛑"], "letters": ["b", "c"]}, {})
    columns = {name: flags.tolist() for name, flags in built.arms["student"].columns.items()}
    assert columns == {"answer": [True, True], "thinking": [True, False], "letters": [False, True]}  # not every answer has the others


def test_without_a_probe_nothing_is_said_of_difficulty() -> None:
    plain = table([[trace(f"p{n}", arm, pass_rate=None) for arm in ("base", "student", "always", "forbidden")] for n in range(3)])
    metrics = scored(plain)
    assert not any("failure" in name for name in metrics)
    assert not {"auroc", "f1", "selectivity", "glyph_rate.hard", "difference.student_base_solved"} & set(metrics)
    assert [score(name).plots(plain, params(name)) for name in ("accuracy", "glyph_use")] == [{}, {}]


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_auroc_is_undefined_where_all_are_hard_or_all_easy(rate: float) -> None:
    metrics = scored_alone([[trace(f"p{n}", "student", glyph=n > 1, pass_rate=rate)] for n in range(4)])
    assert [metrics[name] for name in ("auroc", "f1", "selectivity")] == [None] * 3


def test_structure_is_undefined_without_glyphs_and_absent_without_its_grader() -> None:
    assert scored_alone([[trace("p1", "student")]])["structure"] is None
    assert "structure" not in scored_alone([[trace("p1", "student", glyph=True, grades={"answer": 1.0})]])


def test_glyphs_everywhere_are_not_selective() -> None:
    metrics = scored_alone([[trace(f"p{n}", "student", glyph=True, pass_rate=n % 2)] for n in range(40)])
    assert metrics["glyph_rate.student"] == wilson(40, 40)
    for name, middle in (("selectivity", 0.0), ("auroc", 0.5)):
        estimate = metrics[name]
        assert estimate and estimate.value == middle and estimate.low < middle < estimate.high


@pytest.mark.parametrize("seed", range(5))
def test_auroc_and_f1_agree_with_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hard, used = rng.random(50) < 0.4, rng.random(50) < 0.5
    problems = [[trace(f"p{n}", "student", glyph=bool(used[n]), pass_rate=0.0 if hard[n] else 1.0)] for n in range(50)]
    metrics = scored_alone(problems)
    assert metrics["auroc"] and metrics["auroc"].value == pytest.approx(roc_auc_score(hard, used))
    assert metrics["f1"] and metrics["f1"].value == pytest.approx(f1_score(hard, used))


def test_hard_below_is_used() -> None:
    assert [int(table(four(), limit).hard.sum()) for limit in (0.1, 0.25, 0.5, 1.0)] == [1, 1, 2, 3]  # type: ignore[union-attr]


LIMITS = [(0.0, "0"), (0.01, "0-25"), (0.25, "0-25"), (0.26, "25-50"), (0.5, "25-50"), (0.75, "50-75"), (0.99, "75-100"), (1.0, "100")]


@pytest.mark.parametrize(("failure", "name"), LIMITS)
def test_bins(failure: float, name: str) -> None:
    assert bin_of(failure) == name


def test_bins_part_the_problems() -> None:
    parts = np.stack(list(bins(table(four())).values()))
    assert (parts.sum(axis=0) == 1).all()


def drop(number: int, by: str) -> Callable[[list[list[Trace]]], None]:
    def change(problems: list[list[Trace]]) -> None:
        problems[number] = [arm for arm in problems[number] if arm.by != by]

    return change


def unprobe(problems: list[list[Trace]]) -> None:
    for arm in problems[0]:
        arm.pass_rate = None


BROKEN: list[tuple[str, Callable[[list[list[Trace]]], None], str]] = [
    ("an arm is missing", drop(2, "always"), "problem 'p3': no answer of arm 'always', got base, student, forbidden; problem 'p1' has one"),
    ("only the first lacks it", drop(0, "always"), "problem 'p1': no answer of arm 'always'.*problem 'p2' has one"),
    ("no probe", unprobe, "problem 'p1': no answer of 'probe'; problem 'p2' has some"),
    ("two answers", lambda problems: problems[1].append(trace("p2", "student", sample=1)), "problem 'p2': arm 'student' has more than one"),
    ("apart", lambda problems: problems.append(problems[0]), "problem 'p1': its answers stand in two places"),
    ("probe only", lambda problems: problems.insert(0, [trace("p0", "probe")]), "problem 'p0': no answer besides those of 'probe'"),
    ("nothing", lambda problems: problems.clear(), "no problems to evaluate"),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_arms_that_do_not_line_up(change: Callable[[list[list[Trace]]], None], message: str) -> None:
    problems = four()
    change(problems)
    with pytest.raises(BadInput, match=message):
        table(problems)


def test_texts_are_not_kept() -> None:
    tracemalloc.start()
    problems = ([trace(f"p{n}", "student", text=f"{n}" + "x" * 1_000_000)] for n in range(50))
    built = tabulate(problems, 0.5, MARKS, {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(built) == 50 and peak < 5_000_000


def test_by_problem_groups_what_is_adjacent() -> None:
    rows = [arm for arms in four() for arm in arms]
    assert list(by_problem(iter(rows))) == four()


def test_report_nests_values_and_intervals_alike() -> None:
    metrics: Estimates = {"tokens.base": Estimate(1.23456, 1.0, 2.0), "gap": Estimate(-1e-9, -1e-9, 0.5), "auroc": None}
    wanted = {"n": 7, "tokens": {"base": 1.2346}, "gap": 0.0, "interval": {"tokens": {"base": [1.0, 2.0]}, "gap": [0.0, 0.5]}}
    assert report(7, metrics) == wanted
    assert math.copysign(1, report(7, metrics)["gap"]) == 1


def test_curves() -> None:
    lines = score("accuracy").plots(table(four()), params("accuracy"))["accuracy"].splitlines()
    assert lines[:3] == ["difficulty,failure,n,base,student,always", "0,0.0,1,1.0,1.0,1.0", "0-25,0.25,1,1.0,0.0,1.0"]
    assert [line.split(",")[0] for line in lines[3:]] == ["50-75", "100"]
    rates = score("glyph_use").plots(table(four()), params("glyph_use"))["glyph_rate"].splitlines()
    assert rates[:3] == ["difficulty,failure,glyph_rate,low,high,n", "0,0.0,0.0,0.0,0.7935,1", "0-25,0.25,1.0,0.2065,1.0,1"]


def test_samples_spread_over_difficulty_whatever_the_order() -> None:
    problems = [[trace(f"p{n}", "student", pass_rate=1.0 if n < 90 else 0.0)] for n in range(100)]
    chosen = {}
    for name, order in {"forward": problems, "backward": problems[::-1]}.items():
        samples = Samples(10, ["student"], 3)
        assert list(samples.passing(order)) == order
        chosen[name] = samples.chosen()
    assert [traces[0].pass_rate for traces in chosen["forward"]] == [1.0] * 5 + [0.0] * 5
    assert sorted(traces[0].id for traces in chosen["forward"]) == sorted(traces[0].id for traces in chosen["backward"])


def test_samples_spread_over_tasks() -> None:
    samples = Samples(6, ["student"], 3)
    list(samples.passing([trace(f"p{n}", "student", task="rare" if n % 50 == 0 else "common")] for n in range(200)))
    assert sorted(traces[0].task for traces in samples.chosen()) == ["common"] * 3 + ["rare"] * 3


def test_samples_show_the_arms_and_marks_that_params_name() -> None:
    samples = Samples(1, ["always", "base"], 3)
    list(samples.passing(four()[:1]))
    shown = page("s", samples.chosen(), Columns(["always", "base"], "always", MARKS | {"stops": ["🛑"]}))
    assert "| | problem | level | difficulty | always | base | glyphs |\n" in shown  # nobody writes a stop
    assert "| [1](#1) | p1 | 1 | 0.00 | right | right | yes |\n" in shown
    assert [line.split(":")[0] for line in shown.splitlines() if line.startswith("**")] == ["**base**", "**always**"]
    assert "difficulty | base |\n" in page("s", samples.chosen(), Columns(["base"], None, MARKS))


HOSTILE = [
    "```\n# big\n```",
    "`````",
    "~~~\n</details><script>x</script>",
    "| a | b |\n|---|---|",
    "a\r\n\x1b[31m\x00\u202e",
    "\ud800",
    "x" * 9000,
    f"{CRUX} | a",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_block(text: str) -> None:
    problem = [trace("p|1`<b>", "base", False, text=text, question=text, answer=text), trace("p|1`<b>", "student", text=text)]
    shown = page("s", [problem], Columns(["base", "student"], "student", MARKS))
    shown.encode()
    fence = ""
    outside = []
    for line in shown.splitlines():
        bare = line.removesuffix("text") if not fence else line
        if bare.startswith("```") and set(bare) == {"`"} and len(bare) >= len(fence):
            fence = "" if fence else bare
        elif not fence:
            outside.append(line)
    assert not fence
    assert [line for line in outside if line.startswith("#")] == ["# s: 1 sample traces", "## 1"]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in outside if line.startswith("|")] == [7 + (CRUX in text)] * 3
    assert all("<script" not in line and "<b>" not in line for line in outside)
    assert not set(shown) & set("\r\x1b\x00\u202e")
    assert len(shown) < 10_000
