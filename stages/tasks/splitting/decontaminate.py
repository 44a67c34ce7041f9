"""Problems that stand twice: a train problem that is also in test or validation would be graded from memory,
so it is dropped from train; for the same reason a validation problem that is also in test is dropped.

**exact**: the same words, numbers and signs once case, punctuation, spacing and Unicode forms are evened out.
**near**: the same numbers in the same order, and a Jaccard similarity of the sets of word 3-grams of at least
`near` (Lee et al. 2021, https://arxiv.org/abs/2107.06499, find near copies by such sets). The numbers must
agree because word problems come in templates: "Tom has 3 pears and buys 4" and "Tom has 5 pears and buys 2"
share nearly every word and are two problems with two answers, while a rewording with the same numbers has the
same answer. A question of fewer than `SHORT` words has too few 3-grams to share any after one change: with
it, single words are compared, and mathematical signs by their place among the signs, so that `x - 1 + 2` is
not `x + 1 - 2`.

The turns before a question belong to it: "And three more?" is another problem after another turn. A
conversation that is trained on is learnt turn by turn, so each of its turns must be no copy.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from math import ceil
from typing import NamedTuple
from unicodedata import normalize

import msgspec
from msgspec import structs

from stages.shared.errors import BadInput
from stages.shared.rows import Problem
from stages.shared.seen import Seen

SHORT = 10
_TOKEN = re.compile(
    r"\d+(?:,\d{3})*(?:\.\d+)?|[^\W\d_]+|(?<![^\W\d_])-|-(?![^\W\d_])|[+*/%\\^=<>(){}\[\]|~×÷±√≤≥≠]"
    r"|[\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"  # an emoji says as much as a word
)
_DASHES = {ord(dash): "-" for dash in "‐‑‒–—−"}
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: str(number) for number, word in enumerate(_ONES.split())}
_NUMBERS |= {word: str(10 * number) for number, word in enumerate(_TENS.split(), 2)}
_NUMBERS |= {
    "hundred": "100",
    "thousand": "1000",
    "dozen": "12",
    "half": "0.5",
    "twice": "2",
    "double": "2",
    "triple": "3",
}


class Leak(msgspec.Struct, kw_only=True):
    """A problem that was dropped, and the problem of which it is a copy.

    `kind` is exact or near (a copy of a problem of a split that is held out from this one), or repeat (an
    exact copy within one split; the first problem's words are the same and are not kept). `similarity` is 0
    to 1.
    """

    id: str
    split: str
    kind: str
    similarity: float
    leaks_from: str
    question: str
    leaks_from_question: str | None = None


class Text(NamedTuple):
    """A problem evened out: `key` is equal for exact copies."""

    words: list[str]
    numbers: tuple[str, ...]
    key: str


def even(problem: Problem) -> Text:
    """The words, numbers and signs of a problem: the turns before it, its context, its question and its
    choices (in any order)."""
    before = [turn["content"] for turn in problem.history or []]
    parts = [*before, problem.context or "", problem.question, *sorted(problem.choices or [])]
    text = " ".join(parts) if len(parts) > 2 or parts[0] else problem.question
    if not text.isascii():
        text = normalize("NFKC", text).translate(_DASHES)
    words = [_NUMBERS.get(word, word) for word in _TOKEN.findall(text.casefold())]
    if "," in text or "." in text:
        words = [_plain(word) if word[0].isdigit() else word for word in words]
    return Text(words, tuple([word for word in words if word[0].isdigit()]), " ".join(words) or text)


def _plain(number: str) -> str:
    whole = number.replace(",", "")
    return whole.rstrip("0").rstrip(".") if "." in whole else whole


class _Index:
    """Sets of grams, found by the share of grams in common."""

    def __init__(self) -> None:
        self.sets: list[tuple[frozenset[object], Problem]] = []
        self.postings: dict[object, list[int]] = defaultdict(list)

    def add(self, grams: frozenset[object], problem: Problem) -> None:
        for gram in grams:
            self.postings[gram].append(len(self.sets))
        self.sets.append((grams, problem))

    def nearest(self, grams: frozenset[object], near: float) -> tuple[float, Problem] | None:
        """The most similar set, and its similarity, where that is at least `near`; the earlier one of two
        alike.

        Two sets with a Jaccard similarity s share at least s times the size of either, so one that is near
        enough has one of the rarest grams: looking only there (prefix filtering) is what keeps this fast.
        """
        needed = max(1, ceil(near * len(grams) - 1e-9))
        known = sorted(
            (gram for gram in grams if gram in self.postings), key=lambda gram: len(self.postings[gram])
        )
        rarest = known[: max(0, len(known) - needed + 1)]
        best: tuple[float, Problem] | None = None
        for place in sorted({place for gram in rarest for place in self.postings[gram]}):
            known_grams, problem = self.sets[place]
            common = len(grams & known_grams)
            similarity = common / (len(grams) + len(known_grams) - common)
            if similarity >= near and (best is None or similarity > best[0]):
                best = similarity, problem
        return best


class _Bucket:
    """The held-out problems with one sequence of numbers: short ones by words, long ones by 3-grams and, for
    short rows, by words."""

    def __init__(self) -> None:
        self.short, self.long_words, self.long = _Index(), _Index(), _Index()

    def add(self, words: list[str], problem: Problem) -> None:
        if len(words) < SHORT:
            self.short.add(_bag(words), problem)
        else:
            self.long_words.add(_bag(words), problem)
            self.long.add(_threes(words), problem)

    def nearest(self, words: list[str], near: float) -> tuple[float, Problem] | None:
        short = len(words) < SHORT
        rest = (self.long_words, _bag) if short else (self.long, _threes)
        candidates = [
            index.nearest(grams(words), near) for index, grams in ((self.short, _bag), rest) if index.sets
        ]
        return max((best for best in candidates if best), key=lambda best: best[0], default=None)


def _bag(words: list[str]) -> frozenset[object]:
    signs = (word for word in words if not word[0].isalnum())
    return frozenset(enumerate(signs)) | frozenset(word for word in words if word[0].isalnum())


def _threes(words: list[str]) -> frozenset[object]:
    return frozenset(zip(words, words[1:], words[2:], strict=False))


class HeldOut:
    """Problems that no training data may hold, kept in memory: `leak` asks of one training problem, in some
    20 microseconds."""

    def __init__(self, problems: Iterable[Problem], near: float) -> None:
        self.near = near
        self.exact: dict[str, Problem] = {}
        self.buckets: dict[tuple[str, ...], _Bucket] = defaultdict(_Bucket)
        for problem in problems:
            self.add(problem)

    def add(self, problem: Problem, text: Text | None = None) -> None:
        """Holds one more problem out."""
        text = text or even(problem)
        if self.exact.setdefault(text.key, problem) is problem:
            self.buckets[text.numbers].add(text.words, problem)

    def leak(self, problem: Problem, text: Text | None = None) -> Leak | None:
        """The held-out problem that `problem`, or a turn before it, is a copy of, exact before near; None
        where there is none."""
        leak = self._of_question(problem, text or even(problem))
        for turn in _turns_before(problem) if leak is None else ():
            leak = leak or self._of_question(turn, even(turn))
        return leak

    def _of_question(self, problem: Problem, text: Text) -> Leak | None:
        if text.key in self.exact:
            return _leak(problem, "exact", 1.0, self.exact[text.key])
        bucket = self.buckets.get(text.numbers)
        nearest = bucket.nearest(text.words, self.near) if bucket else None
        return _leak(problem, "near", *nearest) if nearest else None


def _leak(problem: Problem, kind: str, similarity: float, source: Problem) -> Leak:
    return Leak(
        id=problem.id,
        split=problem.split,
        kind=kind,
        similarity=round(similarity, 4),
        leaks_from=source.id,
        question=problem.question,
        leaks_from_question=source.question,
    )


def _turns_before(problem: Problem) -> Iterator[Problem]:
    """The problems that the user's turns before the question are."""
    history = problem.history or []
    for turn, message in enumerate(history):
        if message["role"] == "user":
            asked = message["content"]
            yield structs.replace(problem, question=asked, history=history[:turn], context=None, choices=None)


class Sieve:
    """Says of each problem whether it stays: ids are unique, no question stands twice in a split, no train
    problem is in validation or test, and no validation problem is in test.

    All test problems come before the first one of validation, and these before the first one of train. Test
    and validation are held in memory, train is not.
    """

    def __init__(self, near: float) -> None:
        self.held_out = HeldOut((), near)
        self.ids, self.questions = Seen(), Seen()

    def test(self, problem: Problem) -> Leak | None:
        """None where the test problem stays; BadInput where its id stood before."""
        text = even(problem)
        self._new(problem)
        repeat = self._repeat(problem, text)
        if not repeat:
            self.held_out.add(problem, text)
        return repeat

    def validation(self, problem: Problem) -> Leak | None:
        """None where the validation problem stays; BadInput where its id stood before, in any split."""
        text = even(problem)
        leak = self.train(problem, text)
        if not leak:
            self.held_out.add(problem, text)
        return leak

    def train(self, problem: Problem, text: Text | None = None) -> Leak | None:
        """None where the train problem stays; BadInput where its id stood before, in any split."""
        self._new(problem)
        text = text or even(problem)
        return self.held_out.leak(problem, text) or self._repeat(problem, text)

    def _new(self, problem: Problem) -> None:
        if not self.ids.add(problem.id):
            raise BadInput(
                f"{problem.task}: {problem.split}: duplicate id {problem.id!r}; every problem needs its own"
            )

    def _repeat(self, problem: Problem, text: Text) -> Leak | None:
        key = blake2b(text.key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        if self.questions.add(key, problem.id):
            return None
        return Leak(
            id=problem.id,
            split=problem.split,
            kind="repeat",
            similarity=1.0,
            leaks_from=self.questions.value(key),
            question=problem.question,
        )
