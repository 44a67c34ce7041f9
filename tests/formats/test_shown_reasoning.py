"""What the formats write of a teacher's reasoning reaches the student, or the audit refuses it: it is never lost on the way."""

from types import SimpleNamespace
from typing import Any

import pytest
from stages.formats.mixing.shown_reasoning import with_reasoning
from stages.shared.errors import BadInput
from stages.shared.rows import Chat, Ending, Kind, Trace
from stages.students.training.audit import audit

from templates import CHATML, FAMILIES, tokenizer

QUESTION, THOUGHT, ANSWER = "Two?", "1 + 1 = 2, so it is 2.", "The answer is 2."
# As the template of DeepSeek-R1: it takes the thought out of every answer of the assistant.
DROPPING = (
    "{% if message['role'] == 'assistant' %}{{ message['content'].split('</think>')[-1] }}{% else %}{{ message['content'] }}{% endif %}"
)


def shown(how: Any) -> Chat:
    fields: Any = {"id": "p", "task": "t", "kind": Kind.NUMBER, "split": "train", "question": QUESTION, "answer": "2", "by": "teacher"}
    fields |= {"style": "s", "messages": [], "sampler": "s", "model": "m", "sample": 0, "text": ANSWER, "ending": Ending.STOP, "tokens": 3}
    row = with_reasoning(Trace(**fields, reasoning=THOUGHT, pred="2", grades={}, reasons={}), how)
    messages: Any = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": row.text}]
    return Chat(id="c", problem="p", format="direct", style="s", messages=messages, trace="t")


def audited(made: Any, chat: Chat) -> str:
    """What the student learns, as text."""
    held = SimpleNamespace(num_embeddings=1000)
    model = SimpleNamespace(get_input_embeddings=lambda: held, generation_config=SimpleNamespace(eos_token_id=made.eos_token_id))
    (row,) = audit([chat], made, model, "models/m")
    example = row.example
    learnt = [token for token, wanted in zip(example.ids, example.supervised, strict=True) if wanted]
    return str(made.decode(learnt, skip_special_tokens=True))


@pytest.mark.parametrize("how", ["think_tags", "inline"])
@pytest.mark.parametrize("name", ["chatml", "qwen3"])
def test_the_student_learns_the_reasoning(name: str, how: str) -> None:
    assert name in FAMILIES
    learnt = audited(tokenizer(name, [QUESTION, THOUGHT, ANSWER]), shown(how))
    assert THOUGHT in learnt and learnt.rstrip().endswith(ANSWER) and learnt.index(THOUGHT) < learnt.index(ANSWER)


def test_dropped_reasoning_is_not_learnt() -> None:
    assert THOUGHT not in audited(tokenizer("chatml", [QUESTION, THOUGHT, ANSWER]), shown("drop"))


def test_a_template_that_takes_thoughts_out_is_refused() -> None:
    made = tokenizer("chatml", [QUESTION, THOUGHT, ANSWER])
    made.chat_template = CHATML.replace("{{ message['content'] }}", DROPPING)
    with pytest.raises(BadInput, match="the template changes the assistant's words"):
        audited(made, shown("think_tags"))
    assert THOUGHT in audited(made, shown("inline"))
