"""The folder of a trained router, and what it predicts for new questions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from stages.models.loading import Device
from stages.shared.errors import BadInput
from stages.shared.files import write_json
from stages.shared.rows import Message
from stages.students.router.question_states import Encoder
from stages.students.router.route_heads import Features, Heads
from stages.students.router.route_settings import BASE_STATES, Params

WEIGHTS, DESCRIPTION = "router.safetensors", "router.json"


def save_heads(
    folder: Path, heads: Heads, params: Params, styles: Sequence[str], facts: dict[str, Any]
) -> None:
    """Writes the heads and their description to `folder`; `styles` in the order of their numbers."""
    folder.mkdir(parents=True)
    save_file(
        {name: value.detach().contiguous() for name, value in heads.state_dict().items()}, folder / WEIGHTS
    )
    write_json(folder / DESCRIPTION, {"params": params.model_dump(), "styles": list(styles), **facts})


def predicted(
    router: Path,
    bases: tuple[Path, Path],
    questions: Sequence[Sequence[Message]],
    device: Device = "auto",
    batch_size: int = 64,
) -> list[dict[str, dict[str, float]]]:
    """For each question the predicted utility, 0 to 1, of each student (`first`, `second`) under each style.

    `router` is the folder of a router that was trained with signal pass_rate; with another signal it is the
    probability that the student takes a path. `bases` are the folders of the base models of the two students;
    `questions` are in the style `plain`. Raises BadInput where the folder holds no router that reads
    questions alone, and where a base model is not the one that the router read in training.
    """
    described, heads = _load(router)
    params = Params.model_validate(described["params"]).model_copy(update={"encoder_batch_size": batch_size})
    read = []
    for base, known in zip(bases, described["encoders"], strict=True):
        encoder = Encoder(base, params, device)
        if encoder.described()["sha256"] != known["sha256"]:
            raise BadInput(
                f"{encoder.name}: not the model that {router} reads; train the pair anew (stage train_pair)"
            )
        read.append(encoder.questions(questions))
        del encoder  # the next one is loaded once this one is gone
        if params.encoder != BASE_STATES:
            read *= 2
            break
    offset = heads.offset if params.signal == "loss" else torch.zeros(2)
    return _utilities(heads, Features(*read), described["styles"], offset)


def _load(router: Path) -> tuple[dict[str, Any], Heads]:
    try:
        described = json.loads((router / DESCRIPTION).read_text())
        weights = load_file(router / WEIGHTS)
        widths = (len(weights["first_mean"]), len(weights["second_mean"]))
        params = Params.model_validate(described["params"])
        heads = Heads(widths, len(described["styles"]), params.style_width, params.hidden, 0)
        heads.load_state_dict(weights)
    except FileNotFoundError:
        raise BadInput(
            f"{router}: no router; one is there where router.signal is pass_rate, loss or frozen"
        ) from None
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadInput(f"{router}: a damaged router: {str(error).splitlines()[0]}") from None
    if not params.answers:
        raise BadInput(
            f"{router}: it reads paths too, and a new question has none; set router.reads to question"
        )
    return described, heads


@torch.no_grad()
def _utilities(
    heads: Heads, features: Features, styles: Sequence[str], offset: torch.Tensor
) -> list[dict[str, dict[str, float]]]:
    columns = []
    for number in range(len(styles)):
        rows = torch.full((len(features.first),), number)
        columns.append((heads.log_odds(features, rows) + offset[:, None]).sigmoid())
    values = torch.stack(columns, -1)  # (2, questions, styles)
    return [
        {
            name: dict(zip(styles, map(float, values[place, row]), strict=True))
            for place, name in enumerate(("first", "second"))
        }
        for row in range(values.shape[1])
    ]
