"""The probability of each label by a local model, against a count token by token without batch, padding or cache."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError
from stages.samplers import Answer, hf
from stages.samplers.local.label_scores import Labels, _tails, before_label
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt

from tiny import loaded, make, prompts, talk

NAMES = ["no", "yes", "not at all"]  # of several tokens each; `no` begins `not at all`
QUESTIONS = [f"Is {number} even? {'Really? ' * (number % 3)}" for number in range(9)]


def answer_of(number: int) -> str:
    return f"<think>{number} is {'even' if number % 2 == 0 else 'odd'}</think><label>{NAMES[number % 2 == 0]}</label>"


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chats = [talk(question, answer_of(number), name=f"c{number}") for number, question in enumerate(QUESTIONS)]
    return make(tmp_path_factory.mktemp("taught"), given=chats, steps=60, optimizer="muon", schedule="linear", learning_rate=0.02)


@pytest.fixture(autouse=True)
def memo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))


def ask(model: Path, asked: Sequence[Prompt], labels: dict[str, Any], **changed: Any) -> list[list[Answer]]:
    given = {"sampler": "hf", "model": str(model), "device": "cpu", "labels": {"names": NAMES, "opening": "<label>"} | labels}
    length = {} if labels.get("after") == "nothing" else {"max_new_tokens": 60}
    return list(hf.answer(asked, hf.Params.model_validate(given | length | changed), 0))


def reference(model: Path, question: str, before: str, closing: str) -> dict[str, float]:
    """Each label with what follows it, one token at a time; the last token of a label without closing is the end of turn."""
    import torch

    made, tokenizer = loaded(model)
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False)
    sums = []
    for name in NAMES:
        ids = tokenizer(prompt + before + name + closing, add_special_tokens=False).input_ids + (
            [] if closing else [tokenizer.eos_token_id]
        )
        start = len(tokenizer(prompt, add_special_tokens=False).input_ids)
        with torch.no_grad():
            logits = made(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
        sums.append(sum(float(logits[place - 1, ids[place]]) for place in range(start, len(ids))))
    highest = max(sums)
    weights = [math.exp(value - highest) for value in sums]
    return dict(zip(NAMES, (weight / sum(weights) for weight in weights), strict=True))


@pytest.mark.parametrize("closing", ["", "</label>"])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_labels_without_reasoning(taught: Path, closing: str, batch_size: int) -> None:
    given = ask(taught, prompts(QUESTIONS), {"after": "nothing", "closing": closing}, batch_size=batch_size)
    for question, (answer,) in zip(QUESTIONS, given, strict=True):
        expected = reference(taught, question, "<label>", closing)
        assert answer.label_probs == pytest.approx(expected, abs=1e-5)
        assert answer.text == f"<label>{max(expected, key=lambda name: expected[name])}{closing}"
        assert (answer.ending, answer.tokens > 0) == (Ending.STOP, True)


def test_labels_after_the_answers_own_reasoning(taught: Path) -> None:
    given = ask(taught, prompts(QUESTIONS), {"closing": "</label>"})
    named = 0
    for question, (answer,) in zip(QUESTIONS, given, strict=True):
        expected = reference(taught, question, before_label(answer.text, "<label>"), "</label>")
        assert answer.label_probs == pytest.approx(expected, abs=1e-5)
        if answer.ending is Ending.STOP and "</label>" in answer.text:
            named += 1
            assert answer.text.rpartition("<label>")[2] == max(expected, key=lambda name: expected[name]) + "</label>"
    assert named > 4
    plain = [answer.text for (answer,) in ask(taught, prompts(QUESTIONS), {"closing": "</label>"})]
    assert plain == [answer.text for (answer,) in given]


def test_probabilities_are_averaged_over_samples(taught: Path) -> None:
    asked = prompts(QUESTIONS[:3])
    single = ask(taught, asked, {}, n=4, temperature=1.5)
    averaged = ask(taught, asked, {"samples": 4}, temperature=1.5)
    for drawn, (mean,) in zip(single, averaged, strict=True):
        assert mean.text == drawn[0].text and mean.tokens == sum(answer.tokens for answer in drawn)
        expected = {name: sum((answer.label_probs or {})[name] for answer in drawn) / 4 for name in NAMES}
        assert mean.label_probs == pytest.approx(expected) and sum(expected.values()) == pytest.approx(1, abs=1e-6)
    assert any(len({answer.text for answer in drawn}) > 1 for drawn in single)


def test_the_memo_keeps_them(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stages.samplers.local import generation

    asked, labels = prompts(QUESTIONS), {"after": "nothing"}
    first = ask(taught, asked, labels)
    monkeypatch.setattr(generation, "label_probs", lambda *given: pytest.fail("asked again"))
    assert ask(taught, asked, labels) == first


# the ids of each label with its text before it -> what is shared, and what is scored
TAILS = [
    ([[7, 1, 9], [7, 2, 9]], [7], [[1], [2]]),  # one token each: one forward pass for all
    ([[7, 1, 9], [7, 1, 2, 9]], [7, 1], [[9], [2, 9]]),  # `1` begins `1 2`: the end decides
    ([[7, 1, 3, 9], [7, 2, 3, 9], [7, 4, 9]], [7], [[1, 3], [2, 3], [4]]),
    ([[1, 5], [2, 5]], [], [[1], [2]]),
    ([[7, 1, 2, 9], [7, 2, 9]], [7], [[1, 2], [2]]),
]


@pytest.mark.parametrize(("variants", "shared", "tails"), TAILS)
def test_what_is_scored_of_a_label(variants: list[list[int]], shared: list[int], tails: list[list[int]]) -> None:
    assert _tails(variants) == (shared, tails)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a<label>x</label>", "a<label>"),
        ("<label>x</label> no <label>y", "<label>x</label> no <label>"),
        ("cut off", "cut off\n<label>"),
        ("line\n", "line\n<label>"),
        ("", "<label>"),
    ],
)
def test_where_the_label_stands(text: str, expected: str) -> None:
    assert before_label(text, "<label>") == expected


FAULTY = [
    ({"names": ["a"]}, {}, "at least 2"),
    ({"names": ["a", "a"]}, {}, "labels that differ"),
    ({"names": ["a", " "]}, {}, "none of them empty"),
    ({"opening": ""}, {}, "expected the text before the label"),
    ({"samples": 3}, {}, "at temperature 0 all samples are the same"),
    ({"after": "nothing", "samples": 2}, {"max_new_tokens": None}, "there is nothing to draw"),
    ({"after": "nothing"}, {}, "with `nothing` no token is generated"),
    ({"after": "nothing"}, {"max_new_tokens": None, "temperature": 1.0}, "with `nothing` no token is generated"),
    ({}, {"max_new_tokens": None}, "max_new_tokens: is missing"),
]


@pytest.mark.parametrize(("labels", "changed", "message"), FAULTY)
def test_faulty_params(labels: dict[str, Any], changed: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"sampler": "hf", "model": "m/m", "max_new_tokens": 5}
    with pytest.raises(ValidationError, match=message):
        hf.Params.model_validate(given | {"labels": {"names": ["a", "b"], "opening": "<label>"} | labels} | changed)


def test_the_labels_are_the_choices_of_the_prompts(taught: Path) -> None:
    asked = [msgspec.structs.replace(prompt, choices=["yes", "no"]) for prompt in prompts(QUESTIONS)]
    with pytest.raises(BadInput, match=r"labels.names: expected the choices of prompt 'p0', yes, no; got no, yes, not at all"):
        ask(taught, asked, {})


def test_labels_params() -> None:
    assert Labels(names=["a", "b"], after="nothing").opening == ""
