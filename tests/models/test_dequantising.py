"""A GGUF file becomes an ordinary model folder: of the package `gguf`, which writes one here."""

import json
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from stages.models import dequantising, pinning
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput

TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if thinking %}!{% endif %}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pin(name: str, model: str = "mine", **changed: Any) -> Path:
    out = Path("models/bases/m")
    pinning.pin(out, pinning.Params.model_validate({"pinned": model, "gguf": name} | changed), 0)
    return out


@pytest.fixture
def write(here: None) -> Callable[..., Any]:
    """Writes mine/NAME and returns the weights of its embedding."""
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed (requirements-laptop.txt)")
    import numpy as np

    def writer(name: str = "m.gguf", architecture: str = "llama", template: str | None = TEMPLATE) -> Any:
        Path("mine").mkdir(exist_ok=True)
        drawn = np.random.default_rng(0)
        tokens = ["<|im_start|>", "<|im_end|>", *(chr(code) for code in range(33, 127)), "Ġ", "Ċ", "th"]
        file = gguf.GGUFWriter(f"mine/{name}", architecture)
        for key, value in (("block_count", 1), ("context_length", 64), ("embedding_length", 32), ("feed_forward_length", 64)):
            file.add_uint32(f"{architecture}.{key}", value)
        file.add_uint32(f"{architecture}.attention.head_count", 2)
        file.add_uint32(f"{architecture}.vocab_size", len(tokens))
        file.add_float32(f"{architecture}.attention.layer_norm_rms_epsilon", 1e-5)
        file.add_license("apache-2.0")
        file.add_tokenizer_model("gpt2")
        file.add_token_list(tokens)
        file.add_token_types([3, 3, *[1] * (len(tokens) - 2)])
        file.add_token_merges(["t h"])
        file.add_bos_token_id(0)
        file.add_eos_token_id(1)
        if template:
            file.add_chat_template(template)
        sizes = {"token_embd": (len(tokens), 32), "blk.0.ffn_gate": (64, 32), "blk.0.ffn_up": (64, 32), "blk.0.ffn_down": (32, 64)}
        sizes |= {f"blk.0.attn_{part}": (32, 32) for part in ("q", "k", "v", "output")}
        weights = {part: drawn.normal(size=size).astype(np.float32) for part, size in sizes.items()}
        for part, values in weights.items():
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q4_1)
            file.add_tensor(f"{part}.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
        for part in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
            file.add_tensor(f"{part}.weight", np.ones(32, dtype=np.float32))
        file.write_header_to_file()
        file.write_kv_data_to_file()
        file.write_tensors_to_file()
        file.close()
        return gguf.quants.dequantize(
            gguf.quants.quantize(weights["token_embd"], gguf.GGMLQuantizationType.Q4_1), gguf.GGMLQuantizationType.Q4_1
        )

    return writer


def test_it_is_dequantised_into_the_base_models_folder(write: Callable[..., Any]) -> None:
    import torch

    embedding = torch.from_numpy(write())
    Path("mine/LICENSE").write_text("Apache")
    folder = pin("m.gguf")
    shutil.rmtree("mine")  # the folder stands by itself
    model, tokenizer = load_model(str(folder), "cpu", "bfloat16"), load_tokenizer(str(folder))
    assert torch.equal(model.get_input_embeddings().weight, embedding.to(torch.bfloat16))
    assert tokenizer.decode(tokenizer("the end", add_special_tokens=False).input_ids) == "the end"
    assert (tokenizer.eos_token, model.generation_config.eos_token_id) == ("<|im_end|>", 1)
    assert (folder / "LICENSE").read_text() == "Apache" and list(folder.glob("*.safetensors"))
    described = json.loads((folder / "student.json").read_text())["gguf"]
    assert described["sha256"] and described | {"sha256": ""} == {
        "model": "mine", "revision": None, "file": "m.gguf", "sha256": "", "licence": "apache-2.0", "tensors": {"F32": 3, "Q4_1": 8},
    }  # fmt: skip


def test_the_same_file_gives_the_same_bytes(write: Callable[..., Any]) -> None:
    write()
    made = [{path.name: path.read_bytes() for path in pin("m.gguf").iterdir()} for _ in range(2)]
    assert made[0] == made[1]


def test_arguments_of_its_chat_template_are_kept(write: Callable[..., Any]) -> None:
    write()
    tokenizer = load_tokenizer(str(pin("m.gguf", template={"thinking": True})))
    assert tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False).endswith("<|im_end|>\n!")


def test_without_a_chat_template(write: Callable[..., Any]) -> None:
    write(template=None)
    with pytest.raises(BadInput, match=r"^mine/m\.gguf: it holds no chat template; take the GGUF file of an instruct model$"):
        pin("m.gguf")
    assert not Path("models/bases/m").exists()


def test_of_an_architecture_that_is_not_read(write: Callable[..., Any]) -> None:
    write(architecture="abacus")
    with pytest.raises(BadInput, match=r"^mine/m\.gguf: transformers cannot read this GGUF file: .*abacus"):
        pin("m.gguf")


@pytest.mark.parametrize("content", [b"", b"GGUF", b"<!doctype html>" * 9], ids=["empty", "cut", "a page"])
def test_what_is_no_gguf_file(content: bytes) -> None:
    pytest.importorskip("gguf", reason="the package gguf is not installed (requirements-laptop.txt)")
    Path("mine").mkdir()
    Path("mine/m.gguf").write_bytes(content)
    with pytest.raises(BadInput, match=r"^mine/m\.gguf: not a GGUF file"):
        pin("m.gguf")


def test_a_file_that_is_absent() -> None:
    Path("mine").mkdir()
    Path("mine/m.Q8_0.gguf").touch()
    with pytest.raises(BadInput, match=r"^base: mine: unknown GGUF file 'm.Q4_1.gguf' .*choose from: m\.Q8_0\.gguf$"):
        pin("m.Q4_1.gguf")


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(BadInput, match=r"^base: no_such_package: neither a folder nor an installed Python package: `pip install no-such-"):
        pin("m.gguf", "no_such_package")


def test_one_part_of_several_and_the_reader_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine").mkdir()
    part = Path("mine/m-00001-of-00002.gguf")
    part.touch()
    monkeypatch.setattr(dequantising, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"needs the package gguf: .*requirements-laptop\.txt"):
        pin(part.name)
    monkeypatch.setattr(dequantising, "find_spec", lambda name: object())
    with pytest.raises(BadInput, match=r"00002\.gguf: one part of several; join"):
        pin(part.name)


def test_two_licences_of_one_name_are_both_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine/LICENSES").mkdir(parents=True)
    for name, text in (("m.gguf", ""), ("LICENSE", "Apache"), ("LICENSES/LICENSE", "MIT"), ("LICENSES/Apache.txt", "Apache")):
        Path("mine", name).write_text(text)
    monkeypatch.setattr(pinning, "dequantise", lambda *_: {})
    texts = {path.name: path.read_text() for path in pin("m.gguf").glob("LICENSE*")}
    assert texts == {"LICENSE": "Apache", "LICENSE-2": "MIT"}


def install(name: str, package: str, folder: Path) -> None:
    """A distribution as pip leaves it; its package holds a GGUF file."""
    info = folder / f"{name}-1.5.dist-info"
    (info / "licenses").mkdir(parents=True)
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    (folder / package / "m.gguf").touch()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.5\n")
    (info / "licenses/LICENSE").write_text("BSD")
    listed = (
        f"{package}/__init__.py",
        f"{package}/m.gguf",
        f"{info.name}/METADATA",
        f"{info.name}/licenses/LICENSE",
        f"{info.name}/RECORD",
    )
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in listed))


def test_a_package_with_another_name_than_its_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("other_name", "weights_in_here", tmp_path / "installed")
    (tmp_path / "installed/of_nobody").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "installed")
    monkeypatch.setattr(pinning, "dequantise", lambda *_: {})
    folder = pin("m.gguf", "weights_in_here")
    assert json.loads((folder / "student.json").read_text())["gguf"]["revision"] == "1.5"
    assert (folder / "LICENSE").read_text() == "BSD"
    with pytest.raises(BadInput, match=r"^base: of_nobody: its version is not known: it belongs to 0 installed distributions"):
        pin("m.gguf", "of_nobody")


def test_the_licence_of_a_hub_model_comes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"q/m.gguf": "", "LICENSE": "Apache", "README.md": ""}
    calls = []

    def fetch(asked: list[str]) -> str:
        for name in asked:
            (tmp_path / "cache" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "cache" / name).write_text(held[name])
        return str(tmp_path / "cache")

    def download(model: str, name: str, revision: str) -> str:
        calls.append((model, revision))
        return f"{fetch([name])}/{name}"

    def snapshot(model: str, revision: str, allow_patterns: list[str]) -> str:
        calls.append((model, revision))
        return fetch([name for name in held if any(fnmatch(name, pattern) for pattern in allow_patterns)])

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.setattr(pinning, "_pin_hub", lambda _: {"revision": "c0ffee"})
    monkeypatch.setattr(pinning, "dequantise", lambda file, *_: {"file": file.read_text()})
    folder = pin("q/m.gguf", "owner/model")
    assert calls == [("owner/model", "c0ffee")] * 2
    assert {path.name for path in folder.iterdir()} == {"LICENSE", "student.json"}
