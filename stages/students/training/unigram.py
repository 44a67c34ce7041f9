"""A unigram tokenizer: it cuts each word in the likeliest way, where BPE joins pairs in a fixed order.

Source: T. Kudo, "Subword Regularization", ACL 2018, https://arxiv.org/abs/1804.10959, here with the single
best cut of each word in place of the sum over all cuts. It differs from a BPE tokenizer in its pieces, in
where it cuts, and in the numbers of its pieces, which are ordered by how likely they are. It is trained
here, since the trainer of `tokenizers` gives a different result each time.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from math import log
from typing import Any

from tokenizers import models

LONGEST = 16  # letters of a piece
SEEDS = 8  # pieces at first, for each that stays
STAY = 0.75  # share of the pieces that stay in each round


def pieces(words: Counter[str], letters: Iterable[str], size: int) -> list[tuple[str, float]]:
    """At most `size` pieces with the logarithms of their shares, the likeliest first: all `letters`, and what
    cuts `words` best.

    `words` counts each word of the texts; the same counts give the same pieces, whatever their order.
    """
    alphabet = sorted(letters)
    counts = _used(words, _seeds(words, SEEDS * size) | Counter(alphabet))
    while len(counts) > size:
        most = max(size, int(STAY * len(counts)))
        longer = sorted(
            (piece for piece in counts if len(piece) > 1), key=lambda piece: (-counts[piece], piece)
        )
        kept = {*alphabet, *longer[: most - len(alphabet)]}
        counts = _used(words, Counter({piece: count for piece, count in counts.items() if piece in kept}))
    return _scores(counts)


def _seeds(words: Counter[str], most: int) -> Counter[str]:
    """The parts of words that stand most often, a long one counting more."""
    parts: Counter[str] = Counter()
    for word, count in words.items():
        spans = (
            (start, end)
            for start in range(len(word))
            for end in range(start + 2, min(len(word), start + LONGEST) + 1)
        )
        for part in (word[start:end] for start, end in spans):
            parts[part] += count
    best = sorted(parts, key=lambda part: (-parts[part] * len(part), part))
    return Counter({part: parts[part] for part in best[:most]})


def _used(words: Counter[str], counts: Counter[str]) -> Counter[str]:
    """How often each piece is used where every word is cut in its likeliest way."""
    model = models.Unigram(_scores(counts))
    used = Counter(dict.fromkeys(counts, 0))
    for word, count in words.items():
        for token in model.tokenize(word):
            used[token.value] += count
    return used


def _scores(counts: Counter[str]) -> list[tuple[str, float]]:
    total = sum(counts.values()) + len(counts)
    ordered = sorted(counts, key=lambda piece: (-counts[piece], piece))
    # + 1: a letter that was never met can still be written
    return [(piece, log((counts[piece] + 1) / total)) for piece in ordered]


def count_words(texts: Iterable[str], cut: Any) -> Counter[str]:
    """How often each word stands in `texts`, as the pre-tokenizer `cut` parts them."""
    return Counter(chain.from_iterable((word for word, _ in cut.pre_tokenize_str(text)) for text in texts))
