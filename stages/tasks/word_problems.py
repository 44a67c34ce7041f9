"""Generated word problems: somebody has some things, then one to several additions and subtractions happen.

A sample row (level = number of steps):

    question  Tom has 7 pears. He buys 5 more. He drops 3. How many pears does Tom have now?
    solution  7 + 5 = 12
              12 - 3 = 9
    answer    9

Quirks: every running total stays within 0 and `highest`. A row's id is a hash of its question, and the id
alone fixes the split (see `splits.GENERATED`), so no two of train, validation and test share a question
whatever their sizes.
"""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, model_validator

from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import Kind, Problem
from stages.shared.seen import Seen
from stages.tasks.splitting.splits import GENERATED, share

HE = [
    "Tom",
    "Ben",
    "Sam",
    "Max",
    "Leo",
    "Dan",
    "Jack",
    "Paul",
    "Omar",
    "Ivan",
    "Hugo",
    "Luis",
    "Adam",
    "Noah",
    "Finn",
    "Karl",
]
SHE = [
    "Ann",
    "Eva",
    "Mia",
    "Zoe",
    "Lily",
    "Rosa",
    "Nina",
    "Sara",
    "Emma",
    "Ines",
    "Ruth",
    "Jane",
    "Lena",
    "Maya",
    "Olga",
    "Vera",
]
_THINGS = (
    "apples pears plums figs books pens coins cards shells stones marbles stamps balls boxes cups hats keys "
    "rings nuts eggs cakes rolls beads pins dolls kites toys seeds roses leaves"
)
THINGS = _THINGS.split()
STARTS = (
    "{name} has {n} {things}.",
    "{name} starts with {n} {things}.",
    "{name} owns {n} {things}.",
    "{name} took {n} {things} along.",
)
GAINS = (
    "{he} buys {n} more.",
    "{he} finds {n}.",
    "{he} gets {n} more.",
    "{he} wins {n}.",
    "{he} picks up {n}.",
    "Then {he} earns {n}.",
)
LOSSES = (
    "{he} loses {n}.",
    "{he} sells {n}.",
    "{he} gives {n} away.",
    "{he} drops {n}.",
    "{he} breaks {n}.",
    "Then {he} lends out {n}.",
)
QUESTIONS = ("How many {things} does {name} have now?", "How many {things} are left for {name}?")


class Params(Strict):
    """How many problems of each split, and of which kind."""

    train: int = Field(default=0, ge=0)  # so many train problems, all different
    validation: int = Field(default=0, ge=0)  # so many validation problems
    test: int = Field(default=0, ge=0)  # so many test problems
    pretrain: int = Field(default=0, ge=0)  # so many problems for a base model made from nothing
    levels: list[float] = Field(min_length=1, max_length=12)  # weights of problems with one, two, ... steps
    highest: int = Field(default=20, ge=2, le=10_000)  # no number in a problem is above it

    @model_validator(mode="after")
    def _some_level(self) -> "Params":
        if min(self.levels) < 0 or sum(self.levels) <= 0:
            raise ValueError("levels: weights must not be negative, and one must be positive")
        return self


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read.

    Raises BadInput where the generator cannot make so many different questions.
    """
    if split not in GENERATED:
        raise BadInput(f"word_problems: {unknown('split', split, GENERATED)}")
    wanted: int = getattr(params, split)
    low, high = GENERATED[split]
    draw = random.Random(f"word_problems/{split}/{seed}")
    seen, misses = Seen(), 0
    while wanted:
        problem = _problem(draw, split, params)
        if low <= share(problem.id) < high and seen.add(problem.id):
            yield problem
            wanted, misses = wanted - 1, 0
        elif (misses := misses + 1) > 10_000:
            raise BadInput(
                f"word_problems: {wanted} {split} problems short: no new question in 10000 draws; raise "
                "levels or highest"
            )


def _problem(draw: random.Random, split: str, params: Params) -> Problem:
    level = draw.choices(range(1, len(params.levels) + 1), params.levels)[0]
    name = draw.choice(HE + SHE)
    words = {"name": name, "he": "he" if name in HE else "she", "things": draw.choice(THINGS)}
    total = draw.randint(0, params.highest)
    sentences = [draw.choice(STARTS).format(n=total, **words)]
    worked = []
    for _ in range(level):
        sentence, line, total = _step(draw, total, params.highest, words)
        sentences.append(sentence)
        worked.append(line)
    question = " ".join([*sentences, draw.choice(QUESTIONS).format(**words)])
    name = hashlib.sha256(question.encode()).hexdigest()[:16]
    return Problem(
        id=f"word_problems-{name}",
        task="word_problems",
        kind=Kind.NUMBER,
        split=split,
        question=question,
        answer=str(total),
        solution="\n".join(worked),
        level=level,
    )


def _step(draw: random.Random, total: int, highest: int, words: dict[str, str]) -> tuple[str, str, int]:
    """One event: its sentence, its line of work, and the new total."""
    gain = total < highest and (total == 0 or draw.random() < 0.5)
    amount = draw.randint(1, highest - total if gain else total)
    after = total + amount if gain else total - amount
    sentence = draw.choice(GAINS if gain else LOSSES).format(n=amount, **words)
    sign = "+" if gain else "-"
    return sentence[0].upper() + sentence[1:], f"{total} {sign} {amount} = {after}", after
