"""The score `signal_use`: from answers to metrics, against a table small enough to work out by hand."""

from typing import Any

import pytest
from stages.graders.grading.apply import to_traces
from stages.scores import signal_use
from stages.scores.measures.estimates import Estimates
from stages.scores.measures.table import Table
from stages.scores.measures.tabulation import by_problem, tabulate
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Message, Response
from stages.shared.signals import Request

KNOWN, SYMBOLS = Request("🤔", 4, "🛑", 3), Request("🔭", 4, "🛑", 3)
COUNTS, PAIRS = Request("🤔", 5, "🛑", 3), Request("🤔", 4, "🏁", 3)
HELD_OUT: dict[str, Any] = {"think": ["🔭"], "think_counts": [5], "pairs": [["🤔", "🏁"]]}
PLAIN = "The answer is 7."


def good(request: Request) -> str:
    return f"{request.think * request.think_count}\n{PLAIN}\n{request.stop * request.stop_count}"


# what a turn asks for, its number, the student's answer, its tokens, how the answer ended, and the answer of a student without signals
TURNS: list[tuple[Request | None, int, str, int, Ending, str]] = [
    (KNOWN, 1, good(KNOWN), 13, Ending.STOP, PLAIN),
    (KNOWN, 1, "🤔🤔\nThe answer is 7.\n🛑🛑🛑", 11, Ending.STOP, PLAIN),
    (KNOWN, 2, "🤔🤔🤔🤔\nThe answer is 6.\n🛑🛑🛑 Bye", 15, Ending.LENGTH, PLAIN),
    (SYMBOLS, 2, "🤔🤔🤔🤔\nThe answer is 7.\n🛑🛑🛑", 13, Ending.STOP, PLAIN),
    (COUNTS, 1, good(COUNTS), 14, Ending.STOP, "The answer is 6."),
    (PAIRS, 1, good(PAIRS), 13, Ending.STOP, PLAIN),
    (None, 1, PLAIN, 6, Ending.STOP, PLAIN),
    (None, 2, "🤔🤔🤔🤔\nThe answer is 7.", 11, Ending.STOP, PLAIN),
    (None, 2, "<think>The answer is 7.", 7, Ending.STOP, PLAIN),
]


def built() -> Table:
    rows = []
    for number, (request, turn, text, tokens, ending, plain) in enumerate(TURNS):
        content = f"How many?\n\n{request.text()}" if request else "How many?"
        fields: dict[str, Any] = {"task": "t", "kind": Kind.NUMBER, "split": "test", "question": "How many?", "answer": "7"}
        fields |= {"style": "s", "sampler": "hf", "model": "m", "sample": 0, "level": turn, "id": f"p{number}"}
        asked = [Message(role="user", content=content)]
        rows.append(Response(**fields, by="student", messages=asked, text=text, tokens=tokens, ending=ending))
        asked = [Message(role="user", content="How many?")]
        rows.append(Response(**fields, by="plain", messages=asked, text=plain, tokens=6, ending=Ending.STOP))
    from stages.graders.answer import Params as Answer
    from stages.graders.signal_compliance import Params as Compliance

    traces = to_traces(rows, {"answer": Answer(), "signal_compliance": Compliance()})
    return tabulate(by_problem(traces), 0.75, {}, {"student_plain": ("student", "plain")})


def scored() -> Estimates:
    params = signal_use.Params.model_validate({"held_out": HELD_OUT, "against": ["student_plain"]})
    return signal_use.score(built(), params, 0)


EXPECTED = {
    "compliance.student.both": 3 / 6, "compliance.student.think": 4 / 6, "compliance.student.stop": 5 / 6,
    "count_exact.student": 4 / 6, "count_error.student.think": (2 + 4) / 6, "count_error.student.stop": 0,
    "clean_end.student": 5 / 6, "after_stop.student": 4 / 6,
    "compliance_known.student": 1 / 3, "compliance_symbols.student": 0, "compliance_counts.student": 1, "compliance_pairs.student": 1,
    "clean_end_known.student": 2 / 3, "clean_end_symbols.student": 1, "clean_end_counts.student": 1, "clean_end_pairs.student": 1,
    "compliance_turn.1.student": 3 / 4, "compliance_turn.2.student": 0,
    "held_out.think_🔭.student": 0, "held_out.think_5.student": 1,
    "unasked.student": 1 / 3, "unasked_turn.1.student": 0, "unasked_turn.2.student": 1 / 2,
    "unasked.plain": 0, "unasked_turn.1.plain": 0, "unasked_turn.2.plain": 0,
    "think_tag_percent.student": 100 / 9, "stop_emoji_percent.student": 600 / 9, "think_prefix_rate.student": 6 / 9,
    "think_tag_percent.plain": 0, "stop_emoji_percent.plain": 0, "think_prefix_rate.plain": 0,
    "accuracy_asked.student_plain": 0, "token_overhead.student_plain": (7 + 5 + 9 + 7 + 8 + 7) / 6,
}  # fmt: skip


def test_these_and_no_others() -> None:
    assert set(scored()) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_by_hand(name: str) -> None:
    estimate = scored()[name]
    assert estimate is not None
    assert estimate.value == pytest.approx(EXPECTED[name])
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.low < estimate.high or name == "count_error.student.stop"  # all the same: nothing to redraw


def test_the_plot_has_a_row_for_each_count_asked_for() -> None:
    csv = signal_use.plots(built(), signal_use.Params())["counts"].splitlines()
    assert csv[0] == "arm,count,exact,low,high,n"
    assert [line.split(",")[:3] for line in csv[1:]] == [["student", "4", "0.4"], ["student", "5", "1.0"]]
    assert csv[1].endswith(",5") and csv[2].endswith(",1")


def test_a_grader_without_such_facts_is_refused() -> None:
    with pytest.raises(BadInput, match=r"signal_use\.grader: 'answer' sees no fact 'think_symbol'"):
        signal_use.score(built(), signal_use.Params(grader="answer"), 0)
