"""Models put on a device: in float32, bfloat16 or 4 bits, with an adapter where there is one."""

import os
from pathlib import Path
from typing import Any, Literal

from stages.models.allocator import keep_freed_memory
from stages.models.folders import hash_of_folder, locate
from stages.models.templates import first_line
from stages.shared.errors import BadInput

Device = Literal["auto", "cpu", "cuda"]
BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx10_2", "bf16")  # names of x86, and the one of Arm
Precision = Literal["float32", "bfloat16"]


def load_model(model: str, device: Device, precision: Precision, four_bit: bool = False) -> Any:
    """The causal language model `model`, with its adapter where there is one.

    `four_bit` loads the matrices in 4 bits: NF4 with double quantisation, through bitsandbytes. Their
    products are computed in bfloat16. `precision` is that of the weights that stay unquantised. Raises
    BadInput where the model cannot be loaded, and where a folder is not the one that was pinned or that the
    adapter was trained on.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    weights, place = locate(model), choose_device(device)
    if weights.sha256 and (
        not Path(weights.name).is_dir() or hash_of_folder(Path(weights.name)) != weights.sha256
    ):
        raise BadInput(
            f"{weights.name}: not the files that {model} stands on: they changed since; make {model} anew"
        )
    settings: dict[str, Any] = {
        "revision": weights.revision,
        "dtype": getattr(torch, precision),
        "device_map": _place(place, four_bit),
    }
    if four_bit:
        settings["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(weights.name, **settings)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{weights.name}: its weights could not be loaded: {first_line(error)}") from None
    if weights.adapter:
        from peft import PeftModel

        loaded = PeftModel.from_pretrained(loaded, str(weights.adapter))
    return loaded


def _place(device: str, four_bit: bool) -> Any:
    """Where the weights go, as `from_pretrained` takes it.

    Under `accelerate launch` they stay in main memory, from where the trainer places or shards them. Weights
    in 4 bits cannot be moved, so each process puts them on its own GPU at once.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    return {"": int(os.environ["LOCAL_RANK"])} if four_bit and device == "cuda" else None


def choose_device(device: Device) -> str:
    """`cpu` or `cuda`; raises BadInput where CUDA is asked for but absent."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("device: cuda is asked for, but torch sees no CUDA device here; choose auto or cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def native_bf16(device: str) -> bool:
    """Whether `device` (`cpu` or `cuda`) has instructions for bfloat16.

    Without them torch computes in bfloat16 as well, but several times slower than in float32.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities = torch.cpu.get_capabilities()
    return any(abilities.get(name) for name in BF16_INSTRUCTIONS)


def prepare_cpu(device: Device, threads: int | None) -> None:
    """Sets up this process for computing on the CPU, where that is what `device` stands for.

    The allocator keeps freed memory. `threads` is how many threads an operation uses; None leaves torch's
    choice. A sum over several threads is rounded otherwise than one in a single thread, so the number of
    threads changes results.
    """
    import torch

    if choose_device(device) == "cpu":
        keep_freed_memory()
        if threads is not None:
            torch.set_num_threads(threads)
