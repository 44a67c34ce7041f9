"""What the tests of the memo share: requests, their keys, and a memo that holds answers to them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo, key
from stages.shared.rows import Ending

ROOT = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
ANSWER = Answer("the answer", Ending.STOP, 2, "m-1", 9, 0.25)
THOUGHTFUL = Answer(
    "7",
    Ending.STOP,
    3,
    "m-1",
    9,
    0.25,
    reasoning="a\x00\ud800🜞",
    probs=[{"token": "7", "logprob": -0.25, "top": [{"token": "7", "logprob": -0.25}, {"token": "\ud800", "logprob": -9.5}]}],
    label_probs={"yes": 0.75, "no\ud800": 0.25},
)


def asked(number: int = 0, **changed: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"question {number}"}]
    return {"provider": "openai", "model": "m", "messages": messages, "temperature": 0.5, "sample": 0} | changed


def keys(count: int) -> list[str]:
    return [key(asked(number)) for number in range(count)]


def fill(path: Path, count: int, answer: Answer = ANSWER) -> None:
    with Memo(path) as memo:
        for number in range(count):
            memo.put(key(asked(number)), asked(number), answer)


def python(code: str) -> "subprocess.CompletedProcess[str]":
    """Runs `code` in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False)
