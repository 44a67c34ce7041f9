"""The format `signalled`: exactly what the prompt asks for, nothing where it asks for nothing, and the rollback in one flag."""

from typing import Any

import pytest
from stages.formats import format_named
from stages.formats.mixing.mixture import Params, Report, mix
from stages.shared.rows import Chat, Ending, Kind, Message, Trace, encode
from stages.shared.signals import request_of
from stages.styles.prompting.prompts import put

BEFORE = [Message(role="user", content="Who sings?"), Message(role="assistant", content="Eva.")]


def trace(id: str, text: str = "The answer is 7.", question: str = "How many?", history: list[Message] | None = None) -> Trace:
    fields: dict[str, Any] = {"task": "t", "kind": Kind.NUMBER, "split": "train", "answer": "7", "by": "teacher", "style": "plain"}
    fields |= {"messages": [], "sampler": "s", "model": "m", "sample": 0, "ending": Ending.STOP, "tokens": 3}
    grades = {"answer": 1.0}
    return Trace(id=id, question=question, text=text, history=history, pred="7", grades=grades, reasons={}, **fields)


def chats(kept: list[Trace], style: Any, hard: str = "signalled") -> list[Chat]:
    params = Params(selective=False, hard=hard)
    return list(mix(lambda: kept, params, put(style).render, 0, Report()))


@pytest.mark.parametrize("text", ["The answer is 7.", "🤔🤔\nThe answer is 7.\n🏁", "<think>The answer is 7.</think>\n🛑🛑🛑🛑"])
def test_an_answer_gets_the_signals_that_its_prompt_asks_for(text: str) -> None:
    (chat,) = chats([trace("p", text, history=BEFORE)], {"signal_request": {"share": 1.0}})
    assert chat.messages[-1] == {"role": "assistant", "content": "🤔🤔🤔🤔\nThe answer is 7.\n🛑🛑🛑"}
    assert (chat.id, chat.format, chat.trace) == ("p/teacher/plain/0#signalled", "signalled", "p/teacher/plain/0")
    assert [message["role"] for message in chat.messages] == ["system", "user", "assistant", "user", "assistant"]


def test_where_nothing_is_asked_the_chat_is_that_of_direct() -> None:
    kept = [trace(f"p{number}", history=BEFORE) for number in range(200)]
    made = chats(kept, "signal_request")
    direct = {chat.problem: chat for chat in chats(kept, "plain", "direct")}
    silent = [chat for chat in made if not request_of(chat.messages)]
    assert 60 < len(silent) < 140
    assert all(encode(chat) == encode(direct[chat.problem]) for chat in silent)


def test_signals_that_nobody_asked_for_are_taken_off() -> None:
    (chat,) = chats([trace("p", "🤔🤔🤔🤔\nThe answer is 7.\n🛑🛑🛑")], "plain")
    assert (chat.format, chat.messages[-1]["content"]) == ("direct", "The answer is 7.")


def test_not_enabled_gives_the_bytes_of_a_student_that_never_knew_signals() -> None:
    """Of conversations that have no signals, and of the same with signals in them: both are the bytes of `plain` and `direct`."""
    clean = [trace(f"p{number}", history=BEFORE) for number in range(50)]
    shown = chats(clean, {"signal_request": {"share": 1.0, "symbols": "drawn", "system_prompt": None}})
    signed = [trace(chat.problem, chat.messages[-1]["content"], chat.messages[-2]["content"], chat.messages[:-2]) for chat in shown]
    assert all(request_of(chat.messages) for chat in shown)
    never = b"".join(encode(chat) for chat in chats(clean, "plain", "direct"))
    for kept in (clean, signed):
        assert b"".join(encode(chat) for chat in chats(kept, {"signal_request": {"enabled": False}})) == never


def test_an_empty_answer_gets_its_signals() -> None:
    (chat,) = format_named("signalled").to_chats([trace("p", "")], put({"signal_request": {"share": 1.0}}).render)
    assert chat.messages[-1]["content"] == "🤔🤔🤔🤔\n\n🛑🛑🛑"
