"""Pins a model that others trained: writes a folder that names the model, with the commit of its revision or
the hash of its files. The weights stay where they are, but those of a GGUF file, which are dequantised."""

from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from stages.models.dequantising import LICENCES, copy_licence, dequantise
from stages.models.folders import DESCRIPTION, PIN, hash_of_folder
from stages.models.saving import replacing_folder
from stages.models.templates import DATE
from stages.shared.errors import BadInput, unknown
from stages.shared.files import write_json
from stages.shared.params import Strict


class Params(Strict):
    """Which model is pinned."""

    # a hub id (owner/name), or a local folder; with `gguf` also an installed Python package
    pinned: str
    # a GGUF file in it, such as model.Q4_1.gguf: its weights are dequantised to bfloat16 once, into the base
    # model's folder; null: the model is an ordinary one
    gguf: str | None = Field(default=None, pattern=r"\.gguf$")
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

    Raises BadInput where the local folder holds no model, where the Hub knows no such revision, and where a
    GGUF file is absent or cannot be read.
    """
    if params.gguf:
        _pin_gguf(out, params, params.gguf, seed)
        return
    local = Path(params.pinned)
    pinned = _pin_folder(local) if local.is_dir() else _pin_hub(params)
    if params.template:
        pinned["template"] = params.template
    if params.template_date:
        pinned["template_date"] = params.template_date
    with replacing_folder(out) as folder:
        write_json(folder / PIN, pinned)
        write_json(folder / DESCRIPTION, {"params": params.model_dump(), "base": None, "seed": seed})


def _pin_gguf(out: Path, params: Params, name: str, seed: int) -> None:
    folder, revision, distribution = _place_of_gguf(params, name)
    with replacing_folder(out) as made:
        facts = dequantise(folder / name, made, params.template, params.template_date)
        copy_licence(folder, distribution, made)
        facts = {"model": params.pinned, "revision": revision} | facts
        write_json(
            made / DESCRIPTION, {"params": params.model_dump(), "base": None, "seed": seed, "gguf": facts}
        )


def _place_of_gguf(params: Params, name: str) -> tuple[Path, str | None, str | None]:
    """The folder that holds the GGUF file `name`, its revision, and the distribution of the Python package.

    The revision is the commit of the Hub, or the version of the distribution; None for a local folder.
    """
    folder, revision, distribution = Path(params.pinned), None, None
    if not folder.is_dir():
        if "/" in params.pinned:
            return *_download_gguf(params, name), None
        spec = find_spec(params.pinned) if params.pinned.isidentifier() else None
        if spec is None or not spec.submodule_search_locations:
            raise BadInput(
                f"base: {params.pinned}: neither a folder nor an installed Python package: "
                f"`pip install {params.pinned.replace('_', '-')}`, or give a folder or a hub id (owner/name)"
            )
        folder, distribution = Path(next(iter(spec.submodule_search_locations))), _distribution(params.pinned)
        revision = version(distribution)
    if not (folder / name).is_file():
        choices = sorted(path.name for path in folder.glob("*.gguf"))
        raise BadInput(f"base: {params.pinned}: {unknown('GGUF file', name, choices)}")
    return folder, revision, distribution


def _distribution(package: str) -> str:
    """The name under which a package is installed, which need not be that under which it is imported."""
    names = sorted(set(packages_distributions().get(package, [])))
    if len(names) != 1:
        raise BadInput(
            f"base: {package}: its version is not known: it belongs to {len(names)} installed distributions, "
            "not to one; give its folder instead"
        )
    return names[0]


def _download_gguf(params: Params, name: str) -> tuple[Path, str | None]:
    """The folder of the downloaded GGUF file and licence texts, and the commit."""
    from huggingface_hub import hf_hub_download, snapshot_download

    commit = _pin_hub(params)["revision"]
    try:
        hf_hub_download(params.pinned, name, revision=commit)
        folder = snapshot_download(params.pinned, revision=commit, allow_patterns=[*LICENCES])
    except OSError as error:
        raise BadInput(f"base: {params.pinned} at {commit}: {name}: {_reason(error)}") from None
    return Path(folder), commit


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
        raise BadInput(
            f"base: {params.pinned} at {params.revision}: no revision from the Hub: {_reason(error)}; "
            "or give a local folder"
        ) from None
    return {"model": params.pinned, "revision": commit, "sha256": None}


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
