"""Plausible wrong answers, for an offline teacher that errs."""

import random
import re
import string

from stages.shared.rows import Kind, Problem

_FIXED = {Kind.YES_NO: ["yes", "no"], Kind.NLI: ["entailment", "neutral", "contradiction"]}
LETTERS = string.ascii_uppercase
# The whole part of a number: a change behind the point could be within a tolerance.
_NUMBER = re.compile(r"(?<![0-9.])[0-9]+(?:,[0-9]{3})*")


def near(problem: Problem, rng: random.Random) -> str:
    """A wrong answer that a teacher could have given: another choice, or the last number off by up to
    three."""
    rivals = _FIXED.get(problem.kind, problem.choices or [])
    if problem.kind is Kind.CHOICE and re.fullmatch("[A-Z]", problem.answer):
        same = dict(zip(LETTERS, rivals, strict=False)).get(problem.answer)  # an option may stand twice
        rivals = [letter for letter, rival in zip(LETTERS, rivals, strict=False) if rival != same]
    rivals = [rival for rival in rivals if rival.casefold() != problem.answer.casefold()]
    if rivals:
        return rng.choice(rivals)
    numbers = list(_NUMBER.finditer(problem.answer))
    if not numbers:
        return f"{problem.answer} + 1"
    place = numbers[-1]
    value = int(place[0].replace(",", ""))
    change = rng.choice((-3, -2, -1, 1, 2, 3))
    moved = value + change if value + change > 0 else value - change if value else abs(change)
    digits = f"{moved:,}" if "," in place[0] else str(moved)  # never 0: it may be a denominator
    return problem.answer[: place.start()] + digits + problem.answer[place.end() :]


def mislead(steps: str, old: str, new: str) -> str:
    """`steps` that end with `new` instead of `old`: in every box that holds it, or else where it stands last
    (not within a number)."""
    boxed = steps.replace(f"\\boxed{{{old}}}", f"\\boxed{{{new}}}")
    if boxed != steps:
        return boxed
    matches = list(re.finditer(rf"(?<![\d.]){re.escape(old)}(?!\d)", steps))
    return steps[: matches[-1].start()] + new + steps[matches[-1].end() :] if matches else steps
