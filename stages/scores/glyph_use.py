"""Whether glyphs stand where they are needed: on what the base model fails, not on what it solves, and
nowhere when forbidden."""

from stages.scores import Estimate
from stages.scores.measures.intervals import newcombe, proportion
from stages.scores.measures.plots import as_csv, over_difficulty
from stages.scores.measures.table import Flags, Table, bins

STUDENT, FORBIDDEN = "student", "forbidden"


def score(table: Table, seed: int) -> dict[str, Estimate | None]:
    """`glyph_rate.<arm>`; of the student's answers `glyph_rate_failure.<bin>`, `glyph_rate.hard`,
    `glyph_rate.easy`, `selectivity`, `auroc`, `f1`, `structure`; `leak_rate`, the share of answers with a
    glyph under a prompt that forbids symbols.

    All are proportions or made of them, so nothing is drawn and `seed` is not needed.
    """
    found = {
        f"glyph_rate.{arm}": proportion(answers.glyphs)
        for arm, answers in table.arms.items()
        if arm != FORBIDDEN
    }
    if FORBIDDEN in table.arms:
        found["leak_rate"] = proportion(table.arms[FORBIDDEN].glyphs)
    student = table.arms.get(STUDENT)
    if student is None:
        return found
    if table.hard is not None:
        found |= {
            f"glyph_rate_failure.{name}": proportion(student.glyphs, among)
            for name, among in bins(table).items()
        }
        found |= _against(student.glyphs, table.hard)
    if student.sound is not None:
        found["structure"] = proportion(student.sound, student.glyphs)
    return found


def _against(used: Flags, hard: Flags) -> dict[str, Estimate | None]:
    """How well "glyph used" tells hard problems from easy ones; what needs both kinds is None where one is
    missing."""
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
    """F1 is 2 J / (1 + J), with J the share of "both" among the problems that are hard or have a glyph: so it
    takes J's interval."""
    share = proportion(used & hard, used | hard)
    return share and Estimate(*(2 * part / (1 + part) for part in share))


def plots(table: Table) -> dict[str, str]:
    """`glyph_rate`, for each bin of difficulty: its mean base failure rate, the share of the student's
    answers with a glyph, its interval, the problems."""
    if table.failure is None or STUDENT not in table.arms:
        return {}
    rows: list[list[str | float]] = []
    for name, failure, among in over_difficulty(table):
        rate = proportion(table.arms[STUDENT].glyphs, among)
        rows.append([name, failure, *(rate or ()), int(among.sum())])
    return {"glyph_rate": as_csv(["difficulty", "failure", "glyph_rate", "low", "high", "n"], rows)}
