"""Muon and AdamW as one optimizer."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from stages.models.loading import load_model


@pytest.fixture
def model(base: Path) -> Any:
    return load_model(str(base), "cpu", "float32")


def learn(model: Any, optimizer: Any, steps: int) -> None:
    import torch

    for step in range(steps):
        ids = torch.arange(12).view(2, 6) + step
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()


def weights(model: Any) -> dict[str, Any]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def test_matrices_inside_go_to_muon_and_the_rest_to_adamw(model: Any) -> None:
    from stages.students.training.optimizers import MuonAdamW

    optimizer = MuonAdamW(model, 0.01, 0.1, torch.float32)
    names = {id(weight): name for name, weight in model.named_parameters()}
    matrices, others = ([names[id(weight)] for weight in group["params"]] for group in optimizer.param_groups)
    assert len(matrices) == 7
    assert {name.rsplit(".", 2)[-2] for name in matrices} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
    }  # fmt: skip
    assert "model.embed_tokens.weight" in others
    assert len(matrices) + len(others) == len(names)
    assert [type(part).__name__ for part in optimizer.parts] == ["Muon", "AdamW"]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_an_output_layer_of_its_own_is_no_matrix_inside(base: Path) -> None:
    from stages.students.training.optimizers import MuonAdamW
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(base)
    config.tie_word_embeddings = False
    model = AutoModelForCausalLM.from_config(config)
    assert len(MuonAdamW(model, 0.01, 0.0, torch.float32).param_groups[0]["params"]) == 7


def test_a_learning_rate_reaches_both(model: Any) -> None:
    from stages.students.training.optimizers import MuonAdamW
    from torch.optim.lr_scheduler import LambdaLR

    optimizer = MuonAdamW(model, 0.5, 0.0, torch.float32)
    schedule = LambdaLR(optimizer, lambda step: 0.0 if step else 1.0)
    assert [part.param_groups[0]["lr"] for part in optimizer.parts] == [0.5, 0.5]
    before = weights(model)
    learn(model, optimizer, 1)
    after = weights(model)
    assert all((before[name] != after[name]).any() for name in before)
    schedule.step()
    assert [part.param_groups[0]["lr"] for part in optimizer.parts] == [0.0, 0.0]
    learn(model, optimizer, 1)
    assert all((after[name] == weight).all() for name, weight in weights(model).items())


def test_a_saved_state_goes_on_as_if_nothing_had_been(model: Any) -> None:
    from stages.students.training.optimizers import MuonAdamW
    from torch.optim.lr_scheduler import LambdaLR

    optimizer = MuonAdamW(model, 0.01, 0.1, torch.float32)
    learn(model, optimizer, 3)
    state, other = deepcopy(optimizer.state_dict()), deepcopy(model)
    assert set(state) == {"state", "param_groups"}
    assert len(state["state"]) == len(list(model.parameters()))
    learn(model, optimizer, 2)

    resumed = MuonAdamW(other, 0.3, 0.0, torch.float32)
    schedule = LambdaLR(resumed, lambda step: 1.0)
    resumed.load_state_dict(state)
    assert [part.param_groups[0]["lr"] for part in resumed.parts] == [0.01, 0.01]
    learn(other, resumed, 2)
    expected = weights(model)
    assert all((expected[name] == weight).all() for name, weight in weights(other).items())
    schedule.base_lrs = [0.02, 0.02]
    schedule.step()
    assert [part.param_groups[0]["lr"] for part in resumed.parts] == [0.02, 0.02]


def test_adapters_leave_adamw_nothing_to_do(model: Any) -> None:
    from peft import LoraConfig, get_peft_model
    from stages.students.training.optimizers import MuonAdamW

    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    optimizer = MuonAdamW(adapted, 0.01, 0.0, torch.float32)
    assert [type(part).__name__ for part in optimizer.parts] == ["Muon"]
    learn(adapted, optimizer, 1)
    assert len(optimizer.state_dict()["state"]) == 14
