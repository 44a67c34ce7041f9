"""The memo: what was put is there, whatever it holds, whoever asks, however the process ends."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from stages.samplers.memo import writer
from stages.samplers.memo.store import Memo, Stored, bare_url, canonical, key
from stages.samplers.memo.writer import connect
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

ROOT = Path(__file__).parents[2]
STORED = Stored("the answer", Ending.STOP, 2, 9, 0.25, "m-1")


def asked(number: int = 0, **changed: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"question {number}"}]
    return {"provider": "openai", "model": "m", "messages": messages, "temperature": 0.5, "sample": 0} | changed


def keys(count: int) -> list[str]:
    return [key(asked(number)) for number in range(count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "memo.sqlite"


def fill(path: Path, count: int, stored: Stored = STORED) -> None:
    with Memo(path) as memo:
        for number in range(count):
            memo.put(key(asked(number)), asked(number), stored)


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
    stored = Stored(text, Ending.REFUSAL, 3, 4, None, f"m {text}")
    with Memo(path) as memo:
        memo.put(key(asked(text=text)), asked(text=text), stored).result()
    with Memo(path) as memo:
        assert memo.get([key(asked(text=text)), key(asked(9))]) == {key(asked(text=text)): stored}


def test_what_was_put_is_there_at_once_and_for_others_once_its_future_is_done(path: Path) -> None:
    with Memo(path) as memo, Memo(path) as other:
        done = memo.put(keys(1)[0], asked(), STORED)
        assert memo.get(keys(1)) == {keys(1)[0]: STORED}
        done.result()
        assert other.get(keys(1)) == {keys(1)[0]: STORED}


def test_the_first_answer_counts(path: Path) -> None:
    fill(path, 3)
    fill(path, 3, STORED._replace(text="another"))
    with Memo(path) as memo:
        assert set(memo.get(keys(4)).values()) == {STORED}


def test_thousands_are_looked_up_at_once(path: Path) -> None:
    fill(path, 1201)
    with Memo(path) as memo:
        assert set(memo.get(iter(keys(1300)))) == set(keys(1201))
        assert memo.get([]) == {}


def test_several_are_stored_together_or_not_at_all(path: Path) -> None:
    items = [(key(asked(number)), asked(number), STORED) for number in range(700)]
    with Memo(path) as memo:
        memo.put_many(items).result()
        wrong = [(key(asked(number)), asked(number), STORED._replace(tokens=2**70 if number == 1399 else 1)) for number in range(700, 1400)]
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
        memo.put(keys(1)[0], asked(), STORED).result()
        memo.put(keys(2)[1], asked(1), STORED._replace(text="x" * 100_000))
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
    with pytest.raises(BadInput, match="a memo of version 9; this code reads version 1"), Memo(path):
        pass


def test_it_lies_in_the_repository_whatever_folder_an_experiment_runs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert Memo().path == tmp_path / ".athanor" / "memo.sqlite"


class TestClaims:
    def test_a_request_is_asked_by_one_at_a_time(self, path: Path) -> None:
        fill(path, 1)
        with Memo(path) as one, Memo(path) as two:
            assert one.claim(keys(3)) == set(keys(3)[1:])
            assert one.claim(keys(3)) == two.claim(keys(3)) == set()
            one.put(keys(3)[1], asked(1), STORED)
            assert one.claim(keys(2)) == set()
            one.flush()
            one.release(keys(3))
            assert two.claim(keys(3)) == {keys(3)[2]}
        with Memo(path) as three:
            assert three.claim(keys(3)) == {keys(3)[2]}
        assert list(path.with_name("memo.sqlite-claims").iterdir()) == []

    def test_another_cannot_release_it(self, path: Path) -> None:
        with Memo(path) as one, Memo(path) as two:
            one.claim(keys(1))
            two.claim(keys(2))
            two.release(keys(2))
            assert two.claim(keys(2)) == {keys(2)[1]}

    def test_those_of_the_dead_are_free(self, path: Path) -> None:
        code = f"import os; from pathlib import Path; from test_memo import *; memo = Memo(Path({str(path)!r})).__enter__()\n"
        code += "memo.put(keys(1)[0], asked(), STORED).result(); print(len(memo.claim(keys(1000))), flush=True); os.kill(os.getpid(), 9)"
        done = python(code)
        assert (done.returncode, done.stdout) == (-signal.SIGKILL, "999\n"), done.stderr
        with Memo(path) as memo:
            assert memo.claim(keys(1000)) == set(keys(1000)[1:])
            assert len(list(path.with_name("memo.sqlite-claims").glob("*"))) == 1

    def test_many_at_once_share_out(self, path: Path) -> None:
        with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
            memos = [stack.enter_context(Memo(path)) for _ in range(8)]
            taken = list(pool.map(lambda memo: memo.claim(keys(600)), memos))
            assert sum(map(len, taken)) == len(set().union(*taken)) == 600


def python(code: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_many_processes_open_and_fill_it_at_once(path: Path) -> None:
    code = f"from pathlib import Path; from test_memo import *; fill(Path({str(path)!r}), 300)"
    with ThreadPoolExecutor(6) as pool:
        assert [done.stderr for done in pool.map(python, [code] * 6)] == [""] * 6
    with Memo(path) as memo:
        assert len(memo.get(keys(300))) == 300


def test_what_was_answered_is_there_after_a_kill(path: Path) -> None:
    """The process says which futures are done, and is killed while it goes on."""
    code = f"from pathlib import Path; from test_memo import *\nmemo = Memo(Path({str(path)!r})).__enter__()\n"
    code += "for n in range(10**6): memo.put(key(asked(n)), asked(n), STORED).add_done_callback(lambda _, n=n: print(n, flush=True))"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    for said in (1, 300):
        with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as running:
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
