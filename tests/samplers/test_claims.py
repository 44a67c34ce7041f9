"""Claims: of several processes with the same requests, each request is asked by one."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from stages.samplers.memo.store import Memo

from memos import ANSWER, asked, fill, keys, python


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "memo.sqlite"


def test_a_request_is_asked_by_one_at_a_time(path: Path) -> None:
    fill(path, 1)
    with Memo(path) as one, Memo(path) as two:
        assert one.claim(keys(3)) == set(keys(3)[1:])
        assert one.claim(keys(3)) == two.claim(keys(3)) == set()
        one.put(keys(3)[1], asked(1), ANSWER)
        assert one.claim(keys(2)) == set()
        one.flush()
        one.release(keys(3))
        assert two.claim(keys(3)) == {keys(3)[2]}
    with Memo(path) as three:
        assert three.claim(keys(3)) == {keys(3)[2]}
    assert list(path.with_name("memo.sqlite-claims").iterdir()) == []


def test_another_cannot_release_it(path: Path) -> None:
    with Memo(path) as one, Memo(path) as two:
        one.claim(keys(1))
        two.claim(keys(2))
        two.release(keys(2))
        assert two.claim(keys(2)) == {keys(2)[1]}


def test_those_of_the_dead_are_free(path: Path) -> None:
    code = f"import os; from pathlib import Path; from memos import *; memo = Memo(Path({str(path)!r})).__enter__()\n"
    code += "memo.put(keys(1)[0], asked(), ANSWER).result(); print(len(memo.claim(keys(1000))), flush=True); os.kill(os.getpid(), 9)"
    done = python(code)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "999\n"), done.stderr
    with Memo(path) as memo:
        assert memo.claim(keys(1000)) == set(keys(1000)[1:])
        assert len(list(path.with_name("memo.sqlite-claims").glob("*"))) == 1


def test_many_at_once_share_out(path: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        memos = [stack.enter_context(Memo(path)) for _ in range(8)]
        taken = list(pool.map(lambda memo: memo.claim(keys(600)), memos))
        assert sum(map(len, taken)) == len(set().union(*taken)) == 600
