"""Losses: weights of tokens, and scalars that a loss names."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.students.losses import LOSSES, loss
from stages.students.losses import supervised as member
from stages.students.training import fit as training
from stages.students.training.curves import Curves
from stages.students.training.encoding import Example, encode
from stages.students.training.packing import Collator, Packer, with_weights

from tiny import chats, tune

pytestmark = pytest.mark.usefixtures("base")
COLLATORS: list[Any] = [Collator, Packer]


def examples(base: Path) -> list[Example]:
    tokenizer = load_tokenizer(str(base))
    return [encode(chat, tokenizer, tokenizer.eos_token_id) for chat in chats(6)]


def step(base: Path, batch: dict[str, Any], total: Any = None) -> tuple[float, Any]:
    """The loss of a batch and its gradients, as one vector."""
    import torch

    model = load_model(str(base), "cpu", "float32").eval()
    value, scalars = loss("supervised")(model, model.get_output_embeddings(), batch, total)
    assert scalars == {}
    value.backward()
    return value.item(), torch.cat([weight.grad.flatten() for weight in model.parameters()])


def first_half(example: Example) -> list[bool]:
    """Marks the first of the supervised tokens."""
    places = [place for place, learnt in enumerate(example.supervised) if learnt]
    return [place in places[: len(places) // 2] for place in range(len(example.ids))]


def weighted(rows: Sequence[Example], first: float, rest: float) -> list[Example]:
    return [row._replace(weights=[first if chosen else rest for chosen in first_half(row)]) for row in rows]


@pytest.mark.parametrize("collator", COLLATORS)
def test_a_weight_of_0_masks_a_token(base: Path, collator: Any) -> None:
    import torch

    rows = examples(base)
    masked = [row._replace(supervised=[a and not b for a, b in zip(row.supervised, first_half(row), strict=True)]) for row in rows]
    expected, gradients = step(base, collator(0)(masked))
    value, found = step(base, collator(0)(weighted(rows, 0.0, 1.0)))
    assert value == pytest.approx(expected, rel=1e-6)
    assert torch.allclose(found, gradients, atol=1e-7)
    assert value != pytest.approx(step(base, collator(0)(rows))[0], rel=1e-3)


@pytest.mark.parametrize("collator", COLLATORS)
def test_gradients_scale_with_weights(base: Path, collator: Any) -> None:
    import torch

    rows = examples(base)
    plain, gradients = step(base, collator(0)(rows), 100)
    for weight in (1.0, 3.0):
        value, found = step(base, collator(0)(weighted(rows, weight, weight)), 100)
        assert value == pytest.approx(weight * plain, rel=1e-6)
        assert torch.allclose(found, weight * gradients, rtol=1e-4, atol=1e-7)
    one, first = step(base, collator(0)(weighted(rows, 1.0, 0.0)), 100)
    other, rest = step(base, collator(0)(weighted(rows, 0.0, 1.0)), 100)
    value, found = step(base, collator(0)(weighted(rows, 2.0, 0.5)), 100)
    assert value == pytest.approx(2 * one + other / 2, rel=1e-6)
    assert torch.allclose(found, 2 * first + rest / 2, rtol=1e-4, atol=1e-7)


def test_weights_lie_where_their_tokens_do() -> None:
    rows = [Example([8, 9], [True, True], [], [0.5, 2.0]), Example([5, 6, 7], [False, True, True], [])]
    padded, packed = Collator(0)(rows), Packer(0)([*rows, Example([4], [True], [])])
    assert padded["weights"].tolist() == [[0.5, 2.0, 0.0], [0.0, 1.0, 1.0]]
    assert packed["input_ids"].tolist() == [[5, 6, 7], [8, 9, 4]]
    assert packed["weights"].tolist() == [[0.0, 1.0, 1.0], [0.0, 2.0, 0.0]]
    assert [example.weights for example in with_weights(rows)] == [[0.5, 2.0], [1.0, 1.0, 1.0]]
    plain = [row._replace(weights=None) for row in rows]
    assert with_weights(plain) is plain
    assert "weights" not in Collator(0)(plain) and "weights" not in Packer(0)(plain)


@pytest.mark.parametrize("changed", [{}, {"packed": False}, {"batch_size": 1, "accumulate": 4}])
def test_a_training_divides_by_the_weights_of_a_step(
    base: Path, changed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All weights 3: the training without weights. Weights 0 for half of the tokens: their masking, however a step is split."""
    from safetensors.torch import load_file

    learnt = {}
    fit = training.fit

    def changing(change: Any) -> Any:
        return lambda model, tokenizer, rows, *rest, **named: fit(model, tokenizer, change(rows), *rest, **named)

    def masked(rows: list[Example]) -> list[Example]:
        return [row._replace(supervised=[a and not b for a, b in zip(row.supervised, first_half(row), strict=True)]) for row in rows]

    for name, change in {
        "plain": lambda rows: rows,
        "threes": lambda rows: weighted(rows, 3.0, 3.0),
        "masked": masked,
        "zeros": lambda rows: weighted(rows, 0.0, 1.0),
    }.items():
        monkeypatch.setattr(training, "fit", changing(change))
        learnt[name] = load_file(tune(base, tmp_path / name, **changed) / "model.safetensors")

    def apart(one: str, other: str) -> float:
        return max(float((learnt[one][name] - learnt[other][name]).abs().max()) for name in learnt[one])

    assert apart("plain", "threes") < 1e-4 < 1e-3 < apart("plain", "masked")
    assert apart("masked", "zeros") < 1e-4


def curve(folder: Path, name: str) -> list[str]:
    return (folder / "curves" / "plots" / "metrics" / f"{name}.tsv").read_text().splitlines()


def naming(model: Any, head: Any, batch: dict[str, Any], total: Any = None) -> tuple[Any, dict[str, Any]]:
    """The supervised loss, with two figures of a batch."""
    value, _ = supervised(model, head, batch, total)
    return value, {"lines": len(batch["input_ids"]), "double": 2 * value}


supervised = member.loss


def test_scalars_of_a_loss_are_drawn(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(base, tmp_path / "plain", steps=12)
    monkeypatch.setattr(member, "loss", naming)
    student = tune(base, tmp_path / "named", steps=12, packed=False)
    assert [line.split("\t") for line in curve(tmp_path / "named", "loss_terms/lines")] == [
        ["step", "lines"], ["10", "4.0"], ["12", "4.0"]
    ]  # fmt: skip
    losses, doubles = (
        [float(line.split("\t")[1]) for line in curve(tmp_path / "named", name)[1:]] for name in ("loss", "loss_terms/double")
    )
    assert doubles == pytest.approx([2 * loss for loss in losses])
    drawn = {path.name for path in (tmp_path / "plain" / "curves").rglob("*.tsv")}
    assert drawn == {"loss.tsv", "grad_norm.tsv", "learning_rate.tsv"}
    assert json.loads((student / "student.json").read_text())["params"]["loss"] == "supervised"
    assert set(LOSSES) == {"supervised"}


def test_scalars_are_resumed(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Kill(BaseException):
        pass

    def kill(self: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step == 9:
            raise Kill

    monkeypatch.setattr(member, "loss", naming)
    tune(base, tmp_path / "whole", steps=12, checkpoint_steps=4)
    with monkeypatch.context() as patch, pytest.raises(Kill):
        patch.setattr(Curves, "on_step_begin", kill, raising=False)
        tune(base, tmp_path / "killed", steps=12, checkpoint_steps=4)
    tune(base, tmp_path / "killed", steps=12, checkpoint_steps=4)
    assert curve(tmp_path / "killed", "loss_terms/double") == curve(tmp_path / "whole", "loss_terms/double")
    assert len(curve(tmp_path / "whole", "loss_terms/double")) > 2
