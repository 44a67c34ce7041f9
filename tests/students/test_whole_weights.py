"""Every weight moves at a small learning rate, padding agrees everywhere, and what is saved generates as it was measured."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from stages.shared.errors import BadInput
from stages.students.training.encoding import encode
from stages.students.training.packing import Collator, Packer

from tiny import ADAPTERS, chats, loaded, make, talk, tune


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("base"))


def moved(before: Path, after: Path) -> float:
    """The share of the weights that differ."""
    old, new = (loaded(folder)[0].state_dict() for folder in (before, after))
    assert old.keys() == new.keys()
    differing = [int((old[name] != new[name]).sum()) for name in old]
    return sum(differing) / sum(int(weight.numel()) for weight in old.values())


@pytest.mark.parametrize("bf16", [False, True])
def test_every_weight_moves_at_a_small_learning_rate(base: Path, bf16: bool, tmp_path: Path) -> None:
    """Held in bfloat16, whose steps are 2^-8 of a weight, most updates of 2e-5 round to nothing."""
    student = tune(base, tmp_path, weights="bfloat16", learning_rate=2e-5, bf16=bf16, given=chats(400), batch_size=32)
    rows = {json.loads(path.read_text())["vocab_size"] for path in (base / "config.json", student / "config.json")}
    assert len(rows) == 1
    # what no chat holds and no softmax weighs has no gradient; AdamW moves all others by about the learning rate
    assert moved(base, student) > 0.99


def test_adapters_are_float32_above_weights_in_bfloat16(base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    student = tune(base, tmp_path, weights="bfloat16", adapters=ADAPTERS)
    assert {str(weight.dtype) for weight in load_file(student / "adapter_model.safetensors").values()} == {"torch.float32"}


def sampling(base: Path, folder: Path, **settings: Any) -> Path:
    """The model with settings for generation of its own."""
    shutil.copytree(base, folder)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


@pytest.mark.parametrize("adapters", [None, ADAPTERS])
def test_settings_with_which_nothing_was_measured_are_not_saved(base: Path, adapters: Any, tmp_path: Path) -> None:
    other = sampling(base, tmp_path / "other", repetition_penalty=1.3, temperature=0.6, do_sample=True, top_k=20)
    student = tune(other, tmp_path, adapters=adapters)
    saved = json.loads((student / "generation_config.json").read_text())
    assert not {"repetition_penalty", "temperature", "do_sample", "top_k"} & saved.keys()
    assert saved["eos_token_id"] == json.loads((base / "generation_config.json").read_text())["eos_token_id"]


def test_settings_that_are_plain_already_stay_as_they_are(base: Path, tmp_path: Path) -> None:
    saved, before = ((folder / "generation_config.json").read_bytes() for folder in (tune(base, tmp_path), base))
    assert saved == before


def without_padding(base: Path, folder: Path, pad: str | None) -> Path:
    """The model with the padding token `pad`, in its tokenizer, its config and its settings for generation."""
    shutil.copytree(base, folder)
    tokenizer = loaded(base)[1]
    tokenizer.pad_token = pad
    tokenizer.save_pretrained(folder)
    for name in ("config.json", "generation_config.json"):
        told = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(told | {"pad_token_id": None if pad is None else tokenizer.pad_token_id}))
    return folder


@pytest.mark.parametrize("pad", ["<|im_end|>", None])
def test_padding_agrees_everywhere(base: Path, pad: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    student = tune(without_padding(base, tmp_path / "other", pad), tmp_path)
    model, tokenizer = loaded(student)
    assert tokenizer.pad_token == (pad or "<|pad|>")  # one that is named for it, where there is one
    assert {model.config.pad_token_id, model.generation_config.pad_token_id} == {tokenizer.pad_token_id}
    assert ("'<|pad|>' pads (pad_token names another)" in capsys.readouterr().err) is (pad is None)


@pytest.mark.parametrize("batched", [Packer, Collator])
def test_the_end_is_learnt_where_it_pads_as_well(base: Path, batched: Any) -> None:
    """What is learnt goes by places: each answer's end is, and no padding."""
    made = loaded(base)[1]
    made.pad_token = made.eos_token
    examples = [encode(chat, made, made.eos_token_id) for chat in (talk("Two?", "2"), talk("How many are there?", "It is 12."))]
    batch = batched(made.pad_token_id)(examples)
    assert int((batch["labels"] == made.eos_token_id).sum()) == 2
    assert int((batch["input_ids"] == made.eos_token_id).sum()) > 4


def test_the_end_that_pads_gets_a_vector_that_learns(base: Path, tmp_path: Path) -> None:
    other = without_padding(base, tmp_path / "other", "<|im_end|>")
    assert loaded(other)[0].get_input_embeddings().padding_idx is not None
    student = tune(other, tmp_path)
    old, new = (loaded(folder)[0].get_input_embeddings().weight for folder in (other, student))
    end = loaded(student)[1].eos_token_id
    assert not (old[end] == new[end]).all()


@pytest.mark.parametrize("targets", [["embed_tokens"], ["q_proj", "lm_head"], r".*(q_proj|lm_head)"])
def test_adapters_of_layers_that_share_their_weights_are_refused(base: Path, targets: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"sft: adapters.targets .* shares its weights with another layer \(tie_word_embeddings\)"):
        tune(base, tmp_path, adapters=ADAPTERS | {"targets": targets})
