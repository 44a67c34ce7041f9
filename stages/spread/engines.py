"""Where the same work for many items is done, as params say: processes of this machine, or a Ray cluster."""

from collections.abc import Callable, Generator, Iterable
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from stages.shared import params
from stages.spread import processes, ray_tasks

Item = TypeVar("Item")
Result = TypeVar("Result")


class Params(params.Strict):
    """Who shares the rows."""

    # processes: worker processes of this machine. ray: tasks on a Ray cluster
    # (pip install -r requirements-ray.txt); docs/scale.md says how one is started.
    engine: Literal["processes", "ray"] = "processes"
    # processes that share the rows; with ray the tasks that run at the same time, each on one processor
    workers: int = Field(default=1, ge=1, le=4096)
    # of a Ray cluster: HOST:PORT of its head, or `auto`: the one that RAY_ADDRESS of the environment names,
    # else the one of which this machine is a node
    address: str = Field(default="auto", min_length=1)
    # of a Ray cluster: how often a batch of rows is done again whose worker or node was lost
    retries: int = Field(default=3, ge=0, le=100)

    @model_validator(mode="after")
    def _of_its_engine(self) -> "Params":
        if self.engine == "processes":
            strangers = [name for name in ("address", "retries") if name in self.model_fields_set]
            if strangers:
                raise ValueError(f"{' and '.join(strangers)}: only for engine: ray")
            if self.workers > 256:
                raise ValueError("workers: at most 256 processes of this machine; more need engine: ray")
        return self


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], chosen: Params
) -> Generator[Result, None, None]:
    """Yields `function` of each item, in the order of `items`; `function`, items and results must be
    picklable, and `function` must come from the package `stages`.

    What `function` raises is raised here. Close the iterator (`contextlib.closing`) where a loop may leave
    early: that ends the work as well.
    """
    if chosen.engine == "ray":
        return ray_tasks.in_order(function, items, chosen.workers, chosen.address, chosen.retries)
    return processes.in_order(function, items, chosen.workers)
