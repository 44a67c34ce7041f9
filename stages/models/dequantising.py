"""Makes an ordinary model folder of a GGUF file: its weights dequantised, its tokenizer and its licence.

GGUF is the format of llama.cpp: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. One file holds
quantised weights, the tokenizer and the chat template.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stages.models.templates import first_line, with_arguments
from stages.shared.errors import BadInput

PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*", "LICENSES/*")
PACKAGED = ("*.dist-info/LICENSE*", "*.dist-info/LICENCE*", "*.dist-info/NOTICE*", "*.dist-info/licenses/*")


def dequantise(
    file: Path, folder: Path, template: Mapping[str, bool | int | float | str], date: str | None
) -> dict[str, Any]:
    """Writes the model in the GGUF `file` to `folder` and says what it is.

    The weights are dequantised and written in bfloat16 (safetensors). `template` holds arguments of the chat
    template, and `date` is the date that it takes for today's (None: it has none). The result has the keys
    `file`, `sha256`, `licence` (None: the file names none) and `tensors`, the number of tensors by their type
    in the file. Raises BadInput where the package `gguf` is absent, where the file is one part of several,
    where transformers cannot read it, and where it holds no chat template.
    """
    if find_spec("gguf") is None:
        raise BadInput(
            f"{file}: reading it needs the package gguf: "
            "`.venv/bin/python -m pip install -r requirements-laptop.txt`"
        )
    if PART.search(file.name):
        raise BadInput(f"{file}: one part of several; join the parts by llama.cpp's gguf-split --merge")
    facts = _facts(file)
    model, tokenizer = _loaded(file)
    if tokenizer.chat_template is None:
        raise BadInput(f"{file}: it holds no chat template; take the GGUF file of an instruct model")
    with_arguments(tokenizer, template, date, str(file)).save_pretrained(folder)
    model.save_pretrained(folder)
    return facts


def _facts(file: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
    except (ValueError, KeyError, IndexError) as error:
        raise BadInput(f"{file}: not a GGUF file: {first_line(error)}") from None
    licence = reader.get_field("general.license")
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return {
        "file": file.name,
        "sha256": digest,
        "licence": licence.contents() if licence else None,
        "tensors": dict(sorted(Counter(tensor.tensor_type.name for tensor in reader.tensors).items())),
    }


def _loaded(file: Path) -> tuple[Any, Any]:
    """The model in bfloat16 and the tokenizer of the GGUF `file`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            **place, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
        return model, AutoTokenizer.from_pretrained(**place)
    except (OSError, ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{file}: transformers cannot read this GGUF file: {first_line(error)}") from None


def copy_licence(source: Path, package: str | None, folder: Path) -> None:
    """Copies the licence texts beside the GGUF file in `source`, and those of the installed distribution
    `package` that the file comes with, to `folder`.

    Of two different texts of one name the second gets a number; no file of `folder` is replaced.
    """
    paths = [path for pattern in LICENCES for path in sorted(source.glob(pattern))]
    installed = (distribution(package).files or []) if package is not None else []
    paths += [Path(str(file.locate())) for file in installed if any(map(file.match, PACKAGED))]
    texts: set[bytes] = set()
    for path in filter(Path.is_file, paths):
        text, target, number = path.read_bytes(), folder / path.name, 1
        if text in texts:
            continue
        texts.add(text)
        while target.exists():
            number += 1
            target = folder / f"{path.stem}-{number}{path.suffix}"
        target.write_bytes(text)
