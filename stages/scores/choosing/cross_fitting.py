"""What the best cell of each problem is worth, without the luck of having been chosen."""

import numpy as np

from stages.scores.choosing.arms_of_pair import Scored
from stages.scores.choosing.cell_answers import Answers
from stages.scores.measures.table import Numbers


def cross_fitted(answers: Answers) -> Scored | None:
    """The cell with most right answers in one half of a problem's samples, scored by the other half; the mean
    of both ways round. None with a single sample.

    A choice that is scored by the samples it was made by is too good: with cells that are right by chance,
    the best of twelve looks better than each of them. Here the answers that choose and those that score are
    independent, so the expectation is what choosing by so few samples is worth: with pure chance that of any
    cell, and never more than the best cell's. Cells that tie count in equal parts. Cross-fitting: V.
    Chernozhukov et al., "Double/debiased machine learning", https://arxiv.org/abs/1608.00060.
    """
    if answers.samples < 2:
        return None
    halves = slice(0, None, 2), slice(1, None, 2)
    both = [
        (_best(answers.right[..., chooses].mean(-1)), scores) for chooses, scores in (halves, halves[::-1])
    ]
    right = [(choice * answers.right[..., scores].mean(-1)).sum(1) for choice, scores in both]
    tokens = [(choice * answers.tokens[..., scores].mean(-1)).sum(1) for choice, scores in both]
    return Scored(np.mean(right, axis=0), np.mean(tokens, axis=0))


def _best(share: Numbers) -> Numbers:
    """The cells with the largest share of each problem, of shape (problems, cells); the parts of those that
    tie add up to 1."""
    largest = np.equal(share, share.max(1, keepdims=True))
    parts: Numbers = largest / largest.sum(1, keepdims=True)
    return parts
