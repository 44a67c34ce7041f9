"""The same work for many items by a Ray cluster: order kept, memory flat, lost workers and nodes made up for.

Ray: Moritz et al. 2018, https://arxiv.org/abs/1712.05889. It needs the package `ray` (requirements-ray.txt).
Every node of the cluster needs the same versions of Python, of ray and of what requirements.txt names. The
code of `stages` is sent to the nodes.
"""

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from stages.shared.errors import BadInput

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 3  # items for each worker that are under way at the same time


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, address: str, retries: int
) -> Generator[Result, None, None]:
    """Yields `function` of each item, in the order of `items`.

    At most `workers` items are worked on at the same time, a processor each. At most `AHEAD` items for each
    of `workers` are under way, and a result that is not yet next in order counts among them: the memory of
    this process does not grow with the number of items. An item whose worker or node is lost is done again,
    `retries` times at most. What `function` raises is raised here, a bug with the worker's traceback; nothing
    is retried for it. Raises BadInput where there is no cluster at `address`, where the cluster fails or has
    no processor, and where an item was lost too often.
    """
    ray = _connected(address)
    call = ray.remote(num_cpus=1, max_retries=retries)(_call)
    pending: deque[Any] = deque()
    running: list[Any] = []  # of those pending
    try:
        for item in items:
            if len(running) == workers:
                _, running = ray.wait(running, fetch_local=False)
            running.append(call.remote(function, item))
            pending.append(running[-1])
            if len(pending) >= AHEAD * workers:
                yield _result(ray, pending.popleft(), address, retries)
        while pending:
            yield _result(ray, pending.popleft(), address, retries)
    finally:  # the cluster ends what this process has left under way
        ray.shutdown()


def _call(function: Callable[[Item], Result], item: Item) -> Result:
    return function(item)


def _connected(address: str) -> Any:
    """The module `ray`, connected to the cluster at `address`, which gets the code of `stages`."""
    os.environ.setdefault(
        "RAY_NUM_REDIS_GET_RETRIES", "1"
    )  # else Ray looks for a cluster that is gone 20 times
    try:
        ray = import_module("ray")
    except ImportError:
        raise BadInput("engine ray: needs the package ray: pip install -r requirements-ray.txt") from None
    code = str(Path(__file__).parents[1])
    try:
        _check_reachable(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
        ray.init(
            address=address,
            runtime_env={"py_modules": [code], "excludes": ["__pycache__"]},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except ray.exceptions.AuthenticationError as error:
        raise BadInput(
            f"engine ray: the cluster at address {address!r} takes no other token than its own: "
            f"{_first_line(error)}; have RAY_AUTH_TOKEN_PATH name a copy of ~/.ray/auth_token of its head"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"engine ray: no cluster at address {address!r}: {_first_line(error)}; start one "
            "(`ray start --head`), or set address to HOST:PORT of its head; a cluster with a token wants a "
            "copy of ~/.ray/auth_token of its head (RAY_AUTH_TOKEN_PATH)"
        ) from None
    if not ray.cluster_resources().get("CPU"):  # its tasks would wait without end
        ray.shutdown()
        raise BadInput(f"engine ray: no node of the cluster at address {address!r} has a processor for tasks")
    return ray


def _check_reachable(address: str) -> None:
    """Raises OSError where nobody listens at HOST:PORT, for which Ray itself would wait for most of a minute;
    other forms of an address (ray://HOST:PORT) are Ray's to judge."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _result(ray: Any, reference: Any, address: str, retries: int) -> Any:
    faults = ray.exceptions
    try:
        return ray.get(reference)
    except faults.RayTaskError as error:
        raise error.cause from error  # the error of the function itself, with the worker's traceback
    except (
        faults.WorkerCrashedError,
        faults.NodeDiedError,
        faults.ObjectLostError,
        faults.OutOfMemoryError,
    ) as error:
        raise BadInput(
            f"engine ray: the cluster at {address!r} lost a batch of rows {retries + 1} times: "
            f"{_first_line(error)}"
        ) from error
    except (faults.RayError, ConnectionError) as error:
        raise BadInput(f"engine ray: the cluster at {address!r} failed: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
