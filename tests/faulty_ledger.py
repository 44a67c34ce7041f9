"""A server that fails in a mix of ways and keeps a ledger of what it bills, for tests of bounds in money."""

from random import Random
from typing import Any

from stages.samplers.cost.prices import Usage

from server import Call, Response, Server, openai_body
from teachers import PRICE

MOST = PRICE.cost(Usage(64 + 4 + 16, 64))  # what a request of the tests could cost at most
FAULTS = ["429", "500", "cut", "reset", "garbage", "wrong schema", "empty choices", "broken", "no usage", "long"]


class Ledger(Server):
    """Bills every call that it works for, also those that bring no answer, up to the 64 tokens that are asked for."""

    def __init__(self, seed: int) -> None:
        shares = Random(f"mix {seed}")
        self.mix = dict(zip(FAULTS, (shares.random() * 0.12 for _ in FAULTS), strict=True))
        kinds: Any = dict.fromkeys(FAULTS[2:], Ledger.work)
        super().__init__(plan=self.planned, behaviours=kinds)

    def planned(self, call: Call) -> str | None:
        drawn = Random(f"{call.told} {call.tries} {self.mix}").choices(
            [None, *FAULTS], [1 - sum(self.mix.values()) / 2, *self.mix.values()]
        )
        return drawn[0]

    def work(self, call: Call) -> Response:
        kind, tokens = self.planned(call), Random(f"tokens {call.told} {call.tries}").randint(1, 64)
        self.bill(call, (12, tokens))
        body = openai_body("w" * tokens, "error" if kind == "broken" else "stop", (12, tokens))
        bodies = {"garbage": b"{", "wrong schema": {"choices": [{"text": "7"}]}, "empty choices": {"choices": []}}
        manner = kind if kind in ("cut", "reset") else "whole"
        return Response(200, bodies.get(kind or "", body | ({"usage": None} if kind == "no usage" else {})), manner=manner)

    @property
    def usd(self) -> float:
        return sum(PRICE.cost(Usage(*tokens)) for tokens in self.ledger)
