"""Muon beside that of torch, which orthogonalises one matrix after the other in bfloat16."""

from typing import Any

import pytest
import torch
from stages.students.training.muon import Muon, orthogonal

SHAPES = [(8, 8), (8, 8), (8, 24), (24, 8), (24, 8), (1, 8)]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def trained(optimizer: Any, steps: int = 5, **settings: Any) -> list[torch.Tensor]:
    """Matrices of `SHAPES` after some steps with random gradients, the same for every optimizer."""
    generator = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
    run = optimizer(weights, lr=0.01, weight_decay=0.1, **settings)
    for _ in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator)
        run.step()
    return [weight.detach() for weight in weights]


@pytest.mark.parametrize(("precision", "tolerance"), [(torch.bfloat16, 0.001), (torch.float32, 0.001)])
def test_its_steps_are_those_of_torch(precision: torch.dtype, tolerance: float) -> None:
    expected = trained(torch.optim.Muon, adjust_lr_fn="match_rms_adamw")
    moved = trained(Muon, precision=precision)
    start = trained(Muon, steps=0, precision=precision)
    for weight, wanted, before in zip(moved, expected, start, strict=True):
        assert (weight - before).abs().max() > 3 * tolerance
        torch.testing.assert_close(weight, wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("shape", [(3, 6, 6), (2, 6, 18), (2, 18, 6), (1, 1, 4)])
def test_singular_values_move_towards_one(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonal(matrices, COEFFICIENTS, 10, torch.float32))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_a_matrix_without_a_gradient_stays() -> None:
    moving, resting = (torch.nn.Parameter(torch.ones(4, 4)) for _ in range(2))
    optimizer = Muon([moving, resting], lr=0.1, weight_decay=0.0, precision=torch.float32)
    moving.grad = torch.eye(4)
    optimizer.step()
    assert torch.equal(resting, torch.ones(4, 4))
    assert not torch.equal(moving, torch.ones(4, 4))


def test_a_gradient_of_zero_moves_nothing() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4))
    weight.grad = torch.zeros(4, 4)
    Muon([weight], lr=0.1, weight_decay=0.0, precision=torch.float32).step()
    assert torch.equal(weight, torch.ones(4, 4))
