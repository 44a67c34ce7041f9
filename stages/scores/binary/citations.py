"""How well the rules that answers cite are those that decide the problem."""

from collections.abc import Sequence

import numpy as np

from stages.scores.measures.estimates import Estimates
from stages.scores.measures.intervals import bootstrap, proportion

Rules = Sequence[frozenset[str]]


def citation_estimates(cited: Rules, true: Rules, seed: int) -> Estimates:
    """`rule_precision`: of all cited rules the share of true ones. `rule_recall`: of all true rules the share
    of cited ones. `rules_exact`: the share of answers that cite just the true rules.

    `cited` and `true` hold the rules of each problem. A share is None where nothing is cited, or where no
    problem has rules.
    """
    if not true:
        return dict.fromkeys(("rule_precision", "rule_recall", "rules_exact"))
    rows = [(len(ours & theirs), len(ours), len(theirs)) for ours, theirs in zip(cited, true, strict=True)]
    columns = np.array(rows, dtype=np.float64)
    _, all_cited, all_true = columns.sum(axis=0)
    exact = np.array([ours == theirs for ours, theirs in zip(cited, true, strict=True)], dtype=np.bool_)
    return {
        "rule_precision": bootstrap(columns, lambda sums: sums[..., 0] / sums[..., 1], seed)
        if all_cited
        else None,
        "rule_recall": bootstrap(columns, lambda sums: sums[..., 0] / sums[..., 2], seed)
        if all_true
        else None,
        "rules_exact": proportion(exact),
    }
