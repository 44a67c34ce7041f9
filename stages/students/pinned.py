"""A model that others trained, as it is: its revision is resolved once and pinned, its weights stay where
they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from stages.models.folders import DESCRIPTION, PIN, hash_of_folder
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Chat, write_json
from stages.students import Job
from stages.students.training.describe import whole


class Params(Strict):
    """A hub id with its revision (a branch, a tag or a commit), or a local folder."""

    student: Literal["pinned"]
    model: str
    revision: str = "main"


def train(chats: Sequence[Chat], job: Job, params: Params) -> None:
    """Writes a folder that names the model and its commit (or the hash of a local folder); nothing is
    trained, `chats` are not read."""
    pin = _pin_folder(Path(params.model)) if Path(params.model).is_dir() else _pin_hub(params)
    with whole(job.out) as folder:
        write_json(folder / PIN, pin)
        write_json(folder / DESCRIPTION, {"params": params.model_dump(), "base": None, "seed": job.seed})


def _pin_folder(folder: Path) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder}: not a model folder: it has no config.json")
    return {"model": str(folder), "revision": None, "sha256": hash_of_folder(folder)}


def _pin_hub(params: Params) -> dict[str, Any]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        commit = HfApi().model_info(params.model, revision=params.revision).sha
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        told = " ".join(str(error).split())[:200]
        raise BadInput(
            f"base: {params.model} at {params.revision}: no revision from the Hub: {told}; or give a local folder"
        ) from None
    return {"model": params.model, "revision": commit, "sha256": None}
