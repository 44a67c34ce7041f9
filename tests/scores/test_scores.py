"""The scores, against tables small enough to work out by hand."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from stages.scores import SCORES, Estimate, score
from stages.scores.measures.intervals import wilson
from stages.scores.measures.nesting import report
from stages.scores.measures.table import Table, bin_of, bins, by_problem, tabulate
from stages.scores.pages.samples import Samples, page
from stages.shared.errors import BadInput
from stages.shared.marks import CRUX
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


def table(problems: list[list[Trace]], hard_below: float = 0.5) -> Table:
    return tabulate(iter(problems), hard_below)


TASKS = {"p1": "sums", "p2": "sums", "p3": "sums", "p4": "logic"}


def two_tasks() -> list[list[Trace]]:
    problems = four()
    for arms in problems:
        for arm in arms:
            arm.task = TASKS[arm.id]
    return problems


def scored(problems: list[list[Trace]], hard_below: float = 0.5) -> dict[str, Estimate | None]:
    found: dict[str, Estimate | None] = {}
    for name in SCORES:
        found |= score(name).score(table(problems, hard_below), 0)
    return found


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
    estimate = scored(four())[name]
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
    estimate = scored(two_tasks())[name]
    assert estimate is not None
    assert estimate.value == pytest.approx(BY_TASK[name])
    assert estimate.low <= estimate.value <= estimate.high


def test_tasks_are_drawn_with_their_intervals() -> None:
    drawn = score("by_task").plots(table(two_tasks()))
    lines = drawn["by_task"].splitlines()
    assert lines[:2] == ["task,arm,accuracy,low,high,n", "logic,base,0.0,0.0,0.7935,1"]
    assert [line.split(",")[:3] for line in lines if line.split(",")[1] == "student"] == [
        ["logic", "student", "1.0"],
        ["sums", "student", "0.6667"],
    ]


def test_arms_that_never_disagree_may_still_differ() -> None:
    problems = [[trace(f"p{n}", arm, task=f"t{n % 2}") for arm in ("base", "student")] for n in range(40)]
    macro, one = scored(problems)["difference_macro.student_base"], wilson(0, 20)
    assert macro and one and macro.value == 0
    assert macro.high == -macro.low == pytest.approx(one.high / math.sqrt(2))


def test_metrics_of_arms_that_were_not_generated_are_left_out() -> None:
    found = scored([[arm for arm in arms if arm.by in ("student", "probe")] for arms in four()])
    assert "tokens.student" in found and "auroc" in found
    assert not {"token_saving", "leak_rate", "accuracy.base", "difference.student_base", "difference.student_base_solved"} & set(found)
    assert not {"difference_macro.student_base", "accuracy_macro.base"} & set(found)


def test_without_a_probe_nothing_is_said_of_difficulty() -> None:
    plain = [[trace(f"p{n}", arm, pass_rate=None) for arm in ("base", "student")] for n in range(3)]
    found = scored(plain)
    assert not any("failure" in name for name in found)
    assert not {"auroc", "f1", "selectivity", "glyph_rate.hard", "difference.student_base_solved"} & set(found)
    assert score("accuracy").plots(table(plain)) == score("glyph_use").plots(table(plain)) == {}


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_auroc_is_undefined_where_all_are_hard_or_all_easy(rate: float) -> None:
    found = scored([[trace(f"p{n}", "student", glyph=n > 1, pass_rate=rate)] for n in range(4)])
    assert [found[name] for name in ("auroc", "f1", "selectivity")] == [None] * 3


def test_structure_is_undefined_without_glyphs_and_absent_without_its_grader() -> None:
    assert scored([[trace("p1", "student")]])["structure"] is None
    assert "structure" not in scored([[trace("p1", "student", glyph=True, grades={"answer": 1.0})]])


def test_glyphs_everywhere_are_not_selective() -> None:
    found = scored([[trace(f"p{n}", "student", glyph=True, pass_rate=n % 2)] for n in range(40)])
    assert found["glyph_rate.student"] == wilson(40, 40)
    for name, middle in (("selectivity", 0.0), ("auroc", 0.5)):
        estimate = found[name]
        assert estimate and estimate.value == middle and estimate.low < middle < estimate.high


@pytest.mark.parametrize("seed", range(5))
def test_auroc_and_f1_agree_with_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hard, used = rng.random(50) < 0.4, rng.random(50) < 0.5
    found = scored([[trace(f"p{n}", "student", glyph=bool(used[n]), pass_rate=0.0 if hard[n] else 1.0)] for n in range(50)])
    assert found["auroc"] and found["auroc"].value == pytest.approx(roc_auc_score(hard, used))
    assert found["f1"] and found["f1"].value == pytest.approx(f1_score(hard, used))


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


def test_by_problem_groups_what_is_adjacent() -> None:
    rows = [arm for arms in four() for arm in arms]
    assert list(by_problem(iter(rows))) == four()


def test_report_nests_values_and_intervals_alike() -> None:
    found = {"tokens.base": Estimate(1.23456, 1.0, 2.0), "gap": Estimate(-1e-9, -1e-9, 0.5), "auroc": None}
    wanted = {"n": 7, "tokens": {"base": 1.2346}, "gap": 0.0, "interval": {"tokens": {"base": [1.0, 2.0]}, "gap": [0.0, 0.5]}}
    assert report(7, found) == wanted
    assert math.copysign(1, report(7, found)["gap"]) == 1


def test_curves() -> None:
    lines = score("accuracy").plots(table(four()))["accuracy"].splitlines()
    assert lines[:3] == ["difficulty,failure,n,base,student,always,never", "0,0.0,1,1.0,1.0,1.0,nan", "0-25,0.25,1,1.0,0.0,1.0,nan"]
    assert [line.split(",")[0] for line in lines[3:]] == ["50-75", "100"]
    rates = score("glyph_use").plots(table(four()))["glyph_rate"].splitlines()
    assert rates[:3] == ["difficulty,failure,glyph_rate,low,high,n", "0,0.0,0.0,0.0,0.7935,1", "0-25,0.25,1.0,0.2065,1.0,1"]


def test_samples_spread_over_difficulty_whatever_the_order() -> None:
    problems = [[trace(f"p{n}", "student", pass_rate=1.0 if n < 90 else 0.0)] for n in range(100)]
    chosen = {}
    for name, order in {"forward": problems, "backward": problems[::-1]}.items():
        samples = Samples(10, 3)
        assert list(samples.passing(order)) == order
        chosen[name] = samples.chosen()
    assert [traces[0].pass_rate for traces in chosen["forward"]] == [1.0] * 5 + [0.0] * 5
    assert sorted(traces[0].id for traces in chosen["forward"]) == sorted(traces[0].id for traces in chosen["backward"])


def test_samples_spread_over_tasks() -> None:
    samples = Samples(6, 3)
    list(samples.passing([trace(f"p{n}", "student", task="rare" if n % 50 == 0 else "common")] for n in range(200)))
    assert sorted(traces[0].task for traces in samples.chosen()) == ["common"] * 3 + ["rare"] * 3


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
    shown = page("s", [[trace("p|1`<b>", "base", False, text=text, question=text, answer=text), trace("p|1`<b>", "student", text=text)]])
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
