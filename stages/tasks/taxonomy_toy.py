"""Generated choice over an invented taxonomy: kinds of kinds, and what each of them has or eats.

A sample row (level = number of links from the name to the feature):

    question  Every dax is a wug. Every mib has fins. Eva is a fep. Every wug has horns. Tom is a dax. Every
              fep is a mib. What does Tom have?
    choices   fins, claws, horns, tusks
    solution  Tom is a dax
              a dax is a wug
              a wug has horns
              horns is C
    answer    C

Quirks: the question speaks of two individuals, whose chains of links do not meet, and the facts come in any
order; the options are four or five, the feature at the end of the second chain always among them.
"""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from stages.shared.rows import Kind, Problem
from stages.tasks.making.toys import KINDS, NAMES, Drawn, ToyParams, lettered, problems

FEATURES = {
    "has": ["fins", "horns", "claws", "wings", "spots", "tusks", "fur", "gills"],
    "eats": ["figs", "nuts", "moss", "fish", "ants", "corn", "seeds", "grass"],
}
BASE = {"has": "have", "eats": "eat"}
LINK = "Every {inner} is a {outer}."
OWN = "Every {inner} {verb} {outer}."


class Params(ToyParams):
    """See `ToyParams`."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read."""
    return problems("taxonomy_toy", Kind.CHOICE, split, params, seed, _make)


def _make(draw: random.Random, level: int) -> Drawn:
    verb = draw.choice(list(FEATURES))
    features = draw.sample(FEATURES[verb], draw.choice((4, 5)))
    names, kinds = draw.sample(NAMES, 2), draw.sample(KINDS, 2 * (level - 1))
    way = [names[0], *kinds[: level - 1], features[0]]
    other_way = [names[1], *kinds[level - 1 :], features[1]]
    facts = [_fact(some, place, verb) for some in (way, other_way) for place in range(level)]
    draw.shuffle(facts)
    choices, letter = lettered(draw, features[0], features[1:])
    worked = [f"{way[0]} is a {way[1]}"] if level > 1 else []
    worked += [f"a {inner} is a {outer}" for inner, outer in pairwise(way[1:-1])]
    worked += [
        f"a {way[-2]} {verb} {way[-1]}" if level > 1 else f"{way[0]} {verb} {way[-1]}",
        f"{way[-1]} is {letter}",
    ]
    question = " ".join([*facts, f"What does {names[0]} {BASE[verb]}?"])
    return Drawn(question, letter, worked, choices=choices)


def _fact(way: list[str], place: int, verb: str) -> str:
    """The link of a way that starts at `place`."""
    inner, outer, last = way[place], way[place + 1], place == len(way) - 2
    if place == 0:
        return f"{inner} {verb} {outer}." if last else f"{inner} is a {outer}."
    return (OWN if last else LINK).format(inner=inner, outer=outer, verb=verb)
