"""Pins a model that others trained: writes a folder that names the model, with the commit of its revision or
the hash of its files. The weights stay where they are."""

from pathlib import Path
from typing import Any

from pydantic import Field

from stages.models.folders import DESCRIPTION, PIN, hash_of_folder
from stages.models.saving import replacing_folder
from stages.models.templates import DATE
from stages.shared.errors import BadInput
from stages.shared.files import write_json
from stages.shared.params import Strict


class Params(Strict):
    """Which model is pinned."""

    # a hub id (owner/name), or a local folder
    pinned: str
    # of a hub model: a branch, a tag or a commit
    revision: str = "main"
    # the arguments of its chat template, such as {enable_thinking: false}: training and generation both take
    # them
    template: dict[str, bool | int | float | str] = Field(default_factory=dict)
    # the date that the chat template takes for today's, as 2024-07-26, where it writes one; null: none, and a
    # template that writes today's date is refused in training
    template_date: str | None = Field(default=None, pattern=DATE)


def pin(out: Path, params: Params, seed: int) -> None:
    """Writes the folder `out`, which `load_model` and `load_tokenizer` take for the model itself.

    Raises BadInput where the local folder holds no model, and where the Hub knows no such revision.
    """
    local = Path(params.pinned)
    pinned = _pin_folder(local) if local.is_dir() else _pin_hub(params)
    if params.template:
        pinned["template"] = params.template
    if params.template_date:
        pinned["template_date"] = params.template_date
    with replacing_folder(out) as folder:
        write_json(folder / PIN, pinned)
        write_json(folder / DESCRIPTION, {"params": params.model_dump(), "base": None, "seed": seed})


def _pin_folder(folder: Path) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder}: not a model folder: it has no config.json")
    return {"model": str(folder), "revision": None, "sha256": hash_of_folder(folder)}


def _pin_hub(params: Params) -> dict[str, Any]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        commit = HfApi().model_info(params.pinned, revision=params.revision).sha
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(
            f"base: {params.pinned} at {params.revision}: no revision from the Hub: {reason}; "
            "or give a local folder"
        ) from None
    return {"model": params.pinned, "revision": commit, "sha256": None}
