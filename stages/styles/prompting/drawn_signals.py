"""Which conversation asks for which signals: the params, and what a hash of the conversation's id draws."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, model_validator

from stages.shared.params import Strict
from stages.shared.rows import Problem
from stages.shared.signals import STOP_SYMBOLS, SYMBOL, THINK_SYMBOLS, Request

SYSTEM = (
    "The user may ask for signals. Think signals stand on the first line of your answer, stop signals on its "
    "last line: the symbol that the user names, as often as the user says. After the last stop signal your "
    "answer is over."
)
KNOWN = 0.5  # share of the held-out conversations that ask for what was learnt, where something is held out
LEARNT_FROM = ("train", "pretrain")  # splits for which nothing is drawn that is held out

Symbol = Annotated[str, Field(pattern=rf"^{SYMBOL}$")]
Count = Annotated[int, Field(ge=1, le=99)]
Item = TypeVar("Item")


class Signal(Strict):
    """A symbol, and how often it is asked for."""

    # not a letter, a digit or an ASCII sign
    symbol: Symbol
    # how often
    count: Count


class Drawn(Strict):
    """What is drawn from; each list is drawn from by itself."""

    # symbols to begin with
    think: list[Symbol] = Field(default=list(THINK_SYMBOLS), min_length=1)
    # how often
    think_counts: list[Count] = Field(default=[2, 3, 4, 5, 6, 7, 8], min_length=1)
    # symbols to end with
    stop: list[Symbol] = Field(default=list(STOP_SYMBOLS), min_length=1)
    # how often
    stop_counts: list[Count] = Field(default=[2, 3, 4], min_length=1)


class HeldOut(Strict):
    """Of what is drawn, what only held-out problems ask for."""

    # symbols of `drawn.think`
    think: list[Symbol] = Field(default=[])
    # symbols of `drawn.stop`
    stop: list[Symbol] = Field(default=[])
    # counts of `drawn.think_counts`
    think_counts: list[Count] = Field(default=[])
    # counts of `drawn.stop_counts`
    stop_counts: list[Count] = Field(default=[])
    # pairs of a think symbol and a stop symbol, each of which is asked for with others in training
    pairs: list[Annotated[list[Symbol], Field(min_length=2, max_length=2)]] = Field(default=[])


class Params(Strict):
    """Who is asked for which signals."""

    # false: nobody; requests and signals that a conversation has already are taken off
    enabled: bool = True
    # the share of the conversations that ask
    share: float = Field(default=0.5, ge=0, le=1)
    # the share of the turns that ask, in a conversation that does
    turns: float = Field(default=1.0, ge=0, le=1)
    # fixed: always `think` and `stop`; drawn: a pair of `drawn` for each conversation
    symbols: Literal["fixed", "drawn"] = "fixed"
    # what an answer begins with, where `symbols` is fixed
    think: Signal = Signal(symbol="🤔", count=4)
    # what an answer ends with, where `symbols` is fixed
    stop: Signal = Signal(symbol="🛑", count=3)
    # what is drawn from, where `symbols` is drawn
    drawn: Drawn = Drawn()
    # what of it is held out
    held_out: HeldOut = HeldOut()
    # what explains both to the student, in conversations that ask; null: nothing does
    system_prompt: str | None = Field(default=SYSTEM, min_length=1)

    @model_validator(mode="after")
    def _something_left(self) -> "Params":
        for name in ("think", "think_counts", "stop", "stop_counts"):
            offered, held = getattr(self.drawn, name), getattr(self.held_out, name)
            if strange := [value for value in held if value not in offered]:
                raise ValueError(f"held_out.{name}: {strange[0]!r} is not in drawn.{name}")
            if not _without(offered, held):
                raise ValueError(f"held_out.{name}: nothing of drawn.{name} is left for training")
        for think, stop in self.held_out.pairs:
            if think not in self.known("think") or stop not in self.known("stop"):
                raise ValueError(f"held_out.pairs: {think!r} and {stop!r}: each must be drawn in training")
            if not _without(self.known("stop"), self._apart(think)):
                raise ValueError(f"held_out.pairs: {think!r} is left with no stop symbol in training")
        return self

    def known(self, name: str) -> list[Any]:
        """What is drawn in training of the list `name` of `drawn`."""
        return _without(getattr(self.drawn, name), getattr(self.held_out, name))

    def asks(self, problem: Problem) -> bool:
        """Whether the conversation of `problem` asks."""
        return self.enabled and _fraction(problem.conversation, "share") < self.share

    def asks_in(self, problem: Problem, turn: int) -> bool:
        """Whether the user's turn `turn` does, from 0, in a conversation that asks."""
        return _fraction(problem.conversation, f"turn {turn}") < self.turns

    def request(self, problem: Problem) -> Request:
        """What the conversation of `problem` asks for, where it asks."""
        if self.symbols == "fixed":
            return Request(self.think.symbol, self.think.count, self.stop.symbol, self.stop.count)
        id, held = problem.conversation, self.held_out
        kinds = {
            "symbols": held.think or held.stop,
            "counts": held.think_counts or held.stop_counts,
            "pairs": held.pairs,
        }
        offered = [name for name, items in kinds.items() if items and problem.split not in LEARNT_FROM]
        known = not offered or _fraction(id, "known") < KNOWN
        kind = "known" if known else _pick(offered, id, "kind")
        think, stop = self._pair(id, kind)
        counts = [
            _pick((kind == "counts" and getattr(held, name)) or self.known(name), id, name)
            for name in ("think_counts", "stop_counts")
        ]
        return Request(think, counts[0], stop, counts[1])

    def _pair(self, id: str, kind: str) -> tuple[str, str]:
        held = self.held_out
        if kind == "pairs":
            think, stop = _pick(held.pairs, id, "pair")
            return think, stop
        think = _pick((kind == "symbols" and held.think) or self.known("think"), id, "think")
        known = _without(self.known("stop"), self._apart(think))
        return think, _pick((kind == "symbols" and held.stop) or known, id, "stop")

    def _apart(self, think: str) -> list[str]:
        """The stop symbols that `think` is not drawn with in training."""
        return [stop for first, stop in self.held_out.pairs if first == think]


def _without(items: Sequence[Item], left_out: Sequence[Item]) -> list[Item]:
    return [item for item in items if item not in left_out]


def _fraction(id: str, what: str) -> float:
    """A number in [0, 1) for a conversation and what is to be decided of it."""
    digest = sha256(f"signals {what} {id}".encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 12) / 2**52


def _pick(items: Sequence[Item], id: str, what: str) -> Item:
    return items[int(_fraction(id, what) * len(items))]
