"""Which problems count as copies: a table, the search against a plain comparison of all pairs, and what the sieve lets through."""

import random
import time
import tracemalloc
from collections.abc import Sequence

import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Message, Problem
from stages.tasks.splitting.copies import similarity
from stages.tasks.splitting.decontaminate import HeldOut, Sieve
from stages.tasks.splitting.evened import even
from stages.tasks.splitting.template_slots import Templates

from planted import LEAKS, NON_LEAKS, PARAPHRASES, QUESTIONS, planted

LONG = "Tom has 3 pears in a basket. He buys 4 more at the market on Sunday with his sister. How many pears does Tom have now?"
TURNED = "Ann has 13 figs. Ben buys 24 figs. How many figs do they have?"
CATS = "Does a cat like the cold water of a lake in summer?"
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
        (LONG, LONG + " Ann counts the apples and the plums of everybody else in the house as well.", "near"),
        (LONG, LONG + " Round to 2 decimal places.", "near"),
        (LONG, LONG + " Ann has 2 pears.", "near"),  # behind the question nothing belongs to it
        (LONG, "Ann has 2 pears. " + LONG, None),
        (SHORTER, "so what is 3 plus 4, times 5?", "near"),  # short: 7 of 8 words are shared
        (SHORTER, "What is 3 minus 4, times 5?", None),  # 6 of 8
        (SHORTER, "What is 3 and 4, times 5?", "near"),
        (SHORTER, "What is 3 plus 4, times 5, minus 1?", None),
        (SHORTER, SHORTER + " Give me your answer in plain words, and tell me how you found it.", "near"),
        ("Why is that so?", "Why is that so? Tell me more of it.", None),  # it may stand in any problem
        (TURNED, "Ben buys 24 figs. Ann has 13 figs. How many figs do they have?", "near"),
        (TURNED, "Ann has 24 figs. Ben buys 13 figs. How many figs do they have?", None),
        (TURNED, "Ben buys 24 figs. Ann has 13 pears. How many figs do they have?", "near"),
        (TURNED, "Ann has 13 figs. Ben buys 24 figs. How many figs do they not have?", None),
        (TURNED, "Ann has 13 figs. Ben sells 24 figs. How many figs do they have?", None),
        (CATS, CATS.replace("cat", "dog"), None),  # no number: each word is the problem
        (CATS, CATS.replace("Does", "Would"), "near"),
        ("It costs $1,250.", "It costs one thousand two hundred and fifty dollars.", "exact"),
        ("It costs €5.", "It costs five euros", "exact"),
        ("Add twenty-one and 5 hundred and 5k", "Add 21 and 500 and 5,000", "exact"),
        ("2.5 million eggs, two dozen, 20 percent", "2500000 eggs, 24, 20%", "exact"),
        ("A hundred and one, a hundred", "101, 100", "exact"),
        ("Twenty or thirty of four hundred", "20 or 30 of 400", "exact"),
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
        assert leak.similarity == 1.0 if kind == "exact" else 0.76 <= leak.similarity <= 1.0


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
    templates, best = Templates(), (0.0, "")
    texts = {even(other).key: (even(other), other.id) for other in reversed(others)}  # of copies the first one
    for held, _ in texts.values():
        templates.add(held)
    text = even(row)
    if text.key in texts:
        return 1.0, texts[text.key][1]
    for held, id in reversed(texts.values()):
        if held.sorted_numbers == text.sorted_numbers:
            best = max(best, (similarity(held, text, near, templates.is_slot), id), key=lambda pair: pair[0])
    return best if best[0] else None


@pytest.mark.parametrize("near", [0.05, 0.5, 0.8, 1.0])
def test_the_index_finds_what_comparing_all_pairs_finds(near: float) -> None:
    draw = random.Random(0)
    words = ["a", "b", "c", "d", "e", "1", "2", "3."]
    made = [problem(" ".join(draw.choices(words[: draw.randint(1, 8)], k=draw.randint(1, 14))), str(number)) for number in range(600)]
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


@pytest.mark.parametrize("words", [13, 24])
def test_a_word_in_the_slot_of_a_template_is_another_problem(words: int) -> None:
    """Two held-out problems show that names fill the first place; a word of the only problem of its kind was replaced."""
    asked = "{name} has 13 figs and gets 24 of them." + " No more are there today, as all of us can see." * (words > 20)
    held = HeldOut([problem(asked.format(name=name).replace("13", number), name) for name, number in (("Tom", "13"), ("Ann", "35"))], 0.95)
    assert held.leak(problem(asked.format(name="Ben"))) is None
    alone = HeldOut([problem(asked.format(name="Tom"))], 0.8)
    leak = alone.leak(problem(asked.format(name="Ben")))
    assert leak and leak.kind == "near"


def test_two_questions_on_one_passage_are_two_problems() -> None:
    passage = "In 1914 the town had 3200 people, of whom 410 lived by the river, and three mills that ground the corn of the valley."
    held = HeldOut([problem("How many people did not live by the river?", "held", context=passage)], 0.8)
    assert held.leak(problem("Which kind of work was done in the mills?", context=passage)) is None
    leak = held.leak(problem("How many people did really not live by the river?", context=passage))
    assert leak and leak.kind == "near"


def test_recall_and_precision_on_planted_copies() -> None:
    """The figures on large data sets: `python tests/bench decontaminate`."""
    held = HeldOut([problem(question, str(number), "test") for number, question in enumerate(QUESTIONS)], 0.8)
    copies, others = (list(planted(QUESTIONS, changes, seed=1)) for changes in (LEAKS, NON_LEAKS))
    found = [(row, held.leak(row)) for _, row in copies]
    assert sum(leak is not None and leak.leaks_from == row.id.split()[-1] for row, leak in found) >= 0.95 * len(copies) > 90
    dropped = [row.question for _, row in others if held.leak(row)]
    assert len(dropped) <= 0.01 * len(others), dropped
    assert {number for number, text in PARAPHRASES if held.leak(problem(text))} == set()  # no paraphrase with other words is found


def test_memory_does_not_grow_with_train_problems() -> None:
    held = HeldOut([problem(question, str(number), "test") for number, question in enumerate(QUESTIONS)], 0.8)
    rows = [row for seed in range(10) for _, row in planted(QUESTIONS, NON_LEAKS, seed)]
    for row in rows[:50]:
        held.leak(row)
    tracemalloc.start()
    for row in rows:
        held.leak(row)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(rows) > 500 and grown < 64 << 10


def test_many_rows_against_many_held_out() -> None:
    """Fast enough for a million rows in ten minutes; the bound is a tenth of the measured speed, so that a busy machine passes."""
    draw = random.Random(0)
    names, things = ["Tom", "Ann", "Ben", "Eva"], ["pears", "figs", "books", "coins"]

    def made(number: int) -> Problem:
        name, thing, a, b, c = draw.choice(names), draw.choice(things), draw.randint(0, 20), draw.randint(0, 20), draw.randint(0, 20)
        question = f"{name} has {a} {thing}. {draw.choice(names)} brings {b} more. Then {c} are lost. How many {thing} does {name} have?"
        return problem(question, str(number))

    held, rows = HeldOut((made(number) for number in range(1200)), 0.8), [made(number) for number in range(10_000)]
    start = time.process_time()
    leaks = sum(held.leak(row) is not None for row in rows)
    assert leaks and len(rows) / (time.process_time() - start) > 1700
