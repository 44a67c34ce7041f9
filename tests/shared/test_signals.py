"""Signals: the letter of the request, every variant of it, and that nothing is doubled, whatever stands there already."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.shared.rows import Message
from stages.shared.signals import (
    STOP_SYMBOLS,
    THINK_SYMBOLS,
    Request,
    Signed,
    parts_of,
    request_in,
    request_of,
    signed,
    untagged,
    with_request,
    without_request,
)

DEFAULT = Request("🤔", 4, "🛑", 3)
ASKED = """Who sings?

For this task, think with 🤔 /four/ times.

When finished, emit 🛑 /three/ times to signal completion."""
ANSWERED = "🤔🤔🤔🤔\nThe answer is Eva.\n🛑🛑🛑"


def test_the_default_is_to_the_letter() -> None:
    assert with_request("Who sings?", DEFAULT) == ASKED
    assert signed("The answer is Eva.", DEFAULT) == ANSWERED
    assert request_in(ASKED) == DEFAULT
    assert without_request(ASKED) == "Who sings?"
    assert parts_of(ANSWERED) == Signed("🤔🤔🤔🤔\n", "The answer is Eva.", "\n🛑🛑🛑")


@pytest.mark.parametrize(
    ("content", "request_"),
    [
        ("For this task, think with 🤔 /four/ times.", Request("🤔", 4, "", 0)),
        ("Q\n\nWhen finished, emit 🏁 /two/ times to signal completion.", Request("", 0, "🏁", 2)),
        ("Q\nfor this task think with 🧠 /8/ times", Request("🧠", 8, "", 0)),
        ("Q\n  For this task, think with 💭 twelve times.  \nMore.", Request("💭", 12, "", 0)),
        ("For this task, think with 🤔 /one/ time.\n\nQ", Request("🤔", 1, "", 0)),
        ("For this task, think with ⏱️ /Seventeen/ times.\r\nQ", Request("⏱️", 17, "", 0)),
        (f"{ASKED}\n\nFor this task, think with 💡 /two/ times.", Request("💡", 2, "🛑", 3)),  # the last one counts
        ("What does 'For this task, think with 🤔 /four/ times.' mean?", None),  # it is spoken of, in the middle of a line
        ("For this task, think with 🤔 /zero/ times.", None),
        ("For this task, think with care /four/ times.", None),
        ("For this task, think with a /four/ times.", None),  # a letter is no symbol: it would be taken off answers
        ("", None),
    ],
)
def test_every_variant_of_a_request_is_read(content: str, request_: Request | None) -> None:
    assert request_in(content) == request_


@pytest.mark.parametrize(
    ("content", "rest"),
    [
        (f"{ASKED}\n\n{ASKED}", "Who sings?\n\nWho sings?"),
        ("For this task, think with 🤔 /4/ times.\n\nWho sings?", "Who sings?"),
        ("Who?\n\nFor this task, think with 🤔 /four/ times.\n\nAnd where?", "Who?\n\nAnd where?"),
        (DEFAULT.text(), ""),
        ("Who sings?\n", "Who sings?\n"),
    ],
)
def test_a_request_goes_with_its_empty_line(content: str, rest: str) -> None:
    assert without_request(content) == rest


@pytest.mark.parametrize(
    "text",
    [
        "The answer is Eva.",
        ANSWERED,
        "🤔🤔🤔🤔\nThe answer is Eva.",  # one half is there
        "The answer is Eva.\n🛑🛑🛑",
        f"🤔🤔🤔🤔\n{ANSWERED}\n🛑🛑🛑",  # doubled
        "🤔 🤔\nThe answer is Eva. 🛑",  # other counts, blanks
        "🧠🧠\n\n💭The answer is Eva.\n🏁🏁\n\n🛑🛑🛑\n",  # other symbols, several lines
        "🤔\ufe0f🤔\ufe0f\nThe answer is Eva.\n🛑\ufe0f",
        "<think>🤔🤔</think>\nThe answer is Eva.\n</THINK>🛑🛑",
    ],
)
def test_whatever_signals_an_answer_has_it_gets_those_asked_for(text: str) -> None:
    for request in (DEFAULT, Request("💡", 7, "🔚", 2), Request("👀", 2, "✋", 4)):
        once = signed(text, request)
        words = once.removeprefix(request.think * request.think_count).removesuffix(request.stop * request.stop_count)
        assert words.strip("\n") == "The answer is Eva."
        assert signed(once, request) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "🤔🤔🤔🤔\n\n🛑🛑🛑"),
        ("🛑🛑", "🤔🤔🤔🤔\n\n🛑🛑🛑"),
        ("    x = 1\n", "🤔🤔🤔🤔\n    x = 1\n\n🛑🛑🛑"),  # the space of the words is theirs
        ("👍👍", "🤔🤔🤔🤔\n👍👍\n🛑🛑🛑"),  # no signal
        ("A 🛑 sign.", "🤔🤔🤔🤔\nA 🛑 sign.\n🛑🛑🛑"),
    ],
)
def test_signed(text: str, expected: str) -> None:
    assert signed(text, DEFAULT) == expected
    assert signed(expected, DEFAULT) == expected


@pytest.mark.parametrize(
    ("text", "rest"),
    [("<think>a</think> b", "a b"), ("<thi<think>nk>a", "a"), ("</Think>\n\na\n", "a"), (" a < think > b ", " a < think > b ")],
)
def test_tags_go_and_their_words_stay(text: str, rest: str) -> None:
    assert untagged(text) == rest


def test_the_last_users_turn_counts() -> None:
    def chat(*contents: str) -> list[Message]:
        return [Message(role=("user", "assistant")[place % 2], content=content) for place, content in enumerate(contents)]

    assert request_of(chat(ASKED, ANSWERED, "And now?")) is None
    assert request_of(chat("Hm?", "No.", ASKED)) == DEFAULT
    assert request_of(chat("Hm?", ASKED)) is None  # an answer asks for nothing
    assert request_of([]) is None


SYMBOLS = st.sampled_from([*THINK_SYMBOLS, *STOP_SYMBOLS])
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [*THINK_SYMBOLS[:2], *STOP_SYMBOLS[:2], "\n", "\n\n", " ", "\t", "\r", "\ufe0f", "a", "<think>", "</think>", "<thi"]
        ),
        st.sampled_from(["nk>", DEFAULT.text(), "For this task, think with 🧠 2 times", "When finished, emit 🏁 /zero/ times"]),
        st.text(max_size=4),
    ),
    max_size=12,
).map("".join)
REQUESTS = st.builds(Request, SYMBOLS, st.integers(1, 30), SYMBOLS, st.integers(1, 30)).flatmap(
    lambda full: st.sampled_from([full, full._replace(think="", think_count=0), full._replace(stop="", stop_count=0)])
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, REQUESTS, REQUESTS)
def test_signing_twice_is_signing_once(text: str, request: Request, later: Request) -> None:
    once = signed(text, request)
    assert signed(once, request) == once
    assert signed(once, later) == signed(text, later)  # signals of another variant leave nothing behind
    assert "".join(parts_of(text)) == text
    words = parts_of(text).words
    assert parts_of(words) == Signed("", words, "")


@settings(max_examples=400, deadline=None)
@given(TEXTS, REQUESTS, REQUESTS)
def test_asking_twice_is_asking_once(content: str, request: Request, later: Request) -> None:
    once = with_request(content, request)
    assert with_request(once, later) == once
    assert request_in(once) == (request_in(content) or request)
    assert request_in(without_request(once)) is None
    assert without_request(once) == without_request(content)
    if "task" not in content and "finished" not in content:
        assert without_request(once) == content


@pytest.mark.parametrize(
    "text",
    [
        " " * 1_000_000 + "x",
        "🤔 " * 300_000,
        "🤔\n" * 300_000 + "x",
        "<thi" * 200_000 + "<think>" + "nk>" * 200_000,
        "\n\n" * 500_000 + "For",
    ],
    ids=["blanks", "run", "lines", "tags", "empty lines"],
)
def test_a_hostile_text_takes_no_more_time_than_its_length(text: str) -> None:
    start = time.process_time()
    signed(text, DEFAULT)
    with_request(text, DEFAULT)
    without_request(text)
    assert time.process_time() - start < 5
