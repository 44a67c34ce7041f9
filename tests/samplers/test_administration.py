"""`python -m stages.tools.memo`: what is held is told, taken along, brought back unchanged, and forgotten on demand."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stages.samplers.cost.repository_ledger import RepositoryLedger
from stages.samplers.memo.administration import export_lines, import_lines, last_runs, prune, totals_by_model
from stages.samplers.memo.database import connect
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo, key
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

from memos import ANSWER, ROOT, THOUGHTFUL, asked, fill, keys

ODD = Answer("a\x00\ud800🜞", Ending.CONTENT_FILTER, 1, "odd\x1b\ud800", 2, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three answers of m-1 through openai, one odd one through gemini."""
    made = tmp_path / ".athanor" / "memo.sqlite"
    fill(made, 3)
    with Memo(made) as memo:
        memo.put(key(asked(provider="gemini")), asked(provider="gemini"), ODD)
        memo.report({"new": 4, "retries": 1})
    return made


def tool(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, "-m", "stages.tools.memo", *args], cwd=folder, env=environment, capture_output=True, text=True)


def test_holdings_by_provider_and_model(path: Path) -> None:
    assert totals_by_model(path) == [("gemini", ODD.model, 1, 1, 2, 0.0, 1), ("openai", "m-1", 3, 6, 27, 0.75, 0)]


def test_the_last_runs(path: Path) -> None:
    with Memo(path) as memo:
        memo.report({"new": 5})
    assert [counts for _, counts in last_runs(path, 9)] == [{"new": 4, "retries": 1}, {"new": 5}]
    assert [counts for _, counts in last_runs(path, 1)] == [{"new": 5}]


def test_taken_along_and_brought_back(path: Path, tmp_path: Path) -> None:
    exported = list(export_lines(path))
    assert import_lines(tmp_path / "other.sqlite", exported, "f") == (4, 4)
    assert import_lines(tmp_path / "other.sqlite", exported * 200, "f") == (800, 0)
    assert list(export_lines(tmp_path / "other.sqlite")) == exported
    with Memo(tmp_path / "other.sqlite") as memo:
        assert memo.get([key(asked(provider="gemini")), *keys(3)]) == dict.fromkeys(keys(3), ANSWER) | {key(asked(provider="gemini")): ODD}


def test_what_is_there_stays(path: Path) -> None:
    changed = [json.dumps(json.loads(line) | {"text": "another"}).encode() for line in export_lines(path)]
    assert import_lines(path, changed, "f") == (4, 0)
    with Memo(path) as memo:
        assert set(memo.get(keys(3)).values()) == {ANSWER}


def test_reasoning_and_probabilities_are_taken_along(path: Path, tmp_path: Path) -> None:
    plain = list(export_lines(path))
    assert not any(b'"reasoning"' in line or b'"probs"' in line for line in plain)  # an old import takes them
    with Memo(path) as memo:
        memo.put(key(asked(7)), asked(7), THOUGHTFUL)
    exported = list(export_lines(path))
    assert len(exported) == 5 and set(plain) < set(exported)
    assert import_lines(tmp_path / "other.sqlite", exported, "f") == (5, 5)
    with Memo(tmp_path / "other.sqlite") as memo:
        assert memo.get([key(asked(7))]) == {key(asked(7)): THOUGHTFUL}


LINE: dict[str, Any] = {"key": key(asked(7)), "asked": asked(7), **ANSWER._asdict()}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "f:2: no line of an exported memo: "),
        (b"[]", "f:2: no line of an exported memo: Expected `object`"),
        (json.dumps(LINE | {"ending": "bored"}).encode(), "f:2: no line of an exported memo: Invalid enum value 'bored'"),
        (json.dumps(LINE | {"cost_usd": float("nan")}).encode(), "f:2: no line of an exported memo: NaN is no JSON"),
        (json.dumps(LINE | {"secret": 1}).encode(), "unknown field `secret`"),
        (json.dumps(LINE).replace("0.25", "1e999").encode(), "f:2: no line of an exported memo: 1e999 is no JSON"),
        (json.dumps(LINE | {"probs": [{"token": 7}]}).encode(), "f:2: no line of an exported memo: "),
        (json.dumps(LINE | {"tokens": 2**63}).encode(), "f:2: "),
        (json.dumps(LINE | {"tokens": -1}).encode(), "f:2: tokens and prompt_tokens must be counts, got -1 and 9"),
        (json.dumps(LINE | {"asked": asked(8)}).encode(), "is not that of what was asked: the line was changed"),
        (b'{"a":' * 100_000, "f:2: no line of an exported memo: "),
    ],
)
def test_every_line_is_checked(path: Path, line: bytes, told: str) -> None:
    with pytest.raises(BadInput) as error:
        import_lines(path, [json.dumps(LINE).encode(), line], "f")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "days", "left"),
    [("m-1", None, 1), (ODD.model, None, 3), ("none", None, 4), (None, 1.0, 2), ("m-1", 1.0, 3), (None, 30.0, 4)],
)
def test_prune(path: Path, model: str | None, days: float | None, left: int) -> None:
    """One answer of each model is two days old."""
    store = connect(path)
    store.execute("UPDATE answers SET made = made - 2 * 86400 WHERE key IN (?, ?)", [bytes.fromhex(keys(1)[0]), odd()])
    store.close()
    assert prune(path, model, days) == 4 - left
    assert len(list(export_lines(path))) == left


def odd() -> bytes:
    return bytes.fromhex(key(asked(provider="gemini")))


def test_prune_forgets_nothing_unasked(path: Path) -> None:
    with pytest.raises(BadInput, match="say what to forget"):
        prune(path, None, None)


def test_as_a_program(path: Path, tmp_path: Path) -> None:
    told = tool(tmp_path)
    assert (told.returncode, told.stderr, told.stdout) == (0, "", tool(tmp_path, "list").stdout)
    assert [line.split()[:4] for line in told.stdout.splitlines()[1:]] == [
        ["gemini", "odd\\x1b\\ud800", "1", "1"],
        ["openai", "m-1", "3", "6"],
    ]
    assert "0.7500" in told.stdout and "1 without a price" in told.stdout
    assert tool(tmp_path, "runs").stdout.endswith("  new 4  retries 1\n")
    assert tool(tmp_path, "export", "shared.jsonl").returncode == 0
    assert (tmp_path / "shared.jsonl").read_bytes() == b"".join(export_lines(path))
    assert tool(tmp_path, "prune", "--model", "m-1").stdout == "3 answers forgotten\n"
    assert tool(tmp_path, "import", "shared.jsonl").stdout == "4 answers, 3 of them new\n"


def test_what_runs_spent_together(path: Path, tmp_path: Path) -> None:
    told = tool(tmp_path, "spending").stderr
    assert told == "memo: .athanor/spending.sqlite: no run with `scope: repository` has bought anything yet\n"
    ledger = RepositoryLedger(path.with_name("spending.sqlite"))
    for number, usd in ((1, 0.5), (2, 0.25)):
        with ledger.changing():
            ledger.reserve(number, usd)
    ledger.book(1, 0.125, 0.0625)
    first, *sums = tool(tmp_path, "spending").stdout.splitlines()
    assert first.endswith("UTC: 2 requests") and [line.split()[0] for line in sums] == ["0.125000", "0.062500", "0.250000"]
    _, *sums = tool(tmp_path, "spending", "--reset").stdout.splitlines()
    assert [line.split()[0] for line in sums] == ["0.000000", "0.000000", "0.250000"]
    ledger.close()


@pytest.mark.parametrize("args", [[], ["runs"], ["export", "x"], ["prune", "--model", "m"]])
def test_without_a_memo(args: list[str], tmp_path: Path) -> None:
    done = tool(tmp_path, *args)
    told = "memo: .athanor/memo.sqlite: there is no memo yet; respond, judge and generate fill it"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, told)
    assert list(tmp_path.iterdir()) == []
