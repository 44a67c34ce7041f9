"""Generated inference: does a statement about somebody follow from the premise, is it denied there, or is it
left open?

A sample row (level = number of links from the person to the colour):

    context   Rusk has only red hats. Eva lives in Pava. Bram lies in Korr. Tom lives in Bram. Korr has only
              blue hats. Pava lies in Rusk.
    question  Tom's hat is red. True, false or neither?
    solution  Tom lives in Bram
              Bram lies in Korr
              Korr has only blue hats
              blue beside red: another, so false
    answer    contradiction

Everybody has exactly one of each thing, and a thing has one colour. Quirks: the premise speaks of two
persons, whose chains of links do not meet, and the statement names the colour at the end of either chain, so
the chain must be followed. Where the statement is left open, the last link speaks of a third place instead.
"""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from stages.shared.rows import Kind, Problem
from stages.tasks.making.toys import NAMES, PLACES, Drawn, ToyParams, problems

THINGS = ["hat", "cup", "coat", "door", "boat", "flag", "bed", "cart"]
COLOURS = ["red", "blue", "green", "white", "black", "brown", "pink", "gold"]
LIVES = "{name} lives in {place}."
LIES = "{name} lies in {place}."
RULE = "{name} has only {colour} {thing}s."
OWNS = "{name}'s {thing} is {colour}."
ASK = "True, false or neither?"


class Params(ToyParams):
    """See `ToyParams`."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read."""
    return problems("anli_toy", Kind.NLI, split, params, seed, _make)


def _make(draw: random.Random, level: int) -> Drawn:
    thing, names = draw.choice(THINGS), draw.sample(NAMES, 3)
    mine, others = draw.sample(COLOURS, 2)
    places = draw.sample(PLACES, 2 * level)
    way = [names[0], *places[: level - 1], mine]
    other_way = [names[1], *places[level : 2 * level - 1], others]
    answer = draw.choice(("entailment", "contradiction", "neutral"))
    stated = way
    if answer == "neutral":
        stated = [*way[:-2], names[2] if level == 1 else places[-1], mine]
    facts = [_fact(place, way if place < level - 1 else stated, thing) for place in range(level)]
    facts += [_fact(place, other_way, thing) for place in range(level)]
    draw.shuffle(facts)
    named = {"entailment": mine, "contradiction": others}.get(answer) or draw.choice((mine, others))
    question = f"{names[0]}'s {thing} is {named}. {ASK}"
    return Drawn(question, answer, _lines(way, answer, named, thing), context=" ".join(facts))


def _fact(place: int, way: list[str], thing: str) -> str:
    """The link of a way that starts at `place`."""
    last = place == len(way) - 2
    form = (OWNS if last else LIVES) if place == 0 else (RULE if last else LIES)
    return form.format(name=way[place], place=way[place + 1], colour=way[place + 1], thing=thing)


def _lines(way: list[str], answer: str, named: str, thing: str) -> list[str]:
    *places, colour = way
    lines = [
        f"{name} {'lies' if number else 'lives'} in {place}"
        for number, (name, place) in enumerate(pairwise(places))
    ]
    if answer == "neutral":
        return [*lines, f"{places[-1]}: no {thing} is told of, so neither"]
    lines.append(
        f"{places[-1]} has only {colour} {thing}s"
        if len(places) > 1
        else f"{places[-1]}'s {thing} is {colour}"
    )
    return [*lines, compared(colour, named)]


def compared(colour: str, named: str) -> str:
    """The line that compares the colour that was found with the one that is stated."""
    return f"{colour} beside {named}: {'the same, so true' if colour == named else 'another, so false'}"
