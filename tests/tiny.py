"""Models of a few thousand weights, and chats for them to learn: what the tests of students and samplers share."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from stages.models import code
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.shared.rows import Chat, Kind, Message, Prompt

ANSWERS = ("The answer is {0}.", "🜞 what is {0}\n🜆 count\n🜂 {0} = {0}\n🜃 The answer is {0}.")


def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def question(number: int) -> str:
    """Of different lengths, easy and hard by turns."""
    return f"{('How many are', 'Count to')[number % 2]} {number}" + " and nothing" * (number % 3) + "?"


def chats(count: int = 40) -> list[Chat]:
    """The answers to hard questions with glyphs."""
    return [talk(question(number), ANSWERS[number % 2].format(number), name=f"c{number}") for number in range(count)]


def talk(*turns: str, name: str = "c", system: str | None = None) -> Chat:
    """A chat of user and assistant by turns."""
    messages = [Message(role="system", content=system)] if system else []
    messages += [Message(role=("user", "assistant")[place % 2], content=text) for place, text in enumerate(turns)]
    return Chat(id=name, problem=name, format="latent", style="glyph", messages=messages, trace=f"{name}/0")


def prompts(questions: Sequence[str], by: str = "student") -> list[Prompt]:
    return [
        Prompt(
            id=f"p{number}",
            task="t",
            kind=Kind.NUMBER,
            split="test",
            question=question,
            answer="1",
            by=by,
            style="plain",
            messages=[Message(role="user", content=question)],
        )
        for number, question in enumerate(questions)
    ]


TRAINING: dict[str, Any] = {"steps": 4, "batch_size": 4, "learning_rate": 0.01, "max_tokens": 256, "device": "cpu", "bf16": False}
SCRATCH: dict[str, Any] = TRAINING | {
    "student": "scratch",
    "vocabulary": 300,
    "width": 32,
    "layers": 1,
    "heads": 2,
    "feed_forward": 32,
}
SFT: dict[str, Any] = TRAINING | {"student": "sft"}
ADAPTERS: dict[str, Any] = {"r": 4, "alpha": 8, "dropout": 0.2}


def make(folder: Path, given: Sequence[Chat] | None = None, **changed: Any) -> Path:
    """A model trained from nothing in `folder`/model."""
    from stages.students import Job, scratch

    one_thread()
    job = Job(folder / "model", folder / "curves", folder / "checkpoints", 0)
    scratch.train(given or chats(), job, scratch.Params(**SCRATCH | changed))
    return job.out


def tune(base: Path, folder: Path, seed: int = 0, given: Sequence[Chat] | None = None, held: Any = None, **changed: Any) -> Path:
    """The model in `base` trained further, in `folder`/student; `held` is what it is validated by."""
    from stages.students import Job, sft

    one_thread()
    job = Job(folder / "student", folder / "curves", folder / "checkpoints", seed, base, held=held)
    sft.train(given or chats(), job, sft.Params(**SFT | changed))
    return job.out


def loaded(folder: Path) -> tuple[Any, Any]:
    return load_model(str(folder), "cpu", "float32"), load_tokenizer(str(folder))


def copy_of_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package `stages`, which is then what identities of results are hashed from."""
    copied = folder / "stages"
    shutil.copytree(code.ROOT, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "ROOT", copied)
    return copied
