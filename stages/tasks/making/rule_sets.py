"""Invented rule sets for complaints, and complaints that they decide.

A rule set has three to six rules. A rule without a rule above it is about a claim (`late`); of two such rules
that apply, the first in the book goes first. An exception is a rule of its own, about a fact (`member`), and
may have an exception again. The rule that stands at the end of the chain decides.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from stages.shared.rule_books import Rule

LABELS = ("deny", "refund")
CLAIMS = {
    "late": ("The parcel is late.", "It came late."),
    "lost": ("The parcel is lost.", "It got lost."),
    "damaged": ("The parcel is damaged.", "It came damaged."),
    "wrong": ("The size is wrong.", "It is the wrong size."),
}
# wordings of the fact and of its contrary; of `old` the number of days says which of them it is
FACTS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "member": (("I am a member.", "I joined as a member."), ("I am no member.", "I never was a member.")),
    "gift": (("It was a gift.", "I got it as a gift."), ("It was no gift.", "I did not get it as a gift.")),
    "opened": (("The box is opened.", "I opened it."), ("The box is not opened.", "I never opened it.")),
    "express": (("I paid for express.", "It went by express."), ("I paid for no express.", "No express.")),
    "insured": (("It was insured.", "It went insured."), ("It was not insured.", "It went not insured.")),
}
OLD, LIMIT = "old", 30  # an order of more than so many days
DAYS = (10, 59)
TRIGGERS = {OLD: f"bought more than {LIMIT} days ago"}


class RuleSet(NamedTuple):
    """The rules in the order of the book; `chains` are the rules of each claim, each the exception of the one
    before."""

    rules: list[Rule]
    chains: dict[str, list[Rule]]


class Ticket(NamedTuple):
    """A complaint: its text, its claims in any order, whether each fact holds, and the age of the order in
    days."""

    text: str
    claims: list[str]
    facts: dict[str, bool]
    days: int


def draw_rule_set(draw: random.Random, count: int, alternate: bool = True) -> RuleSet:
    """A rule set of `count` rules, 3 to 6: three are about one claim, more about two.

    With `alternate` the labels alternate along a chain, and two chains are about the same facts in the same
    order but begin with different labels: what speaks for a refund under one claim speaks against it under
    the other. Without it each label is drawn, so that it can only be known from the rule.
    """
    claims = draw.sample(sorted(CLAIMS), 1 if count == 3 else 2)
    lengths = [len(range(place, count, len(claims))) for place in range(len(claims))]
    numbers = draw.sample(range(1, count + 1), count)
    facts = draw.sample([OLD, *sorted(FACTS)], max(lengths) - 1)
    first = draw.randrange(2)
    chains = {}
    for place, (claim, length) in enumerate(zip(claims, lengths, strict=True)):
        ids = [f"R{numbers.pop()}" for _ in range(length)]
        names = [claim, *(facts if alternate else draw.sample(facts, len(facts)))[: length - 1]]
        chains[claim] = [
            Rule(
                ids[step],
                names[step],
                LABELS[(first + place + step) % 2] if alternate else draw.choice(LABELS),
                TRIGGERS.get(names[step], ""),
                tuple(ids[step + 1 : step + 2]),
            )
            for step in range(length)
        ]
    rules = sorted((rule for chain in chains.values() for rule in chain), key=lambda rule: rule.id)
    return RuleSet(rules, chains)


def structure(rules: RuleSet) -> str:
    """What a rule set says, whatever the ids of its rules."""
    chains = (" ".join(f"{rule.name}:{rule.label}" for rule in chain) for chain in rules.chains.values())
    return "; ".join(sorted(chains))


def in_force(rules: RuleSet, ticket: Ticket) -> list[Rule]:
    """The chain of rules that decides `ticket`: the rule of its claim, then each exception that holds."""
    claimed = [rules.chains[claim] for claim in ticket.claims if claim in rules.chains]
    chain = min(claimed, key=lambda chain: chain[0].id)
    holding = [chain[0]]
    for rule in chain[1:]:
        if not ticket.facts[rule.name]:
            break
        holding.append(rule)
    return holding


def reasoning(rules: RuleSet, ticket: Ticket) -> list[str]:
    """The chain as short lines: `claim late: R2, deny`, `unless R4: member? yes`, `R4, refund`, `unless R1:
    old? 12 days, no`. A space stands before each name, so that a name is the same token as in a
    complaint."""
    holding = in_force(rules, ticket)
    chain = rules.chains[holding[0].name]
    lines = [f"claim {holding[0].name}: {holding[0].id}, {holding[0].label}"]
    for rule in chain[1 : len(holding) + 1]:
        lines.append(f"unless {rule.id}: {rule.name}? {said(ticket, rule.name)}")
        lines += [f"{rule.id}, {rule.label}"] if rule in holding else []
    return lines


def said(ticket: Ticket, name: str) -> str:
    """Whether the fact holds, `yes` or `no`; of `old` the days come first."""
    days = f"{ticket.days} days, " if name == OLD else ""
    return days + ("yes" if ticket.facts[name] else "no")


def draw_ticket(draw: random.Random, rules: RuleSet, depth: int, facts: int) -> Ticket:
    """A complaint whose chain has `depth` rules (at most as many as its claim has), with `facts` facts."""
    claim = draw.choice(sorted(rules.chains))
    chain = rules.chains[claim]
    claims = [claim]
    rival = next((name for name in rules.chains if name != claim), None)
    if rival and draw.random() < 0.25 and chain[0].id < rules.chains[rival][0].id:
        claims.append(rival)  # the claim's own rule goes first
    names = list(dict.fromkeys(rule.name for chain in rules.chains.values() for rule in chain[1:]))
    others = [name for name in [OLD, *sorted(FACTS)] if name not in names]
    names += draw.sample(others, max(0, min(facts - len(names), len(others))))
    values = {name: draw.random() < 0.5 for name in names}
    for place, rule in enumerate(chain[1:], 2):
        if place <= depth + 1:
            values[rule.name] = place <= depth
    days = (
        draw.randint(LIMIT + 1, DAYS[1])
        if values.get(OLD, draw.random() < 0.5)
        else draw.randint(DAYS[0], LIMIT)
    )
    return Ticket(_text(draw, claims, values, days), claims, values, days)


def _text(draw: random.Random, claims: Collection[str], facts: Mapping[str, bool], days: int) -> str:
    sentences = [draw.choice(CLAIMS[claim]) for claim in claims]
    sentences.append(f"I bought it {days} days ago.")
    sentences += [draw.choice(FACTS[name][not holds]) for name, holds in facts.items() if name != OLD]
    draw.shuffle(sentences)
    return f"Order {draw.randint(100, 999)}. " + " ".join(sentences)


def edited(rules: RuleSet, ticket: Ticket) -> RuleSet:
    """The rule set with the label of the rule that decides `ticket` turned round."""
    last = in_force(rules, ticket)[-1]
    turned = last._replace(label=LABELS[1 - LABELS.index(last.label)])

    def swapped(some: Sequence[Rule]) -> list[Rule]:
        return [turned if rule.id == last.id else rule for rule in some]

    return RuleSet(swapped(rules.rules), {claim: swapped(chain) for claim, chain in rules.chains.items()})
