"""tasks/drills.py: every step of every row is worked out anew from the question, in another way than the generator's."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.tasks.drills import SKILLS, Params, load

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def drawn(count: int, *skills: str, seed: int = 0) -> list[Problem]:
    return list(load("pretrain", Params.model_validate({"pretrain": count, "skills": list(skills or SKILLS)}), Path("nowhere"), seed))


def sums(question: str) -> list[str]:
    """Counted on fingers."""
    found = []
    for asked in question.split("; "):
        one, sign, other = asked.split()
        fingers = {"+": lambda a, b: len(a + b), "-": lambda a, b: len(a[len(b) :]), "*": lambda a, b: len(a * len(b))}[sign]
        found.append(f"{asked} = {fingers('|' * int(one), '|' * int(other))}")
    return found


def comparisons(question: str) -> list[str]:
    pairs = [pair.split(", ") for pair in question.split("; ")]
    return [f"{one} beside {other}: {'less' if sorted((one, other), key=int)[0] == one else 'more'}" for one, other in pairs]


def copies(question: str) -> list[str]:
    counts = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
    parts = [asked.split(" ") for asked in question.split("; ")]
    assert all(times == "times" for _, _, times in parts)
    return ["".join(symbol for _ in range(counts[count.strip("/")])) for symbol, count, _ in parts]


def lines(question: str) -> list[str]:
    asked, *parts = question.split("; ")
    texts = {part.partition(" line: ")[0]: copies(part.partition(" line: ")[2])[0] for part in parts}
    assert len(texts) == len(parts) and set(texts) <= {"first", "last"}
    return [text for text in (texts.get("first"), *sums(asked), texts.get("last")) if text]


def dates(question: str) -> list[str]:
    """By Python's calendar, in a year that is no leap year; a day outside its month is counted on from its first."""
    found = []
    for asked in question.split("; "):
        month, day, *shift = asked.split()
        if shift:
            left = int(day) + (1 if shift[0] == "+" else -1) * int(shift[1])
            found.append(f"{asked} = {month} {left:02d}")
            continue
        real = date(2021, MONTHS.index(month) + 1, 1) + timedelta(int(day) - 1)
        if MONTHS[real.month - 1] == month:  # told as a day of the month before
            before = date(2021, real.month, 1) - timedelta(1)
            found.append(f"{asked} = {MONTHS[before.month - 1]} {before.day + int(day):02d}")
        else:
            found.append(f"{asked} = {MONTHS[real.month - 1]} {real.day:02d}")
    return found


def recalls(question: str) -> list[str]:
    pairs, asked = question.split("\n")
    values = dict(pair.split(": ") for pair in pairs.split("; "))
    return [f"{key}: {values[key]}" for key in asked.split("; ")]


def facts(question: str) -> list[str]:
    """By the fact that begins with the key; `Every dax has fins` becomes `a dax has fins`."""
    context, asked = question.split("\n\n")
    stated = [fact.removesuffix(".") for fact in context.split(". ")]
    lines = []
    for key in asked.split("; "):
        (fact,) = [fact for fact in stated if fact.removeprefix("Every ").replace("'s", "").split()[0] == key]
        lines.append(fact.replace("Every ", "a "))
    return lines


def tables(question: str) -> list[str]:
    table, asked = question.split("\n\n")
    header, *rows = [line.split(" | ") for line in table.splitlines()]
    lines = []
    for wanted in asked.splitlines():
        thing, names = wanted.split(": ")
        place = header.index(thing)
        lines.append(f"{thing} are column {place}")
        lines += [f"{name}: {row[place]}" for name in names.split(", ") for row in rows if row[0] == name]
    return lines


def options(question: str) -> list[str]:
    asked, listed = question.split("\n\n")
    letters = {text: letter for letter, text in (line.split(". ") for line in listed.splitlines())}
    assert list(letters.values()) == list("ABCDEF")[: len(letters)]
    return [f"{text} is {letters[text]}" for text in asked.split("; ")]


def equalities(question: str) -> list[str]:
    pairs = [pair.split(", ") for pair in question.split("; ")]
    return [f"{one} beside {two}: {'the same, so true' if one == two else 'another, so false'}" for one, two in pairs]


ALL = [sums, comparisons, copies, lines, dates, recalls, facts, tables, options, equalities]


def test_every_skill_is_worked_out_here() -> None:
    assert [work.__name__ for work in ALL] == list(SKILLS)


@pytest.mark.parametrize("work", ALL, ids=lambda work: str(work.__name__))
def test_every_step_is_right(work: Callable[[str], list[str]]) -> None:
    rows = drawn(300, work.__name__)
    assert [row.answer for row in rows] == ["; ".join(work(row.question)) for row in rows]
    assert {(row.kind, row.split, row.task) for row in rows} == {(Kind.OPEN, "pretrain", "drills")}


def test_as_many_as_were_asked_for_all_different_and_the_same_again() -> None:
    rows = drawn(2000)
    assert len({row.id for row in rows}) == len({row.question for row in rows}) == 2000
    assert rows == drawn(2000) != drawn(2000, seed=1)
    assert drawn(0) == []


def test_a_skill_named_twice_comes_twice_as_often() -> None:
    among = [("*" in row.question or "+" in row.question) for row in drawn(900, "sums", "sums", "comparisons")]
    assert 500 < sum(among) < 700


@pytest.mark.parametrize("split", ["train", "test", "dev"])
def test_nobody_is_judged_by_drills(split: str) -> None:
    with pytest.raises(BadInput, match=f"^drills: .*'{split}'.*pretrain"):
        list(load(split, Params(pretrain=1), Path(), 0))


@pytest.mark.parametrize("skills", [[], ["sum"]])
def test_skills_are_named(skills: list[str]) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({"skills": skills})
