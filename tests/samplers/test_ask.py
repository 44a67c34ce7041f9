"""Who is asked what, and in which order the answers come."""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from stages.samplers import Answer, ask, scripted
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Problem, Prompt
from stages.styles.prompting.prompts import prompts

STYLES = {"teacher": "glyph", "probe": "plain"}


class Stand:
    """A sampler that answers `<name> <id> <sample>` and notes whom it saw; `shift` gives it too many lists or too few."""

    def __init__(self, name: str, n: int, shift: int = 0) -> None:
        self.name, self.n, self.shift, self.saw = name, n, shift, list[str]()

    def answer(self, given: Iterable[Prompt], params: Any, seed: int) -> Iterator[list[Answer]]:
        lists = []
        for prompt in given:
            self.saw.append(prompt.by)
            lists.append([Answer(f"{self.name} {prompt.id} {sample} {seed}", Ending.STOP, 3, "m") for sample in range(self.n)])
        yield from lists[: len(lists) + min(self.shift, 0)] + [[]] * self.shift


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch) -> dict[str, Stand]:
    found = {"one": Stand("one", 1), "two": Stand("two", 2), "none": Stand("none", 0)}
    monkeypatch.setattr(ask, "sampler", found.__getitem__)
    return found


def stream(count: int = 3, styles: dict[str, str] = STYLES) -> Iterator[Prompt]:
    for number in range(count):
        problem = Problem(id=f"p{number}", task="t", kind=Kind.NUMBER, split="train", question="What?", answer="1", solution="1 + 0 = 1")
        yield from prompts([problem], styles)


def by(**names: str) -> dict[str, Any]:
    return {who: SimpleNamespace(sampler=name) for who, name in names.items()}


def test_answers_come_in_the_order_of_the_prompts(stands: dict[str, Stand]) -> None:
    rows = list(ask.ask(stream, by(probe="two", teacher="one"), 5))
    assert [row.text for row in rows[:3]] == ["one p0 0 5", "two p0 0 5", "two p0 1 5"]
    assert [(row.id, row.by, row.sample) for row in rows] == [
        (f"p{number}", who, sample) for number in range(3) for who, sample in (("teacher", 0), ("probe", 0), ("probe", 1))
    ]
    assert (rows[0].sampler, rows[0].model, rows[0].ending, rows[0].tokens) == ("one", "m", Ending.STOP, 3)
    assert (rows[0].solution, rows[0].style) == ("1 + 0 = 1", "glyph")
    assert len({row.trace_id for row in rows}) == 9
    assert (set(stands["one"].saw), set(stands["two"].saw)) == ({"teacher"}, {"probe"})


def test_a_prompt_may_stay_without_an_answer(stands: dict[str, Stand]) -> None:
    assert [row.by for row in ask.ask(stream, by(probe="none", teacher="one"), 0)] == ["teacher"] * 3


@pytest.mark.parametrize(("shift", "told"), [(1, "more lists"), (-1, "no list of answers for 'p2', by 'teacher'")])
def test_a_sampler_that_loses_count_is_a_bug(stands: dict[str, Stand], shift: int, told: str) -> None:
    stands["one"].shift = shift
    with pytest.raises(RuntimeError, match=told):
        list(ask.ask(stream, by(probe="two", teacher="one"), 0))


@pytest.mark.parametrize(
    ("samplers", "told"),
    [
        (by(teacher="one"), "no sampler for probe; there is one for: teacher"),
        (by(teacher="one", probe="two", judge="one"), "none is put to judge, who has a sampler; there are prompts for: probe, teacher"),
    ],
)
def test_people_without_a_sampler_or_without_prompts_are_named_before_anyone_is_asked(
    stands: dict[str, Stand], samplers: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        list(ask.ask(stream, samplers, 0))
    assert stands["one"].saw == []


def test_nothing_is_held_in_memory() -> None:
    """The first answers are there before the prompts have been read to their end by anyone but the check."""
    read: list[str] = []

    def noted() -> Iterator[Prompt]:
        for prompt in stream(50):
            read.append(prompt.id)
            yield prompt

    params = scripted.Params(sampler="scripted")
    rows = ask.ask(noted, {"teacher": params, "probe": params}, 0)
    next(rows), next(rows)
    assert len(read) < 100 + 10
    assert len(list(rows)) == 98
