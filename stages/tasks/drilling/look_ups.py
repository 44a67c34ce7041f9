"""Drills of looking something up in the text of the question, several look-ups a row.

The forms are those in which the generated tasks write their facts, tables and options.
"""

import random
from collections.abc import Sequence

from stages.tasks import anli_toy, date_toy, table_toy, taxonomy_toy
from stages.tasks.making.toys import KINDS, NAMES, PLACES

FEATURES = [feature for features in taxonomy_toy.FEATURES.values() for feature in features]
WORDS = list(
    dict.fromkeys(  # figs and nuts are things as well as food
        [
            *(*NAMES, *PLACES, *KINDS, *FEATURES),
            *(*anli_toy.COLOURS, *anli_toy.THINGS, *table_toy.THINGS),
            *(*date_toy.MONTHS, *date_toy.EVENTS),
            *map(str, range(1, 32)),
            *"ABCDEF",
        ]
    )
)
LISTED, KEYS = 12, 4  # words of a list, and keys of another one

Row = tuple[str, list[str]]
"""A question, and the lines of its answer."""


def rotations(draw: random.Random, words: Sequence[str] = WORDS) -> Row:
    """A list of some of `words`, to be said again from one of them on."""
    words = draw.sample(words, LISTED)
    start = draw.randrange(LISTED)
    return f"{' '.join(words)}\n{words[start]}", [" ".join(words[start:] + words[:start])]


def recalls(draw: random.Random, words: Sequence[str] = WORDS) -> Row:
    """Keys with values, all of `words`, to be said again in another order of the keys."""
    words = draw.sample(words, 2 * KEYS)
    pairs = dict(zip(words[:KEYS], words[KEYS:], strict=True))
    asked = draw.sample(list(pairs), KEYS)
    listed = "; ".join(f"{key}: {value}" for key, value in pairs.items())
    return f"{listed}\n{'; '.join(asked)}", [f"{key}: {pairs[key]}" for key in asked]


def facts(draw: random.Random) -> Row:
    """Statements about persons, kinds or places, to be found by what they begin with."""
    names = draw.sample(NAMES, 3)
    if draw.random() < 0.5:
        verb, things = draw.choice(list(taxonomy_toy.FEATURES.items()))
        kinds, ends = draw.sample(KINDS, 3), draw.sample(things, 3)
        stated = [
            (f"{names[0]} is a {kinds[0]}.", names[0], f"{names[0]} is a {kinds[0]}"),
            (f"Every {kinds[0]} is a {kinds[1]}.", kinds[0], f"a {kinds[0]} is a {kinds[1]}"),
            (f"Every {kinds[1]} {verb} {ends[0]}.", kinds[1], f"a {kinds[1]} {verb} {ends[0]}"),
            (f"Every {kinds[2]} {verb} {ends[1]}.", kinds[2], f"a {kinds[2]} {verb} {ends[1]}"),
            (f"{names[1]} {verb} {ends[2]}.", names[1], f"{names[1]} {verb} {ends[2]}"),
        ]
    else:
        thing, places = draw.choice(anli_toy.THINGS), draw.sample(PLACES, 2)
        colours = draw.sample(anli_toy.COLOURS, 2)
        stated = [
            (f"{names[0]} lives in {places[0]}.", names[0], f"{names[0]} lives in {places[0]}"),
            (f"{places[0]} lies in {places[1]}.", places[0], f"{places[0]} lies in {places[1]}"),
            (
                f"{places[1]} has only {colours[0]} {thing}s.",
                places[1],
                f"{places[1]} has only {colours[0]} {thing}s",
            ),
            (f"{names[1]}'s {thing} is {colours[1]}.", names[1], f"{names[1]}'s {thing} is {colours[1]}"),
        ]
    draw.shuffle(stated)
    asked = draw.sample(stated, len(stated))
    context = " ".join(fact for fact, _, _ in stated)
    return f"{context}\n\n{'; '.join(key for _, key, _ in asked)}", [line for _, _, line in asked]


def tables(draw: random.Random) -> Row:
    """Cells of a table, asked for by column and row."""
    names, columns = draw.sample(NAMES, draw.choice((3, 4))), draw.sample(table_toy.THINGS, 2)
    cells = {name: [draw.randint(1, table_toy.LARGEST) for _ in columns] for name in names}
    rows = [["name", *columns], *([name, *map(str, cells[name])] for name in names)]
    asked, lines = [], []
    for column in draw.sample(range(2), 2):
        chosen = draw.sample(names, len(names) - 1)
        asked.append(f"{columns[column]}: {', '.join(chosen)}")
        lines.append(f"{columns[column]} are column {column + 1}")
        lines += [f"{name}: {cells[name][column]}" for name in chosen]
    table = "\n".join(" | ".join(row) for row in rows)
    return "\n".join([table, "", *asked]), lines


def options(draw: random.Random) -> Row:
    """Options, whose letters are asked for."""
    if draw.random() < 0.5:
        choices = draw.sample(draw.choice(list(taxonomy_toy.FEATURES.values())), draw.choice((4, 5)))
    else:
        choices = date_toy.dates_apart(draw)
    letters = {choice: chr(ord("A") + place) for place, choice in enumerate(choices)}
    asked = draw.sample(choices, len(choices))
    listed = "\n".join(f"{letter}. {choice}" for choice, letter in letters.items())
    return f"{'; '.join(asked)}\n\n{listed}", [f"{choice} is {letters[choice]}" for choice in asked]


def equalities(draw: random.Random) -> Row:
    """Pairs of colours: the same, or not?"""
    pairs = []
    for _ in range(4):
        first = draw.choice(anli_toy.COLOURS)
        pairs.append((first, first if draw.random() < 0.5 else draw.choice(anli_toy.COLOURS)))
    return "; ".join(f"{first}, {second}" for first, second in pairs), [
        anli_toy.compared(first, second) for first, second in pairs
    ]
