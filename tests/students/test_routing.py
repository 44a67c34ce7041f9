"""The router: what its heads learn from, which routes are drawn, what is told of them, and what is refused."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.students.pairing.pair_rows import RouteRow
from stages.students.router.predicting import _utilities
from stages.students.router.route_counts import rates
from stages.students.router.route_heads import Features, Heads, centred, decisions, information, straight_through
from stages.students.router.route_settings import Params
from stages.students.router.routing import Known, Routes, Routing, norm_of
from stages.students.router.utilities import Observation, Observations, worth

CALIBRATION = {"every": 1, "problems": 2, "max_new_tokens": 4}
SIGNALS = ("pass_rate", "loss", "frozen", "random", "off")


def known(problems: int, styles: int, seed: int = 0) -> Known:
    """A path of every problem in every style."""
    generator = torch.Generator().manual_seed(seed)
    features = Features(torch.randn(problems, 6, generator=generator), torch.randn(problems, 4, generator=generator))
    numbers = torch.arange(problems).repeat_interleave(styles)
    names = [f"style{number % styles}" for number in range(problems * styles)]
    return Known(features, numbers, torch.arange(styles).repeat(problems), numbers, names, [f"t{row % 2}" for row in numbers.tolist()])


def routing(signal: str, problems: int = 50, styles: int = 4, steps: int = 10, **changed: Any) -> Routing:
    params = Params(signal=signal, calibration=CALIBRATION, **changed)  # type: ignore[arg-type]
    made = Routing(params, known(problems, styles) if params.routed else None, styles, steps, 0)
    if made.known:
        made.calibration = made.known.features
    return made


def drawn(made: Routing, paths: int, step: int = 1) -> Routes:
    return made.draw(list(range(paths)), step, 0)


def test_eight_paths_with_known_utilities_go_to_the_right_students() -> None:
    """Two problems in four styles; each student is right in two styles of each, which differ between the problems and the students."""
    made = routing("pass_rate", problems=2, epsilon=0.0, temperature=[0.02, 0.01], learning_rate=0.01)
    good = torch.tensor([[[1, 1, 0, 0], [0, 1, 0, 1]], [[0, 0, 1, 1], [1, 0, 1, 0]]])  # student, problem, style
    places = [(student, problem, style) for student in range(2) for problem in range(2) for style in range(4)]
    made.observe([Observation(0, problem, style, student, float(good[student, problem, style])) for student, problem, style in places])
    norms = [made.learn(step, 50)["grad_norm"] for step in range(1, 7)]
    assert all(norm > 0 for norm in norms)
    for step in (10, 9, 8):
        assert torch.equal(drawn(made, 8, step).taken, good.reshape(2, 8).bool())


@pytest.mark.parametrize("signal", SIGNALS)
def test_only_the_signals_that_are_to_learn_give_the_heads_a_gradient(signal: str) -> None:
    made = routing(signal)
    made.observe([Observation(0, 0, 0, 0, 1.0)] if signal == "pass_rate" else [])
    routes = drawn(made, 40)
    learnt = made.learn(1)
    assert (learnt.get("grad_norm", 0.0) > 0) == (signal == "pass_rate")
    assert routes.gates.requires_grad == (signal == "loss")
    if signal == "loss":
        losses = torch.rand(2, 40)
        (routes.gates * losses).mean().backward()
        assert made.heads and made.step() > 0
        assert norm_of(list(made.heads.parameters())) == 0.0  # cleared by the step


def test_a_loss_that_differs_by_style_moves_the_routes_away_from_the_dear_style() -> None:
    made = routing("loss", steps=200, epsilon=0.0, learning_rate=0.01)
    assert made.known
    dear = made.known.styles == 0
    for step in range(1, 201):
        paths = torch.randperm(200, generator=torch.Generator().manual_seed(step))[:64].tolist()
        routes = made.draw(paths, step, 0)
        assert routes.cost is not None
        ((routes.gates * (1 + 3 * dear[paths])).mean() + routes.cost).backward()
        made.step()
    shares = made.gate_odds(torch.arange(200), 1.0).sigmoid().mean(0)
    assert shares[dear].mean() < 0.2 < 0.4 < shares[~dear].mean()


def test_heads_that_are_zero_route_as_random_does() -> None:
    """The same probability for every path, the rates of `random` for each style within noise, no information, and no gradient below."""
    zeroed, random = routing("pass_rate", problems=500, rate=0.3), routing("random", problems=500, rate=0.3)
    assert zeroed.heads and zeroed.known
    with torch.no_grad():
        for parameter in zeroed.heads.parameters():
            parameter.zero_()
    routes, by_chance = drawn(zeroed, 2000), drawn(random, 2000)
    assert routes.probabilities.unique().tolist() == pytest.approx([0.3])
    for style in range(4):
        rows = zeroed.known.styles == style
        shares = [each.taken[:, rows].float().mean(1).tolist() for each in (routes, by_chance)]
        assert shares[0] == pytest.approx(shares[1], abs=0.12)  # 500 paths each: four standard errors of the difference
    assert max(value for name, value in zeroed.report(1).items() if name.startswith("information")) < 1e-6
    zeroed.observe([Observation(0, 0, 0, 0, 1.0)])
    assert zeroed.calibration is not None
    Observations(zeroed.pool, 0.5).loss(zeroed.heads, zeroed.calibration, 0.0, torch.Generator()).backward()
    assert norm_of([layer for head in zeroed.heads.heads for layer in head.get_submodule("0").parameters()]) == 0.0


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("signal", ["random", "pass_rate"])
def test_the_rates_are_those_asked_for(signal: str, rate: float) -> None:
    """Though the utilities differ by style, and the heads have learnt it."""
    made = routing(signal, problems=500, rate=rate, learning_rate=0.02)
    if signal == "pass_rate":
        utilities = (0.0, 0.1, 0.3, 0.9)
        made.observe(
            [
                Observation(0, problem, style, student, utilities[style])
                for problem in range(500)
                for style in range(4)
                for student in (0, 1)
            ]
        )
        made.learn(1, 200)
    taken = drawn(made, 2000).taken.float().mean(1)
    assert taken.tolist() == pytest.approx([rate, rate], abs=0.05)


def test_off_gives_every_path_to_both_and_frozen_heads_stay_as_they_were() -> None:
    assert bool(drawn(routing("off"), 30).taken.all())
    made = routing("frozen")
    before = {name: value.clone() for name, value in made.state()["heads"].items()}
    drawn(made, 30)
    assert made.learn(1) == {}
    assert all(torch.equal(value, before[name]) for name, value in made.state()["heads"].items())


def test_the_offset_of_a_gate_is_in_what_a_router_predicts() -> None:
    heads = Heads((6, 4), 4, 3, 5, 0)
    features = known(8, 4).features
    without, shifted = (_utilities(heads, features, list("abcd"), torch.tensor(offset)) for offset in ([0.0, 0.0], [2.0, -2.0]))
    for before, after in zip(without, shifted, strict=True):
        assert all(after["first"][style] > before["first"][style] and after["second"][style] < before["second"][style] for style in "abcd")


def test_epsilon_routes_at_random_whatever_the_heads_say() -> None:
    """Heads that are sure of every path give it to a student with the rest of the probability only."""
    sure = routing("frozen", problems=500, epsilon=0.4, temperature=[1e-6, 1e-6])
    routes = drawn(sure, 2000)
    assert set(routes.probabilities.flatten().mul(10).round().int().tolist()) == {2, 8}
    likely = routes.probabilities > 0.5
    assert float(routes.taken[likely].float().mean()) == pytest.approx(0.8, abs=0.04)
    assert float(routes.taken[~likely].float().mean()) == pytest.approx(0.2, abs=0.04)


def test_the_same_seed_draws_the_same_routes_and_a_resumed_router_goes_on_with_them() -> None:
    first, second, other = routing("pass_rate"), routing("pass_rate"), routing("pass_rate")
    other.seed = 1
    first.observe([Observation(0, 3, 1, 0, 0.5)])
    first.learn(1, 5)
    second.put_back(first.state())
    assert first.learn(2) == second.learn(2)
    assert torch.equal(drawn(first, 50, 3).taken, drawn(second, 50, 3).taken)
    assert not torch.equal(drawn(first, 50, 3).taken, drawn(first, 50, 4).taken)
    assert not torch.equal(drawn(other, 50, 3).taken, drawn(routing("pass_rate"), 50, 3).taken)


def test_a_gate_is_open_with_the_probability_of_its_log_odds_whatever_the_temperature() -> None:
    odds = torch.tensor([-2.0, 0.0, 1.0]).repeat(20000, 1)
    for temperature in (0.3, 1.0):
        gates, hard = straight_through(odds, temperature, torch.Generator().manual_seed(0))
        assert set(gates.unique().round(decimals=3).tolist()) <= {0.0, 1.0} and torch.equal(gates > 0.5, hard)
        assert hard.float().mean(0).tolist() == pytest.approx(odds[0].sigmoid().tolist(), abs=0.02)


def test_styles_are_compared_within_their_problem() -> None:
    values = torch.tensor([[1.0, 3.0, 10.0], [0.0, 4.0, 2.0]])
    assert centred(values, torch.tensor([7, 7, 2])).tolist() == [[-1, 1, 0], [-2, 2, 0]]
    assert centred(values, torch.tensor([7, 7, 2]), across=True).tolist() == [[-1, 1, 4], [-2, 2, -4]]


@pytest.mark.parametrize(("among", "least", "most"), [("students", 0.95, 1.0), ("styles", 0.4, 0.6)])
def test_where_the_students_compete_a_problem_goes_to_the_better_of_them(among: str, least: float, most: float) -> None:
    """The first student is right on the first half of the problems, the second on the other half, in every style alike."""
    made = routing("pass_rate", problems=40, among=among, epsilon=0.0, temperature=[0.1, 0.1], learning_rate=0.02)
    right = torch.arange(40) < 20
    cells = [(problem, style, student) for problem in range(40) for style in range(4) for student in (0, 1)]
    utility = {(problem, student): float(bool(right[problem]) == (student == 0)) for problem, _, student in cells}
    made.observe([Observation(0, problem, style, student, utility[problem, student]) for problem, style, student in cells])
    made.learn(1, 200)
    better = torch.stack([right, ~right]).repeat_interleave(4, dim=1)
    assert least <= float(drawn(made, 160).taken[better].float().mean()) <= most


def test_undecided_paths_and_a_wrong_rate_cost_something() -> None:
    even, decided = torch.zeros(2, 10), torch.tensor([[-9.0, 9.0] * 5] * 2)
    assert float(decisions(even, 0.5, 1.0, 1.0)) == pytest.approx(0.6931, abs=1e-3)  # the mean is right, no path is decided
    assert float(decisions(decided, 0.5, 1.0, 1.0)) == pytest.approx(0.0, abs=0.01)
    assert float(decisions(decided, 0.1, 1.0, 0.0)) == pytest.approx(0.16, abs=1e-3)


def test_gates_that_are_closed_for_good_have_a_gradient_that_is_a_number() -> None:
    odds = torch.tensor([[-500.0, 500.0, 0.1], [-90.0, 90.0, 17.0]], requires_grad=True)
    decisions(odds, 0.5, 1.0, 1.0).backward()
    assert odds.grad is not None and bool(odds.grad.isfinite().all())


def test_heads_that_are_no_numbers_any_more_stop_the_training() -> None:
    made = routing("frozen")
    assert made.heads
    with torch.no_grad():
        made.heads.styles.weight.fill_(float("nan"))
    with pytest.raises(BadInput, match=r"the router diverged at step 3: .* lower router.learning_rate"):
        drawn(made, 4, 3)


@pytest.mark.parametrize(("probabilities", "nats"), [([1.0, 1.0, 0.0, 0.0], 0.6931), ([1.0, 0.0, 1.0, 0.0], 0.0), ([0.5] * 4, 0.0)])
def test_information_of_a_route_with_a_style(probabilities: list[float], nats: float) -> None:
    assert information(torch.tensor(probabilities), ["a", "a", "b", "b"]) == pytest.approx(nats, abs=1e-3)


def test_the_utility_is_the_share_of_right_answers_less_the_price_of_their_tokens() -> None:
    assert worth([1.0, 0.0], [10, 30], 0.01) == pytest.approx(0.3)
    assert worth([0.0, 0.0], [10, 30], 0.01) == 0.0


def test_what_the_heads_read_is_standardised() -> None:
    heads = Heads((6, 4), 2, 3, 8, 0)
    features = Features(torch.randn(40, 6) * 100 + 7, torch.randn(40, 4) * 1e-3)
    heads.standardise(features)
    shifted = Features(*(values * 2 for values in features))
    again = Heads((6, 4), 2, 3, 8, 0)
    again.standardise(shifted)
    styles = torch.zeros(40, dtype=torch.long)
    assert torch.allclose(heads.log_odds(features, styles), again.log_odds(shifted, styles), atol=1e-4)


def test_students_that_are_never_right_share_the_paths_whatever_their_log_odds() -> None:
    """Both know nothing of the problems; that the heads are surer of it for one student says nothing about the paths."""
    made = routing("pass_rate", problems=40, among="students", epsilon=0.0, temperature=[0.2, 0.2], learning_rate=0.02)
    made.observe([Observation(0, problem, style, student, 0.0) for problem in range(40) for style in range(4) for student in (0, 1)])
    made.learn(1, 200)
    probabilities = drawn(made, 160).probabilities
    assert float(probabilities.min()) > 0.4 and float(probabilities.max()) < 0.6


def test_dropout_leaves_features_out_as_the_generator_says_and_keeps_their_mean() -> None:
    heads, features = Heads((6, 4), 2, 3, 8, 0), Features(torch.randn(4000, 6), torch.randn(4000, 4))
    for head in heads.heads:  # a sum of what it reads, so that the mean can be compared
        assert isinstance(head, torch.nn.Sequential) and isinstance(head[0], torch.nn.Linear)
        torch.nn.init.zeros_(head[0].bias)
        head[1] = torch.nn.Identity()
    styles = torch.zeros(4000, dtype=torch.long)
    plain = heads.log_odds(features, styles)
    dropped = [heads.log_odds(features, styles, 0.5, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(dropped[0], dropped[1]) and not torch.equal(dropped[0], dropped[2])
    assert not torch.allclose(dropped[0], plain) and torch.allclose(dropped[0].mean(1), plain.mean(1), atol=0.05)


def test_rates_by_style_task_and_epoch_leave_out_what_has_few_paths() -> None:
    row: dict[str, Any] = {"step": 1, "sample": "p", "cot_index": 0, "probability": 0.5, "student": "first"}
    routes = [RouteRow(**row, epoch=0, style="a", task="t", route=int(number < 3)) for number in range(4)]
    routes += [RouteRow(**row, epoch=1, style="b", task="t", route=1)]
    told = rates(routes, 2)
    assert [(each["group"], each["name"], each["epoch"], each["rate"], each["paths"]) for each in told] == [
        ("all", "all", 0, 0.75, 4), ("style", "a", 0, 0.75, 4), ("task", "t", 0, 0.75, 4),
    ]  # fmt: skip
    assert (told[0]["low"], told[0]["high"]) == (0.300642, 0.954413)  # as statsmodels.stats.proportion has it


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"signal": "pass_rate"}, "calibration: the signal pass_rate needs it"),
        ({"signal": "pass_rate", "reads": "question_and_path", "calibration": CALIBRATION}, "reads: .*expected question"),
        ({"signal": "loss", "among": "styles"}, "among: with the signal loss expected problems"),
        ({"signal": "los"}, "Input should be 'pass_rate', 'loss'"),
        ({"signal": "off", "temperature": [1.0]}, "at least 2 items"),
        ({"signal": "off", "rate": 1.0}, "less than 1"),
        ({"signal": "off", "encoder_revision": "0" * 40}, "encoder_revision"),
    ],
)
def test_bad_params_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Params.model_validate(params)
