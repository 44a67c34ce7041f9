"""Students trained for real, on a model of a few thousand weights: what they learn and what they leave behind."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.losses import rounded
from stages.students.training.encoding import encode
from stages.students.training.packing import Collator, Packer, keeps_apart

import tiny
from tiny import ADAPTERS, SCRATCH, chats, loaded, make, talk, tune

ROWS = [*chats(5), talk("Two?", "2", "Sure?", "🜞 yes\n🜃 2")]
pytestmark = pytest.mark.usefixtures("base")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def described(student: Path) -> Any:
    return json.loads((student / "student.json").read_text())


def curve(folder: Path, name: str) -> dict[int, float]:
    lines = (folder / "plots" / "metrics" / f"{name}.tsv").read_text().splitlines()[1:]
    return {int(step): float(value) for step, value in (line.split("\t") for line in lines)}


@pytest.mark.parametrize("changed", [{}, {"bf16": True}, {"optimizer": "muon"}, {"gradient_checkpointing": True, "accumulate": 2}])
def test_the_loss_falls(base: Path, changed: dict[str, Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 45, "schedule": "constant"} | changed
    student = tune(base, tmp_path, **settings)
    losses = curve(tmp_path / "curves", "loss")
    assert list(losses) == [10, 20, 30, 40, 45]
    assert losses[45] < losses[10] - 1
    assert described(student)["last_loss"] == round(losses[45], 6)


@pytest.mark.parametrize("native", [False, True])
def test_bf16_auto_is_what_the_processor_has_instructions_for(
    base: Path, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True, "amx_bf16": native})
    automatic = tune(base, tmp_path / "automatic", steps=2, bf16="auto")
    chosen = tune(base, tmp_path / "chosen", steps=2, bf16=native)
    assert described(automatic)["params"]["bf16"] is native
    assert files(automatic) == files(chosen)


def test_what_was_learnt_is_what_is_saved(base: Path, tmp_path: Path) -> None:
    student = tune(base, tmp_path, steps=45, schedule="constant")
    losses = [model(**batch(tokenizer, chats())).loss.item() for model, tokenizer in (loaded(base), loaded(student))]
    assert losses[0] > curve(tmp_path / "curves", "loss")[10]
    assert losses[1] < curve(tmp_path / "curves", "loss")[40]


def batch(tokenizer: Any, rows: list[Chat]) -> dict[str, Any]:
    return Collator(tokenizer.pad_token_id)([encode(chat, tokenizer, tokenizer.eos_token_id) for chat in rows])


def plain(folder: Path) -> Any:
    return load_model(str(folder), "cpu", "float32")


def adapted(folder: Path) -> Any:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(plain(folder), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False))
    return model


def capped(folder: Path) -> Any:
    """An architecture that caps its logits after the layer that makes them."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    size = plain(folder).config.vocab_size
    return Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=size,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            final_logit_softcapping=0.5,
            initializer_range=1.0,
        )
    )


@pytest.mark.parametrize("total", [None, 1000])
@pytest.mark.parametrize("make_model", [plain, adapted, capped])
def test_the_loss_is_the_models_own(base: Path, make_model: Any, total: int | None) -> None:
    """Loss and gradients, though logits are taken at supervised positions only."""
    import torch
    from stages.students.losses.supervised import loss as supervised

    torch.manual_seed(0)
    model, given = make_model(base).eval(), batch(load_tokenizer(str(base)), ROWS)
    shapes = []
    head = model.get_output_embeddings()
    watch = head.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[:-1])))

    def gradients(loss: torch.Tensor) -> dict[str, torch.Tensor]:
        model.zero_grad()
        loss.backward()
        return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}

    ours, scalars = supervised(model, head, dict(given), total)
    assert scalars == {}
    our_gradients = gradients(ours)
    theirs = model(**given, **({} if total is None else {"num_items_in_batch": total})).loss
    their_gradients = gradients(theirs)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    assert list(our_gradients) == list(their_gradients)
    for name, gradient in their_gradients.items():
        assert torch.allclose(our_gradients[name], gradient, atol=1e-5), name
    assert any(float(gradient.abs().max()) > 1e-3 for gradient in their_gradients.values())
    watch.remove()
    assert shapes == [(rounded(int((given["labels"][:, 1:] != -100).sum())),), given["input_ids"].shape]
    assert not head._forward_pre_hooks


@pytest.mark.parametrize("make_model", [plain, capped])
def test_packed_rows_teach_what_padded_ones_teach(base: Path, make_model: Any) -> None:
    """Loss and gradients: no row of a line sees another, and each counts its positions from 0."""
    import torch
    from stages.students.losses.supervised import loss as supervised

    torch.manual_seed(0)
    model, tokenizer = make_model(base).eval(), load_tokenizer(str(base))
    rows = [*ROWS, *(talk("Two?", "2") for _ in range(3))]
    examples = [encode(chat, tokenizer, tokenizer.eos_token_id) for chat in rows]
    found = []
    for collator in (Collator(tokenizer.pad_token_id), Packer(tokenizer.pad_token_id)):
        given = collator(examples)
        model.zero_grad()
        loss, _ = supervised(model, model.get_output_embeddings(), given)
        loss.backward()
        gradients = torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])
        found.append((given["input_ids"].shape[0], loss.item(), gradients))
    (count, padded, one), (lines, packed, other) = found
    assert lines < count == len(rows)
    assert packed == pytest.approx(padded, abs=1e-5)
    assert torch.allclose(one, other, atol=1e-5)
    assert keeps_apart(model)


def recurrent(folder: Path) -> None:
    """Puts an architecture into `folder` whose state runs on from row to row."""
    from transformers import MambaConfig, MambaForCausalLM

    tokenizer = load_tokenizer(str(folder))
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    MambaForCausalLM(MambaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, **ends)).save_pretrained(folder)


def test_an_architecture_that_mixes_the_rows_of_a_line_is_told(base: Path, tmp_path: Path) -> None:
    mixing = Path(shutil.copytree(base, tmp_path / "mamba"))
    recurrent(mixing)
    with pytest.raises(BadInput, match=r"lets rows that are packed into one line see each other; set train\.packed to false"):
        tune(mixing, tmp_path / "packed", steps=1, bf16=False)
    assert described(tune(mixing, tmp_path / "padded", steps=1, bf16=False, packed=False))["steps"] == 1


def test_a_step_weighs_every_supervised_token_alike(base: Path, tmp_path: Path) -> None:
    """Four batches of one row make the step that one batch of four rows makes, however many tokens each row has."""
    four, told = chats(4), []
    for name, changed in (("whole", {"batch_size": 4}), ("parts", {"batch_size": 1, "accumulate": 4})):
        tune(base, tmp_path / name, given=four, steps=1, **changed)
        told.append([curve(tmp_path / name / "curves", what)[1] for what in ("loss", "grad_norm")])
    assert told[0] == pytest.approx(told[1], rel=1e-5)


@pytest.mark.parametrize("changed", [{}, {"adapters": ADAPTERS}])
def test_the_same_seed_gives_the_same_bytes(base: Path, changed: dict[str, Any], tmp_path: Path) -> None:
    first, again, other = (tune(base, tmp_path / name, seed, **changed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    weights = "adapter_model.safetensors" if changed else "model.safetensors"
    assert files(first) == files(again)
    assert (first / weights).read_bytes() != (other / weights).read_bytes()
    assert files(tmp_path / "a" / "curves") == files(tmp_path / "b" / "curves")


@pytest.mark.parametrize(("given", "expected"), [({}, 1), ({"threads": 2}, 2), ({"threads": None}, 3)])
def test_threads(base: Path, given: dict[str, Any], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(tiny, "one_thread", lambda: torch.set_num_threads(3))
    tune(base, tmp_path, **given)
    assert torch.get_num_threads() == expected
    torch.set_num_threads(1)


def test_a_folder_describes_itself(base: Path, tmp_path: Path) -> None:
    from stages.students.sft import Params
    from stages.students.training.describe import hash_of_chats
    from stages.students.training.settings import Training

    long = [*chats(), talk("How many? " * 200, "2", name="long")]
    student = tune(base, tmp_path, seed=3, given=long, adapters=ADAPTERS, epochs=0.5, steps=None)
    found = described(student)
    assert set(Training.model_fields) < set(Params.model_fields) == set(found["params"])
    assert found["params"]["adapters"] == ADAPTERS | {"targets": "all-linear"}
    assert found["base"] == {"model": str(base), "revision": None, "sha256": found["base"]["sha256"]}
    assert (found["seed"], found["steps"], found["rows"], found["too_long"]) == (3, 5, 40, 1)
    assert found["data_sha256"] == hash_of_chats(long) != hash_of_chats(chats())
    assert found["tokens"]["seen"] > found["tokens"]["learnt"] > 5 * 4
    assert found["weights"] == sum(weight.numel() for name, weight in loaded(student)[0].named_parameters() if "lora_" in name)


@pytest.mark.parametrize("changed", [{}, {"adapters": ADAPTERS}])
def test_weights_are_safetensors_and_nothing_is_a_pickle(base: Path, changed: dict[str, Any], tmp_path: Path) -> None:
    student = tune(base, tmp_path, **changed)
    texts = {".json", ".jinja", ".md"}
    assert {path.suffix for path in student.iterdir()} <= texts | {".safetensors"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "curves", "student"]
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_saved_student_generates_with_its_cache(base: Path, tmp_path: Path) -> None:
    """Training turns the cache off; whoever loads the folder would otherwise generate in quadratic time."""
    for folder in (base, tune(base, tmp_path)):
        assert json.loads((folder / "config.json").read_text())["use_cache"] is True


def test_adapters_answer_when_loaded_as_they_did_in_memory(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from stages.students.training import fit as training
    from stages.students.training.describe import save

    kept: list[Any] = []

    def keep(out: Path, trainer: Any, *rest: Any) -> None:
        kept.append(trainer.model)
        save(out, trainer, *rest)

    monkeypatch.setattr(training, "save", keep)
    student = tune(base, tmp_path, adapters=ADAPTERS, steps=20)
    given = batch(load_tokenizer(str(student)), ROWS)
    with torch.no_grad():
        memory, again, before = (model.eval()(**given).logits for model in (kept[0], plain(student), plain(base)))
    assert torch.allclose(memory, again, atol=1e-6)
    assert float((again - before).abs().max()) > 0.1


def test_adapters_refuse_a_base_that_changed(base: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(base, tmp_path / "mine")
    student = tune(mine, tmp_path, adapters=ADAPTERS)
    load_model(str(student), "cpu", "float32")
    (mine / "student.json").write_text("{}")
    with pytest.raises(BadInput, match=f"{mine}: not the files that {student} stands on"):
        load_model(str(student), "cpu", "float32")
    shutil.rmtree(mine)
    with pytest.raises(BadInput, match=f"{mine}: not the files that {student} stands on"):
        load_model(str(student), "cpu", "float32")


def test_four_bits(base: Path, tmp_path: Path) -> None:
    """Adapters learn on weights in 4 bits, on the CPU too."""
    wide = make(tmp_path / "wide", width=64, feed_forward=64)
    student = tune(wide, tmp_path, adapters=ADAPTERS, four_bit=True, steps=30, schedule="constant")
    model = load_model(str(student), "cpu", "float32", four_bit=True)
    assert "Linear4bit" in {type(module).__name__ for module in model.modules()}
    losses = curve(tmp_path / "curves", "loss")
    assert losses[30] < losses[10]
    assert described(student)["params"]["four_bit"] is True


def no_stop(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"eos_token_id": 0}')


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def no_number(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "changed", "told"),
    [
        (no_stop, {}, "generation stops on ['<|pad|>'], not on the end-of-turn token '<|im_end|>'"),
        (cut, {}, "its weights could not be loaded: "),
        (None, {"pad_token": "<none>"}, "pad_token '<none>' is not in the vocabulary of "),
        (None, {"adapters": ADAPTERS | {"targets": ["q_prj"]}}, "sft: adapters.targets ['q_prj']: Target modules"),
        (None, {"max_tokens": 8}, "max_tokens: none of 40 chats fits into 8 tokens"),
        (no_number, {}, "train: the training diverged: its loss is nan at step 4"),
    ],
)
def test_what_cannot_be_trained_is_told_and_nothing_overwritten(
    base: Path, spoil: Any, changed: dict[str, Any], told: str, tmp_path: Path
) -> None:
    mine = shutil.copytree(base, tmp_path / "mine")
    student = tmp_path / "student"
    student.mkdir()
    (student / "old").touch()
    if spoil:
        spoil(mine)
    with pytest.raises(BadInput) as error:
        tune(mine, tmp_path, **changed)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert [path.name for path in student.iterdir()] == ["old"]


def test_a_base_with_adapters_is_refused(base: Path, tmp_path: Path) -> None:
    student = tune(base, tmp_path, adapters=ADAPTERS)
    with pytest.raises(BadInput, match="adapters on top of another model"):
        tune(student, tmp_path / "again")


@pytest.mark.parametrize("failure", ["safetensors", "torch", "os"])
def test_a_full_disk_is_told_as_such(base: Path, failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """safetensors raises an error of its own, torch one that does not even say what it is about."""
    from safetensors import SafetensorError
    from transformers import PreTrainedModel

    errors = {
        "safetensors": SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        "torch": RuntimeError("[enforce fail at inline_container.cc:668] . unexpected pos 64 vs 0"),
        "os": OSError(errno.ENOSPC, "No space left on device", "x"),
    }
    student = tune(base, tmp_path)
    before = files(student)

    def full(*_: Any, **__: Any) -> None:
        raise errors[failure]

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    if failure == "torch":
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(OSError, match="No space left on device") as error:
        tune(base, tmp_path)
    assert error.value.errno == errno.ENOSPC
    assert files(student) == before
    assert not list(tmp_path.glob("*.partial"))


def test_another_failure_of_a_library_keeps_its_traceback(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import PreTrainedModel

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        tune(base, tmp_path)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"epochs": 1.0}, "give either epochs or steps"),
        ({"steps": None}, "give either epochs or steps"),
        ({"heads": 3}, "width 32 must be a multiple of twice the heads, 6"),
        ({"architecture": "gpt5"}, "architecture"),
        ({"loss": "supervise"}, r"unknown loss 'supervise' \(did you mean 'supervised'\?\); choose from: supervised"),
    ],
)
def test_params_that_contradict_each_other(changed: dict[str, Any], told: str) -> None:
    from stages.students.scratch import Params

    with pytest.raises(ValueError, match=told):
        Params(**SCRATCH | changed)


def test_four_bits_need_adapters() -> None:
    from stages.students.sft import Params

    with pytest.raises(ValueError, match="weights in 4 bits cannot be trained; give adapters as well"):
        Params(**tiny.SFT, four_bit=True)


def test_texts_may_be_one_token_each(tmp_path: Path) -> None:
    """Emoji, and a sentence; wherever they stand, in the model folder as it is loaded again, and read back as they were."""
    tokens = ["🤔", "🛑", "🔭", "How many are"]
    folder = make(tmp_path, chats(8), tokens=tokens, vocabulary=320, steps=1)
    model, tokenizer = loaded(folder)
    text = "🤔🤔🤔🔭a🛑\nHow many are 🤔?"
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert [token for token in tokenizer.convert_ids_to_tokens(ids) if token in tokens] == [*"🤔🤔🤔🔭🛑", "How many are", "🤔"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    assert len(tokenizer) <= 320 and model.get_input_embeddings().num_embeddings == len(tokenizer)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"tokens": ["🤔", ""]}, "each named once"),
        ({"tokens": ["a", "a"]}, "each named once"),
        ({"tokens": list("abc")}, "at least 300 besides"),
    ],
)
def test_tokens_that_cannot_be(changed: dict[str, Any], fault: str) -> None:
    from stages.students import scratch

    with pytest.raises(ValidationError, match=fault):
        scratch.Params(**SCRATCH | {"vocabulary": 302} | changed)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_frozen_weights_stay_and_the_others_are_trained(base: Path, optimizer: str, tmp_path: Path) -> None:
    student = tune(base, tmp_path, steps=5, optimizer=optimizer, frozen=["*.embed_tokens.*", "model.layers.0.mlp.*"])
    before, after = (dict(load_model(str(folder), "cpu", "float32").named_parameters()) for folder in (base, student))
    same = {name for name, weight in before.items() if weight.equal(after[name])}
    assert same == {name for name in before if ".embed_tokens." in name or ".layers.0.mlp." in name}
    assert described(student)["weights"] == sum(weight.numel() for name, weight in before.items() if name not in same)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            {"frozen": ["*.embed_token"]},
            BadInput,
            r"sft: frozen: unknown weight '\*\.embed_token'.*choose from:.*model\.embed_tokens\.weight",
        ),
        ({"frozen": ["*"]}, BadInput, "leave no weight to train"),
        ({"frozen": ["*.embed_tokens.*"], "adapters": ADAPTERS}, ValidationError, "with adapters every weight of the base is frozen"),
    ],
)
def test_frozen_names_weights(base: Path, changed: dict[str, Any], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        tune(base, tmp_path, steps=1, **changed)
