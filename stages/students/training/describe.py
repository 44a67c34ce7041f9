"""A trained model's folder: weights, tokenizer, and the description of how it came about."""

import errno
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.models.folders import DESCRIPTION, hash_of_folder, locate
from stages.models.saving import replacing_folder
from stages.shared.files import write_json
from stages.shared.params import Strict
from stages.shared.rows import Chat, encode


def hash_of_chats(chats: Sequence[Chat]) -> str:
    """SHA-256 of the chats as written, in order."""
    digest = hashlib.sha256()
    for chat in chats:
        digest.update(encode(chat) + b"\n")
    return digest.hexdigest()


def describe_base(base: Path) -> dict[str, Any]:
    """Which model a student started from: where it is, its revision (of a hub model) or the hash of its
    folder (of a local one)."""
    weights = locate(str(base))
    folder = Path(weights.name)
    return {
        "model": weights.name,
        "revision": weights.revision,
        "sha256": hash_of_folder(folder) if folder.is_dir() else None,
    }


@contextmanager
def full_disk_as_oserror(folder: Path) -> Iterator[None]:
    """Turns what torch and safetensors raise on a full disk into an OSError, which a stage reports in one
    line."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if shutil.disk_usage(folder).free < 1 << 20 or "os error 28" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device", str(folder)) from error
        raise


def save(
    out: Path,
    trainer: Any,
    tokenizer: Any,
    params: Strict,
    facts: Mapping[str, Any],
    candidate: Path | None = None,
) -> None:
    """Writes weights (safetensors only), tokenizer and description to `out`. The weights are those of the
    trainer's model, or of `candidate`, a folder that `save_weights` wrote. Every process of a launch calls
    it, since sharded weights have to be gathered from all; the main one writes."""
    weights: dict[str, Any] | None = None if candidate else trainer.accelerator.get_state_dict(trainer.model)
    if trainer.is_world_process_zero():
        with replacing_folder(out) as folder, full_disk_as_oserror(folder):
            if candidate:
                shutil.copytree(candidate, folder, dirs_exist_ok=True)
            if weights is not None:
                _write_model(folder, trainer, tokenizer, weights)
            write_json(folder / DESCRIPTION, {"params": params.model_dump(), **facts})
    trainer.accelerator.wait_for_everyone()


def save_weights(out: Path, trainer: Any, tokenizer: Any) -> None:
    """Writes weights and tokenizer as they are to the folder `out`; every process of a launch calls it."""
    weights = trainer.accelerator.get_state_dict(trainer.model)
    if trainer.is_world_process_zero():
        with replacing_folder(out) as folder, full_disk_as_oserror(folder):
            _write_model(folder, trainer, tokenizer, weights)
    trainer.accelerator.wait_for_everyone()


def _write_model(folder: Path, trainer: Any, tokenizer: Any, weights: dict[str, Any]) -> None:
    model = trainer.accelerator.unwrap_model(trainer.model)
    cached, model.config.use_cache = model.config.use_cache, True  # off in training only
    model.save_pretrained(folder, state_dict=_without_copies(model, weights))
    if hasattr(model, "peft_config"):  # PEFT saves none
        model.generation_config.save_pretrained(folder)
    model.config.use_cache = cached
    tokenizer.save_pretrained(folder)


def _without_copies(model: Any, weights: dict[str, Any]) -> dict[str, Any]:
    """The weights without those tied to others: gathered from shards, these would be written twice."""
    tied = model._tied_weights_keys if model.config.get_text_config().tie_word_embeddings else None
    return {name: weight for name, weight in weights.items() if name not in (tied or {})}
