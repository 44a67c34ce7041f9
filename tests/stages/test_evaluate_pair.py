"""`stages.evaluate_pair` from the answers of both students to metrics, tables and the page, with the real grader."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError
from stages.evaluate_pair import Params, main
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Response, Trace

from cells import answers, graded, response, route

PARAMS = """\
seed: 3
systems: {router: {}}
pairs:
  duo: {system: router, first: a, second: b, evaluate: {graders: {answer: {}}, against: {naive: student}}}
"""
OUTS = [
    f"metrics/{name}"
    for name in ("duo.json", "duo_choices.md", *(f"duo_plots/{plot}.csv" for plot in ("cells", "routes", "utility", "ways")))
]
OUTS += ["data/router/pair_graded/duo.jsonl", "metrics/duo_plots/rows.sha256"]
TASKS = ["dates", "sums"]


def planted(number: int, cell: int, sample: int) -> bool:
    return cell == number // 2 % 4


def knowing(number: int, cell: int) -> float:
    return float(planted(number, cell, 0))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    generate()
    write(Path("data/router/graded.jsonl"), [trace for rows in naive() for trace in graded(rows)])
    return tmp_path


def generate(validation: bool = True, router: bool = True, change: Callable[[list[Response]], None] | None = None, **changed: Any) -> None:
    given = {"right": planted, **changed}
    splits = {"test": 40, **({"validation": 16} if validation else {})}
    problems = [rows for split, count in splits.items() for rows in answers(count, TASKS, split=split, **given)]
    rows = [row for problem in problems for row in problem]
    if change:
        change(rows)
    write(Path("data/router/pair_generations/duo.jsonl"), rows)
    write(Path("data/router/routes/duo.jsonl"), [route(problem, knowing if router else None) for problem in problems])


def naive() -> list[list[Response]]:
    """A student of the system that is right on every fourth problem, and a base model that never is."""
    return [
        [
            response(f"test{n}", TASKS[n % 2], "test", n, by, "plain", 0, f"The answer is {n + (n % 4 > 0 or by == 'base')}.", 9)
            for by in ("base", "student")
        ]
        for n in range(40)
    ]


def metrics() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("metrics/duo.json").read_text())
    return found


def outs() -> list[bytes]:
    return [Path(name).read_bytes() for name in OUTS]


def test_a_router_that_is_right() -> None:
    main("duo")
    found = metrics()
    assert found["n"] == 40
    assert {name: found["accuracy_macro"][name] for name in ("pair", "oracle", "random", "swapped", "naive")} == {
        "pair": 1.0,
        "oracle": 1.0,
        "random": 0.25,
        "swapped": 0.0,
        "naive": 0.25,
    }
    assert found["difference_macro"]["pair_naive"] == 0.75 and found["interval"]["difference_macro"]["pair_naive"][0] > 0.5
    assert found["tokens_macro"]["naive"] == 9.0
    assert found["gap_closed"]["pair"] == 1.0 and found["utility"]["auroc_within"] == 1.0
    rows = list(read(Path("data/router/pair_graded/duo.jsonl"), Trace, key=lambda trace: trace.trace_id))
    asked = list(read(Path("data/router/pair_generations/duo.jsonl"), Response))
    assert [row.trace_id for row in rows] == [row.trace_id for row in asked]
    assert sum(row.grades["answer"] for row in rows) == 56 * 2


def test_a_student_with_several_samples_counts_by_their_mean() -> None:
    rows = [trace for rows in naive() for trace in graded(rows)]
    second = [msgspec.structs.replace(row, sample=1, grades={"answer": 1 - row.grades["answer"]}) for row in rows if row.by == "student"]
    write(Path("data/router/graded.jsonl"), [*rows, *second])
    main("duo")
    assert metrics()["accuracy_macro"]["naive"] == 0.5


def test_the_same_bytes_twice_and_the_seed_is_used() -> None:
    coins: Callable[[int, int, int], bool] = lambda number, cell, sample: (number * 7 + cell * 5 + sample * 3) % 11 < 5  # noqa: E731
    generate(right=coins)
    main("duo")
    first = outs()
    main("duo")
    assert outs() == first
    Path("params.yaml").write_text(PARAMS.replace("seed: 3", "seed: 4"))
    main("duo")
    changed = {name for name, before, after in zip(OUTS, first, outs(), strict=True) if before != after}
    assert changed == {"metrics/duo.json", "metrics/duo_choices.md", "metrics/duo_plots/cells.csv", "metrics/duo_plots/ways.csv"}


@pytest.mark.parametrize(
    ("changed", "said", "absent"),
    [
        (
            {"validation": False},
            "no validation problem to choose the best student and style by; set validation in the tasks",
            "best_single",
        ),
        ({"router": False}, "no router, so no pair, swapped or permuted routes", "pair"),
        ({"samples": 1}, "no oracle: it takes two answers of each student in each style", "oracle"),
        ({"tasks": None}, "no validation problem of sums: best_single is taken there", ""),
    ],
)
def test_what_cannot_be_measured_is_left_out_and_said(
    changed: dict[str, Any], said: str, absent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "tasks" in changed:

        def dates_alone(rows: list[Response]) -> None:
            rows[:] = [row for row in rows if row.split == "test" or row.task == "dates"]

        generate(change=dates_alone)
    else:
        generate(**changed)
    main("duo")
    assert said in capsys.readouterr().err
    assert absent not in metrics()["accuracy_macro"]
    assert "random" in metrics()["accuracy_macro"]


def test_plots_of_an_earlier_run_are_gone() -> None:
    main("duo")
    generate(router=False)
    main("duo")
    assert sorted(path.name for path in Path("metrics/duo_plots").iterdir()) == ["cells.csv", "rows.sha256", "ways.csv"]


def test_the_folder_that_the_report_depends_on_changes_with_the_words_of_an_answer() -> None:
    def reworded(rows: list[Response]) -> None:
        rows[0] = msgspec.structs.replace(rows[0], text=f"Well. {rows[0].text}")

    main("duo")
    before = dict(zip(OUTS, outs(), strict=True))
    generate(change=reworded)
    main("duo")
    changed = {name for name, content in zip(OUTS, outs(), strict=True) if before[name] != content}
    assert changed == {"data/router/pair_graded/duo.jsonl", "metrics/duo_plots/rows.sha256"}


def test_one_style_and_a_task_in_which_everything_is_wrong() -> None:
    """There is nothing to choose but the student, and a task at 0 counts as any other."""
    cells = [("first", "program"), ("second", "program")]
    generate(right=lambda number, cell, sample: number % 2 == 0 and cell == number // 2 % 2, cells=cells)
    write(
        Path("data/router/routes/duo.jsonl"),
        [
            route(rows, lambda number, cell: float(cell == number // 2 % 2))
            for split, count in (("test", 40), ("validation", 16))
            for rows in answers(count, TASKS, planted, split, cells=cells)
        ],
    )
    main("duo")
    found = metrics()
    assert found["accuracy_task"]["dates"]["pair"] == 1.0 and found["accuracy_task"]["sums"]["pair"] == 0.0
    assert found["accuracy_macro"]["pair"] == 0.5 and found["accuracy_macro"]["swapped"] == 0.0
    assert found["interval"]["accuracy_task"]["sums"]["pair"][1] > 0.05  # 0 of 20 is not known to be 0


def test_a_gap_that_is_none_is_left_out() -> None:
    generate(right=lambda number, cell, sample: True)
    main("duo")
    assert "gap_closed" not in metrics() and "auroc" not in metrics().get("utility", {})
    assert metrics()["regret_macro"] == 0.0


FAULTS: list[tuple[str, str, str]] = [
    (
        "against: {naive: student}",
        "against: {naive: studnet}",
        r"pairs\.duo\.evaluate\.against\.naive: unknown arm 'studnet' \(did you mean 'student'",
    ),
    ("against: {naive: student}", "against: {random: student}", r"pairs\.duo\.evaluate\.against: random: expected names that no way has"),
    ("system: router,", "system: routr,", r"pairs\.duo\.system: unknown system 'routr'"),
]


@pytest.mark.parametrize(("part", "changed", "message"), FAULTS)
def test_faulty_names(part: str, changed: str, message: str) -> None:
    main("duo")
    before = outs()
    Path("params.yaml").write_text(PARAMS.replace(part, changed))
    with pytest.raises(BadInput, match=message):
        main("duo")
    assert outs() == before


def test_an_arm_without_an_answer() -> None:
    write(Path("data/router/graded.jsonl"), [trace for rows in naive()[:-2] for trace in graded(rows)])
    with pytest.raises(BadInput, match=r"graded\.jsonl: arm 'student' has no answer to 2 problems, as 'test38'"):
        main("duo")


def test_validation_problems_alone() -> None:
    def without_test(rows: list[Response]) -> None:
        rows[:] = [row for row in rows if row.split != "test"]

    generate(change=without_test)
    with pytest.raises(BadInput, match=r"pair_generations/duo\.jsonl: no test problem"):
        main("duo")


def test_rows_of_a_problem_that_are_not_adjacent() -> None:
    generate(change=lambda rows: rows.append(msgspec.structs.replace(rows[0], sample=7)))
    with pytest.raises(BadInput, match="the rows of problem 'test0' are not adjacent"):
        main("duo")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"graders": {"signal_compliance": {}}}, "signal_compliance|'answer' is missing"),
        ({"graders": {"answer": {}}, "against": {"a.b": "student"}}, "against"),
        ({"graders": {"answer": {}}, "compare": {}}, "compare"),
    ],
)
def test_faulty_params(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Params.model_validate(section)
