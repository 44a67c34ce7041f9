"""Two tiny base models and paths in two styles for them to learn: what the tests of pairs share."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.shared.rows import Chat, Kind, Message, Prompt, Response
from stages.students.pairing.joint import Run, train_pair
from stages.students.pairing.pair_rows import PairJob, PairTask
from stages.students.pairing.pair_settings import Settings

from tiny import make

TAGS = {"program": "<|p|>", "backward": "<|b|>"}
CALIBRATION = {"every": 3, "problems": 2, "samples": 2, "max_new_tokens": 6, "fit_steps": 3}
SETTINGS: dict[str, Any] = {
    "steps": 7,
    "batch_size": 6,
    "learning_rates": {"first": 0.01, "second": 0.005},
    "optimizer": "muon",
    "max_tokens": 128,
    "bf16": False,
    "device": "cpu",
    "checkpoint_steps": 2,
    "least_paths": 1,
    "router": {"signal": "pass_rate", "calibration": CALIBRATION},
    "peer": {"kind": "off"},
}


def asked(number: int) -> list[Message]:
    return [Message(role="user", content=f"What is {number} and {number % 3}?")]


def tagged(number: int, style: str) -> list[Message]:
    return [Message(role="user", content=f"{asked(number)[0]['content']}\n{TAGS[style]}")]


def path(number: int, style: str) -> Chat:
    words = f"{number} + {number % 3} = {number + number % 3}. " * (1 + (style == "backward"))
    answer = Message(role="assistant", content=f"{words}The answer is {number + number % 3}.")
    return Chat(
        id=f"c{number}/{style}",
        problem=f"c{number}",
        format="direct",
        style=style,
        messages=[*tagged(number, style), answer],
        trace=f"c{number}/{style}",
        task=("sums", "counts")[number % 2],
    )


def question(number: int, style: str) -> Prompt:
    fields: dict[str, Any] = {"id": f"v{number}", "task": "sums", "kind": Kind.NUMBER, "split": "validation", "answer": "1"}
    return Prompt(**fields, question="", by="pair", style=style, messages=tagged(number, style))


def grade(responses: Sequence[Response]) -> list[float]:
    return [float("1" in response.text) for response in responses]


def task(problems: int = 10, styles: Sequence[str] = tuple(TAGS)) -> PairTask:
    chats = [path(number, style) for number in range(problems) for style in styles]
    questions = {f"c{number}": asked(number) for number in range(problems)} | {f"v{number}": asked(number) for number in range(50, 54)}
    return PairTask(chats, questions, styles, [question(number, style) for number in range(50, 54) for style in styles], grade, "")


def make_bases(folder: Path, **changed: Any) -> tuple[Path, Path]:
    """A Qwen2 and a Llama model of a few thousand weights, with two tokenizers."""
    given = [path(number, style) for number in range(30) for style in TAGS]
    first = make(folder / "first", given, steps=20, tokens=list(TAGS.values()), vocabulary=310, **changed)
    second = make(
        folder / "second", given, steps=20, tokens=list(TAGS.values()), vocabulary=310, architecture="llama", tokenizer="unigram", **changed
    )
    return first, second


def job(folder: Path, bases: tuple[Path, Path], seed: int = 0) -> PairJob:
    return PairJob(bases, folder / "pair", folder / "curves", folder / "logs", folder / "checkpoints", seed)


def trained(folder: Path, bases: tuple[Path, Path], given: PairTask | None = None, **changed: Any) -> Path:
    train_pair(given or task(), job(folder, bases), Settings.model_validate(SETTINGS | changed))
    return folder


def run_of(folder: Path, bases: tuple[Path, Path], **changed: Any) -> Run:
    folder.mkdir(exist_ok=True)
    return Run(task(), job(folder, bases), Settings.model_validate(SETTINGS | changed), folder)


def points(folder: Path) -> list[dict[str, float]]:
    with (folder / "curves/router.csv").open() as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
