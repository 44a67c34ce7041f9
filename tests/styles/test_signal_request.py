"""Who is asked for which signals: by the conversation's id alone, what is held out in no train problem, and never twice."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from pydantic import ValidationError
from stages.shared.rows import Kind, Message, Problem, turn_id
from stages.shared.signals import Request, request_in, request_of
from stages.styles import Put, plain
from stages.styles.prompting.drawn_signals import SYSTEM, Params
from stages.styles.prompting.prompts import put

HELD_OUT: dict[str, Any] = {
    "think": ["🧮", "🔭"], "stop": ["🎬"], "think_counts": [5, 7], "stop_counts": [2], "pairs": [["🤔", "🏁"]],
}  # fmt: skip


def asked(**params: Any) -> Put:
    return put({"signal_request": params})


def turn(role: str, content: str) -> Message:
    return Message(role=role, content=content)


def problem(id: str = "p", split: str = "train", question: str = "And now?", history: list[Message] | None = None) -> Problem:
    return Problem(id=id, task="t", kind=Kind.NUMBER, split=split, question=question, answer="7", history=history)


BEFORE = [turn("user", "Who sings?"), turn("assistant", "Eva.")]
DRAWN = asked(symbols="drawn", share=1.0, held_out=HELD_OUT)


def requests(style: Put, split: str, count: int = 3000) -> list[Request]:
    made = [request_of(style.render(problem(f"p{number}", split))) for number in range(count)]
    return [request for request in made if request]


def test_the_default_reads_as_the_format_says() -> None:
    system, first, answer, last = asked(share=1.0).render(problem(history=BEFORE))
    request = "For this task, think with 🤔 /four/ times.\n\nWhen finished, emit 🛑 /three/ times to signal completion."
    assert system == turn("system", SYSTEM)
    assert first == turn("user", f"Who sings?\n\n{request}")
    assert answer == turn("assistant", "🤔🤔🤔🤔\nEva.\n🛑🛑🛑")
    assert last == turn("user", f"And now?\n\n{request}")


def test_a_share_of_the_conversations_asks_for_all_of_its_turns() -> None:
    style = asked(share=0.3)
    asking = {id for id in map(str, range(2000)) if request_of(style.render(problem(id)))}
    assert 520 < len(asking) < 680
    for id in map(str, range(50)):
        turns = [problem(turn_id(id, number), history=BEFORE * (number - 1)) for number in (1, 2, 3)]
        made = [request_of(style.render(one)) for one in turns]
        assert len(set(made)) == 1 and bool(made[0]) == (id in asking)
    assert not requests(asked(share=0.0), "train")
    assert len(requests(asked(share=1.0), "train", 50)) == 50


def test_a_student_is_asked_in_the_evaluation_as_in_training() -> None:
    """The prompt of each turn is how the whole conversation begins, to the byte."""
    style = asked(symbols="drawn", turns=0.6, share=0.8)
    for id in map(str, range(40)):
        whole = style.render(problem(id, history=BEFORE * 3))
        for number in range(1, 5):
            before = (BEFORE * (number - 1)) or None
            part = problem(turn_id(id, number), "train", "Who sings?" if number < 4 else "And now?", before)
            rendered = style.render(part)
            assert whole[: len(rendered)] == rendered


def test_a_share_of_the_turns_asks_and_the_others_are_answered_without_signals() -> None:
    style = asked(share=1.0, turns=0.5)
    seen = Counter[bool]()
    for id in map(str, range(200)):
        _, *messages = style.render(problem(id, history=BEFORE * 2))
        for user, answer in zip(messages[::2], messages[1::2], strict=False):
            request = request_in(user["content"])
            seen[bool(request)] += 1
            assert answer["content"] == ("🤔🤔🤔🤔\nEva.\n🛑🛑🛑" if request else "Eva.")
    assert min(seen.values()) > 150


def test_what_is_held_out_is_asked_for_in_no_train_problem() -> None:
    for split in ("train", "pretrain"):
        made = requests(DRAWN, split)
        assert {one.think for one in made} == {"🤔", "💭", "🧠", "💡", "🔍", "🧩", "🔬", "📝"}
        assert {one.stop for one in made} == {"🛑", "🏁", "🔚", "⛔", "🚧", "🚦", "🔒", "📴", "🏠"}
        assert {one.think_count for one in made} == {2, 3, 4, 6, 8}
        assert {one.stop_count for one in made} == {3, 4}
        assert ("🤔", "🏁") not in {(one.think, one.stop) for one in made}
        assert {one.stop for one in made if one.think == "🤔"} >= {"🛑", "🔚"}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_half_of_the_held_out_problems_ask_for_what_is_held_out(split: str) -> None:
    kinds = Counter(
        "symbols" if one.think in HELD_OUT["think"]
        else "counts" if one.think_count in HELD_OUT["think_counts"]
        else "pairs" if [one.think, one.stop] in HELD_OUT["pairs"]
        else "known"
        for one in requests(DRAWN, split)
    )  # fmt: skip
    assert 1350 < kinds["known"] < 1650
    assert all(380 < kinds[name] < 620 for name in ("symbols", "counts", "pairs"))
    for one in requests(DRAWN, split):  # only one thing of a request is held out
        held = [one.think in HELD_OUT["think"], one.think_count in HELD_OUT["think_counts"], [one.think, one.stop] in HELD_OUT["pairs"]]
        assert sum(held) <= 1
        assert (one.stop == "🎬") == (one.think in HELD_OUT["think"]) and (one.stop_count == 2) == (one.think_count in (5, 7))


def test_not_enabled_takes_off_whatever_a_conversation_has() -> None:
    signed = asked(share=1.0).render(problem(history=BEFORE))
    *history, last = signed[1:]
    own = problem(question=last["content"], history=history)
    assert asked(enabled=False).render(own) == plain.render(problem(history=BEFORE))


def test_a_request_of_the_conversations_own_stays() -> None:
    own = "Hm?\n\nFor this task, think with 💡 2 times."
    history = [turn("user", own), turn("assistant", "💡💡\nNo.\n🛑🛑🛑")]
    for share in (0.0, 1.0):
        messages = asked(share=share).render(problem(history=history))
        assert [message["content"] for message in messages if message["role"] != "system"][:2] == [own, "💡💡\nNo."]


def test_a_system_turn_is_gone_on_with() -> None:
    history = [turn("system", "Be kind."), *BEFORE]
    once = asked(share=1.0).render(problem(history=history))
    assert once[0] == turn("system", f"Be kind.\n\n{SYSTEM}")
    assert [message["role"] for message in once] == ["system", "user", "assistant", "user"]
    assert asked(share=0.0).render(problem(history=history))[0] == history[0]
    assert asked(share=1.0, system_prompt=None).render(problem(history=history))[0] == history[0]


CONTENTS = st.lists(
    st.sampled_from(
        ["🤔🤔", "🛑", "\n", "\n\n", " ", "Eva.", "<think>", "For this task, think with 🧠 2 times.", DRAWN.params.system_prompt]
    ),
    max_size=5,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(CONTENTS, min_size=1, max_size=5), st.integers(0, 50), st.sampled_from([1.0, 0.5]), st.booleans())
def test_rendering_what_was_rendered_changes_nothing(contents: list[str], id: int, turns: float, system: bool) -> None:
    history = [turn("system", "Be kind.")] if system else []
    history += [turn(("user", "assistant")[place % 2], content) for place, content in enumerate(contents[: len(contents) // 2 * 2])]
    style = asked(symbols="drawn", share=0.7, turns=turns)
    first = problem(str(id), question=contents[-1], history=history)
    once = style.render(first)
    again = structs.replace(first, question=once[-1]["content"], history=once[:-1])
    assert style.render(again) == once
    if "<think>" not in "".join(contents):  # signals behind a tag are seen once the tag is gone
        assert words(asked(enabled=False).render(again)) == words(asked(enabled=False).render(first))


def words(messages: list[Message]) -> list[str]:
    """What users and assistants say, without the space around it."""
    return [message["content"].strip() for message in messages if message["role"] != "system"]


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"held_out": {"think": ["👀"]}}, "held_out.think: '👀' is not in drawn.think"),
        ({"drawn": {"stop_counts": [3]}, "held_out": {"stop_counts": [3]}}, "nothing of drawn.stop_counts is left"),
        ({"held_out": {"think": ["🤔"], "pairs": [["🤔", "🛑"]]}}, "each must be drawn in training"),
        ({"drawn": {"stop": ["🛑"]}, "held_out": {"pairs": [["🤔", "🛑"]]}}, "'🤔' is left with no stop symbol"),
        ({"think": {"symbol": "a", "count": 4}}, "should match pattern"),
        ({"think": {"symbol": "🤔", "count": 0}}, "greater than or equal to 1"),
        ({"symbols": "some"}, "'fixed' or 'drawn'"),
        ({"share": 1.5}, "less than or equal to 1"),
    ],
)
def test_params_that_cannot_be(params: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault.replace(".", r"\.")):
        Params.model_validate(params)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("signals", "unknown style 'signals'"),
        ({"plain": {"share": 1}}, "style 'plain' has no params"),
        ({"plain": {}, "glyph": {}}, "expected a style, or a mapping from one style to its params"),
        (3, "expected a style"),
    ],
)
def test_styles_that_cannot_be(value: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        put(value)


def test_a_style_without_its_params_has_the_defaults() -> None:
    assert put("signal_request") == Put("signal_request", Params())
    assert put("plain") == put({"plain": {}}) == put({"plain": None}) == Put("plain")
