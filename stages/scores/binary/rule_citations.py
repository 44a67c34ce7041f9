"""How well the rules that answers cite are those that decide the problem."""

from collections.abc import Sequence

import numpy as np

from stages.scores.measures.estimates import Estimates
from stages.scores.measures.intervals import bootstrap, proportion


def citation_estimates(rules: Sequence[tuple[frozenset[str], frozenset[str]]], seed: int) -> Estimates:
    """`rule_precision`: of all cited rules the share of true ones. `rule_recall`: of all true rules the share
    of cited ones. `rules_exact`: the share of answers that cite just the true rules.

    `rules` holds of each problem those that are cited and those that decide it. A share is None where nothing
    is cited.
    """
    rows = [(len(ours & theirs), len(ours), len(theirs)) for ours, theirs in rules]
    columns = np.array(rows, dtype=np.float64)
    _, all_cited, all_true = columns.sum(axis=0)
    exact = np.array([ours == theirs for ours, theirs in rules], dtype=np.bool_)
    return {
        "rule_precision": bootstrap(columns, lambda sums: sums[..., 0] / sums[..., 1], seed)
        if all_cited
        else None,
        "rule_recall": bootstrap(columns, lambda sums: sums[..., 0] / sums[..., 2], seed)
        if all_true
        else None,
        "rules_exact": proportion(exact),
    }
