"""A memo that is damaged, read-only or another program's file is told in one line; it can be seeded and pruned."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.samplers.ask import ask
from stages.samplers.memo import database, store
from stages.samplers.memo.administration import export_lines, prune
from stages.samplers.memo.store import Memo
from stages.samplers.memo.unread import UnreadAnswers
from stages.shared.cli import working_directory
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Response
from stages.tools import memo as tool

from memos import ANSWER, asked, fill, keys
from server import Server
from teachers import ask as buy
from teachers import params, prompts, runs, workplace

__all__ = ["workplace"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memo.sqlite"


def test_a_damaged_page_is_told_in_one_line_that_says_what_to_do(path: Path) -> None:
    fill(path, 300)
    with sqlite3.connect(path) as reader:
        reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\x55" * (path.stat().st_size - 8192))
    with pytest.raises(BadInput, match=rf"{path}: the memo is damaged .*\.recover") as error, Memo(path) as memo:
        memo.get(keys(300))
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="the memo is damaged"):
        list(export_lines(path))


def test_a_database_of_another_program_is_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE answers (mine TEXT)")
    before = path.read_bytes()
    with pytest.raises(BadInput, match="a database of another program; move it away"), Memo(path):
        pass
    assert path.read_bytes() == before


@pytest.mark.usefixtures("workplace")
def test_a_read_only_memo_serves_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as server:
        bought = buy(server, prompts(5))
        where = working_directory() / "memo.sqlite"
        with sqlite3.connect(where) as reader:
            reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        count = len(runs())
        for module in (database, store):  # root may write what is not writable
            monkeypatch.setattr(module, "is_read_only", lambda path: True)
        before = where.read_bytes()
        assert buy(server, prompts(5)) == bought
        with pytest.raises(BadInput, match="the memo may not be written, so nothing can be bought"):
            buy(server, prompts(6))
        assert (len(server.calls), where.read_bytes(), len(runs())) == (5, before, count)


def test_whether_a_file_may_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not database.is_read_only(path)  # it can be made
    fill(path, 1)
    assert not database.is_read_only(path)
    monkeypatch.setattr("stages.samplers.memo.database.os.access", lambda place, mode: place != path.parent)
    assert database.is_read_only(path)


@pytest.mark.parametrize(("ending", "left"), [(Ending.CONTEXT, 3), (Ending.STOP, 2), (Ending.REFUSAL, 5)])
def test_answers_with_one_ending_are_forgotten(path: Path, ending: Ending, left: int) -> None:
    with Memo(path) as memo:
        for number, name in enumerate(keys(5)):
            memo.put(name, asked(number), ANSWER._replace(ending=Ending.CONTEXT if number < 2 else Ending.STOP))
    assert prune(path, None, None, ending) == 5 - left
    assert len(list(export_lines(path))) == left


@pytest.mark.usefixtures("workplace")
def test_what_does_not_fit_is_asked_again_after_pruning() -> None:
    with Server(plan=lambda call: "context" if call.tries == 0 else None) as server:
        for _ in range(2):
            assert [given.ending for (given,) in buy(server, prompts(3))] == [Ending.CONTEXT] * 3
        assert prune(working_directory() / "memo.sqlite", None, None, Ending.CONTEXT) == 3
        assert [given.ending for (given,) in buy(server, prompts(3))] == [Ending.STOP] * 3
        assert len(server.calls) == 6


def run_tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["memo", *arguments])
    capsys.readouterr()
    tool.main()
    return capsys.readouterr().out


def test_a_memo_is_seeded_from_responses(workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Answers of a memo that is gone are put under what the same system asks now, and are not bought again."""
    with Server() as server:
        settings = params(server, n=2)
        rows = list(ask(lambda: prompts(4), {"teacher": settings}, 0))
        write(workplace / "responses.jsonl", rows)
        section = {"teacher": settings.model_dump(), "root": ".", "accept": None}
        with (workplace / "params.yaml").open("w") as file:
            YAML().dump({"seed": 0, "systems": {"s": {"respond": section}}}, file)
        (working_directory() / "memo.sqlite").unlink()
        seeding = ("seed", "responses.jsonl", "--system", "s")
        assert run_tool(monkeypatch, capsys, *seeding) == "8 answers to what s asks, 8 of them new\n"
        assert run_tool(monkeypatch, capsys, *seeding) == "8 answers to what s asks, 0 of them new\n"
        again = list(ask(lambda: prompts(4), {"teacher": settings}, 0))
        assert again == list(read(workplace / "responses.jsonl", Response)) == rows
        assert len(server.calls) == 8 and runs()[-1]["stored"] == 8


def test_what_cannot_be_read_is_shown_and_forgotten(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    garbage: Any = {"plan": lambda call: "garbage" if call.told == "plain question 1" else None}
    with Server(**garbage) as server:
        for _ in range(2):
            with pytest.raises(BadInput, match="1 of 3 requests failed for good") as error:
                buy(server, prompts(3))
            assert len(server.calls) == 4  # two for the one that cannot be read, none in the second run
        assert "unreadable 1" in str(error.value)
        shown = run_tool(monkeypatch, capsys, "unread")
        assert shown.count("malformed JSON") == 2 and shown.count('answered {"choices": [{"mess\\xff') == 2
        assert json.dumps("plain question 1") in shown
        assert run_tool(monkeypatch, capsys, "prune", "--unread") == "2 answers that cannot be read forgotten\n"
        assert run_tool(monkeypatch, capsys, "unread") == ""
        server.plan = None
        assert all(buy(server, prompts(3)))
    assert UnreadAnswers(working_directory() / "memo.sqlite").hopeless() == set()
