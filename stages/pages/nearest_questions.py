"""The problems whose questions have most words in common with a question."""

import re
from collections.abc import Iterable
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")


class Neighbour(NamedTuple):
    """A problem, by its id, and the Jaccard index of the two sets of words, from 0 to 1."""

    id: str
    share: float


def words(text: str) -> frozenset[str]:
    """The words and numbers of a text in small letters."""
    return frozenset(_WORD.findall(text.lower()))


def nearest(question: str, others: Iterable[tuple[str, str]], most: int) -> list[Neighbour]:
    """Of `others`, pairs of id and question, at most so many that share any word, the nearest first; of two
    that are equally near the one that comes first."""
    own = words(question)
    near = []
    for name, text in others:
        theirs = words(text)
        both = len(own & theirs)
        if both:
            near.append(Neighbour(name, both / (len(own) + len(theirs) - both)))
    return sorted(near, key=lambda neighbour: -neighbour.share)[:most]
