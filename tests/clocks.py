"""An event loop whose clock jumps, so that tests of waiting take no time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Jumping(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time: the clock jumps to whatever is due next."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> Any:
            self.now += timeout or 0.0
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


def jumping(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=Jumping) as runner:
        runner.run(work())
