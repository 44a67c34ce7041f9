"""Whether glyphs stand on what the base model fails, not on what it solves, and nowhere when forbidden."""

from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import newcombe, proportion
from stages.scores.measures.needs import Needs, ScoreParams
from stages.scores.measures.plots import as_csv, over_difficulty
from stages.scores.measures.table import Flags, Table, bins


class Params(ScoreParams):
    """Which arms are looked at."""

    # the set in `evaluate.marks` whose column says which answers use a glyph
    marks: str = "glyphs"
    # the grader whose column says which answers have all glyphs, once, in order
    structure: str = "glyph_structure"
    # the arm that may choose: its glyph use is set against the difficulty of the problems
    arm: str = "student"
    # the arm whose prompt forbids symbols: any glyph in its answers is a leak; null: there is none
    forbidden: str | None = None

    def needs(self) -> Needs:
        """Both arms, and the column of the glyphs."""
        return Needs(arms=[name for name in (self.arm, self.forbidden) if name], columns=[self.marks])


def score(table: Table, params: Params, seed: int) -> Estimates:
    """Shares of answers with a glyph, and what is made of them.

    `glyph_rate.<arm>` is that of every arm but `forbidden`, and `leak_rate` that of `forbidden`.
    `glyph_rate_failure.<bin>`, `glyph_rate.hard`, `glyph_rate.easy`, `selectivity`, `auroc` and `f1` are of
    the answers of `arm`. `structure` is the share of sound ones among its answers with a glyph; it is absent
    where the grader of that name was not among the graders. No interval needs the bootstrap, so `seed` is not
    used.
    """
    metrics: Estimates = {
        f"glyph_rate.{name}": proportion(arm.columns[params.marks])
        for name, arm in table.arms.items()
        if name != params.forbidden
    }
    if params.forbidden:
        metrics["leak_rate"] = proportion(table.arms[params.forbidden].columns[params.marks])
    columns = table.arms[params.arm].columns
    used = columns[params.marks]
    if table.hard is not None:
        metrics |= {
            f"glyph_rate_failure.{name}": proportion(used, among) for name, among in bins(table).items()
        }
        metrics |= _against(used, table.hard)
    if params.structure in columns:
        metrics["structure"] = proportion(columns[params.structure], used)
    return metrics


def _against(used: Flags, hard: Flags) -> Estimates:
    """How well "glyph used" tells hard problems from easy ones.

    What needs problems of both kinds is None where one kind is missing.
    """
    on_hard, on_easy = proportion(used, hard), proportion(used, ~hard)
    selectivity = newcombe(on_hard, on_easy) if on_hard and on_easy else None
    return {
        "glyph_rate.hard": on_hard,
        "glyph_rate.easy": on_easy,
        "selectivity": selectivity,
        # the ROC curve of a yes or no has one corner: its area is the mean of hit rate and correct-rejection
        # rate
        "auroc": selectivity and Estimate(*((1 + part) / 2 for part in selectivity)),
        "f1": _f1(used, hard) if selectivity else None,
    }


def _f1(used: Flags, hard: Flags) -> Estimate | None:
    """F1 of "glyph used" as a test of "hard".

    F1 is 2 J / (1 + J), with J the share of "both" among the problems that are hard or have a glyph: so F1
    takes the interval of J.
    """
    share = proportion(used & hard, used | hard)
    return share and Estimate(*(2 * part / (1 + part) for part in share))


def plots(table: Table, params: Params) -> dict[str, str]:
    """`glyph_rate`: a row for each bin of difficulty.

    It holds the bin's mean base failure rate, the share of answers of `arm` with a glyph, its interval, the
    number of problems.
    """
    if table.failure is None:
        return {}
    used = table.arms[params.arm].columns[params.marks]
    rows: list[list[str | float]] = []
    for name, failure, among in over_difficulty(table):
        rows.append([name, failure, *(proportion(used, among) or ()), int(among.sum())])
    return {"glyph_rate": as_csv(["difficulty", "failure", "glyph_rate", "low", "high", "n"], rows)}
