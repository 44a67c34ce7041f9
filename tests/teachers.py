"""What the tests of the network samplers share: prompts, params for a local server, and what became of the runs."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stages.samplers import Answer, openai, scripted
from stages.samplers.cost.prices import Price
from stages.samplers.openai import Params
from stages.shared.cli import working_directory
from stages.shared.files import read
from stages.shared.rows import Kind, Prompt

from server import Call, Response, Server

KEY = "sk-planted-0123456789abcdef"
PRICE = Price(prompt=1.0, completion=2.0)


@pytest.fixture
def workplace(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty repository, with the key in its environment."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("TEACHER_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prompt(name: str, style: str = "plain", text: str | None = None) -> Prompt:
    messages: Any = [{"role": "user", "content": text or f"{style} {name}"}]
    fields = {"id": name, "task": "t", "kind": Kind.NUMBER, "split": "train", "question": "?", "answer": "1"}
    return Prompt(**fields, by="teacher", style=style, messages=messages)  # type: ignore[arg-type]


def prompts(count: int, style: str = "plain") -> Iterator[Prompt]:
    return (prompt(f"question {number}", style) for number in range(count))


def params(server: Server | None, **changed: Any) -> Params:
    fixed = {"sampler": "openai", "model": "m", "base_url": server.url if server else "http://127.0.0.1:9/v1", "max_tokens": 64}
    return Params(**fixed | {"api_key_env": "TEACHER_KEY", "price": PRICE, "timeout": 5.0} | changed)  # type: ignore[arg-type]


def ask(server: Server | None, asked: Iterable[Prompt], **changed: Any) -> list[list[Answer]]:
    return list(openai.answer(asked, params(server, **changed), 0))


def runs() -> list[dict[str, Any]]:
    """What the memo keeps of each run."""
    with sqlite3.connect(working_directory() / "memo.sqlite") as store:
        return [json.loads(counts) for (counts,) in store.execute("SELECT counts FROM runs ORDER BY rowid")]


class Scripted(Server):
    """The scripted teacher, served: it looks up whose prompt of `system`, in the project in `folder`, it is shown."""

    style = "glyph"

    def __init__(self, folder: Path, system: str = "glyph") -> None:
        super().__init__()
        self.prompts = folder / f"data/{system}/prompts.jsonl"

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Response:
        return super().answered(call, *self.speak(call))

    def speak(self, call: Call) -> tuple[str, str]:
        asked = [prompt for prompt in read(self.prompts, Prompt) if prompt.messages[-1]["content"] == call.told]
        ((answer,),) = scripted.answer(asked, scripted.Params(sampler="scripted", wrong=0.2), 0)
        return answer.text, answer.ending
