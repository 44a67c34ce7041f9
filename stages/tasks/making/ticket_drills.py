"""Exercises in reading complaints and rule books, whose answers follow no rules: what a base model that is
made from nothing begins with.

    level 1  a complaint, and some facts      member? no. old? 12 days, no. gift? yes.
    level 2  a rule book, ids and names       R4: member, refund unless R2. late: R1, deny unless R4.
    level 3  words, and one to begin at       gift box deny old ...: the words from there on, then the others

A space stands before every word that is looked for, so that the word is the same token wherever it stands.
"""

import random

from stages.shared.rule_books import Rule, written
from stages.tasks.making.rule_sets import CLAIMS, FACTS, LABELS, OLD, draw_rule_set, draw_ticket, said
from stages.tasks.making.toys import Drawn

RULES = (3, 6)  # of a rule set in an exercise, at least and at most
DEPTHS = (1, 2, 3)
WORDS = [*CLAIMS, *FACTS, OLD, *LABELS, "yes", "no", "days", "unless", "claim", "parcel", "box", "size"]
LISTED = (6, 16)  # words of a list, at least and at most


def make(draw: random.Random, level: int, facts: int) -> Drawn:
    """An exercise of `level`; a complaint states `facts` facts."""
    if level == 3:
        words = draw.sample(WORDS, draw.randint(*LISTED))
        first = draw.randrange(len(words))
        answer = " ".join(words[first:] + words[:first])
        return Drawn(f"From: {words[first]}", f"is {answer}", [answer], context=f"Words: {' '.join(words)}")
    rules = draw_rule_set(draw, draw.randint(*RULES), alternate=False)
    if level == 1:
        ticket = draw_ticket(draw, rules, draw.choice(DEPTHS), facts)
        names = draw.sample(sorted(ticket.facts), len(ticket.facts))
        claims = ", ".join(f"claim {claim}" for claim in ticket.claims)
        answer = f"{claims}; " + " ".join(f"{name}? {said(ticket, name)}." for name in names)
        return Drawn(f"Asked: {', '.join(names)}", answer, [answer], context=ticket.text)
    by_name = [chain[0] for chain in rules.chains.values()]  # of the others a name may stand twice
    asked = [(rule.name, rule.id, rule) for rule in by_name]
    asked += [(rule.id, rule.name, rule) for rule in rules.rules if rule not in by_name]
    draw.shuffle(asked)
    answer = "is " + " ".join(_rule(*item) for item in asked)
    question = f"Asked: {', '.join(item[0] for item in asked)}"
    return Drawn(question, answer, [answer], context=written(rules.rules))


def _rule(asked: str, answered: str, rule: Rule) -> str:
    unless = f" unless {rule.exceptions[0]}" if rule.exceptions else ""
    return f"{asked}: {answered}, {rule.label}{unless}."
