"""What a table of words is, what a language has tables for, and how tables become patterns."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """Words or phrases that mean the same to a grader.

    `words` are separated by `|`. A space in a phrase stands for any spaces.
    """

    words: str
    reason: str  # why the grader looks for them, with an example


Table = tuple[Row, ...]


class Language(NamedTuple):
    """The words of one language other than English; a table may be empty."""

    name: str
    answers: Table = ()  # nouns that announce an answer: `Antwort`
    final: Table = ()  # adjectives behind such a noun: `réponse finale`
    stated: Table = ()  # verbs and signs between such a noun and the answer: `lautet`
    yes: Table = ()  # an answer `yes`
    no: Table = ()  # an answer `no`
    right: Table = ()  # what is said behind an option that is right: `ist richtig`
    wrong: Table = ()  # what is said behind an option that is wrong: `ist falsch`
    denies: Table = ()  # what is said before an option that is wrong: `nicht`
    so: Table = ()  # words before the option that is left: `also`, `nur`
    options: Table = ()  # nouns before or behind the letter of an option: `选项`
    checks: Table = ()  # words that open a check of the result: `Probe`
    refuses: Table = ()  # words that decline to answer: `不知道`
    headings: Table = ()  # titles of sections that hold no answer: `Probe`
    spaced: bool = True  # whether spaces separate words


def phrases(*tables: Table) -> list[str]:
    """All words and phrases of `tables`, the longest first, so that the longest one is matched."""
    named = {phrase for table in tables for row in table for phrase in row.words.split("|")}
    return sorted(named, key=lambda phrase: (-len(phrase), phrase))


def any_of(*tables: Table) -> str:
    """A pattern without a group that matches any word or phrase of `tables`."""
    return "(?:" + "|".join(_escaped(phrases(*tables))) + ")"


def _escaped(words: Iterable[str]) -> Iterable[str]:
    return (re.escape(phrase).replace(r"\ ", r"\s{1,3}") for phrase in words)
