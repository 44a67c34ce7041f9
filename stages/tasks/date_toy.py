"""Generated calendar arithmetic: one to three events, each some days before or after the event named before
it; when was the last event?

A sample row (level = number of shifts):

    question  The fair was on Mar 28. The race was 5 days later. The feast was 3 days earlier. When was the
              feast?
    choices   Mar 24, Apr 07, Mar 30, Mar 21, Apr 05, Mar 26
    solution  Mar 28 + 5 = Mar 33
              Mar 33 = Apr 02
              Apr 02 = Mar 33
              Mar 33 - 3 = Mar 30
              Mar 30 is C
    answer    C

Six options, as in BIG-bench's date understanding (https://github.com/google/BIG-bench). Quirks: there is no
year, so no shift crosses the end of February; the days of the options differ in their last digits.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from stages.shared.rows import Kind, Problem
from stages.tasks.making.toys import Drawn, ToyParams, lettered, problems

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
FEBRUARY = 1
EVENTS = ["fair", "race", "trip", "test", "game", "show", "play", "sale", "vote", "war", "feast", "party"]
START = "The {event} was on {date}."
LATER = "The {event} was {n} days later."
EARLIER = "The {event} was {n} days earlier."

Day = tuple[int, int]  # month from 0, day from 1


class Params(ToyParams):
    """See `ToyParams`."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read."""
    return problems("date_toy", Kind.CHOICE, split, params, seed, _make)


def _make(draw: random.Random, level: int) -> Drawn:
    month = draw.randrange(12)
    day = month, draw.randint(1, DAYS[month])
    events = draw.sample(EVENTS, level + 1)
    sentences = [START.format(event=events[0], date=_written(day))]
    lines: list[str] = []
    for event in events[1:]:
        days, day, worked = shift(draw, day)
        sentences.append((LATER if days > 0 else EARLIER).format(event=event, n=abs(days)))
        lines += worked
    choices, letter = lettered(draw, _written(day), _rivals(draw, day))
    question = " ".join([*sentences, f"When was the {events[-1]}?"])
    return Drawn(question, letter, [*lines, f"{_written(day)} is {letter}"], choices=choices)


def shift(draw: random.Random, start: Day) -> tuple[int, Day, list[str]]:
    """Days to go, forward or backward, where that takes, and the lines that say so."""
    while True:
        days = draw.choice((-1, 1)) * draw.randint(2, 9)
        (month, day), (before, after) = start, ((start[0] - 1) % 12, (start[0] + 1) % 12)
        end = day + days
        if 1 <= end <= DAYS[month]:
            return days, (month, end), [_sum(month, day, days)]
        if end > DAYS[month] and month != FEBRUARY:
            goal = after, end - DAYS[month]
            return days, goal, [_sum(month, day, days), f"{_written((month, end))} = {_written(goal)}"]
        if end < 1 and before != FEBRUARY:
            long = DAYS[before] + day
            return (
                days,
                (before, long + days),
                [f"{_written(start)} = {_written((before, long))}", _sum(before, long, days)],
            )


def _sum(month: int, day: int, days: int) -> str:
    return (
        f"{_written((month, day))} {'+' if days > 0 else '-'} {abs(days)} = {_written((month, day + days))}"
    )


def _rivals(draw: random.Random, right: Day) -> list[str]:
    """Five dates near the right one; no two of the six end in the same digit."""
    digits, rivals = {right[1] % 10}, list[str]()
    first = sum(DAYS[: right[0]]) + right[1] - 1
    for away in draw.sample([away for away in range(-15, 16) if away], 30):
        day = _day((first + away) % 365)
        if len(rivals) < 5 and day[1] % 10 not in digits:
            digits.add(day[1] % 10)
            rivals.append(_written(day))
    return rivals


def dates_apart(draw: random.Random) -> list[str]:
    """Six dates, as the options of a problem are."""
    month = draw.randrange(12)
    right = month, draw.randint(1, DAYS[month])
    dates = [_written(right), *_rivals(draw, right)]
    draw.shuffle(dates)
    return dates


def _day(number: int) -> Day:
    """The day that comes so many days after Jan 1."""
    month = 0
    while number >= DAYS[month]:
        number -= DAYS[month]
        month += 1
    return month, number + 1


def _written(day: Day) -> str:
    return f"{MONTHS[day[0]]} {day[1]:02d}"
