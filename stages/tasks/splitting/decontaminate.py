"""Problems that stand twice: a train problem that is also in test or validation would be graded from memory,
so it is dropped from train; for the same reason a validation problem that is also in test is dropped.

**exact**: the same words, numbers and signs once case, punctuation, spacing, Unicode forms and the ways to
write a number or an amount of money are evened out (evened.py).
**near**: the same numbers, each in a sentence like its own, and words of which at least the share `near` is
the same (copies.py says how that is measured): other sentences around the question, its sentences in another
order, one word replaced, or few words in a hundred.

The turns before a question belong to it: "And three more?" is another problem after another turn. A
conversation that is trained on is learnt turn by turn, so each of its turns must be no copy.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec
from msgspec import structs

from stages.shared.errors import BadInput
from stages.shared.rows import Problem
from stages.shared.seen import Seen
from stages.tasks.splitting.copies import says_enough
from stages.tasks.splitting.evened import Text, even, without_words_after
from stages.tasks.splitting.gram_index import GramIndex
from stages.tasks.splitting.template_slots import Templates


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


class HeldOut:
    """Problems that no training data may hold, kept in memory: `leak` asks of one training problem."""

    def __init__(self, problems: Iterable[Problem], near: float) -> None:
        self.near = near
        self.exact: dict[str, Problem] = {}
        self.templates = Templates()
        # by the numbers of the problems
        self.indices: defaultdict[tuple[str, ...], GramIndex[Problem]] = defaultdict(
            lambda: GramIndex(near, self.templates.is_slot)
        )
        for problem in problems:
            self.add(problem)

    def add(self, problem: Problem, text: Text | None = None) -> None:
        """Holds one more problem out."""
        text = text or even(problem)
        if self.exact.setdefault(text.key, problem) is problem:
            self.indices[text.sorted_numbers].add(text, problem)
            self.templates.add(text)

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
        nearest = self._nearest(text)
        if nearest is None and (asked := without_words_after(text, problem)) and says_enough(asked):
            nearest = self._nearest(asked)
        return _leak(problem, "near", *nearest) if nearest else None

    def _nearest(self, text: Text) -> tuple[float, Problem] | None:
        index = self.indices.get(text.sorted_numbers)
        return index.nearest(text) if index else None


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
