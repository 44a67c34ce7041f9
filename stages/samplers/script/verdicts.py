"""A label by a rule book, for an offline teacher: the solution of the problem is the chain of its rules, one
step a line.

    <think>
    claim late: R2, deny
    unless R4: member? yes
    R4, refund
    </think>
    <label>refund</label>

A wrong answer goes wrong at the last step: a fact that holds is denied, or one that does not hold is taken to
hold.
"""

import random
import re

from stages.samplers.script.rationales import lines_of
from stages.shared.rows import Problem
from stages.shared.rule_books import ids_of

_FACT = re.compile(r"unless (\S+): .*\b(yes|no)$")


def by_rules(problem: Problem, answer: str, rng: random.Random) -> list[str]:
    """The reasoning between think tags, and the label in tags."""
    lines = lines_of(problem.solution or "")
    if answer != problem.answer:
        lines = _misled(lines, problem.answer, answer)
    return ["\n".join(["<think>", *lines, "</think>"]), f"<label>{answer}</label>"]


def _misled(lines: list[str], gold: str, answer: str) -> list[str]:
    """`lines` with another last step, which leads to `answer`."""
    if denied := _FACT.fullmatch(lines[-1]):
        return [*lines[:-1], f"{lines[-1][:-2]}yes", f"{denied[1]}, {answer}"]
    if len(lines) > 1 and _FACT.fullmatch(lines[-2]):
        return [*lines[:-2], f"{lines[-2][:-3]}no"]
    return [*lines[:-1], answer.join(lines[-1].rsplit(gold, 1))]


def miscited(text: str, rule_book: str, invented: bool) -> str:
    """`text` without the ids of the rules, or (`invented`) with the first of them under a number that no rule
    has; `text` as it is where it has none."""
    ids = ids_of(rule_book)
    if not ids:
        return text
    known = re.compile(rf"\b(?:{'|'.join(map(re.escape, ids))})\b")
    if not invented:
        return re.sub(r" {2,}", " ", known.sub("", text)).replace(" ,", ",").replace(" :", ":")
    prefix = re.split(r"\d", ids[0], maxsplit=1)[0]
    number = next(number for number in range(1, len(ids) + 2) if f"{prefix}{number}" not in ids)
    return known.sub(f"{prefix}{number}", text, count=1)
