"""Several processes that train a pair, as `accelerate launch` starts them.

Each process holds both students and computes its share of every batch. Gradients and figures are averaged
over the processes. Whatever the router decides, every process computes alike.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch

from stages.models.loading import Device, choose_device
from stages.students.peers.terms.process_means import process_mean
from stages.students.training.checkpoints import processes

Item = TypeVar("Item")
Result = TypeVar("Result")


def connect(device: Device) -> None:
    """Has the processes of a launch find each other, through gloo on CPUs and NCCL on GPUs; each takes the
    GPU of its number."""
    if processes() > 1:
        from accelerate import PartialState

        PartialState(cpu=choose_device(device) == "cpu")


def rank() -> int:
    """The number of this process, from 0."""
    return torch.distributed.get_rank() if processes() > 1 else 0


def own_rows(count: int) -> slice:
    """Which of `count` rows of a batch this process computes; `count` is a multiple of the processes."""
    size = count // processes()
    return slice(rank() * size, (rank() + 1) * size)


def average_gradients(weights: Iterable[torch.nn.Parameter]) -> None:
    """Replaces the gradient of each weight by its mean over all processes.

    A process whose rows do not reach a weight counts as a gradient of 0. A weight that no process has a
    gradient of stays without one.
    """
    listed = list(weights)
    if processes() == 1 or not listed:
        return
    reached = process_mean(torch.tensor([float(weight.grad is not None) for weight in listed])).tolist()
    for weight, share in zip(listed, reached, strict=True):
        if share:
            gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
            weight.grad = process_mean(gradient)


def sums_over_processes(figures: Mapping[str, float]) -> dict[str, float]:
    """The sum over all processes of each figure; all processes have figures of the same names."""
    if processes() == 1:
        return dict(figures)
    means = process_mean(torch.tensor([figures[name] for name in sorted(figures)], dtype=torch.float64))
    return dict(zip(sorted(figures), (means * processes()).tolist(), strict=True))


def gathered(results: list[Any]) -> list[Any]:
    """The results of all processes, those of the first process first."""
    if processes() == 1:
        return results
    from accelerate.utils import gather_object

    every: list[Any] = gather_object(results)
    return every


def shared_out(compute: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
    """What `compute` makes of `items`, in their order: each process computes every n-th of them."""
    mine = range(rank(), len(items), processes())
    results = compute([items[place] for place in mine]) if len(mine) else []
    by_place = dict(gathered(list(zip(mine, results, strict=True))))
    return [by_place[place] for place in range(len(items))]
