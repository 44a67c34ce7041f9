"""What is learnt of a chat: the assistant's words of every turn and the token that ends each, in the templates of real models."""

from itertools import groupby
from typing import Any

import msgspec
import pytest
from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.training.encoding import Example, encode, end_of_turn

from templates import FAMILIES, GEMMA, tokenizer
from tiny import chats, talk

TEXTS = [message["content"] for chat in chats() for message in chat.messages]
ONE = talk("How many are 12?", "🜞 what is 12\n🜆 count\n🜂 x =  12  and 0\n🜃 The answer is 12.")
THREE = talk("How many are 3?", "The answer is 3.", "Are you sure, assistant?", "Yes,  it is 3.", "Why?", "🜞 so\n🜃 it is")
SYSTEM = talk("How many are 3?", "The answer is 3.", system="Be brief.")


def learnt(example: Example, tokenizer: Any) -> list[str]:
    """The supervised stretches as text."""
    pairs = zip(example.ids, example.supervised, strict=True)
    return [tokenizer.decode([token for token, _ in run]) for wanted, run in groupby(pairs, key=lambda pair: pair[1]) if wanted]


def encoded(name: str, chat: Chat) -> tuple[Example, Any]:
    made = tokenizer(name, TEXTS)
    assert end_of_turn(made) == made.convert_tokens_to_ids(FAMILIES[name].end)
    return encode(chat, made, made.eos_token_id), made


CASES = [(name, chat) for name in FAMILIES for chat in (ONE, THREE, SYSTEM) if not (name in ("gemma", "llama2") and chat is SYSTEM)]
CASES.remove(("qwen3", THREE))  # refused: see test_audit


@pytest.mark.parametrize(("name", "chat"), CASES)
def test_every_answer_is_learnt_with_its_end(name: str, chat: Chat) -> None:
    example, made = encoded(name, chat)
    before, after = {"qwen3": ("<think>\n\n</think>\n\n", ""), "llama2": (" ", " ")}.get(name, ("", ""))
    answers = [message["content"] for message in chat.messages if message["role"] == "assistant"]
    assert example.faults == []
    assert learnt(example, made) == [before + answer + after + FAMILIES[name].end for answer in answers]


@pytest.mark.parametrize(("name", "chat"), CASES)
def test_generation_begins_from_the_tokens_that_training_saw(name: str, chat: Chat) -> None:
    example, made = encoded(name, chat)
    first = example.supervised.index(True)
    assert (
        example.ids[:first]
        == made(render(made, chat.messages[:-1] if len(chat.messages) < 4 else chat.messages[:1], prompt=True)).input_ids
    )


def test_a_space_that_is_left_out_of_its_own_offsets_is_learnt_all_the_same() -> None:
    example, made = encoded("llama3", ONE)
    offsets = made(render(made, ONE.messages), return_offsets_mapping=True).offset_mapping
    assert any(start == stop for start, stop in offsets)
    assert made.decode(example.ids) == render(made, ONE.messages)
    assert "x =  12  and 0" in learnt(example, made)[0]


def test_a_token_across_the_border_is_a_fault() -> None:
    made = tokenizer("chatml", ["assistant: The answer"] * 50, vocabulary=320)
    made.chat_template = (
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    assert set(encode(talk("a", "The answer"), made, made.eos_token_id).faults) == {"a token straddles the border of the assistant's turn"}


@pytest.mark.parametrize(
    ("chat", "told"),
    [
        (SYSTEM, "the chat template refuses the messages: System role not supported"),
        (msgspec.structs.replace(ONE, messages=ONE.messages[1:]), "roles must alternate"),
    ],
)
def test_a_template_that_refuses_a_chat_is_told(chat: Chat, told: str) -> None:
    made = tokenizer("gemma", TEXTS)
    assert made.chat_template == GEMMA
    with pytest.raises(BadInput, match=told):
        encode(chat, made, made.eos_token_id)


def test_the_weight_of_a_chat_is_that_of_its_tokens() -> None:
    made = tokenizer("chatml", [message["content"] for chat in chats() for message in chat.messages])
    end = made.eos_token_id
    plain, heavy = (encode(msgspec.structs.replace(chats(1)[0], weight=weight), made, end) for weight in (None, 2.5))
    assert plain.weights is None  # a batch without weights is computed as ever
    assert heavy == plain._replace(weights=[2.5] * len(plain.ids))
