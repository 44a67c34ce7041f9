"""The memo: what was put is there, whatever it holds, whoever asks, however the process ends."""

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stages.samplers.memo import writer
from stages.samplers.memo.database import VERSION, connect
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo, bare_url, canonical, key
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

from memos import ANSWER, ENVIRONMENT, THOUGHTFUL, asked, fill, keys, python


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "memo.sqlite"


def test_a_key_is_of_everything_that_was_asked_and_of_nothing_else() -> None:
    same = dict(reversed(asked().items()))
    assert key(same) == key(asked())
    others = [
        asked(1),
        asked(sample=1),
        asked(temperature=0.6),
        asked(model="n"),
        asked(provider="p"),
        asked(base_url="http://x"),
        asked(schema={"type": "object"}),
        asked(schema=None),
        asked(messages=[{"role": "system", "content": "question 0"}]),
    ]
    assert len({key(other) for other in [asked(), *others]}) == 10


def test_keys_never_change() -> None:
    """A memo outlives the code that wrote it."""
    assert canonical(asked(text="é\x00\ud800", n=1, f=1.0)) == (
        '{"f":1.0,"messages":[{"content":"question 0","role":"user"}],"model":"m","n":1,"provider":"openai","sample":0,'
        '"temperature":0.5,"text":"\\u00e9\\u0000\\ud800"}'
    )
    assert key({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_what_is_no_json_has_no_key() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        key(asked(temperature=float("nan")))
    with pytest.raises(TypeError):
        key(asked(stop={1}))


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://Me:secret@API.example.com:8443/v1/?api_key=secret#x", "https://api.example.com:8443/v1"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("HTTP://u@h", "http://h"),
    ],
)
def test_a_url_without_credentials(url: str, bare: str) -> None:
    assert bare_url(url) == bare


@pytest.mark.parametrize(
    "text", ["", "🜞 plain", "a\x00b", "".join(map(chr, range(32))) + "\x7f\x85", "\ud800", "x\udfff\ud83d", "é" * 9999]
)
def test_any_text_survives(path: Path, text: str) -> None:
    stored = Answer(text, Ending.REFUSAL, 3, f"m {text}", 4, None, f"thought {text}")
    with Memo(path) as memo:
        memo.put(key(asked(text=text)), asked(text=text), stored).result()
    with Memo(path) as memo:
        assert memo.get([key(asked(text=text)), key(asked(9))]) == {key(asked(text=text)): stored}


def test_what_was_put_is_there_at_once_and_for_others_once_its_future_is_done(path: Path) -> None:
    with Memo(path) as memo, Memo(path) as other:
        done = memo.put(keys(1)[0], asked(), ANSWER)
        assert memo.get(keys(1)) == {keys(1)[0]: ANSWER}
        done.result()
        assert other.get(keys(1)) == {keys(1)[0]: ANSWER}


def test_the_first_answer_counts(path: Path) -> None:
    fill(path, 3)
    fill(path, 3, ANSWER._replace(text="another"))
    with Memo(path) as memo:
        assert set(memo.get(keys(4)).values()) == {ANSWER}


def test_thousands_are_looked_up_at_once(path: Path) -> None:
    fill(path, 1201)
    with Memo(path) as memo:
        assert set(memo.get(iter(keys(1300)))) == set(keys(1201))
        assert memo.get([]) == {}


def test_several_are_stored_together_or_not_at_all(path: Path) -> None:
    items = [(key(asked(number)), asked(number), ANSWER) for number in range(700)]
    with Memo(path) as memo:
        memo.put_many(items).result()
        wrong = [(key(asked(number)), asked(number), ANSWER._replace(tokens=2**70 if number == 1399 else 1)) for number in range(700, 1400)]
        with pytest.raises(OverflowError):
            memo.put_many(wrong).result()
        with pytest.raises(OverflowError):
            memo.flush()
        memo.writer.failed = None
    with Memo(path) as memo:
        assert len(memo.get(keys(1400))) == 700


def test_what_cannot_be_written_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(file: Path) -> sqlite3.Connection:
        store = connect(file)
        store.execute("PRAGMA max_page_count = 20")
        return store

    monkeypatch.setattr(writer, "connect", small)
    with pytest.raises(BadInput, match=r"memo\.sqlite: cannot be written: database or disk is full"), Memo(path) as memo:
        memo.put(keys(1)[0], asked(), ANSWER).result()
        memo.put(keys(2)[1], asked(1), ANSWER._replace(text="x" * 100_000))
    with Memo(path) as memo:
        assert set(memo.get(keys(2))) == set(keys(1))


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at" * 20, b"{}\n"])
def test_a_file_that_is_no_memo_is_told(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with (
        pytest.raises(BadInput, match=r"memo\.sqlite: no memo, or a damaged one: file is not a database; move it away") as told,
        Memo(path),
    ):
        pass
    assert "\n" not in str(told.value)


def test_a_memo_of_a_later_version_is_told(path: Path) -> None:
    fill(path, 1)
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA user_version = 9")
    with pytest.raises(BadInput, match=f"a memo of version 9; this code reads version {VERSION}"), Memo(path):
        pass


# As version 1 made it.
VERSION_1 = """
CREATE TABLE answers (key BLOB PRIMARY KEY, text BLOB NOT NULL, ending TEXT NOT NULL, tokens INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, cost_usd REAL, model BLOB NOT NULL, asked TEXT NOT NULL, made INTEGER NOT NULL);
CREATE TABLE claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (made INTEGER NOT NULL, counts TEXT NOT NULL);
PRAGMA user_version = 1;
"""
INSERT_1 = "INSERT INTO answers (key, text, ending, tokens, prompt_tokens, cost_usd, model, asked, made) VALUES (?,?,?,?,?,?,?,?,0)"


def fill_version_1(path: Path, count: int) -> sqlite3.Connection:
    path.parent.mkdir()
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("PRAGMA journal_mode = WAL")
    old.executescript(VERSION_1)
    for number in range(count):
        insert_1(old, number)
    return old


def insert_1(old: sqlite3.Connection, number: int) -> None:
    """Stores an answer as the code of version 1 does."""
    wish = asked(number)
    old.execute(INSERT_1, (bytes.fromhex(key(wish)), b"the answer", "stop", 2, 9, 0.25, b"m-1", canonical(wish)))


def test_a_memo_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    """With all that it holds; a process of the old version that is still running goes on as it did."""
    old = fill_version_1(path, 3)
    new = asked(3)
    with Memo(path) as memo:
        assert memo.get(keys(3)) == dict.fromkeys(keys(3), ANSWER)
        memo.put(key(new), new, THOUGHTFUL).result()
        insert_1(old, 4)
        assert memo.get(keys(5)) == dict.fromkeys(keys(5), ANSWER) | {key(new): THOUGHTFUL}
    old.close()
    with Memo(path) as memo:
        assert memo.get(keys(5))[key(new)] == THOUGHTFUL
    with sqlite3.connect(path) as store:
        assert store.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_many_processes_bring_it_up_to_date_at_once(path: Path) -> None:
    fill_version_1(path, 3).close()
    code = f"from pathlib import Path; from memos import *\nwith Memo(Path({str(path)!r})) as memo: print(len(memo.get(keys(9))))"
    with ThreadPoolExecutor(6) as pool:
        assert [(done.stdout, done.stderr) for done in pool.map(python, [code] * 6)] == [("3\n", "")] * 6


def test_reasoning_and_probabilities_are_kept(path: Path) -> None:
    fill(path, 1, THOUGHTFUL)
    with Memo(path) as memo:
        assert memo.get(keys(1)) == {keys(1)[0]: THOUGHTFUL}


def test_it_lies_in_the_repository_whatever_folder_an_experiment_runs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert Memo().path == tmp_path / ".athanor" / "memo.sqlite"


def test_many_processes_open_and_fill_it_at_once(path: Path) -> None:
    code = f"from pathlib import Path; from memos import *; fill(Path({str(path)!r}), 300)"
    with ThreadPoolExecutor(6) as pool:
        assert [done.stderr for done in pool.map(python, [code] * 6)] == [""] * 6
    with Memo(path) as memo:
        assert len(memo.get(keys(300))) == 300


def test_what_was_answered_is_there_after_a_kill(path: Path) -> None:
    """The process says which futures are done, and is killed while it goes on."""
    code = f"from pathlib import Path; from memos import *\nmemo = Memo(Path({str(path)!r})).__enter__()\n"
    code += "for n in range(10**6): memo.put(key(asked(n)), asked(n), ANSWER).add_done_callback(lambda _, n=n: print(n, flush=True))"
    for said in (1, 300):
        with subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            safe = [int(running.stdout.readline()) for _ in range(said)]
            running.kill()
            safe += [int(line) for line in running.stdout if line.endswith("\n")]
        with Memo(path) as memo:
            assert len(memo.get(key(asked(number)) for number in safe)) == len(safe) >= said


def test_a_report_is_kept(path: Path) -> None:
    with Memo(path) as memo:
        memo.report({"new": 3, "retries": {"429": 2}})
    with sqlite3.connect(path) as store:
        assert [json.loads(counts) for (counts,) in store.execute("SELECT counts FROM runs")] == [{"new": 3, "retries": {"429": 2}}]
