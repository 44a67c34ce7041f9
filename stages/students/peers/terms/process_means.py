"""Figures that several processes agree on, each of which has computed a share of a batch."""

import torch
from torch import distributed


def process_mean(figure: torch.Tensor) -> torch.Tensor:
    """The mean over all processes of a tensor without a gradient; with one process the tensor itself.

    What is divided by a mean over processes, and then averaged over processes, is divided by the sum over
    all of them: so a mean over rows that are shared out is that of all rows.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return figure
    # NCCL knows tensors on a GPU only
    place = torch.device("cuda") if distributed.get_backend() == "nccl" else figure.device
    total = figure.detach().to(place, copy=True)
    distributed.all_reduce(total)
    return (total / distributed.get_world_size()).to(figure.device)
