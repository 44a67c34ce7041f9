"""Writes a student as a folder that other programs load, with a model card and its chats.

    python -m stages.tools.export glyph glyph_selective OUT
    python -m stages.tools.export glyph glyph_selective OUT --merge      an adapter becomes part of its base

OUT holds the weights, the tokenizer, README.md (the model card) and chats/ (what the student was trained on,
with a data set card). transformers 4.57 and 5 load OUT, and what reads the same files. Nothing is uploaded:
that is `python -m stages.tools.push`.

transformers 5 goes by the architecture `qwen2` where it loads a tokenizer, and splits text by Qwen's rules. A
model of that architecture with a tokenizer of its own is therefore written as a `llama` with biases, which
computes the same.
"""

import argparse
import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from stages.models.folders import DESCRIPTION, locate
from stages.models.loading import Precision, load_model
from stages.models.saving import replacing_folder
from stages.models.templates import load_tokenizer
from stages.shared import params
from stages.shared.cli import guard
from stages.shared.errors import BadInput, unknown
from stages.shared.files import as_bytes, as_json, replacing
from stages.shared.shards import content_of
from stages.tools.cards import dataset_card, described, model_card

CHATS = "chats"
OWN = (
    "TokenizersBackend",
    "PreTrainedTokenizerFast",
)  # the classes of a tokenizer that no model's code changes


def export(system: str, student: str, out: Path, merge: bool) -> None:
    """Writes the folder `out` whole or not at all.

    Raises BadInput where the student or its folder is missing, where `out` exists, where the chats are not
    those of the training, where `merge` is asked for a student without an adapter, and where it is not and
    the adapter's base model lies in this repository.
    """
    if student not in (known := params.models_of(system)):
        raise BadInput(unknown("student", student, known))
    if out.exists():
        raise BadInput(f"{out} exists already; name a new folder")
    folder, chats = Path("models/students", system, student), Path("data", system, CHATS, f"{student}.jsonl")
    if not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
        raise BadInput(f"{folder}: no language model; `dvc repro` or `dvc pull` makes one of a student sft")
    adapter = locate(str(folder)).adapter is not None
    if merge and not adapter:
        raise BadInput(f"--merge: {folder} has no adapter: its weights are whole already")
    if adapter and not merge and Path(locate(str(folder)).name).is_dir():
        raise BadInput(
            f"{folder}: an adapter on a base model that lies in this repository, which other programs do not "
            "find; add --merge"
        )
    if (partial := out.with_name(f"{out.name}.partial")).exists():
        raise BadInput(f"{partial} exists, and OUT is written there first; move it away")
    trained_on = described(system, student).get("data_sha256")
    if chats.exists() and sha256(content_of(chats)).hexdigest() != trained_on:
        raise BadInput(
            f"{chats}: not what {folder} was trained on; run `dvc repro train@{student}` before the export"
        )
    with replacing_folder(out) as made:
        if adapter and not merge:
            for file in folder.iterdir():
                shutil.copy2(file, made / file.name)
        else:
            _write_model(str(folder), made, _longest(system, student))
        _write(made / "README.md", model_card(system, student, adapter and not merge))
        if chats.exists():
            (made / CHATS).mkdir()
            (made / CHATS / "train.jsonl").write_bytes(content_of(chats))
            _write(made / CHATS / "README.md", dataset_card(system, student))


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(as_bytes(text))


def _longest(system: str, student: str) -> int | None:
    """The `max_new_tokens` of the first arm that asks the student; None where no arm gives one."""
    arms = params.entries("systems").get(system, {}).get("generate", {}).get("arms", {})
    asked = [arm["ask"] for arm in arms.values() if Path(str(arm["ask"].get("model"))).name == student]
    return next((ask["max_new_tokens"] for ask in asked if ask.get("max_new_tokens")), None)


def _write_model(folder: str, made: Path, longest: int | None) -> None:
    """The weights, with an adapter merged into them, the tokenizer and their settings."""
    from transformers import GenerationConfig

    loaded, tokenizer = load_model(folder, "cpu", _precision(folder)), load_tokenizer(folder)
    if hasattr(loaded, "merge_and_unload"):
        loaded = loaded.merge_and_unload()
    stops, padding = loaded.generation_config.eos_token_id, tokenizer.pad_token_id
    stops = [stop for stop in (stops if isinstance(stops, list) else [stops]) if stop is not None]
    if not stops:
        raise BadInput(f"{folder}: it names no end-of-turn token; set eos_token_id in generation_config.json")
    kept = [stop for stop in stops if stop != padding] or stops
    own = type(tokenizer).__name__ in OWN
    if own and loaded.config.model_type == "qwen2":
        loaded = _as_llama(loaded)
    loaded.generation_config = GenerationConfig(
        eos_token_id=kept,
        pad_token_id=padding if padding not in kept else None,
        max_new_tokens=longest,
        do_sample=False,
    )
    loaded.save_pretrained(made)
    tokenizer.save_pretrained(made)
    _settle(made, loaded.config, tokenizer, own)


def _precision(folder: str) -> Precision:
    """That of the weights as they lie; of an adapter's base as its training says."""
    path = Path(folder, "config.json")
    if path.is_file():
        return "bfloat16" if json.loads(path.read_text()).get("dtype") == "bfloat16" else "float32"
    trained = json.loads(Path(folder, DESCRIPTION).read_text())["params"]
    return "bfloat16" if trained.get("weights") == "bfloat16" else "float32"


def _as_llama(loaded: Any) -> Any:
    """A `qwen2` model as a `llama` one: its attention has biases for queries, keys and values alone, so the
    bias of the output is zero."""
    from transformers import LlamaConfig, LlamaForCausalLM

    given = loaded.config
    if given.use_sliding_window:
        raise BadInput("export: a qwen2 model with a sliding window has no equal in the architecture llama")
    names = (
        "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads "
        "hidden_act max_position_embeddings rms_norm_eps tie_word_embeddings rope_parameters bos_token_id "
        "eos_token_id pad_token_id initializer_range"
    )
    config = LlamaConfig(**{name: getattr(given, name) for name in names.split()}, attention_bias=True)
    state = loaded.state_dict()
    for layer in range(config.num_hidden_layers):
        place = f"model.layers.{layer}.self_attn.o_proj"
        weight = state[f"{place}.weight"]
        state[f"{place}.bias"] = weight.new_zeros(weight.shape[0])
    model: Any = LlamaForCausalLM(config).to(loaded.dtype)
    model.load_state_dict(state)
    return model


def _settle(made: Path, config: Any, tokenizer: Any, own: bool) -> None:
    """Rewrites what transformers 5 writes otherwise than transformers 4 and vLLM read it."""
    path = made / "config.json"
    settings = json.loads(path.read_text())
    rope = getattr(config, "rope_parameters", None) or {}
    if "rope_theta" in rope:
        settings["rope_theta"] = rope["rope_theta"]
        if rope.get("rope_type", "default") != "default":
            settings["rope_scaling"] = {name: value for name, value in rope.items() if name != "rope_theta"}
    settings.pop("transformers_version", None)
    path.write_bytes(as_json(settings))
    path = made / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    if own:
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    for name in ("backend", "is_local", "local_files_only"):
        settings.pop(name, None)
    if isinstance(extra := settings.pop("extra_special_tokens", None), list):
        settings["additional_special_tokens"] = extra
    # without a limit the tokenizer has that of no model: 10**30
    settings["model_max_length"] = min(tokenizer.model_max_length, config.max_position_embeddings)
    path.write_bytes(as_json(settings))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.export", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("system", help="a section of params.yaml: systems.<system>")
    parser.add_argument("student", help="one of its students")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--merge", action="store_true", help="of a student with an adapter: whole weights")
    given = parser.parse_args()

    def act() -> None:
        export(given.system, given.student, given.out, given.merge)
        print(f"{given.out}: the weights, the tokenizer, README.md; {CHATS}/ with what it was trained on")

    guard("export", act)


if __name__ == "__main__":
    main()
