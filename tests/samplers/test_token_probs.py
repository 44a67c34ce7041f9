"""The log-probabilities of the tokens of a local model's answers, against a forward pass over each answer alone."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stages.samplers import Answer, hf
from stages.shared.rows import Ending

from tiny import loaded, make, prompts, question

QUESTIONS = [question(number) for number in range(7)]


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose answers end."""
    return make(tmp_path_factory.mktemp("taught"), steps=120, optimizer="muon", batch_size=8, schedule="linear", learning_rate=0.02)


@pytest.fixture(autouse=True)
def memo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def ask(model: Path, **changed: Any) -> list[list[Answer]]:
    params = {"sampler": "hf", "model": str(model), "max_new_tokens": 40, "device": "cpu", "probs": True} | changed
    return list(hf.answer(prompts(QUESTIONS), hf.Params.model_validate(params), 0))


def forward(model: Any, tokenizer: Any, asked: str, tokens: list[int]) -> list[float]:
    """The log-probability of each token behind the question, in one pass without padding."""
    import torch

    ids = tokenizer.apply_chat_template([{"role": "user", "content": asked}], add_generation_prompt=True).input_ids
    with torch.no_grad():
        logs = model(torch.tensor([ids + tokens])).logits[0].log_softmax(-1)
    return [logs[len(ids) + place - 1, token].item() for place, token in enumerate(tokens)]


@pytest.mark.parametrize(
    "drawn",
    [{}, {"temperature": 0.7, "n": 3}, {"temperature": 1.5, "top_p": 0.9}, {"max_new_tokens": 3}, {"steer": [{"no_marks": ["is"]}]}],
)
def test_they_are_those_of_the_model_itself(taught: Path, drawn: dict[str, Any]) -> None:
    """At any temperature, whatever is steered, and up to the end token where the answer has one."""
    model, tokenizer = loaded(taught)
    (end,) = tokenizer.convert_tokens_to_ids([tokenizer.eos_token])
    endings, compared = set(), 0
    for asked, given in zip(QUESTIONS, ask(taught, **drawn), strict=True):
        for answer in given:
            assert answer.probs is not None
            stopped = answer.ending is Ending.STOP
            endings.add(stopped)
            assert len(answer.probs) == answer.tokens + stopped
            assert (answer.probs[-1]["token"] == tokenizer.decode([end])) is stopped
            assert {len(token["top"]) for token in answer.probs} == {0}
            ids = tokenizer(answer.text, add_special_tokens=False).input_ids
            if tokenizer.decode(ids) == answer.text and len(ids) == answer.tokens:  # else the model wrote it in other tokens
                compared += 1
                expected = forward(model, tokenizer, asked, [*ids, *([end] if stopped else [])])
                assert [token["logprob"] for token in answer.probs] == pytest.approx(expected, abs=2e-3)
    assert compared > len(QUESTIONS) / 2 and (not drawn.get("max_new_tokens") or endings == {False})


def test_they_change_no_answer_and_outlive_the_memo(taught: Path) -> None:
    with_probs, without = (ask(taught, temperature=1.0, n=2, probs=probs) for probs in (True, False))
    assert [[answer._replace(probs=None) for answer in given] for given in with_probs] == without
    assert ask(taught, temperature=1.0, n=2) == with_probs  # from the memo


def test_an_answer_without_a_token_of_its_own_has_none(taught: Path) -> None:
    labels = {"names": ["a", "b"], "after": "nothing"}
    with pytest.raises(ValidationError, match="leave out n, temperature, top_p, max_new_tokens, probs and steer"):
        hf.Params.model_validate({"sampler": "hf", "model": str(taught), "labels": labels, "probs": True})
