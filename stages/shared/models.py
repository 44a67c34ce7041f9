"""Model folders: what one points to, and how it is loaded. transformers and torch are imported on loading only."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from stages.shared.errors import BadInput
from stages.shared.rows import Message

PIN = "base.json"  # a folder with this file names a model kept elsewhere
DESCRIPTION = "student.json"  # what a folder that was trained here says of itself
PEER = "peer"  # a second base model, for a second student, lies in the first one's folder and is none of its files
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]


class Weights(NamedTuple):
    """Where weights are: a folder or a hub id with its revision, the hash that a folder must have, and the folder of an adapter on top."""

    name: str
    revision: str | None = None
    sha256: str | None = None
    adapter: Path | None = None


def locate(model: str) -> Weights:
    """What `model` (a folder, a pinning folder, an adapter's folder or a hub id) stands for.

    Raises BadInput where it looks like a folder but is not one, or holds no model.
    """
    folder = Path(model)
    if not folder.is_dir():
        if folder.is_absolute() or model.count("/") != 1:  # a hub id is owner/name
            raise BadInput(f"{model}: no such model folder; run the stage that makes it, or give a hub id (owner/name)")
        return Weights(model)
    if (folder / PIN).is_file():
        return _named(folder / PIN)
    if (folder / "adapter_config.json").is_file():
        return _named(folder / DESCRIPTION, "base")._replace(adapter=folder)
    if not (folder / "config.json").is_file():
        raise BadInput(f"{model}: not a model folder: it holds none of config.json, adapter_config.json and {PIN}")
    return Weights(model)


def _named(path: Path, section: str | None = None) -> Weights:
    """The weights that a description names; raises BadInput where it is missing or says nothing of them."""
    try:
        found = json.loads(path.read_text())
        found = found[section] if section else found
        return Weights(found["model"], found["revision"], found["sha256"])
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file: an adapter needs it to find its base model") from None
    except (ValueError, KeyError, TypeError):
        where = f"{section}: " if section else ""
        raise BadInput(f"{path}: {where}expected a mapping with the keys model, revision and sha256") from None


def hash_of_folder(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files; those of a peer model in it are left out."""
    digest = hashlib.sha256()
    peer = folder / PEER
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and peer not in path.parents):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def load_tokenizer(model: str) -> Any:
    """The tokenizer of a model, with its chat template; raises BadInput where the model has none."""
    weights = locate(model)
    name = str(weights.adapter or weights.name)
    folder = Path(name)
    if folder.is_dir() and not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise BadInput(f"{name}: a model folder without a tokenizer: expected tokenizer.json, tokenizer.model or vocab.json")
    try:
        tokenizer = _tokenizer_class(folder).from_pretrained(name, revision=None if weights.adapter else weights.revision)
    except OSError as error:
        raise BadInput(f"{name}: its tokenizer could not be loaded: {_first_line(error)}") from None
    if tokenizer.chat_template is None:
        raise BadInput(f"{name}: its tokenizer has no chat template; take an instruct model, or add chat_template.jinja to the folder")
    return tokenizer


def _tokenizer_class(folder: Path) -> Any:
    """Who reads the tokenizer: tokenizer.json as it lies where the folder names no class of its own.

    AutoTokenizer would go by the model's architecture: for `qwen2` it keeps the vocabulary but puts Qwen's own rules of splitting and a
    token `<|endoftext|>` into it, and the model would meet other tokens than it learnt from.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    config = folder / "tokenizer_config.json"
    named = json.loads(config.read_text()).get("tokenizer_class") if config.is_file() else None
    return PreTrainedTokenizerFast if named in ("TokenizersBackend", "PreTrainedTokenizerFast") else AutoTokenizer


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """The tokens that steer a model and are no text, by id: those with a role, and those that the tokenizer marks as special."""
    marked = {token: str(added) for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    return marked | dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))


def render(tokenizer: Any, messages: Sequence[Message], prompt: bool = False) -> str:
    """The messages as the chat template writes them; `prompt` opens the assistant's turn. Raises BadInput where the template refuses."""
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
    except TemplateError as error:
        raise BadInput(f"the chat template refuses the messages: {_first_line(error)}") from None
    return text


def load_model(model: str, device: Device, precision: Precision, four_bit: bool = False) -> Any:
    """The causal language model with its adapter, if any, on `device`; `four_bit` loads it through bitsandbytes.

    Raises BadInput where it cannot be loaded, and where a folder is not the one that was pinned or that the adapter was trained on.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    weights, place = locate(model), choose_device(device)
    if weights.sha256 and (not Path(weights.name).is_dir() or hash_of_folder(Path(weights.name)) != weights.sha256):
        raise BadInput(f"{weights.name}: not the files that {model} stands on: they changed since; make {model} anew")
    settings: dict[str, Any] = {"revision": weights.revision, "dtype": getattr(torch, precision), "device_map": _place(place, four_bit)}
    if four_bit:
        settings["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16
        )
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(weights.name, **settings)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{weights.name}: its weights could not be loaded: {_first_line(error)}") from None
    if weights.adapter:
        from peft import PeftModel

        loaded = PeftModel.from_pretrained(loaded, str(weights.adapter))
    return loaded


def _place(device: str, four_bit: bool) -> Any:
    """Where the weights go. Under `accelerate launch` they stay in main memory, from where the trainer places or shards them; weights in
    4 bits cannot be moved, so each process puts them on its own GPU."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    return {"": int(os.environ["LOCAL_RANK"])} if four_bit and device == "cuda" else None


def choose_device(device: Device) -> str:
    """`cpu` or `cuda`; raises BadInput where CUDA is asked for but absent."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("device: cuda is asked for, but torch sees no CUDA device here; choose auto or cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
