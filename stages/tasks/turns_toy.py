"""Generated conversations of one to three turns about a few things that are counted.

A sample row (level = number of turns):

    history   user       Tom has 7 pears and gets 5 more. How many?
              assistant  The answer is 12.
              user       Which is more, 3 or 8?
              assistant  The answer is 8.
    question  Eva has 9 cups and loses 2. How many?
    solution  9 - 2 = 7
    answer    7

Quirks: a question may go on from the answer before it ("Then 3 more come. How many?"). No number is above
`HIGHEST`. The sizes count conversations; a held-out one gives a problem for each of its turns. The requests
for signals are none of the task's: the style `signal_request` adds them.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from stages.shared.rows import Kind, Message, Problem
from stages.tasks.making.toys import NAMES, Drawn, ToyParams, problems
from stages.tasks.making.turns import problems_of

HIGHEST = 12
_THINGS = (
    "pears cups figs books pens coins cards shells stones plums balls boxes hats keys rings nuts eggs cakes "
    "rolls pins kites toys seeds roses"
)
THINGS = _THINGS.split()


class Params(ToyParams):
    """See `ToyParams`; the levels are conversations of one, two and three turns."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different conversations as `params` asks for; `root` is not used, nothing is read."""
    for problem in problems("turns_toy", Kind.NUMBER, split, params, seed, _make):
        said = [turn["content"] for turn in problem.history or [] if turn["role"] == "assistant"]
        yield from problems_of(problem, [words.removesuffix(".").split()[-1] for words in said])


def _make(draw: random.Random, level: int) -> Drawn:
    history: list[Message] = []
    question, line, answer = _first(draw)
    for _ in range(level - 1):
        history += [
            Message(role="user", content=question),
            Message(role="assistant", content=f"The answer is {answer}."),
        ]
        question, line, answer = (
            draw.choice((_first, _more))(draw) if draw.random() < 0.5 else _then(draw, answer)
        )
    return Drawn(question, str(answer), [line], history=history or None)


def _first(draw: random.Random) -> tuple[str, str, int]:
    """Somebody has things, and gets or loses some."""
    total = draw.randint(0, HIGHEST)
    line, after, gain, amount = _change(draw, total)
    event = f"gets {amount} more" if gain else f"loses {amount}"
    question = f"{draw.choice(NAMES)} has {total} {draw.choice(THINGS)} and {event}. How many?"
    return question, line, after


def _then(draw: random.Random, total: int) -> tuple[str, str, int]:
    """It goes on from the answer before."""
    line, after, gain, amount = _change(draw, total)
    return f"Then {amount} {'more come' if gain else 'go'}. How many?", line, after


def _more(draw: random.Random) -> tuple[str, str, int]:
    """Which of two numbers is more."""
    first, second = draw.sample(range(HIGHEST + 1), 2)
    largest = max(first, second)
    return f"Which is more, {first} or {second}?", f"{largest} > {min(first, second)}", largest


def _change(draw: random.Random, total: int) -> tuple[str, int, bool, int]:
    """The line of work, the new total, whether it is a gain, and by how much."""
    gain = total < HIGHEST and (total == 0 or draw.random() < 0.5)
    amount = draw.randint(1, HIGHEST - total if gain else total)
    after = total + amount if gain else total - amount
    return f"{total} {'+' if gain else '-'} {amount} = {after}", after, gain, amount
