"""Peer terms: values by hand, gradients, and two tokenizations of one text brought together."""

from collections.abc import Callable, Sequence
from math import e, log
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.students.peers import PEERS, States, peer
from stages.students.peers.terms.shared_segments import first_tokens, means, shared_segments
from stages.students.scratch import train_tokenizer

from tiny import chats

X = (-1, -1)  # a token that is not of the text
ONES = torch.ones(2, 1)


def build(kind: str, widths: tuple[int, int] = (2, 2), vocabularies: tuple[int, int] = (3, 3), seed: int = 0, **params: Any) -> Any:
    member = peer(kind)
    return member.build(member.Params(kind=kind, **params), widths, vocabularies, seed)


def spans(*rows: Sequence[tuple[int, int]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.int64)


def states(hidden: Any, places: Sequence[tuple[int, int]], logits: Any = None) -> States:
    """One row."""
    where = spans(places)
    made = None if logits is None else torch.as_tensor(logits, dtype=torch.float32)[None]
    return States(torch.as_tensor(hidden, dtype=torch.float32)[None], made, where[..., 0] >= 0, where)


SEGMENTS: list[tuple[list[tuple[int, int]], list[tuple[int, int]], list[int], list[int]]] = [
    # one tokenization: every token is a stretch
    ([X, (0, 2), (2, 5)], [X, (0, 2), (2, 5)], [-1, 0, 1], [-1, 0, 1]),
    # borders at 2, 4, 6 and at 3, 4, 6: those shared are 4 and 6
    ([(0, 2), (2, 4), (4, 6)], [(0, 3), (3, 4), (4, 5), (5, 6)], [0, 0, 1], [0, 0, 1, 1]),
    # nothing shared but the end
    ([(0, 2), (2, 5)], [(0, 3), (3, 5)], [0, 0], [0, 0]),
    # a character of three tokens: no border inside
    ([(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)], [(0, 2), (2, 3)], [0, 0, 0, 0, 1], [0, 1]),
    # a space that one tokenization leaves outside of its spans, the other puts in front
    ([(0, 2), (3, 5)], [(0, 2), (2, 5)], [0, 1], [0, 1]),
    # one answer is cut off: what follows the last shared border is of no stretch
    ([(0, 2), (2, 4)], [(0, 2), X], [0, -1], [0, -1]),
    # a token without characters belongs to what ends there
    ([(0, 2), (2, 2), (2, 4)], [(0, 2), (2, 4)], [0, 0, 1], [0, 1]),
    # no answer
    ([X, X], [X, X], [-1, -1], [-1, -1]),
]


@pytest.mark.parametrize(("first", "second", "ours", "theirs"), SEGMENTS)
def test_shared_segments(first: list[tuple[int, int]], second: list[tuple[int, int]], ours: list[int], theirs: list[int]) -> None:
    found = shared_segments(spans(first), spans(second))
    assert [place.tolist() for place in found.of] == [[ours], [theirs]]
    assert found.present.tolist() == [[True] * (max(ours) + 1)]


def test_rows_with_different_numbers_of_stretches() -> None:
    found = shared_segments(spans([(0, 1), (1, 2)], [(0, 1), X]), spans([(0, 1), (1, 2)], [X, (0, 1)]))
    assert found.present.tolist() == [[True, True], [True, False]]
    assert [place.tolist() for place in found.of] == [[[0, 1], [0, -1]], [[0, 1], [-1, 0]]]


def test_means_and_first_tokens_of_stretches() -> None:
    places = torch.tensor([[-1, 0, 0, 1]])
    hidden = torch.tensor([[[9.0], [1.0], [3.0], [5.0]]])
    assert means(hidden, places, 3).tolist() == [[[2.0], [5.0], [0.0]]]
    assert first_tokens(places, 3).tolist() == [[1, 3, 0]]


TEXTS = [
    "The 12 apples cost 34.50 dollars, so 12 of them cost more.",
    "🜞 what is 7\n🜆 count\n🜂 7 = 7\n🜃 The answer is 7.",
    "naïve  café — 100%\n\n  two spaces",
]


@pytest.mark.parametrize("text", TEXTS)
def test_two_real_tokenizations_of_one_text(text: str) -> None:
    """A stretch is the same characters in both, and the stretches in order are the text."""
    talks = chats()
    questions, answers = ([chat.messages[turn]["content"] for chat in talks] for turn in (0, 1))
    tokenizers = [train_tokenizer(iter(questions), 330, "bpe"), train_tokenizer(iter(answers), 420, "unigram")]
    encoded = [tokenizer(text, add_special_tokens=False, return_offsets_mapping=True) for tokenizer in tokenizers]
    assert encoded[0].offset_mapping != encoded[1].offset_mapping  # two tokenizations indeed
    found = shared_segments(*(spans(each.offset_mapping) for each in encoded))
    count = int(found.present.sum())
    pieces = []
    for places, each in zip(found.of, encoded, strict=True):
        parts = []
        for number in range(count):
            own = [span for span, place in zip(each.offset_mapping, places[0].tolist(), strict=True) if place == number]
            parts.append(text[min(start for start, _ in own) : max(stop for _, stop in own)])
        pieces.append(parts)
    assert pieces[0] == pieces[1] and "".join(pieces[0]) == text
    assert len(text) / 5 < count <= min(len(each.input_ids) for each in encoded)  # smallest, not the text as a whole


def identities(module: Any) -> Any:
    """The module with projections that change nothing."""
    for projection in module.projections:
        projection.free = torch.nn.Parameter(torch.eye(2))
    return module


def with_even_weights(module: Any) -> Any:
    with torch.no_grad():
        for parameter in module.competence.parameters():
            parameter.zero_()
    return module


def test_mse_by_hand() -> None:
    """Directions (1, 0) and (0, 1): squared distance 2, to the middle a half each. Where they agree 0. The term of the competence weights
    at a half each: the mean loss 2 less 0.5 times log 2."""
    module = with_even_weights(identities(build("mse", width=2, temperature=0.5, weight=3.0)))
    first = states([[7, 7], [2, 0], [0, 5]], [X, (0, 2), (2, 4)])
    second = states([[0, 3], [0, 1], [0, 1]], [(0, 1), (1, 2), (2, 4)])
    loss, scalars = module(first, second, torch.tensor([[1.0], [3.0]]), ONES)
    assert scalars["distance"].item() == pytest.approx((2 + 0) / 2)
    assert scalars["competence_first"].item() == scalars["competence_second"].item() == 0.5
    assert loss.item() == pytest.approx(3 * ((0.5 + 0) / 2 + 2 - 0.5 * log(2)), rel=1e-5)


def test_mse_of_pooled_states() -> None:
    """Means over the answer, whatever its stretches: (1, 1) and (0, 1), of which the squared distance is 2 - 2 cos 45°."""
    module = with_even_weights(identities(build("mse", width=2, align="pooled")))
    first = states([[7, 7], [2, 0], [0, 2]], [X, (0, 2), (2, 4)])
    second = states([[0, 3], [0, 1], [9, 9]], [(0, 1), (1, 3), X])
    assert module(first, second, ONES, ONES)[1]["distance"].item() == pytest.approx(2 - 2**0.5)


def test_kl_by_hand() -> None:
    """(1/2, 1/2) against (e, 1)/(e + 1), at places that differ by the length of the question."""
    module = build("kl", vocabularies=(2, 3))
    first = states([[0, 0]] * 3, [X, X, (0, 1)], [[9, 9], [0, 0], [5, 0]])
    second = states([[0, 0]] * 2, [X, (0, 1)], [[1, 0, 7], [0, 5, 0]])  # the third logit is surplus
    share = e / (e + 1)
    to_first = share * log(share / 0.5) + (1 - share) * log((1 - share) / 0.5)
    to_second = 0.5 * log(0.5 / share) + 0.5 * log(0.5 / (1 - share))
    loss, scalars = module(first, second, ONES, ONES)
    assert scalars["kl_first"].item() == pytest.approx(to_first, rel=1e-5)
    assert scalars["kl_second"].item() == pytest.approx(to_second, rel=1e-5)
    assert loss.item() == pytest.approx((to_first + to_second) / 2, rel=1e-5)
    assert module(first, second, ONES, torch.tensor([[1.0], [0.0]]))[0].item() == pytest.approx(to_first, rel=1e-5)
    hot = build("kl", vocabularies=(2, 2), temperature=2.0)
    doubled = [one._replace(logits=2 * one.logits) for one in (first, second)]
    assert hot(*doubled, ONES, ONES)[0].item() == pytest.approx(4 * loss.item(), rel=1e-5)


def test_uld_by_hand() -> None:
    """(1/2, 1/2) against (1/3, 1/3, 1/3): 1/6 + 1/6 + 1/3. The second shared place has one sorted list, in two orders: 0."""
    module = build("uld", vocabularies=(2, 3))
    low = -1e9
    first = states([[0]] * 4, [X, (0, 1), (1, 2), (2, 3)], [[0, 0], [9, 0], [low, 0], [0, 3]])
    second = states([[0]] * 3, [X, (0, 2), (2, 3)], [[0, 0, 0], [0, low, low], [5, 5, 5]])
    loss, scalars = module(first, second, ONES, ONES)
    assert loss.item() == pytest.approx((2 / 3 + 0) / 2, rel=1e-6)
    assert scalars["places"].item() == 2


def batch(seed: int, rows: int, tokens: int, width: int, vocabulary: int, step: int) -> States:
    """Random states of an answer of `tokens` - 2 tokens of `step` characters, with gradients."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.arange(tokens - 2) * step
    own = torch.cat([torch.full((2, 2), -1), torch.stack([starts, starts + step], 1)]).expand(rows, -1, -1)
    hidden = torch.randn(rows, tokens, width, generator=generator).requires_grad_()
    logits = torch.randn(rows, tokens, vocabulary, generator=generator).requires_grad_()
    return States(hidden, logits, own[..., 0] >= 0, own)


CASES: list[tuple[str, dict[str, Any], int]] = [
    ("mse", {"width": 6}, 2),
    ("mse", {"width": 3, "align": "pooled"}, 2),
    ("kl", {}, 1),
    ("uld", {}, 2),
]


def apart(kind: str, step: int, rows: int = 4) -> tuple[States, States]:
    """Two students with one text of eight characters; of a word of the second's the first makes `step` tokens."""
    sizes = (5, 5) if kind == "kl" else (5, 7)
    return batch(1, rows, 10, 4, sizes[0], 1), batch(2, rows, 8 // step + 2, 6, sizes[1], step)


def norms(module: Any, first: States, second: States) -> dict[str, float]:
    wanted = [one.hidden if module.reads == "hidden" else one.logits for one in (first, second)]
    named = dict(module.named_parameters()) | dict(zip(("first", "second"), wanted, strict=True))
    return {name: 0.0 if value.grad is None else value.grad.norm().item() for name, value in named.items()}


@pytest.mark.parametrize(("kind", "params", "step"), CASES)
def test_gradients_reach_both_students_and_all_that_learns(kind: str, params: dict[str, Any], step: int) -> None:
    module = build(kind, (4, 6), (5, 7), **params)
    first, second = apart(kind, step)
    loss, scalars = module(first, second, torch.rand(2, 4), torch.ones(2, 4))
    loss.backward()
    assert all(value > 1e-6 for value in norms(module, first, second).values())
    assert bool(list(module.parameters())) == (kind == "mse")
    assert all(value.ndim == 0 and not value.requires_grad for value in scalars.values())


@pytest.mark.parametrize(("kind", "params", "step"), CASES)
def test_gates_at_0_leave_no_gradient(kind: str, params: dict[str, Any], step: int) -> None:
    module = build(kind, (4, 6), (5, 7), **params)
    first, second = apart(kind, step)
    loss, _ = module(first, second, torch.rand(2, 4), torch.zeros(2, 4))
    loss.backward()
    assert loss.item() == 0 and set(norms(module, first, second).values()) == {0.0}


@pytest.mark.parametrize(("kind", "params", "step"), CASES)
def test_one_gate_at_0_leaves_that_student_and_row_alone(kind: str, params: dict[str, Any], step: int) -> None:
    module = build(kind, (4, 6), (5, 7), **params)
    first, second = apart(kind, step)
    gates = torch.ones(2, 4)
    gates[0, 2] = 0
    module(first, second, torch.rand(2, 4), gates)[0].backward()
    ours, theirs = (one.hidden.grad if module.reads == "hidden" else one.logits.grad for one in (first, second))
    assert [row.norm().item() > 0 for row in ours] == [True, True, False, True]
    assert all(row.norm().item() > 0 for row in theirs)


@pytest.mark.parametrize(("kind", "params", "step"), CASES)
def test_the_gates_get_a_gradient(kind: str, params: dict[str, Any], step: int) -> None:
    gates = torch.ones(2, 4, requires_grad=True)
    build(kind, (4, 6), (5, 7), **params)(*apart(kind, step), torch.rand(2, 4), gates)[0].backward()
    assert gates.grad is not None and bool((gates.grad > 0).all())


@pytest.mark.parametrize(("kind", "params", "step"), CASES)
def test_students_meet(kind: str, params: dict[str, Any], step: int) -> None:
    """A few hundred steps on the states alone bring the term near to its least value: the gradients point the right way."""
    module = build(kind, (4, 6), (5, 7), **params)
    first, second = apart(kind, step)
    learnt = [one.hidden if module.reads == "hidden" else one.logits for one in (first, second)]
    optimizer = torch.optim.Adam(learnt, 0.05)
    name = {"mse": "distance", "kl": "kl_first", "uld": "uld"}[kind]
    values = []
    for _ in range(300):
        optimizer.zero_grad()
        loss, scalars = module(first, second, torch.ones(2, 4), torch.ones(2, 4))
        loss.backward()
        optimizer.step()
        values.append(scalars[name].item())
    assert values[-1] < 0.05 * values[0]


def test_the_less_competent_student_moves_further() -> None:
    module = identities(build("mse", width=2))
    module.competence.forward = lambda losses: torch.tensor([[0.8], [0.2]])
    first, second = (states([[0, 0], direction], [X, (0, 1)]) for direction in ([1, 0], [0, 1]))
    for one in (first, second):
        one.hidden.requires_grad_()
    module(first, second, ONES, ONES)[0].backward()
    assert second.hidden.grad.norm().item() == pytest.approx(4 * first.hidden.grad.norm().item(), rel=1e-5)


def test_competence_weights_come_to_the_softmax_of_the_losses() -> None:
    """What they learn, without what draws them to a half: on losses that were not seen."""
    competence = build("mse", temperature=0.5).competence
    optimizer = torch.optim.Adam(competence.parameters(), 0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(1500):
        losses = 2 * torch.rand(2, 32, generator=generator)
        optimizer.zero_grad()
        competence.term(competence(losses), losses, torch.ones(2, 32)).backward()
        optimizer.step()
    losses = 2 * torch.rand(2, 200, generator=generator)
    assert (competence(losses) - (-losses / 0.5).softmax(0)).abs().max().item() < 0.06


def test_projections_do_not_collapse() -> None:
    """States with a large part in common: free projections could send all of them to one point. These learn, and keep them apart."""
    module = build("mse", (4, 6), width=6)
    first, second = apart("mse", 2)
    shifted = [one._replace(hidden=(one.hidden + 3).detach()) for one in (first, second)]
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    before = [projection.weight.detach().clone() for projection in module.projections]
    for _ in range(300):
        optimizer.zero_grad()
        module(*shifted, torch.ones(2, 4), torch.ones(2, 4))[0].backward()
        optimizer.step()
    for projection, start, one in zip(module.projections, before, shifted, strict=True):
        weight = projection.weight.detach()
        assert (weight - start).norm().item() > 0.1
        flat = one.hidden.flatten(0, 1)
        assert torch.allclose(flat @ weight.T @ weight @ flat.T, flat @ flat.T, atol=1e-3)  # lengths and angles are what they were


@pytest.mark.parametrize("kind", ["mse", "kl", "uld"])
def test_places_outside_of_the_answer_count_for_nothing(kind: str) -> None:
    module = build(kind, (4, 6), (5, 7))
    first, second = apart(kind, 1 if kind == "kl" else 2)
    value = module(first, second, torch.ones(2, 4), torch.ones(2, 4))[0]
    moved = second._replace(
        hidden=torch.cat([torch.full_like(second.hidden[:, :1], 9.0), second.hidden], 1),
        logits=torch.cat([torch.full_like(second.logits[:, :1], 9.0), second.logits], 1),
        answer=torch.cat([second.answer[:, :1] & False, second.answer], 1),
        spans=torch.cat([second.spans[:, :1], second.spans], 1),
    )
    assert module(first, moved, torch.ones(2, 4), torch.ones(2, 4))[0].item() == pytest.approx(value.item(), rel=1e-5)


def test_the_seed_is_used() -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        return [value.detach().clone() for value in build("mse", (4, 6), seed=seed, width=8).state_dict().values()]

    def same(one: list[torch.Tensor], two: list[torch.Tensor]) -> list[bool]:
        return [torch.equal(a, b) for a, b in zip(one, two, strict=True)]

    assert all(same(weights(1), weights(1)))
    assert not all(same(weights(1), weights(2)))


def test_a_state_is_saved_and_loaded() -> None:
    """A training that goes on after a kill has the same projections."""
    module, fresh = build("mse", (4, 6), seed=1, width=8), build("mse", (4, 6), seed=2, width=8)
    arguments = (*apart("mse", 2), torch.rand(2, 4), torch.ones(2, 4))
    assert fresh(*arguments)[0].item() != pytest.approx(module(*arguments)[0].item(), rel=1e-4)
    fresh.load_state_dict(module.state_dict())
    assert fresh(*arguments)[0].item() == module(*arguments)[0].item()


def named_tokenizers(*kinds: str) -> list[Any]:
    learnt = [message["content"] for chat in chats() for message in chat.messages]
    return [train_tokenizer(iter(learnt), 320, kind) for kind in kinds]


@pytest.mark.parametrize(
    ("kind", "tokenizers", "message"),
    [
        (
            "kl",
            ("bpe", "unigram"),
            r"peer kl: models/a and models/b have two vocabularies \(305 and 320 tokens, 0 of them .*take the peer uld or mse",
        ),
        ("uld", ("bpe", "bpe"), "peer uld: models/a and models/b have one tokenizer.*take kl, or bases with two tokenizers"),
        ("kl", ("bpe", "bpe"), ""),
        ("uld", ("bpe", "unigram"), ""),
        ("mse", ("bpe", "bpe"), ""),
        ("mse", ("bpe", "unigram"), ""),
        ("off", ("bpe", "unigram"), ""),
    ],
)
def test_tokenizers_that_do_not_suit_a_term(kind: str, tokenizers: tuple[str, str], message: str) -> None:
    def check() -> None:
        peer(kind).check(("models/a", "models/b"), named_tokenizers(*tokenizers))

    if not message:
        check()
        return
    with pytest.raises(BadInput, match=message):
        check()


def test_answers_of_different_lengths_in_one_vocabulary() -> None:
    first, second = (batch(1, 2, tokens, 4, 5, 1) for tokens in (6, 7))
    with pytest.raises(BadInput, match=r"peer kl: answers of \[4, 4\] and \[5, 5\] tokens"):
        build("kl")(first, second, torch.ones(2, 2), torch.ones(2, 2))


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("off", {"weight": 1.0}),
    ("mse", {"width": 1}),
    ("mse", {"align": "positions"}),
    ("mse", {"temperature": 0.0}),
    ("kl", {"weight": -1.0}),
    ("kl", {"temperature": 0.0}),
    ("uld", {"temperature": 1.0}),
]


@pytest.mark.parametrize(("kind", "params"), FAULTS)
def test_faulty_params(kind: str, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(params))):
        peer(kind).Params(kind=kind, **params)


def test_the_registry() -> None:
    assert build("off") is None
    made: Callable[[str], Any] = build
    assert {kind: getattr(made(kind), "reads", None) for kind in PEERS} == {"off": None, "mse": "hidden", "kl": "logits", "uld": "logits"}
    with pytest.raises(BadInput, match=r"unknown peer 'mes' .did you mean 'mse'"):
        peer("mes")
