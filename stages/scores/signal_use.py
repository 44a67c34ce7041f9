"""Whether answers have the signals that they are asked for, exactly, and none where they are asked for none.

All of it is made of the facts that the grader `signal_compliance` sees in each answer; a held-out turn of a
conversation is a problem, so every share is one of turns. The level of a problem is the number of its turn.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import difference, mean, proportion
from stages.scores.measures.needs import Needs, ScoreParams
from stages.scores.measures.plots import as_csv
from stages.scores.measures.table import Arm, Flags, Numbers, Table, Words
from stages.shared.errors import BadInput
from stages.shared.params import Strict


class HeldOut(Strict):
    """What no train problem asked for."""

    # think symbols
    think: list[str] = Field(default=[])
    # stop symbols
    stop: list[str] = Field(default=[])
    # how often a think symbol was asked for
    think_counts: list[int] = Field(default=[])
    # how often a stop symbol was asked for
    stop_counts: list[int] = Field(default=[])
    # pairs of a think symbol and a stop symbol
    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(default=[])


class Params(ScoreParams):
    """Whose facts are read, and what is reported besides."""

    # the grader whose facts are read
    grader: str = "signal_compliance"
    # what was held out; requests for it are reported by themselves
    held_out: HeldOut = HeldOut()
    # names in `evaluate.compare`: accuracy and tokens of the two arms where the first is asked for signals
    against: list[str] = Field(default_factory=list)

    def needs(self) -> Needs:
        """The grader, and the comparisons."""
        return Needs(comparisons=self.against, columns=[self.grader])


class Facts(NamedTuple):
    """The facts of one arm, each of shape (problems,)."""

    think_symbol: Words
    stop_symbol: Words
    think_asked: Numbers
    stop_asked: Numbers
    think: Numbers
    stop: Numbers
    begins: Flags
    ends: Flags
    after: Numbers
    clean: Flags
    think_tag: Flags
    stop_emoji: Flags

    @property
    def asked(self) -> Flags:
        """Where signals are asked for."""
        return (self.think_asked > 0) | (self.stop_asked > 0)

    @property
    def exact(self) -> Flags:
        """Where both ends are exactly as asked for."""
        return self.begins & self.ends


def _facts(arm: Arm, grader: str) -> Facts:
    flags = ("begins", "ends", "clean", "think_tag", "stop_emoji")
    if missing := [name for name in Facts._fields if f"{grader}.{name}" not in arm.facts]:
        raise BadInput(
            f"signal_use.grader: {grader!r} sees no fact {missing[0]!r}; name one like signal_compliance"
        )
    columns: dict[str, Any] = {name: arm.facts[f"{grader}.{name}"] for name in Facts._fields}
    return Facts(**{name: column == 1 if name in flags else column for name, column in columns.items()})


def score(table: Table, params: Params, seed: int) -> Estimates:
    """Shares of answers, means, and paired differences.

    Of an arm that is asked for signals, over the problems that ask: `compliance.<arm>.both`, `.think` and
    `.stop` (that end is exact), `count_exact.<arm>`, `count_error.<arm>.think` and `.stop` (mean distance
    from the count asked for), `clean_end.<arm>`, `after_stop.<arm>` (mean number of characters after the
    last stop symbol, where there is one). `compliance_<group>.<arm>` and `clean_end_<group>.<arm>` are of
    what was learnt (known) and of what was held out (symbols, counts, pairs), `compliance_turn.<turn>.<arm>`
    of each turn, `held_out.<symbol or count>.<arm>` of each held-out one. Over the other problems:
    `unasked.<arm>` and `unasked_turn.<turn>.<arm>`, the share with signals. Over all: `think_tag_percent`,
    `stop_emoji_percent`, `think_prefix_rate`. For each comparison, over the problems in which its first arm
    is asked: `accuracy_asked.<comparison>`, `token_overhead.<comparison>`.
    """
    metrics: Estimates = {}
    for name, arm in table.arms.items():
        facts = _facts(arm, params.grader)
        if facts.asked.any():
            metrics |= _where_asked(name, facts, params.held_out, table, seed)
        metrics |= _elsewhere(name, facts, table)
    for comparison in params.against:
        first, second = (table.arms[name] for name in table.compare[comparison])
        asked = _facts(first, params.grader).asked
        metrics[f"accuracy_asked.{comparison}"] = difference(first.right, second.right, seed, asked)
        metrics[f"token_overhead.{comparison}"] = mean((first.tokens - second.tokens)[asked], seed)
    return metrics


def _where_asked(arm: str, facts: Facts, held_out: HeldOut, table: Table, seed: int) -> Estimates:
    asked, thinks, stops = facts.asked, facts.think_asked > 0, facts.stop_asked > 0
    counts = (facts.think == facts.think_asked) & (facts.stop == facts.stop_asked)
    metrics = {
        f"compliance.{arm}.both": proportion(facts.exact, asked),
        f"compliance.{arm}.think": proportion(facts.begins, thinks),
        f"compliance.{arm}.stop": proportion(facts.ends, stops),
        f"count_exact.{arm}": proportion(counts, asked),
        f"count_error.{arm}.think": mean(np.abs(facts.think - facts.think_asked)[thinks], seed),
        f"count_error.{arm}.stop": mean(np.abs(facts.stop - facts.stop_asked)[stops], seed),
        f"clean_end.{arm}": proportion(facts.clean, stops),
        f"after_stop.{arm}": mean(facts.after[stops & facts.stop_emoji], seed),
    }
    for group, among in _groups(facts, held_out).items():
        metrics[f"compliance_{group}.{arm}"] = proportion(facts.exact, among)
        metrics[f"clean_end_{group}.{arm}"] = proportion(facts.clean, among & stops)
    for turn, among in _turns(table):
        if (among & asked).any():
            metrics[f"compliance_turn.{turn}.{arm}"] = proportion(facts.exact, among & asked)
    for name, among in _held_out(facts, held_out):
        metrics[f"held_out.{name}.{arm}"] = proportion(facts.exact, among)
    return metrics


def _elsewhere(arm: str, facts: Facts, table: Table) -> Estimates:
    silent = ~facts.asked
    metrics = {f"unasked.{arm}": proportion(~facts.exact, silent)} if silent.any() else {}
    for turn, among in _turns(table):
        if (among & silent).any():
            metrics[f"unasked_turn.{turn}.{arm}"] = proportion(~facts.exact, among & silent)
    return metrics | {
        f"think_tag_percent.{arm}": _percent(proportion(facts.think_tag)),
        f"stop_emoji_percent.{arm}": _percent(proportion(facts.stop_emoji)),
        f"think_prefix_rate.{arm}": proportion(facts.think > 0),
    }


def _percent(share: Estimate | None) -> Estimate | None:
    return share and Estimate(*(100 * part for part in share))


def _turns(table: Table) -> Iterator[tuple[int, Flags]]:
    """The problems of each turn; none where problems have no level."""
    for turn in sorted({int(level) for level in table.level} - {0}):
        yield turn, np.equal(table.level, turn)


def _groups(facts: Facts, held_out: HeldOut) -> dict[str, Flags]:
    """Which problems ask for what was learnt, and which for what was held out, by what that is."""
    pairs = np.array(
        [list(pair) in held_out.pairs for pair in zip(facts.think_symbol, facts.stop_symbol, strict=True)]
    )
    groups = {
        "symbols": np.isin(facts.think_symbol, held_out.think) | np.isin(facts.stop_symbol, held_out.stop),
        "counts": np.isin(facts.think_asked, held_out.think_counts)
        | np.isin(facts.stop_asked, held_out.stop_counts),
        "pairs": pairs,
    }
    groups = {"known": facts.asked & ~np.logical_or.reduce([*groups.values()]), **groups}
    return {name: among for name, among in groups.items() if among.any()}


def _held_out(facts: Facts, held_out: HeldOut) -> Iterator[tuple[str, Flags]]:
    """Each held-out symbol and count, and the problems that ask for it."""
    columns = (
        ("think", facts.think_symbol, held_out.think),
        ("stop", facts.stop_symbol, held_out.stop),
        ("think", facts.think_asked, held_out.think_counts),
        ("stop", facts.stop_asked, held_out.stop_counts),
    )
    for half, column, values in columns:
        for value in values:
            if (among := np.equal(column, value)).any():
                yield f"{half}_{value}", among


def plots(table: Table, params: Params) -> dict[str, str]:
    """`counts`: for each number of think symbols asked for, and each arm that is asked, the share of exact
    answers, its interval, the number of problems."""
    rows: list[list[str | float]] = []
    for name, arm in table.arms.items():
        facts = _facts(arm, params.grader)
        for count in sorted({int(asked) for asked in facts.think_asked} - {0}):
            among = np.equal(facts.think_asked, count)
            rows.append([name, count, *(proportion(facts.exact, among) or ()), int(among.sum())])
    return {"counts": as_csv(["arm", "count", "exact", "low", "high", "n"], rows)} if rows else {}
