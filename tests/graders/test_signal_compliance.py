"""The grader `signal_compliance`: every way to fail, by its reason, and the facts that the score is made of."""

from typing import Any

import pytest
from stages.graders.signal_compliance import Params, grade
from stages.shared.rows import Ending, Kind, Message, Response
from stages.shared.signals import Request

BOTH = Request("🤔", 4, "🛑", 3)
THINK, STOP = BOTH._replace(stop="", stop_count=0), BOTH._replace(think="", think_count=0)
NOTHING = Request("", 0, "", 0)
GOOD = "🤔🤔🤔🤔\nIt is 7.\n🛑🛑🛑"


def response(text: str, asked: Request, ending: Ending = Ending.STOP) -> Response:
    content = f"How many?\n\n{asked.text()}" if asked != NOTHING else "How many?"
    messages = [Message(role="user", content=content)]
    fields: dict[str, Any] = {"task": "t", "kind": Kind.NUMBER, "split": "test", "question": "How many?", "answer": "7"}
    fields |= {"by": "student", "style": "signal_request", "sampler": "hf", "model": "m", "sample": 0, "tokens": 9}
    return Response(id="p", messages=messages, text=text, ending=ending, **fields)


@pytest.mark.parametrize(
    ("asked", "text", "reason"),
    [
        (BOTH, GOOD, ""),
        (BOTH, "It is 7.\n🛑🛑🛑", "no_think"),
        (BOTH, "💭💭💭💭\nIt is 7.\n🛑🛑🛑", "no_think"),  # another symbol
        (BOTH, " 🤔🤔🤔🤔\nIt is 7.\n🛑🛑🛑", "no_think"),  # exact is exact
        (BOTH, "🤔🤔🤔\nIt is 7.\n🛑🛑🛑", "think_count"),
        (BOTH, "🤔🤔🤔🤔🤔\nIt is 7.\n🛑🛑🛑", "think_count"),
        (BOTH, "🤔🤔🤔🤔 It is 7.\n🛑🛑🛑", "think_form"),
        (BOTH, "🤔🤔🤔🤔\n🤔🤔🤔🤔\nIt is 7.\n🛑🛑🛑", "think_form"),
        (BOTH, "🤔🤔🤔🤔\n💡It is 7.\n🛑🛑🛑", "think_form"),
        (BOTH, "🤔🤔🤔🤔\nIt 🤔 is 7.\n🛑🛑🛑", "think_form"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7.", "no_stop"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7.\n🏁🏁🏁", "no_stop"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7.\n🛑🛑", "stop_count"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7.\n🛑🛑🛑🛑", "stop_count"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7.\n🛑🛑🛑\n", "text_after"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7.\n🛑🛑🛑 Bye.", "text_after"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7. 🛑🛑🛑", "stop_form"),
        (BOTH, "🤔🤔🤔🤔\nIt 🛑 is 7.\n🛑🛑🛑", "stop_form"),
        (BOTH, "🤔🤔🤔🤔\nIt is 7.\n🏁\n🛑🛑🛑", "stop_form"),
        (BOTH, "🤔🤔🤔🤔\n\n🛑🛑🛑", ""),  # whether there is an answer another grader says
        (BOTH, "", "no_think"),
        (THINK, "🤔🤔🤔🤔\nIt is 7.", ""),
        (THINK, GOOD, "stop_count"),  # nobody asked for it
        (STOP, "It is 7.\n🛑🛑🛑", ""),
        (STOP, GOOD, "think_count"),
        (NOTHING, "It is 7.", ""),
        (NOTHING, "", ""),
        (NOTHING, "A 🛑 means stop, 🤔 means doubt.", ""),  # among the words they are no signals
        (NOTHING, GOOD, "unasked"),
        (NOTHING, "It is 7.\n🏁", "unasked"),
        (NOTHING, "🧠 It is 7.", "unasked"),
    ],
)
def test_reasons(asked: Request, text: str, reason: str) -> None:
    graded = grade(response(text, asked), Params())
    assert (graded.score, graded.reason) == (float(not reason), reason)


def test_an_answer_that_was_cut_off_has_no_end() -> None:
    for ending in (Ending.LENGTH, Ending.CONTENT_FILTER):
        graded = grade(response(GOOD, BOTH, ending), Params())
        assert (graded.score, graded.reason) == (0.0, "no_end")
        assert (graded.facts["clean"], graded.facts["ends"]) == (0.0, 1.0)
    assert grade(response("It is 7.", NOTHING, Ending.LENGTH), Params()).score == 1.0


@pytest.mark.parametrize(
    ("asked", "text", "facts"),
    [
        (BOTH, GOOD, {"think_symbol": "🤔", "stop_symbol": "🛑", "think_asked": 4.0, "stop_asked": 3.0, "think": 4.0, "stop": 3.0}),
        (BOTH, GOOD, {"begins": 1.0, "ends": 1.0, "after": 0.0, "clean": 1.0, "think_tag": 0.0, "stop_emoji": 1.0}),
        (BOTH, "🤔🤔\nIt.\n🛑🛑🛑🛑🛑 Bye.", {"think": 2.0, "stop": 5.0, "after": 5.0, "clean": 0.0, "begins": 0.0, "ends": 0.0}),
        (BOTH, "It.\n🏁🏁", {"think": 0.0, "stop": 0.0, "after": 0.0, "clean": 0.0, "stop_emoji": 1.0}),  # a stop symbol, the wrong one
        (BOTH, "<think>It.", {"think_tag": 1.0, "stop_emoji": 0.0, "clean": 0.0}),
        (NOTHING, "🧠🧠\nIt.\n🏁", {"think_symbol": "", "stop_symbol": "", "think_asked": 0.0, "think": 2.0, "stop": 1.0, "begins": 0.0}),
        (NOTHING, "It.", {"think": 0.0, "stop": 0.0, "begins": 1.0, "ends": 1.0, "clean": 0.0}),
        (Request("👀", 2, "✋", 2), "👀👀\nIt.\n✋✋", {"think": 2.0, "stop": 2.0, "begins": 1.0, "ends": 1.0, "clean": 1.0}),
    ],
)
def test_facts(asked: Request, text: str, facts: dict[str, float | str]) -> None:
    seen = grade(response(text, asked), Params()).facts
    assert {name: seen[name] for name in facts} == facts
