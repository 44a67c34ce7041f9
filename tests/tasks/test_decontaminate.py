"""Which problems count as copies: a table, the search against a plain comparison of all pairs, and what the sieve lets through."""

import random
import time
from collections.abc import Sequence

import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Message, Problem
from stages.tasks.splitting.decontaminate import SHORT, HeldOut, Sieve, even

LONG = "Tom has 3 pears in a basket. He buys 4 more at the market on Sunday with his sister. How many pears does Tom have now?"
SHORTER = "What is 3 plus 4, times 5?"


def problem(question: str, id: str = "a", split: str = "train", context: str | None = None, choices: list[str] | None = None) -> Problem:
    return Problem(id=id, task="t", kind=Kind.OPEN, split=split, question=question, answer="7", context=context, choices=choices)


@pytest.mark.parametrize(
    ("held_out", "row", "kind"),
    [
        (LONG, LONG, "exact"),
        (LONG, "  " + LONG.upper().replace(".", ";").rstrip("?"), "exact"),
        (LONG, LONG.replace("3", "three").replace("4", "４"), "exact"),
        ("It costs $1,234.50 today.", "It costs $1234.5 today", "exact"),
        ("Janet’s ﬁve ducks — 2 – 1", "Janet's five ducks - 2 \u2212 1", "exact"),
        ("A well-known 5 km race", "A well known 5 km race", "exact"),
        (LONG, LONG.replace("on Sunday", "on Monday"), "near"),
        (LONG, LONG.replace("now", "in the end"), "near"),
        (LONG, LONG.replace("3", "5"), None),  # the same template with another number is another problem
        (LONG, LONG.replace("3 pears in a basket. He buys 4", "4 pears in a basket. He buys 3"), None),
        (LONG, LONG.replace("3", "thirteen"), None),
        (LONG, LONG + " Ann counts the apples and the plums of everybody else in the house as well.", None),
        (SHORTER, "so what is 3 plus 4, times 5?", "near"),  # short: 7 of 8 words are shared
        (SHORTER, "What is 3 minus 4, times 5?", None),  # 6 of 8
        (SHORTER, SHORTER + " Give me your answer in plain words, and tell me how you found it.", None),
        ("one two three four five six seven eight ab", "one two three four five six seven eight ab cd", "near"),  # 9 words, 10 words
        ("one two three four five six seven eight ab cd", "one two three four five six seven eight ab", "near"),
        (r"Compute $x^2+1$ for $x=3$.", r"Compute $x^2-1$ for $x=3$.", None),  # signs are no punctuation
        ("Is x - 1 + 2 odd?", "Is x + 1 - 2 odd?", None),
        (r"\sqrt{x+1}", r"\sqrt{x}+1", None),
        ("Is 1.5 more?", "Is 15 more?", None),
        ("🤔?", "🛑?", None),
        ("Write 🤔 twice.", "Write 🛑 twice.", None),  # a symbol says as much as a word
        ("Write 🤔 twice.", "write 🤔 twice", "exact"),
    ],
)  # fmt: skip
def test_copies(held_out: str, row: str, kind: str | None) -> None:
    leak = HeldOut([problem(held_out, "held")], 0.76).leak(problem(row, "row"))
    assert (leak.kind if leak else None) == kind
    if leak:
        assert (leak.id, leak.leaks_from, leak.question, leak.leaks_from_question) == ("row", "held", row, held_out)
        assert leak.similarity == 1.0 if kind == "exact" else 0.76 <= leak.similarity < 1.0


def talk(question: str, *before: str, id: str = "a", split: str = "train") -> Problem:
    history: list[Message] = [Message(role=("user", "assistant")[place % 2], content=text) for place, text in enumerate(before)]
    return Problem(id=id, task="t", kind=Kind.OPEN, split=split, question=question, answer="7", history=history or None)


def test_the_turns_before_belong_to_the_question() -> None:
    held = HeldOut([talk("And 3 more?", "Tom has 4 pears?", "4.")], 0.9)
    same = held.leak(talk("and 3 more", "Tom has 4 pears", "4"))
    assert same and same.kind == "exact"
    assert held.leak(talk("And 3 more?", "Tom has 5 pears?", "5.")) is None
    assert held.leak(talk("And 3 more?")) is None


def test_a_conversation_is_a_copy_where_any_of_its_turns_is() -> None:
    """It is learnt turn by turn; a turn asks something else after other turns."""
    sieve = Sieve(0.9)
    assert sieve.test(talk("Tom has 4 pears?", id="t#turn1", split="test")) is None
    assert sieve.test(talk("And 3 more?", "Tom has 4 pears?", "4.", id="t#turn2", split="test")) is None
    leak = sieve.train(talk("Why?", "Tom has 4 pears?", "4.", "And 3 more?", "7.", id="r1"))
    assert leak and (leak.kind, leak.leaks_from, leak.id) == ("exact", "t#turn1", "r1")
    assert sieve.train(talk("Why?", "Eva has 9 pears?", "9.", "And 3 more?", "12.", id="r2")) is None
    assert sieve.train(talk("Why?", "Eva has 9 pears?", "9.", id="r3")) is None
    assert sieve.train(talk("Why?", "Eva has 8 pears?", "8.", id="r4")) is None
    repeat = sieve.train(talk("Why?", "Eva has 8 pears?", "8.", id="r5"))
    assert repeat and repeat.kind == "repeat"


def test_context_and_choices_belong_to_the_question() -> None:
    held = HeldOut([problem("Which is larger?", "held", context="About dogs.", choices=["cat", "dog"])], 0.9)
    same = held.leak(problem("Which is larger?", context="About dogs", choices=["dog", "cat"]))
    assert same and same.kind == "exact"
    assert held.leak(problem("Which is larger?", context="About dogs.", choices=["hen", "cow"])) is None
    assert held.leak(problem("Which is larger?", choices=["cat", "dog"])) is None


def slow(row: Problem, others: Sequence[Problem], near: float) -> tuple[float, str] | None:
    """All pairs, without an index: what `HeldOut.leak` must find."""
    best: tuple[float, str] | None = None
    words, numbers, key = even(row)
    for other in others:
        others_words, others_numbers, others_key = even(other)
        n = 1 if min(len(words), len(others_words)) < SHORT else 3
        a, b = ({tuple(w[i : i + n]) for i in range(len(w) - n + 1)} for w in (words, others_words))
        similarity = 1.0 if key == others_key else len(a & b) / len(a | b)
        if numbers == others_numbers and similarity >= near and (best is None or similarity > best[0]):
            best = similarity, other.id
    return best


@pytest.mark.parametrize("near", [0.05, 0.5, 0.8, 1.0])
def test_the_index_finds_what_comparing_all_pairs_finds(near: float) -> None:
    draw = random.Random(0)
    words = ["a", "b", "c", "d", "e", "1", "2"]
    made = [problem(" ".join(draw.choices(words[: draw.randint(1, 7)], k=draw.randint(1, 14))), str(number)) for number in range(600)]
    held, rows = made[:200], made[200:]
    index, found = HeldOut(held, near), 0
    for row in rows:
        leak, expected = index.leak(row), slow(row, held, near)
        assert (leak is None) == (expected is None), row.question
        if leak and expected:
            found += 1
            assert leak.similarity == pytest.approx(expected[0], abs=1e-4), row.question
    assert 0 < found < len(rows)


def test_sieve() -> None:
    sieve = Sieve(0.76)
    test = [problem(LONG, "t0", "test"), problem(LONG.upper(), "t1", "test"), problem(LONG.replace("3", "9"), "t2", "test")]
    dropped = [sieve.test(row) for row in test]
    assert [leak and (leak.id, leak.split, leak.kind, leak.leaks_from) for leak in dropped] == [None, ("t1", "test", "repeat", "t0"), None]
    rows = ["Ann has 6 figs.", "ann has six figs", LONG, LONG.replace("Sunday", "Monday"), LONG.replace("3", "8")]
    found = [sieve.train(problem(question, f"r{place}")) for place, question in enumerate(rows)]
    assert [leak and (leak.id, leak.split, leak.kind, leak.leaks_from) for leak in found] == [
        None,
        ("r1", "train", "repeat", "r0"),
        ("r2", "train", "exact", "t0"),
        ("r3", "train", "near", "t0"),
        None,
    ]
    for id in ("r0", "r2", "t1"):  # kept, dropped, and of the other split: an id stands once
        with pytest.raises(BadInput, match=f"t: train: duplicate id '{id}'; every problem needs its own"):
            sieve.train(problem("Something new?", id))


def test_validation_is_held_out_from_train_and_holds_nothing_of_test() -> None:
    sieve = Sieve(0.76)
    assert sieve.test(problem(LONG, "t0", "test")) is None
    rows = [LONG.upper(), LONG.replace("Sunday", "Monday"), "Ann has 6 figs.", "ann has six figs"]
    dropped = [sieve.validation(problem(question, f"v{place}", "validation")) for place, question in enumerate(rows)]
    assert [leak and (leak.id, leak.split, leak.kind, leak.leaks_from) for leak in dropped] == [
        ("v0", "validation", "exact", "t0"),
        ("v1", "validation", "near", "t0"),
        None,
        ("v3", "validation", "exact", "v2"),
    ]
    leak = sieve.train(problem("Ann has 6 figs!", "r0"))
    assert leak and (leak.kind, leak.leaks_from) == ("exact", "v2")
    with pytest.raises(BadInput, match="t: train: duplicate id 'v2'"):
        sieve.train(problem("Something new?", "v2"))


def test_many_rows_against_many_held_out() -> None:
    """Fast enough for a million rows; the bound is a tenth of the measured speed, so that a busy machine passes."""
    draw = random.Random(0)
    names, things = ["Tom", "Ann", "Ben", "Eva"], ["pears", "figs", "books", "coins"]

    def made(number: int) -> Problem:
        name, thing, a, b, c = draw.choice(names), draw.choice(things), draw.randint(0, 20), draw.randint(0, 20), draw.randint(0, 20)
        question = f"{name} has {a} {thing}. {draw.choice(names)} brings {b} more. Then {c} are lost. How many {thing} does {name} have?"
        return problem(question, str(number))

    held, rows = HeldOut((made(number) for number in range(1200)), 0.8), [made(number) for number in range(10_000)]
    start = time.perf_counter()
    leaks = sum(held.leak(row) is not None for row in rows)
    assert leaks and len(rows) / (time.perf_counter() - start) > 6000
