"""A linear map between two spaces that keeps lengths and angles."""

import torch
from torch import nn


class Projection(nn.Module):
    """Maps `size` dimensions to `width`. Its matrix has orthonormal columns, or orthonormal rows where
    `width` is the smaller number.

    The matrix is the orthogonal factor of a QR decomposition of free numbers, which are what is learnt; the
    decomposition is unique where the diagonal of R is positive, and has a gradient.
    """

    def __init__(self, size: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.wider = width >= size
        self.free = nn.Parameter(torch.randn(max(size, width), min(size, width), generator=generator))

    @property
    def weight(self) -> torch.Tensor:
        """The matrix, (width, size)."""
        orthogonal, upper = torch.linalg.qr(self.free)
        columns: torch.Tensor = orthogonal * upper.diagonal().sign()
        return columns if self.wider else columns.T

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """The projected states, (..., width), of states (..., size)."""
        projected: torch.Tensor = states @ self.weight.T
        return projected
