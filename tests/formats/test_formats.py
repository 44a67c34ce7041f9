"""Which traces become which chats, and that every problem and trace is accounted for."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError
from stages.formats import FORMATS, format_named
from stages.formats.mixing.mixture import LEFT_OUT, Params, Report, mix
from stages.shared.errors import BadInput
from stages.shared.rows import Chat, Ending, Kind, Message, Trace
from stages.shared.signals import Request, with_request
from stages.styles import style

ASK = style("plain").render
GLYPHS = "🜞 crux\n🜆 1 + 1\n🜂 1 + 1 = 2\n🜃 The answer is 2."
PLAIN = "The answer is 2."


def trace(id: str, by: str, text: str, pass_rate: float | None = 0.0, sample: int = 0, right: float = 1.0, level: int | None = 1) -> Trace:
    fields: dict[str, Any] = {
        "task": "t",
        "kind": Kind.NUMBER,
        "split": "train",
        "question": f"What is {id}?",
        "answer": "2",
        "level": level,
    }
    fields |= {"by": by, "style": "glyph" if by == "teacher" else "plain", "messages": [{"role": "user", "content": "use glyphs!"}]}
    fields |= {"sampler": "s", "model": "m", "sample": sample, "text": text, "ending": Ending.STOP, "tokens": 3}
    return Trace(id=id, **fields, pred="2", grades={"answer": right}, reasons={}, pass_rate=pass_rate)


def mixed(kept: list[Trace], seed: int = 0, **params: Any) -> tuple[list[Chat], Report]:
    report = Report()
    chats = list(mix(lambda: kept, Params(**params), ASK, seed, report))
    assert len(kept) == len(chats) + sum(report.traces.values())  # no trace vanishes
    assert len({row.id for row in kept}) == len({chat.problem for chat in chats}) + sum(report.problems.values()) or "easy_share" in params
    return chats, report


def both(id: str, pass_rate: float | None) -> list[Trace]:
    return [trace(id, "teacher", GLYPHS, pass_rate), trace(id, "probe", PLAIN, pass_rate)]


def formats(chats: Iterable[Chat]) -> dict[str, str]:
    return {chat.problem: chat.format for chat in chats}


def test_a_chat_shows_the_clean_prompt_and_names_its_trace() -> None:
    (latent,) = format_named("latent").to_chats([trace("p", "teacher", GLYPHS), trace("q", "teacher", PLAIN)], ASK)
    (natural,) = format_named("natural").to_chats([trace("p", "probe", PLAIN), trace("q", "probe", GLYPHS)], ASK)
    ask = {"role": "user", "content": "What is p?"}
    assert (latent.id, latent.trace, latent.style) == ("p/teacher/glyph/0#latent", "p/teacher/glyph/0", "glyph")
    assert (latent.problem, latent.format, latent.messages) == ("p", "latent", [ask, {"role": "assistant", "content": GLYPHS}])
    assert (natural.id, natural.trace, natural.style) == ("p/probe/plain/0#natural", "p/probe/plain/0", "plain")
    assert natural.messages == [ask, {"role": "assistant", "content": PLAIN}]


def test_direct_takes_the_teachers_answer_as_it_is() -> None:
    chats = list(format_named("direct").to_chats([trace("p", "teacher", GLYPHS), trace("q", "teacher", PLAIN)], ASK))
    assert [(chat.id, chat.messages[-1]["content"]) for chat in chats] == [
        ("p/teacher/glyph/0#direct", GLYPHS),
        ("q/teacher/glyph/0#direct", PLAIN),
    ]


def test_answer_only_says_the_gold_answer_and_names_its_trace() -> None:
    first, second = trace("p", "teacher", GLYPHS), trace("q", "teacher", "So \\boxed{2}.")
    second.kind = Kind.EXPRESSION
    chats = list(format_named("answer_only").to_chats([first, second], ASK))
    assert [(chat.id, chat.trace, chat.messages[-1]["content"]) for chat in chats] == [
        ("p/teacher/glyph/0#answer_only", "p/teacher/glyph/0", "The answer is 2."),
        ("q/teacher/glyph/0#answer_only", "q/teacher/glyph/0", "The answer is \\boxed{2}."),
    ]
    assert chats[0].messages[:-1] == [{"role": "user", "content": "What is p?"}]
    assert first.text == GLYPHS  # the trace stays as it is


def test_natural_takes_right_answers_only() -> None:
    assert not list(format_named("natural").to_chats([trace("p", "probe", PLAIN, right=0.0)], ASK))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"never": "latent", "seldom": "latent", "half": "natural", "always": "natural"}),
        ({"reason_below": 0.75}, {"never": "latent", "seldom": "latent", "half": "latent", "always": "natural"}),
        ({"reason_below": 1.0}, {"never": "latent", "seldom": "latent", "half": "latent", "always": "natural"}),
        ({"reason_below": 0.0}, {"never": "natural", "seldom": "natural", "half": "natural", "always": "natural"}),
        ({"selective": False}, {"never": "latent", "seldom": "latent", "half": "latent", "always": "latent"}),
        ({"easy": "latent"}, {"never": "latent", "seldom": "latent", "half": "latent", "always": "latent"}),
    ],
)
def test_the_pass_rate_decides(params: dict[str, Any], expected: dict[str, str]) -> None:
    rates = {"never": 0.0, "seldom": 0.25, "half": 0.5, "always": 1.0}
    chats, report = mixed([row for id, rate in rates.items() for row in both(id, rate)], **params)
    assert formats(chats) == expected
    assert report.chats == Counter(expected.values())
    assert report.traces["other_side"] == 4


def test_a_problem_without_a_usable_trace_is_counted_by_reason() -> None:
    kept = [
        trace("hard without teacher", "probe", PLAIN, 0.25),
        trace("easy without probe", "teacher", GLYPHS, 1.0),
        trace("teacher forgot", "teacher", PLAIN, 0.0),
        trace("wrong probe", "probe", "The answer is 3.", 0.75, right=0.0),
        *both("fine", 0.0),
    ]
    chats, report = mixed(kept)
    assert formats(chats) == {"fine": "latent"}
    assert report.problems == Counter(no_latent=2, no_natural=2)
    assert report.traces == Counter(other_side=3, unfit=2)


def test_equal_texts_count_once_and_per_problem_is_the_limit() -> None:
    kept = [trace("p", "probe", text, 1.0, sample) for sample, text in enumerate(["a", "b", "a", "c", "d"])]
    for limit, texts in ((1, ["a"]), (3, ["a", "b", "c"]), (9, ["a", "b", "c", "d"])):
        chats, report = mixed(kept, per_problem=limit)
        assert [chat.messages[-1]["content"] for chat in chats] == texts
        assert (report.traces["duplicate"], report.traces["over_limit"]) == (1, 4 - len(texts))
    assert [chat.trace for chat in chats] == [f"p/probe/plain/{sample}" for sample in (0, 1, 3, 4)]


def six(id: str) -> list[Trace]:
    """A problem answered in six styles, by nobody's base model."""
    rows = [trace(id, "teacher", f"Way {number}. The answer is 2.", None) for number in range(6)]
    for number, row in enumerate(rows):
        row.style = f"style{number}"
    return rows


def test_equal_answers_to_questions_that_differ_are_no_duplicates() -> None:
    """A question may tell the style in which it is to be answered."""
    ask: Any = lambda trace: [Message(role="user", content=f"{trace.question} {trace.style}")]  # noqa: E731
    params = Params.model_validate({"selective": False, "hard": "answer_only", "per_problem": None})
    report = Report()
    chats = list(mix(lambda: iter(six("p")), params, ask, 0, report))
    assert [chat.style for chat in chats] == [f"style{number}" for number in range(6)] and not report.traces["duplicate"]


@pytest.mark.parametrize(("limit", "chats"), [(None, 6), (2, 2), (9, 6)])
def test_several_styles_need_no_probe_and_all_may_stay(limit: int | None, chats: int) -> None:
    found, report = mixed([*six("p"), *six("q")], selective=False, hard="direct", per_problem=limit)
    assert [chat.style for chat in found] == [f"style{number}" for number in range(chats)] * 2
    assert report.styles == {("direct", f"style{number}"): 2 for number in range(chats)}
    assert report.tasks == {"t": 2 * chats}
    only, report = mixed([*six("p"), *six("q")], selective=False, hard="answer_only", per_problem=limit)
    assert [chat.trace for chat in only] == ["p/teacher/style0/0", "q/teacher/style0/0"] and report.traces["duplicate"] == 10


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.25, 0.37, 0.5, 0.9, 1.0])
def test_the_ratio_is_met_by_leaving_out_the_larger_side(ratio: float) -> None:
    kept = [row for number in range(900) for row in both(f"p{number}", 1.0 if number % 3 else 0.0)]  # 600 natural, 300 latent
    chats, report = mixed(kept, easy_share=ratio)
    counts = report.chats
    natural, latent = counts["natural"], counts["latent"]
    assert natural + latent + report.traces["surplus"] == 900
    assert natural == 600 if ratio > 2 / 3 else latent == 300
    assert abs(natural - ratio * (natural + latent)) <= 1
    assert [chat.id for chat in chats] == sorted((chat.id for chat in chats), key=lambda id: int(id[1:].split("/")[0]))


def test_the_surplus_is_drawn_by_hash_of_seed_and_chat() -> None:
    kept = [row for number in range(900) for row in both(f"p{number}", 1.0 if number % 3 else 0.0)]
    first = {chat.id for chat in mixed(kept, easy_share=0.5)[0]}
    other = {chat.id for chat in mixed(kept, seed=1, easy_share=0.5)[0]}
    backward = {chat.id for chat in mixed(kept[::-1], easy_share=0.5)[0]}
    assert first == {chat.id for chat in mixed(kept, easy_share=0.5)[0]}
    assert len(first) == len(other) == len(backward) == 600
    assert len(first ^ other) > 100
    assert len(first ^ backward) <= 2  # only chats of one and the same bin of 65536 may change places
    early = sum(int(id[1:].split("/")[0]) < 450 for id in first if id.endswith("natural"))
    assert 110 < early < 190  # not the first to come


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_a_ratio_that_leaves_nothing_is_refused(ratio: float) -> None:
    with pytest.raises(BadInput, match="easy_share"):
        mixed(both("p", 0.0), easy_share=ratio)
    with pytest.raises(BadInput, match="easy_share"):
        mixed(both("p", 1.0), selective=False, easy_share=ratio)


def test_selective_needs_a_pass_rate() -> None:
    with pytest.raises(BadInput, match="problem 'p' has no pass rate: ask the base model"):
        mixed(both("p", None))
    assert formats(mixed(both("p", None), selective=False)[0]) == {"p": "latent"}


def test_levels_are_counted() -> None:
    kept = [trace("a", "teacher", GLYPHS, level=3), trace("b", "teacher", GLYPHS, level=None), trace("c", "probe", PLAIN, 1.0, level=3)]
    assert mixed(kept)[1].levels == Counter({("3", "latent"): 1, ("none", "latent"): 1, ("3", "natural"): 1})


@pytest.mark.parametrize("values", [{"reason_below": 1.5}, {"easy_share": -0.1}, {"per_problem": 0}, {"selective": 1}, {"hard": "latnet"}])
def test_impossible_params_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate(values)


def test_the_names_of_what_is_left_out_are_stable() -> None:
    assert tuple(Report().traces) == LEFT_OUT
    with pytest.raises(BadInput, match=r"unknown format 'latnet'.*choose from: answer_only, direct, gold_label, latent, natural"):
        format_named("latnet")
    assert {format_named(name).BY for name in FORMATS} == {"teacher", "probe"}


THOUGHT = "One and one </think> are two."


def thoughtful(text: str = PLAIN, thought: str | None = THOUGHT) -> Trace:
    return msgspec.structs.replace(trace("p", "teacher", text), reasoning=thought)


@pytest.mark.parametrize(
    ("format", "shown", "kept", "content", "count"),
    [
        ("direct", "drop", thoughtful(), PLAIN, 0),
        ("direct", "think_tags", thoughtful(), f"<think>\nOne and one  are two.\n</think>\n\n{PLAIN}", 1),
        ("direct", "inline", thoughtful(), f"One and one  are two.\n\n{PLAIN}", 1),
        ("latent", "think_tags", thoughtful(GLYPHS), f"<think>\nOne and one  are two.\n</think>\n\n{GLYPHS}", 1),
        ("answer_only", "think_tags", thoughtful(), PLAIN, 0),
        ("direct", "think_tags", thoughtful(thought=None), PLAIN, 0),
        ("direct", "think_tags", thoughtful(thought=" \n"), PLAIN, 0),
        ("direct", "think_tags", thoughtful("<think>asked for</think>2"), "<think>asked for</think>2", 0),
    ],
)
def test_reasoning_stands_before_the_answer_where_params_ask_for_it(format: str, shown: str, kept: Trace, content: str, count: int) -> None:
    (chat,), report = mixed([kept], selective=False, hard=format, reasoning=shown)
    assert (chat.messages[-1]["content"], report.with_reasoning) == (content, count)


def test_reasoning_in_a_signalled_answer_stands_within_its_signals() -> None:
    row = msgspec.structs.replace(thoughtful(), messages=[])
    ask: Any = lambda problem: [{"role": "user", "content": with_request("Add.", Request("🤔", 4, "🛑", 3))}]  # noqa: E731
    report = Report()
    (chat,) = mix(lambda: [row], Params(selective=False, hard="signalled", reasoning="inline"), ask, 0, report)
    assert chat.messages[-1]["content"] == f"🤔🤔🤔🤔\nOne and one  are two.\n\n{PLAIN}\n🛑🛑🛑"


def test_an_unknown_way_to_show_reasoning() -> None:
    with pytest.raises(ValidationError, match="'drop', 'think_tags' or 'inline'"):
        Params(reasoning="tags")  # type: ignore[arg-type]
