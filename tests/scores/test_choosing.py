"""What a pair of students is worth: ways to choose among their answers, of rows for which the figures are known."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from stages.scores.choosing.arms_of_pair import Scored, chosen, fixed, most_likely, routed, scored
from stages.scores.choosing.cell_answers import Answers, Cell, Gathering
from stages.scores.choosing.cross_fitting import cross_fitted
from stages.scores.choosing.pair_measures import choices, estimates, ways_of
from stages.scores.choosing.pair_plots import pair_plots
from stages.scores.choosing.utility_measures import reliability, utility_estimates
from stages.scores.choosing.ways import Ways
from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import combined, difference, wilson
from stages.scores.pages.choice_page import choice_page
from stages.shared.errors import BadInput

from cells import CELLS, Right, graded, route
from cells import answers as rows_of

TASKS = ["t0", "t1", "t2", "t3"]


def planted(number: int, cell: int, sample: int = 0) -> bool:
    """In every task half of the problems are right in one cell, half in the next: every cell is best for some problems of two tasks."""
    return cell == (number % 4 + number // 4 % 2) % 4


def gather(
    right: Right, utility: Callable[[int, int], float] | None = None, count: int = 80, split: str = "test", **changed: Any
) -> Answers:
    problems = list(rows_of(count, changed.pop("tasks", TASKS), right, split, **changed))
    gathering = Gathering({rows[0].id: route(rows, utility) for rows in problems})
    for rows in problems:
        gathering.add(graded(rows))
    found = gathering.answers(split)
    assert found is not None
    return found


def knowing(number: int, cell: int) -> float:
    return 0.9 if planted(number, cell) else 0.1


def measured(answers: Answers, validation: Answers | None, against: Mapping[str, Scored] | None = None) -> Estimates:
    choice = choices(answers, validation)
    return estimates(answers, ways_of(answers, choice, against or {}), seed=0)


def value(metrics: Estimates, name: str) -> float:
    estimate = metrics[name]
    assert estimate is not None and estimate.low <= estimate.value <= estimate.high
    return round(estimate.value, 6)


def test_a_router_that_is_right_where_every_cell_is_best_for_some_problems() -> None:
    answers, validation = gather(planted, knowing), gather(planted, split="validation")
    metrics = measured(answers, validation)
    expected = {
        "pair": 1.0,
        "oracle": 1.0,
        "best_single": 0.25,  # a cell is right for half of two tasks
        "best_style_per_task": 0.375,  # one student has a right style for half of three tasks
        "best_cell_per_task": 0.5,
        "random": 0.25,
        "swapped": 0.0,  # one cell is right, and the pair takes that one
        "permuted": 0.25,
        "permuted_in_task": 0.5,
        "first_routed": 0.5,
        "second_routed": 0.5,
        **{f"{student}_{style}": 0.25 for student, style in CELLS},
    }
    assert {
        name.removeprefix("accuracy_macro."): value(metrics, name) for name in metrics if name.startswith("accuracy_macro.")
    } == expected
    for way, accuracy in expected.items():
        if way not in ("pair", "oracle") and (way.split("_")[0], way.split("_", 1)[-1]) not in CELLS:
            assert value(metrics, f"difference_macro.pair_{way}") == 1 - accuracy, way
    assert value(metrics, "difference_macro.oracle_best_style_per_task") == 0.625
    assert [value(metrics, f"regret_task.{task}") for task in TASKS] == [0.0] * 4
    assert value(metrics, "gap_closed.pair") == 1.0 and value(metrics, "gap_closed.best_single") == 0.0
    assert value(metrics, "gap_closed.best_cell_per_task") == round(0.25 / 0.75, 6)
    assert [value(metrics, f"utility.auroc{of}") for of in ("", "_first", "_second", "_within")] == [1.0] * 4
    assert [value(metrics, f"accuracy_task.{task}.first_routed") for task in TASKS] == [1.0, 0.5, 0.0, 0.5]
    assert value(metrics, "tokens_macro.random") == 6.5 and value(metrics, "tokens_macro.first_program") == 6.0


def test_a_router_that_knows_nothing() -> None:
    """It always takes one cell: permuting changes nothing, the pair is worth what random is, and of the gap nothing is closed."""
    metrics = measured(gather(planted, lambda number, cell: float(cell == 2)), gather(planted, split="validation"))
    assert value(metrics, "accuracy_macro.pair") == 0.25
    for way in ("permuted", "permuted_in_task", "random", "swapped"):
        assert value(metrics, f"difference_macro.pair_{way}") == 0, way
    assert value(metrics, "gap_closed.pair") == 0
    assert value(metrics, "utility.auroc") == value(metrics, "utility.auroc_within") == 0.5
    assert value(metrics, "regret_macro") == 0.75


def test_routes_permuted_in_a_task_are_as_uncertain_as_the_routes_themselves() -> None:
    """A router that knows nothing takes cell 0, right in nine of ten, or cell 1, right in one of ten. Its own answers and the permuted ones
    depend on how often it happens to take cell 0: their difference does not, and is known far better than either."""
    rng = np.random.default_rng(0)
    luck = {(number, cell): rng.random() < (0.9, 0.1, 0.0, 0.0)[cell] for number in range(100) for cell in range(4)}
    takes = rng.integers(2, size=100)
    answers = gather(lambda n, cell, sample: bool(luck[n, cell]), lambda n, cell: float(cell == takes[n]), count=100, tasks=["t0"])
    ways = ways_of(answers, choices(answers, None), {})
    metrics = estimates(answers, ways, seed=0)
    widths = {name: metrics[name] for name in ("accuracy_macro.pair", "accuracy_macro.permuted_in_task")}
    wide = [estimate.high - estimate.low for estimate in widths.values() if estimate]
    lead = metrics["difference_macro.pair_permuted_in_task"]
    assert lead is not None and abs(lead.value) < 0.05
    assert min(wide) > 0.14 and lead.high - lead.low < 0.09
    mean = float(np.mean([luck[n, cell] for n in range(100) for cell in (0, 1) for _ in range(int((takes == cell).sum()))]))
    assert ways["permuted_in_task"].right.mean() == pytest.approx(mean)


def test_a_router_that_knows_the_task_alone() -> None:
    """Its lead is that of the best cell of each task: permuting in the tasks loses nothing, across tasks it does."""
    metrics = measured(gather(planted, lambda number, cell: float(cell == number % 4)), gather(planted, split="validation"))
    assert value(metrics, "accuracy_macro.pair") == 0.5
    assert value(metrics, "difference_macro.pair_permuted_in_task") == 0
    assert value(metrics, "difference_macro.pair_permuted") == 0.25
    assert value(metrics, "difference_macro.pair_best_cell_per_task") == 0


def test_a_router_that_knows_how_hard_problems_are_but_not_which_cell() -> None:
    """AUROC over all answers is high, within a problem it is that of chance."""

    def right(number: int, cell: int, sample: int) -> bool:
        easy = number // 4 % 2 == 0
        return easy if (number // 8 + cell) % 4 else not easy  # three of four cells right, or one

    metrics = utility_estimates(gather(right, lambda number, cell: float(number // 4 % 2 == 0)), seed=0)
    assert value(metrics, "utility.auroc") == 0.75 and value(metrics, "utility.auroc_within") == 0.5


def noise(samples: int, count: int = 3000) -> Answers:
    coins = np.random.default_rng(0).random((count, 4, samples)) < 0.5
    return gather(lambda number, cell, sample: bool(coins[number, cell, sample]), count=count, samples=samples)


@pytest.mark.parametrize("samples", [2, 4, 5])
def test_the_oracle_of_pure_noise_is_no_better_than_any_cell(samples: int) -> None:
    """Where answers are coins, the best cell of a problem by its own samples looks much better than it is."""
    answers = noise(samples)
    oracle = cross_fitted(answers)
    assert oracle is not None
    error = 3 * 0.5 / (len(answers) * samples) ** 0.5
    assert abs(float(oracle.right.mean()) - 0.5) < error
    singles = [float(scored(answers, choice).right.mean()) for choice in fixed(answers).values()]
    assert float(oracle.right.mean()) < max(singles) + error
    assert answers.right.mean(-1).max(1).mean() > 0.65  # what choosing and scoring by the same samples would say


def test_the_oracle_by_hand() -> None:
    """Samples 0 and 2 choose, 1 and 3 score, and the other way round; cells that tie count in equal parts."""
    sure = {(0, 0): [1, 1, 1, 1], (0, 1): [0, 0, 0, 0], (0, 2): [1, 0, 0, 0], (0, 3): [0, 0, 0, 0]}
    split = {(1, 0): [1, 0, 1, 0], (1, 1): [0, 1, 0, 1], (1, 2): [0, 0, 0, 0], (1, 3): [0, 0, 0, 0]}
    tied = {(2, cell): [1, 1, 0, 0] if cell < 2 else [0, 0, 0, 0] for cell in range(4)}
    table = sure | split | tied
    answers = gather(lambda number, cell, sample: bool(table[number, cell][sample]), count=3, samples=4)
    oracle = cross_fitted(answers)
    assert oracle is not None
    assert oracle.right.tolist() == [1.0, 0.0, 0.5]  # the third: both ways the first two cells, of which each is half right
    assert oracle.tokens.tolist() == [5.0, 5.5, 5.5]


def test_a_single_sample_has_no_oracle() -> None:
    answers = gather(planted, knowing, samples=1)
    metrics = measured(answers, gather(planted, split="validation", samples=1))
    assert cross_fitted(answers) is None
    assert not [name for name in metrics if "oracle" in name or "regret" in name or "gap_closed" in name]
    assert value(metrics, "difference_macro.pair_random") == 0.75


def test_choices_are_made_on_validation_and_never_on_test() -> None:
    """On the validation problems cell 3 is right, on the test problems cell 0."""
    answers = gather(lambda number, cell, sample: cell == 0)
    validation = gather(lambda number, cell, sample: cell == 3, split="validation")
    for name, choice in chosen(answers, validation).items():
        assert choice.tolist() == [[0, 0, 0, 1]] * len(answers), name
        assert scored(answers, choice).right.mean() == 0


def test_of_cells_that_tie_the_shorter_answers_are_taken() -> None:
    answers = gather(planted)
    tokens = answers.tokens.copy()
    tokens[:, 1] = 1.0
    validation = Answers(**{**vars(answers), "tokens": tokens, "right": np.ones_like(answers.right)})
    assert chosen(answers, validation)["best_single"].tolist() == [[0, 1, 0, 0]] * len(answers)


def test_a_task_without_validation_problems_takes_the_best_single_cell() -> None:
    answers = gather(planted, tasks=TASKS)
    validation = gather(lambda number, cell, sample: cell == 2, split="validation", tasks=["t0"])
    for name in ("best_style_per_task", "best_cell_per_task"):
        assert chosen(answers, validation)[name].argmax(1).tolist() == [2] * len(answers)


def test_the_best_style_of_each_task_is_of_one_student() -> None:
    """Of the first student program is right in t0 and nothing else; the second has a right style in each."""
    right: Right = lambda number, cell, sample: cell == 1 if number % 2 == 0 and cell < 2 else cell == 2 + number % 2  # noqa: E731
    answers = gather(right, tasks=["t0", "t1"])
    choice = chosen(answers, answers)["best_style_per_task"]
    assert choice.argmax(1).tolist() == [2, 3] * (len(answers) // 2)


def test_the_ensemble_takes_the_likeliest_answer() -> None:
    """Sample by sample: cell 1 in sample 0, cell 3 in sample 1. All answers are paid for."""
    right: Right = lambda number, cell, sample: (cell, sample) == (1, 0)  # noqa: E731
    likely: Callable[[int, int, int], float] = lambda number, cell, sample: -0.1 if cell == (1, 3)[sample] else -2.0  # noqa: E731
    answers = gather(right, logprob=likely)
    found = most_likely(answers)
    assert found is not None
    assert set(found.right.tolist()) == {0.5} and set(found.tokens.tolist()) == {5.0 + 6 + 7 + 8}
    assert most_likely(gather(right)) is None
    assert "accuracy_macro.ensemble" in measured(answers, None)


def test_the_router_of_a_student_chooses_among_its_own_styles() -> None:
    answers = gather(planted, lambda number, cell: (0.2, 0.4, 0.9, 0.1)[cell])
    places = {name: set(choice.argmax(1).tolist()) for name, choice in routed(answers).items() if not name.startswith("permuted")}
    assert places == {"pair": {2}, "first_routed": {1}, "second_routed": {2}, "swapped": {0}}


def brute_force(utility: Any, share: Any, same_problem: bool) -> float:
    """Over all pairs of a right and a wrong answer, weighted where samples differ."""
    problems, cells = utility.shape
    hits = total = 0.0
    for i in range(problems):
        for j in range(cells):
            for k in range(problems) if not same_problem else [i]:
                for m in range(cells):
                    if same_problem and j == m:
                        continue
                    weight = share[i, j] * (1 - share[k, m])
                    gap = utility[i, j] - utility[k, m]
                    hits, total = hits + weight * (1.0 if gap > 0 else 0.5 if gap == 0 else 0.0), total + weight
    return round(hits / total, 6)


def test_auroc_equals_the_count_of_pairs() -> None:
    rng = np.random.default_rng(1)
    coins, utilities = rng.random((12, 4, 3)) < 0.4, rng.integers(5, size=(12, 4)) / 4
    answers = gather(
        lambda number, cell, sample: bool(coins[number, cell, sample]),
        lambda number, cell: float(utilities[number, cell]),
        count=12,
        samples=3,
    )
    share = coins.mean(-1)
    metrics = utility_estimates(answers, seed=0)
    assert value(metrics, "utility.auroc") == brute_force(utilities, share, same_problem=False)
    assert value(metrics, "utility.auroc_within") == brute_force(utilities, share, same_problem=True)
    assert value(metrics, "utility.auroc_second") == brute_force(utilities[:, 2:], share[:, 2:], same_problem=False)


def test_reliability_counts_every_problem_and_cell_once() -> None:
    rows = reliability(gather(planted, knowing))
    assert rows == [
        [student, pytest.approx(utility), right, n]
        for student in ("first", "second")
        for utility, right, n in ((0.1, 0.0, 120), (0.9, 1.0, 40))
    ]


def test_flags_take_the_intervals_of_proportions() -> None:
    """They keep a width where all are right."""
    ones, some = np.ones(20), np.arange(20) % 4 == 0
    ways = Ways([{"all": ones, "some": some.astype(float)}] * 2, seed=0)
    share = wilson(20, 20)
    assert share is not None and ways.mean("all") == combined([share, share])
    gap = difference(ones == 1, some)
    assert gap is not None and ways.difference("all", "some") == combined([gap, gap])


def test_the_groups_count_the_same() -> None:
    ways = Ways([{"a": np.array([0.5, 0.5])}, {"a": np.full(50, 0.25)}], seed=0)
    found = ways.mean("a")
    assert found is not None and found.value == 0.375


def test_a_difference_is_paired() -> None:
    """Two ways that differ by a tenth on every problem: their own intervals are wide, that of the difference has no width."""
    spread = np.random.default_rng(0).random(50) * 0.8
    ways = Ways([{"a": spread + 0.1, "b": spread}], seed=0)
    gap, alone = ways.difference("a", "b"), ways.mean("a")
    assert gap is not None and alone is not None
    assert [gap.low, gap.high] == pytest.approx([0.1, 0.1]) and alone.high - alone.low > 0.1


def test_the_interval_of_a_difference_covers_the_truth() -> None:
    """Of 200 draws of 60 problems with two samples the true difference, 0.2, lies in about 95 of 100 intervals."""
    rng, covered = np.random.default_rng(0), 0
    for seed in range(200):
        a, b = (rng.random((60, 2)) < share for share in (0.6, 0.4))
        gap = Ways([{"a": a.mean(1), "b": b.mean(1)}], seed).difference("a", "b")
        assert gap is not None
        covered += gap.low <= 0.2 <= gap.high
    assert 180 <= covered <= 198


def test_the_share_of_a_gap() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.random(200) * 0.2, 0.8 + rng.random(200) * 0.2
    ways = Ways([{"random": low, "pair": (low + high) / 2, "oracle": high, "none": low}], seed=0)
    closed = ways.share_of_gap("pair", "random", "oracle")
    assert closed is not None and closed.value == pytest.approx(0.5) and closed.low == pytest.approx(0.5)
    assert ways.share_of_gap("pair", "oracle", "random") is None
    assert ways.share_of_gap("pair", "random", "none") is None


def test_the_share_of_a_gap_of_one_problem() -> None:
    """It is gone in the resamples without this problem: they are left out."""
    high, low = np.array([0.75, *[0.0] * 7]), np.zeros(8)
    closed = Ways([{"random": low, "pair": high / 3, "oracle": high}], seed=0).share_of_gap("pair", "random", "oracle")
    assert closed is not None and tuple(closed) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_other_students_are_ways_as_well() -> None:
    answers = gather(planted, knowing)
    naive = Scored(np.array([number % 2 for number in range(80)], dtype=float), np.full(80, 3.0))
    metrics = measured(answers, None, {"naive": naive})
    assert value(metrics, "accuracy_macro.naive") == 0.5 and value(metrics, "tokens_macro.naive") == 3.0
    assert value(metrics, "difference_macro.pair_naive") == 0.5
    assert not [name for name in metrics if "best_" in name]  # nothing to choose them by


def test_without_a_router_the_table_is_there_and_the_pair_is_not() -> None:
    answers = gather(planted)
    choice = choices(answers, gather(planted, split="validation"))
    metrics = estimates(answers, ways_of(answers, choice, {}), seed=0)
    assert not [name for name in metrics if "pair" in name or "routed" in name or name.startswith(("regret", "utility"))]
    assert value(metrics, "difference_macro.oracle_best_style_per_task") == 0.625
    assert sorted(pair_plots(answers, choice, ways_of(answers, choice, {}), 0)) == ["cells", "ways"]
    assert "## Routes" not in choice_page("p", answers, choice, metrics, 0)


def test_tables_that_are_drawn() -> None:
    answers = gather(planted, knowing, count=16)
    choice = choices(answers, None)
    plots = {name: text.splitlines() for name, text in pair_plots(answers, choice, ways_of(answers, choice, {}), 0).items()}
    assert plots["cells"][0] == "task,student,style,accuracy,low,high,tokens,n"
    assert len(plots["cells"]) == 1 + (4 + 1) * 4
    cells = [line.split(",") for line in plots["cells"][1:]]
    assert [row[3] for row in cells if row[0] == "t0"] == ["0.5", "0.5", "0.0", "0.0"]
    assert [row[3] for row in cells if row[0] == "all"] == ["0.25"] * 4
    routes = [line.split(",") for line in plots["routes"][1:]]
    assert [row[3] for row in routes if row[0] == "t3"] == ["0.5", "0.0", "0.0", "0.5"]
    assert {row[6] for row in routes} == {"4"}
    ways = {tuple(line.split(",")[:2]): line.split(",")[2] for line in plots["ways"][1:]}
    assert ways["all", "pair"] == "1.0" and ways["t1", "random"] == "0.25" and ("all", "first_program") not in ways


def test_the_page() -> None:
    answers, validation = gather(planted, knowing), gather(planted, split="validation")
    choice = choices(answers, validation)
    metrics = estimates(answers, ways_of(answers, choice, {}), seed=0)
    page = choice_page("router_pair", answers, choice, metrics, 0)
    lines = page.splitlines()
    header = next(line for line in lines if line.startswith("| task | first plain_reasoning"))
    (t2,) = (line for line in lines[lines.index(header) :][:7] if line.startswith("| t2 |"))
    assert [cell.strip().startswith("**50.0 (") for cell in t2.split("|")[2:-1]] == [False, False, True, True]
    leads = {line.split("|")[1].strip(): line.split("|")[4].strip() for line in lines if line.count("|") == 5}
    assert leads["swapped"].startswith("100.0 (") and leads["best_single"].startswith("75.0 (") and leads["oracle"] == ""
    assert "the pair closes 100.0 (100.0 to 100.0) percent" in page
    assert "| t3 | 50 | 0 | 0 | 50 |" in page
    assert "## Chosen on the validation problems" in page and "| t0 | first plain_reasoning |" in page


def broken(change: Callable[[list[Any]], None]) -> None:
    problems = list(rows_of(3, TASKS, planted))
    routes = {rows[0].id: route(rows, knowing) for rows in problems}
    change([problems, routes])
    gathering = Gathering(routes)
    for rows in problems:
        gathering.add(graded(rows))


FAULTS: list[tuple[Callable[[list[Any]], None], str]] = [
    (
        lambda given: given[0][1].pop(),
        r"problem 'test1': expected 2 answers of each of first in plain_reasoning.*got .*1 of second in program",
    ),
    (lambda given: given[0].__setitem__(0, given[0][0][:4]), "problem 'test0': expected answers of first and second, got first"),
    (lambda given: given[0].__setitem__(0, given[0][0][:6]), "problem 'test0': expected 2 answers of each of .*second in program"),
    (lambda given: given[1].pop("test2"), "problem 'test2': it has answers but no route; run the stage generate_pair anew"),
    (lambda given: given[1]["test1"].utility["second"].pop("program"), "problem 'test1': its route says nothing of 'program'"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_rows_that_do_not_line_up(change: Callable[[list[Any]], None], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        broken(change)


def test_cells_are_in_the_order_of_students_and_styles() -> None:
    answers = gather(planted, knowing, count=4)
    assert answers.cells == tuple(Cell(*cell) for cell in CELLS) and answers.styles == ["plain_reasoning", "program"]
    assert isinstance(measured(answers, None)["accuracy_macro.pair"], Estimate)
