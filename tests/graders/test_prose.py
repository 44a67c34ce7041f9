"""Which number of a sentence is the answer, what a span is as a whole, and what `--explain` shows of it."""

from fractions import Fraction

import pytest
from stages.graders.grading.shown import shown, unused
from stages.graders.languages.others import LANGUAGES
from stages.graders.languages.wordlists import Row, any_of, phrases
from stages.graders.mathematics.readings import read
from stages.graders.mathematics.single import exactly
from stages.graders.quantities.numbers import find
from stages.graders.quantities.prose import SEVERAL
from stages.graders.quantities.written_numbers import Number

STATED = [
    ("It takes 15 hours to clean 45 rooms.", 15),
    ("24 students made at least 4 frames.", 24),
    ("4 lots had exactly 44 cars.", 4),
    ("Laura needs $56 to buy 8 watches.", 56),
    ("For 16 glasses she pays $64.", 64),
    ("The 3 of them have 260 sheep.", 260),
    ("There will be 17 rows of 5 chairs each.", 17),
    ("It rained on 11 of the 30 days.", 11),
    ("She paid $41 out of her budget of $200.", 41),
    ("The chance is 1/3 (about 33.3%).", Fraction(1, 3)),
    ("The chance is 1 in 6.", Fraction(1, 6)),
    ("He has 600 in total.", 600),
    ("The change was - 27 minutes per month.", -27),
    ("There are 3 bolts in total: 2 blue and 1 white.", 3),
    ("Paul is 34, twice as old as his 17-year-old son.", 34),
    ("Revenue was $11 as of December 31, 2019.", 11),
    ("He has 20 and gives away 3, leaving 17.", 17),
    ("It must be less than 20.", None),
    ("The sides are 3, 4 and 5.", None),
    ("It lies between 3 and 4.", None),
]


@pytest.mark.parametrize(("sentence", "value"), STATED)
def test_the_number_of_a_sentence(sentence: str, value: Fraction | int | None) -> None:
    found = find(sentence, last=True)
    assert (found and found[0].scaled) == value


@pytest.mark.parametrize("text", ["7 or 8", "7, or possibly 8", "7 (maybe 8)", "between 7 and 8", "at least 7", "7 to 8", "7 and 8"])
def test_an_announced_hedge_names_several(text: str) -> None:
    found = find(text)
    assert found is not None and found[0] == SEVERAL


WHOLE = [
    ("7 + 8", 15), ("5!", 120), ("\\sqrt{49}", 7), ("|-7|", 7), ("2^5", 32), ("16 apples", 16), ("x = 12", 12), ("12 + 5 = 17", 17),
    ("\\text{about } 12", 12), ("7 squared", 49), ("twice 7", 14), ("7 less than 20", 13), ("7 \\times 8", 56), ("- 27", -27),
    ("7_{10}", 7), ("7 \\text{ boxes}", 7), ("3\\frac12", Fraction(7, 2)),
    ("7, 8", SEVERAL), ("7 \\text{ or } 8", SEVERAL), ("x > 7", SEVERAL), ("7 \\pm 1", SEVERAL), ("7x + 1", SEVERAL), ("7i", SEVERAL),
    ("\\frac{7}{x}", SEVERAL), ("(7, 8)", SEVERAL), ("7:30", SEVERAL), ("7--8", SEVERAL), ("The 3 boys have 17 marbles", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), WHOLE)
def test_a_span_read_whole(text: str, value: object) -> None:
    number = exactly(text)
    assert (number.scaled if isinstance(number, Number) else number) == value


def test_a_root_is_a_number_but_no_whole_one() -> None:
    number = exactly("7\\sqrt{2}")
    assert isinstance(number, Number) and float(number.value) == pytest.approx(9.8995, abs=1e-4)


SHOWN = [
    (exactly("18 apples"), "the number 18"),
    (exactly("5 million"), "the number 5000000 (written as 5 with a scale word)"),
    (exactly("25%"), "the number 25 %"),
    (exactly("3 km"), "the number 3, a quantity of length"),
    (read("\\frac{3}{4}"), "the number 3/4"),
    (read("x + 1"), "the expression x + 1"),
    (read("1, x"), "the list 1, x"),
    (read("x > 2"), "the relation x > 2"),
    ("yes", "'yes'"),
]


@pytest.mark.parametrize(("value", "words"), SHOWN)
def test_what_is_shown_of_a_value(value: object, words: str) -> None:
    assert shown(value) == words


def test_what_was_not_used_of_a_span() -> None:
    assert unused("18 apples (6 bags of 3).", "18") == "'apples (6 bags of 3'"
    assert unused("So it is 18.", "18") == "'So it is'"
    assert unused("18.", "18") == "" and unused("18", "19") == ""


def test_tables_of_words_become_patterns() -> None:
    table = (Row("at|at most", "bounds"),)
    assert phrases(table) == ["at most", "at"] and any_of(table) == r"(?:at\s{1,3}most|at)"


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: str(language.name))
def test_each_row_of_a_language_has_words_and_a_reason(language: tuple[object, ...]) -> None:
    tables = [table for table in language if isinstance(table, tuple)]
    assert any(tables) and all(row.reason and all(row.words.split("|")) for table in tables for row in table)
