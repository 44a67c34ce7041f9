"""python -m stages.tools.export: plain transformers reads what it writes, and answers the same."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from safetensors.torch import load_file
from stages.samplers.hf import Params, answer
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.tools import export

from tiny import ADAPTERS, chats, make, prompts, question, tune

QUESTIONS = [question(number) for number in range(12)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One base model with three students: of all weights, with an adapter, and one without a language model."""
    folder = tmp_path_factory.mktemp("project")
    make(folder, steps=30).rename(folder / "made")
    (folder / "models/bases").mkdir(parents=True)
    (folder / "made").rename(folder / "models/bases/small")
    students = folder / "models/students/s"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cases: dict[str, dict[str, Any]] = {"whole": {}, "adapted": {"adapters": ADAPTERS}}
        for name, changed in cases.items():
            made = tune(Path("models/bases/small"), folder / name, **changed)
            shutil.copytree(made, students / name)
    (students / "words").mkdir()
    for name in ("whole", "adapted"):
        write(folder / f"data/s/chats/{name}.jsonl", chats())
    arms = {
        "base": {"style": "plain", "ask": {"sampler": "hf", "model": "models/bases/small", "max_new_tokens": 5}},
        "student": {"style": "plain", "ask": {"sampler": "hf", "model": "models/students/s/whole", "max_new_tokens": 24}},
    }
    system = {
        "base": "small",
        "collect": {"tasks": {"word_problems": {}}},
        "prompt": {"teacher": "glyph"},
        "respond": {"teacher": {"sampler": "openai", "model": "large"}},
        "generate": {"arms": arms},
    }
    entry = {"system": "s", "base": "small"}
    values = {"seed": 0, "bases": {"small": {}}, "systems": {"s": system}, "students": dict.fromkeys(("whole", "adapted", "words"), entry)}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(values, file)
    metrics = {"n": 3, "accuracy": {"base": 0.1, "student": 0.9}, "interval": {"accuracy": {"student": [0.8, 1.0]}}}
    (folder / "metrics").mkdir()
    (folder / "metrics/s.json").write_text(json.dumps(metrics))
    return folder


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_ROOT", str(project))


def plain(folder: Path) -> list[str]:
    """The greedy answers of the folder to `QUESTIONS` by transformers alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    texts = []
    for asked in QUESTIONS:
        chat = [{"role": "user", "content": asked}]
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        given = tokenizer(text, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False)
        ids = model.generate(**given, max_new_tokens=24)[0, given["input_ids"].shape[1] :]
        texts.append(tokenizer.decode(ids, skip_special_tokens=True))
    return texts


def ours(folder: str) -> list[str]:
    params = Params(sampler="hf", model=folder, max_new_tokens=24, device="cpu", batch_size=1)
    return [given[0].text for given in answer(prompts(QUESTIONS), params, 0)]


@pytest.mark.parametrize(("student", "merge"), [("whole", False), ("adapted", True)])
def test_plain_transformers_answers_the_same(student: str, merge: bool, tmp_path: Path) -> None:
    export.export("s", student, tmp_path / "out", merge)
    assert plain(tmp_path / "out") == ours(f"models/students/s/{student}")
    assert not any("adapter" in path.name for path in (tmp_path / "out").iterdir())


def test_other_programs_find_what_they_read(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export.export("s", "whole", out, False)
    config, tokenizer, generation = (
        json.loads((out / f"{name}.json").read_text()) for name in ("config", "tokenizer_config", "generation_config")
    )
    assert config["rope_theta"] == 10000.0 and config["architectures"] == ["LlamaForCausalLM"]
    assert tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast" and "extra_special_tokens" not in tokenizer
    assert generation["max_new_tokens"] == 24 and generation["eos_token_id"] == [2] and generation["pad_token_id"] == 0
    biases = {name: bias for name, bias in load_file(out / "model.safetensors").items() if name.endswith("o_proj.bias")}
    assert biases and not any(bias.any() for bias in biases.values())


def test_the_cards_say_where_it_comes_from(tmp_path: Path) -> None:
    export.export("s", "whole", tmp_path / "out", False)
    card, data = (tmp_path / f"out/{name}README.md" for name in ("", "chats/"))
    for part in (
        "| base model | `models/bases/small`, revision (local) |",
        "| teacher | large, by the sampler `openai` |",
        "| accuracy.student | 0.9 | 0.8 to 1.0 |",
        "| accuracy.base | 0.1 |  |",
        "`dvc repro evaluate@s`",
        "- weights: the licence of the base model `models/bases/small`",
    ):
        assert part in card.read_text(), part
    assert "# Chats of whole" in data.read_text() and "path: train.jsonl" in data.read_text()
    assert (tmp_path / "out/chats/train.jsonl").read_bytes() == Path("data/s/chats/whole.jsonl").read_bytes()
    YAML(typ="safe").load(card.read_text().split("---")[1])
    YAML(typ="safe").load(data.read_text().split("---")[1])


@pytest.mark.parametrize(
    ("student", "merge", "told"),
    [
        ("whle", False, "unknown student 'whle' (did you mean 'whole'?); choose from: adapted, whole, words"),
        ("whole", True, "--merge: models/students/s/whole has no adapter: its weights are whole already"),
        ("adapted", False, "models/students/s/adapted: an adapter on a base model that lies in this repository"),
        ("words", False, "models/students/s/words: no language model; "),
    ],
)
def test_what_cannot_be_exported_is_told(student: str, merge: bool, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        export.export("s", student, tmp_path / "out", merge)
    assert str(error.value).startswith(told) and not (tmp_path / "out").exists()


def test_chats_of_another_training_are_told(tmp_path: Path) -> None:
    path = Path("data/s/chats/whole.jsonl")
    before = path.read_bytes()
    path.write_bytes(before + before.splitlines(keepends=True)[0])
    with pytest.raises(BadInput, match=r"whole\.jsonl: not what models/students/s/whole was trained on"):
        export.export("s", "whole", tmp_path / "out", False)
    path.write_bytes(before)


def test_a_folder_that_is_there_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["export", "s", "whole", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        export.main()
    assert end.value.code == f"export: {tmp_path} exists already; name a new folder"
    assert (tmp_path / "file").read_text() == "mine"
