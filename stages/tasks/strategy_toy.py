"""Generated yes-or-no questions over small invented facts: work out a quantity, then compare it with a bound.

A sample row (level = number of steps, the comparison among them):

    context   A dax weighs 7 pounds. A wug weighs 4 more than a dax. The cart bears 10.
    question  Can the cart bear a wug?
    solution  a dax: 7
              7 + 4 = 11
              11 beside 10: more, so no
    answer    no

Quirks: quantity and bound are never equal and at most three apart, so that a guess will not do; every number
stays within 1 and 20.
"""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from stages.shared.rows import Kind, Problem
from stages.tasks.making.toys import KINDS, NAMES, Drawn, ToyParams, problems

HIGHEST = 20
CARTS = ["cart", "boat", "lift", "mule"]
WARES = ["hat", "cup", "pen", "key", "ring", "book", "card", "fig", "nut", "egg"]


class Scene(NamedTuple):
    """The sentences of a problem. `first` gives a thing its quantity; `more` and `less` give each further
    thing so much more or less than the thing before; `bound` gives the quantity of yet another thing.

    The answer to `question` is yes where the last thing's quantity is below the bound (where `below` is
    false: above it).
    """

    things: list[str]
    first: str
    more: str
    less: str
    bound: str
    question: str
    below: bool


LOADS = Scene(
    [f"a {kind}" for kind in KINDS],
    "{a} weighs {n} pounds.",
    "{a} weighs {n} more than {b}.",
    "{a} weighs {n} less than {b}.",
    "The {cart} bears {n}.",
    "Can the {cart} bear {a}?",
    below=True,
)
PRICES = Scene(
    [f"a {ware}" for ware in WARES],
    "{a} costs {n} coins.",
    "{a} costs {n} more than {b}.",
    "{a} costs {n} less than {b}.",
    "{name} has {n}.",
    "Can {name} buy {a}?",
    below=True,
)
AGES = Scene(
    NAMES,
    "{a} is {n} years old.",
    "{a} is {n} years older than {b}.",
    "{a} is {n} years younger than {b}.",
    "{rival} is {n}.",
    "Is {a} older than {rival}?",
    below=False,
)
SCENES = (LOADS, PRICES, AGES)


class Params(ToyParams):
    """See `ToyParams`."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read."""
    return problems("strategy_toy", Kind.YES_NO, split, params, seed, _make)


def _make(draw: random.Random, level: int) -> Drawn:
    scene = draw.choice(SCENES)
    *things, rival = draw.sample(scene.things, level + 1)
    words = {"cart": draw.choice(CARTS), "name": draw.choice(NAMES), "rival": rival}
    value = draw.randint(2, HIGHEST - 2)
    facts, lines = [scene.first.format(a=things[0], n=value)], [f"{things[0]}: {value}"]
    for before, thing in pairwise(things):
        change = draw.choice(
            [change for change in range(-9, 10) if abs(change) > 1 and 1 < value + change < HIGHEST - 1]
        )
        facts.append((scene.more if change > 0 else scene.less).format(a=thing, b=before, n=abs(change)))
        lines.append(f"{value} {'+' if change > 0 else '-'} {abs(change)} = {value + change}")
        value += change
    bound = draw.choice(
        [bound for bound in range(value - 3, value + 4) if bound != value and 1 <= bound <= HIGHEST]
    )
    facts.append(scene.bound.format(**words, n=bound))
    answer = "yes" if (value < bound) == scene.below else "no"
    lines.append(
        f"{value} beside {bound}: {'less' if value < bound else 'more'}, so {answer}"
    )  # both numbers stand before the comparison
    context = " ".join(fact[0].upper() + fact[1:] for fact in facts)
    return Drawn(scene.question.format(**words, a=things[-1]), answer, lines, context=context)
