"""Whether two problems with the same numbers are one: how much of one the other holds, from 0 to 1.

The measures are the Jaccard similarity of word 3-grams (Lee et al. 2021, https://arxiv.org/abs/2107.06499),
the share of the 3-grams of a held-out problem that a longer problem holds (containment: Broder 1997,
https://doi.org/10.1109/SEQUEN.1997.666900), and one word that differs. Sentences may stand in another order.

Word problems come in templates, so each number must stand in a sentence like its own: "Tom has 3 pears. He
buys 4." and "Tom has 4 pears. He buys 3." are two problems.
"""

from collections.abc import Callable

from stages.tasks.splitting.evened import Text, bag
from stages.tasks.splitting.plain_words import NEGATIONS, OPPOSED, ORDINARY

SHORT = 10
"""A question of fewer words has too few 3-grams to share any after one change: single words are compared."""

ONE_WORD = 40
"""In a question of fewer words a single word that differs is looked for: it changes three 3-grams, which
takes a short question under any usual threshold."""

LEAST_CONTAINED = 5
"""A question of fewer words stands in many a problem by chance, and one without numbers where it has fewer
than twice as many."""


Slots = Callable[[Text, str], bool]
"""Whether a word of a held-out problem stands where other held-out problems have another word."""


def similarity(held: Text, row: Text, near: float, is_slot: Slots) -> float:
    """How much of a copy of `held` the problem `row` is; 0 where it is less than `near` (0 to 1).

    Both have the same numbers, in any order. With `near` 1 the same words in every place are asked for.
    """
    if held.numbers == row.numbers and (best := _jaccard(held, row)) >= near:
        turned = not NEGATIONS.isdisjoint(held.bag ^ row.bag)
        return best if not turned and _same_question(held, row, near) else 0.0
    if near == 1 or len(held.bag & row.bag) < near * len(held.bag) - 1 or not numbers_agree(held, row):
        return 0.0
    if held.numbers != row.numbers or _moved(held.sentences, row.sentences):
        row = in_the_order_of(held, row)
    best = max(_jaccard(held, row), _one_word(held, row, is_slot), _contained(held, row))
    return best if best >= near and _same_question(held, row, near) else 0.0


def _jaccard(held: Text, row: Text) -> float:
    short = min(len(held.words), len(row.words)) < SHORT
    first, second = (held.bag, row.bag) if short else (held.threes, row.threes)
    common = len(first & second)
    return _share(common, len(first) + len(second) - common)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _same_question(held: Text, row: Text, near: float) -> bool:
    """Two questions on one passage or table are two problems."""
    if held.asked is None or row.asked is None or held.asked == row.asked:
        return True
    first, second = bag(held.asked), bag(row.asked)
    return _share(len(first & second), min(len(first), len(second))) >= near


def numbers_agree(held: Text, row: Text) -> bool:
    """Whether each number of `row` stands in a sentence like that in which it stands in `held`."""
    if held.numbers == row.numbers:
        return True
    mine, theirs = _with_numbers(held), _with_numbers(row)
    if len(mine) != len(theirs):
        return False
    for words, numbers in mine:
        likeness = [
            (_share(len(words & held_words), len(words | held_words)), held_numbers == numbers)
            for held_words, held_numbers in theirs
        ]
        likest = theirs[likeness.index(max(likeness))]
        if likest[1] != numbers:
            return False
        theirs.remove(likest)
    return True


def _with_numbers(text: Text) -> list[tuple[set[str], list[str]]]:
    """Of each sentence that has numbers: its other words, and its numbers."""
    parts = []
    for sentence in text.sentences:
        if numbers := [word for word in sentence if word[0].isdigit()]:
            parts.append((set(sentence) - set(numbers), numbers))
    return parts


def _moved(first: list[list[str]], second: list[list[str]]) -> bool:
    """Whether a sentence of both stands at another place in each."""
    if first == second:
        return False
    return any(
        sentence != at_place and sentence in second for sentence, at_place in zip(first, second, strict=False)
    )


def in_the_order_of(held: Text, row: Text) -> Text:
    """`row` with its sentences in the order of those of `held` that they are likest; others come last."""
    rest, ordered = list(row.sentences), []
    for sentence in held.sentences:
        if not rest:
            break
        words = set(sentence)
        likest = max(rest, key=lambda each: _share(len(words & set(each)), len(words | set(each))))
        if words & set(likest):
            rest.remove(likest)
            ordered.append(likest)
    return Text(ordered + rest, row.key, row.asked)


def _one_word(held: Text, row: Text, is_slot: Slots) -> float:
    """The share of words that agree where one word is replaced, added or left out; 0 where more differ.

    A word that turns the meaning ("more", "not") must stay, and so must the word in the slot of a template.
    Where there are fewer than two numbers, only an ordinary word may differ: without numbers the other words
    are the problem.
    """
    size = max(len(held.words), len(row.words))
    if size >= ONE_WORD or abs(len(held.words) - len(row.words)) > 1 or held.signs != row.signs:
        return 0.0
    differing = _differing(held.words, row.words)
    if differing is None or (len(held.numbers) < 2 and not set(differing) <= ORDINARY):
        return 0.0
    if NEGATIONS & set(differing) or set(differing) <= OPPOSED:
        return 0.0
    return 0.0 if is_slot(held, differing[0]) else 1 - 1 / size


def _differing(first: list[str], second: list[str]) -> list[str] | None:
    """The words in which `first` and `second` differ, where one word is replaced (that of `first` comes
    first), added or left out; None where it is otherwise."""
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    end = 0
    while end < min(len(first), len(second)) - start and first[-1 - end] == second[-1 - end]:
        end += 1
    rest = first[start : len(first) - end], second[start : len(second) - end]
    words = [word for part in rest for word in part]
    return words if max(map(len, rest)) == 1 and all(word.isalpha() for word in words) else None


def says_enough(text: Text) -> bool:
    """Whether `text` stands in no other problem by chance."""
    return len(text.words) >= (LEAST_CONTAINED if text.numbers else 2 * LEAST_CONTAINED)


def _contained(held: Text, row: Text) -> float:
    """The share of the 3-grams of `held` that `row`, which is longer, holds; of a short question whole
    sentences are asked for."""
    longer = len(held.words) < len(row.words) and len(held.sentences) < len(row.sentences)
    if not longer or not says_enough(held):
        return 0.0
    if len(held.words) < SHORT:
        mine, theirs = set(map(tuple, held.sentences)), set(map(tuple, row.sentences))
        return 1 - 1 / len(row.words) if mine <= theirs else 0.0
    return _share(len(held.threes & row.threes), len(held.threes))
