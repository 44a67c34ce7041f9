"""The bounds of a run: what a request could cost at most is set aside before it is sent, what it did cost is
booked when it is answered.

    budget = Budget(params, price)
    reservation = await budget.reserve(bound(messages), n * params.max_tokens)
    ...                                  # OutOfBudget: send no more, store what comes, then raise it
    budget.settle(reservation, Usage(prompt, completion, cached))
    budget.settle(reservation, None)     # a request that failed and was not billed
    budget.lose(reservation, usage)      # a request that failed and may be billed

`reserve` waits while requests in flight may turn out cheaper. So neither bound is ever exceeded, whatever the
concurrency. With `scope: repository` the same holds for all processes that share a repository_ledger.py.
The exception is a model that bills more tokens than `max_tokens`. Each run learns that from its own answers,
so the answers in flight until then may exceed `max_usd`, in each run anew.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property

from stages.samplers.cost.prices import Price, Spending, Usage
from stages.samplers.cost.repository_ledger import Account, RepositoryLedger
from stages.shared.errors import BadInput

OVERHEAD = 64  # tokens that a server's chat template may add to a request
LOOK = 0.2  # seconds between looks whether other processes have made room in a shared bound


class OutOfBudget(BadInput):
    """The next request could exceed a bound. Everything that was answered is stored; what is in flight should
    be waited for."""


def bound(messages: Iterable[Mapping[str, str]]) -> int:
    """At most so many tokens for a prompt, without a tokenizer: every token stands for at least one byte."""
    return OVERHEAD + sum(
        len(message["content"].encode(errors="surrogatepass")) + len(message["role"]) for message in messages
    )


class Budget:
    """Books requests against `max_usd` and `max_requests` of one run, or of a repository; for one event loop,
    or one thread.

    `spent` is what answers cost so far in USD (0 where the model has no price). `lost` is what calls without
    an answer cost at most, of those that may be billed. `requests` counts what was sent; a try after a call
    that may be billed is another request. All three are those of this run, in either scope.
    """

    def __init__(self, limits: Spending, price: Price | None, batch: bool = False) -> None:
        self.limits, self.price, self.batch = limits, price, batch
        if limits.max_usd is not None and price is None:
            raise BadInput("max_usd: the model has no price, so no bound could be kept; give `price`")
        self.spent = self.lost = 0.0
        # By how much an answer of this run exceeded what it could cost at most: models may think beyond
        # `max_tokens`.
        self.excess = 1.0
        self.requests = 0
        self.reserved: dict[int, float] = {}
        self.bounded = limits.max_usd is not None or limits.max_requests is not None
        self.waits_for_others = False  # there is room only once other processes have settled theirs
        self._freed = asyncio.Event()

    @cached_property
    def ledger(self) -> RepositoryLedger | None:
        """The shared ledger (None: the bounds are those of one run), opened by the first purchase."""
        return RepositoryLedger() if self.limits.scope == "repository" else None

    async def reserve(self, prompt: int, completion: int) -> int:
        """Sets aside what a request of at most so many tokens could cost; waits while what is in flight could
        still make room for it.

        Raises OutOfBudget where nothing can.
        """
        while (reservation := self.try_reserve(prompt, completion)) is None:
            self._freed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), LOOK if self.ledger else None)
        return reservation

    def try_reserve(self, prompt: int, completion: int) -> int | None:
        """As `reserve`, but None where one would have to wait."""
        most = self.excess * self.price.cost(Usage(prompt, completion), self.batch) if self.price else 0.0
        if self.ledger:
            fits = self._reserve_together(self.ledger, most)
        else:
            fits = not self.bounded or self._fits(self._account(), most)
        if not fits:
            return None
        self.requests += 1
        self.reserved[self.requests] = most
        return self.requests

    def _account(self) -> Account:
        reserved = sum(self.reserved.values())
        return Account(self.spent, self.lost, reserved, len(self.reserved), self.requests)

    def _reserve_together(self, ledger: RepositoryLedger, most: float) -> bool:
        over_budget, fits = None, False
        with ledger.changing():
            try:
                fits = self._fits(ledger.account(), most)
                if not fits and ledger.count_dead():
                    fits = self._fits(ledger.account(), most)
            except OutOfBudget as error:  # raised outside: what `count_dead` wrote is to stay
                over_budget = error
            if fits:
                ledger.reserve(self.requests + 1, most)
        if over_budget:
            raise over_budget
        self.waits_for_others = not fits and not self.reserved
        return fits

    def _fits(self, account: Account, most: float) -> bool:
        """Whether there is room for a request that costs at most so much. Raises OutOfBudget where none can
        come."""
        limits = self.limits
        if limits.max_requests is not None and account.requests >= limits.max_requests:
            raise OutOfBudget(f"stopped at max_requests {limits.max_requests}; {self._so_far(account)}")
        if limits.max_usd is None or account.committed + most <= limits.max_usd:
            return True
        if account.in_flight:
            return False
        raise OutOfBudget(
            f"stopped before max_usd {limits.max_usd:g} is exceeded; the next could cost {most:.6f}; "
            f"{self._so_far(account)}"
        )

    def settle(self, reservation: int, usage: Usage | None, certain: bool = True) -> float | None:
        """Books what a request cost (None: it failed and nothing was billed) and returns that; None where the
        model has no price. Where the server did not say what it billed (not `certain`), the rest of what the
        request could cost counts as lost."""
        most = self.reserved[reservation]
        cost = self.cost(usage) or 0.0
        self._book(reservation, cost, 0.0 if certain else max(0.0, most - cost))
        if certain and most and cost > most:
            self.excess = max(self.excess, self.excess * cost / most)
        return cost if self.price else None

    def cost(self, usage: Usage | None) -> float | None:
        """What so many tokens cost in USD (None: nothing was billed); None where the model has no price."""
        if self.price is None:
            return None
        return self.price.cost(usage, self.batch) if usage else 0.0

    def lose(self, reservation: int, usage: Usage | None) -> None:
        """Books a request that brought no answer and may be billed: for `usage`, or (None) for the most that
        it could cost."""
        most = self.reserved[reservation]
        self._book(reservation, 0.0, self.price.cost(usage, self.batch) if usage and self.price else most)

    def _book(self, reservation: int, spent: float, lost: float) -> None:
        del self.reserved[reservation]
        self.spent += spent
        self.lost += lost
        self._freed.set()
        if self.ledger:
            self.ledger.book(reservation, spent, lost)

    def close(self) -> None:
        """Ends the run's part in a shared bound; what it has still set aside counts there as lost."""
        if "ledger" in vars(self) and self.ledger:
            self.ledger.close()

    def _so_far(self, account: Account) -> str:
        cost = f" for {account.spent:.6f} USD" if self.price else ""
        lost = f" and at most {account.lost:.6f} USD for calls without an answer" if account.lost else ""
        where = " by all runs of this repository (`python -m stages.tools.memo spending`)"
        return (
            f"{account.requests} requests were sent{where if self.ledger else ''}{cost}{lost}, and every "
            "answer is stored: raise the bound and run again to go on"
        )
