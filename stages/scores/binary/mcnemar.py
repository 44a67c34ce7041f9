"""McNemar's exact test: whether two arms that answered the same problems are right equally often.

Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
Psychometrika 12, 1947.
"""

from fractions import Fraction
from math import comb

from stages.scores.measures.table import Flags


def mcnemar(first_right: Flags, second_right: Flags) -> dict[str, float]:
    """`only_first` and `only_second`: the problems on which just one of the two is right; `p`: the chance,
    were both right equally often, of a split at least so uneven (two-sided, binomial)."""
    first, second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    n, fewer = first + second, min(first, second)
    tail = Fraction(sum(comb(n, hits) for hits in range(fewer + 1)), 2**n)
    return {"only_first": first, "only_second": second, "p": float(min(Fraction(1), 2 * tail))}
