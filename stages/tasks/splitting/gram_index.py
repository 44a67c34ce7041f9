"""Finds the copies of a problem among many without comparing it with each.

A copy holds at least a share t of a held-out problem's n grams, so at most m = n - ceil(t n) are missing, and
of any m + 1 grams one is there. Each held-out problem is filed under m + 1 of its grams only, those under
which the fewest others are filed (prefix filtering: Chaudhuri et al. 2006,
https://doi.org/10.1109/ICDE.2006.9). That finds all that comparing each pair would find.
"""

from collections import defaultdict
from math import ceil
from typing import Generic, TypeVar

from stages.tasks.splitting.copies import ONE_WORD, SHORT, Slots, similarity
from stages.tasks.splitting.evened import Gram, Text

Value = TypeVar("Value")


class GramIndex(Generic[Value]):
    """Problems with the same numbers, each with a value; `near` is the least similarity of copies."""

    def __init__(self, near: float, is_slot: Slots) -> None:
        self.near, self.is_slot = near, is_slot
        self.texts: list[tuple[Text, Value]] = []
        # by gram, places in `texts`
        self.words: defaultdict[Gram, list[int]] = defaultdict(list)
        self.threes: defaultdict[Gram, list[int]] = defaultdict(list)

    def add(self, text: Text, value: Value) -> None:
        """Adds a problem."""
        size, place = len(text.words), len(self.texts)
        self.texts.append((text, value))
        # that of a short question is the one word that may differ
        self._file(self.words, text.bag, place, int(self.near < 1 and size < ONE_WORD))
        if size >= SHORT:
            self._file(self.threes, text.threes, place, 0)

    def _file(
        self, postings: defaultdict[Gram, list[int]], grams: frozenset[Gram], place: int, missing: int
    ) -> None:
        most = max(missing, len(grams) - ceil(self.near * len(grams) - 1e-9))
        rarest = sorted(grams, key=lambda gram: (len(postings.get(gram, ())), str(gram)))
        for gram in rarest[: most + 1]:
            postings[gram].append(place)

    def nearest(self, text: Text) -> tuple[float, Value] | None:
        """The most similar problem and its similarity, where that is at least `near`; the earlier one of two
        alike."""
        places = {place for gram in text.bag if gram in self.words for place in self.words[gram]}
        if self.threes:
            places |= {place for gram in text.threes if gram in self.threes for place in self.threes[gram]}
        best: tuple[float, Value] | None = None
        for place in sorted(places):
            held, value = self.texts[place]
            likeness = similarity(held, text, self.near, self.is_slot)
            if likeness and (best is None or likeness > best[0]):
                best = likeness, value
        return best
