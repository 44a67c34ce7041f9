"""Generated complaints that a rule book decides: refund or deny.

A sample row (level = length of the chain of rules):

    rule_book  R1. late: deny unless R5

               R3. old: deny
               When: bought more than 30 days ago

               R5. member: refund unless R3
               ...
    question   Order 512. I am a member. It came late. The box is not opened. I bought it 12 days ago.
    solution   claim late: R1, deny
               unless R5: member? yes
               R5, refund
               unless R3: old? 12 days, no
    answer     refund
    chain      R1, R5

Quirks: words alone cannot tell, since each fact counts for a refund under one claim and against it under the
other, and chains are drawn so that both labels are as frequent. (Three rules are about one claim only, so
that there words can tell.) With `rule_sets: 1` all problems follow one
rule set, which can be learnt; with more, train problems follow so many, and test and validation problems
follow rule sets that no train problem follows. With `pairs` a test problem stands twice: a second time with
the label of the rule that decides it turned round in its rule book.

The split `pretrain` holds exercises for a base model that is made from nothing: which facts a complaint
states (level 1), what a rule of a book says (level 2), words to copy (level 3). No answer follows the rules.
"""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.shared.rule_books import written
from stages.tasks.making import ticket_drills
from stages.tasks.making.rule_sets import (
    LABELS,
    RuleSet,
    Ticket,
    draw_rule_set,
    draw_ticket,
    edited,
    in_force,
    reasoning,
    structure,
)
from stages.tasks.making.toys import MISSES, Drawn, ToyParams, problems
from stages.tasks.splitting.splits import GENERATED, TEST, TRAIN, share

TASK = "tickets_toy"
FEWEST, MOST = 3, 6  # rules of a rule set
HELD_OUT = 0.3  # the share of all rule sets that no train problem follows, where there are several


class Params(ToyParams):
    """Sizes and levels (see `ToyParams`), and the rules."""

    # The weights of chains of 1, 2 and 3 rules: with these both labels are as frequent.
    levels: list[float] = Field(default=[1.0, 2.0, 1.0], min_length=1, max_length=3)
    # How many rule sets the train problems follow. 1: all problems follow one. More: test and validation
    # problems follow others.
    rule_sets: int = Field(default=1, ge=1)
    # How many rules a rule set has; null: 3 to 6, drawn for each.
    rules: int | None = Field(default=6, ge=FEWEST, le=MOST)
    # How many facts a complaint states, at least those that its rules are about.
    facts: int = Field(default=4, ge=1, le=6)
    # Whether each test problem stands twice, the second time with one rule of its rule book edited.
    pairs: bool = False


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; a pair counts as one. `root` is not used."""
    if split == "pretrain":

        def drill(draw: random.Random, level: int) -> Drawn:
            return ticket_drills.make(draw, level, params.facts)

        yield from problems(TASK, Kind.OPEN, split, params, seed, drill)
        return
    if split not in GENERATED:
        raise BadInput(f"{TASK}: no split {split!r}; choose from {', '.join(GENERATED)}")
    for rules, ticket, problem in _drawn(split, params, seed):
        yield problem
        if params.pairs and split == TEST:
            yield _problem(edited(rules, ticket), ticket, split, f"{problem.id}-edited", problem.id)


def _drawn(split: str, params: Params, seed: int) -> Iterator[tuple[RuleSet, Ticket, Problem]]:
    """The split of a complaint follows from its text alone, as with all generated tasks."""
    draw = random.Random(f"{TASK}/{split}/{seed}")
    low, high = GENERATED[split]
    seen: set[str] = set()
    wanted, misses = getattr(params, split), 0
    while wanted:
        rules = _rule_set(draw, split, params, seed)
        depth = draw.choices(range(1, len(params.levels) + 1), params.levels)[0]
        ticket = draw_ticket(draw, rules, depth, params.facts)
        id = f"{TASK}-{hashlib.sha256(ticket.text.encode()).hexdigest()[:16]}"
        if low <= share(id) < high and id not in seen:
            seen.add(id)
            yield rules, ticket, _problem(rules, ticket, split, id, None)
            wanted, misses = wanted - 1, 0
        elif (misses := misses + 1) > MISSES:
            raise BadInput(f"{TASK}: {wanted} {split} problems short: no new complaint in {MISSES} draws")


def _rule_set(draw: random.Random, split: str, params: Params, seed: int) -> RuleSet:
    """One of the rule sets of the split: that of its number, whatever the split's size. No rule set of train
    says the same as one of another split, since what it says fixes where it belongs."""
    number, alone = draw.randrange(params.rule_sets), params.rule_sets == 1
    own = random.Random(f"{TASK}/rules/{'' if alone else split}/{number}/{seed}")
    while True:
        rules = draw_rule_set(own, params.rules or own.randint(FEWEST, MOST), alternate=alone)
        if alone or (share(structure(rules)) < HELD_OUT) == (split != TRAIN):
            return rules


def _problem(rules: RuleSet, ticket: Ticket, split: str, id: str, pair: str | None) -> Problem:
    chain = in_force(rules, ticket)
    return Problem(
        id=id,
        task=TASK,
        kind=Kind.LABEL,
        split=split,
        question=ticket.text,
        answer=chain[-1].label,
        solution="\n".join(reasoning(rules, ticket)),
        choices=list(LABELS),
        level=len(chain),
        rule_book=written(rules.rules),
        chain=[rule.id for rule in chain],
        pair=pair,
    )
