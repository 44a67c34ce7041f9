"""spread/processes.py and the workers of stages.grade: order, memory, errors, and that nobody is left behind."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count, islice
from multiprocessing import active_children
from pathlib import Path
from time import monotonic, sleep

import msgspec
import psutil
import pytest
from stages.graders.grading.apply import batches
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.shared.rows import Ending, Kind, Response
from stages.spread.processes import AHEAD, in_order

from project_tree import ROOT
from stages import grade


def square(number: int) -> int:
    if number == 0:
        sleep(0.2)  # the first is done last
    return number * number


def bad(number: int) -> int:
    if number == 3:
        raise BadInput("row 3: wrong")
    return number


def wrong(number: int) -> int:
    return 1 // (3 - number)


def slow(number: int) -> int:
    sleep(60 if number else 0)
    return os.getpid()


def soon(what: Callable[[], bool]) -> bool:
    end = monotonic() + 20
    while not what() and monotonic() < end:
        sleep(0.05)
    return what()


@pytest.mark.parametrize("workers", [1, 2])
def test_order_is_kept_and_little_is_read_ahead(workers: int) -> None:
    source = count()
    with closing(in_order(square, source, workers)) as results:
        assert list(islice(results, 20)) == [number * number for number in range(20)]
    assert next(source) <= 20 + AHEAD * workers
    assert soon(lambda: not active_children())


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_input_stays_one_line_and_a_bug_keeps_its_traceback(workers: int) -> None:
    with pytest.raises(BadInput, match=r"^row 3: wrong$"):
        list(in_order(bad, range(9), workers))
    with pytest.raises(ZeroDivisionError) as caught:
        list(in_order(wrong, range(9), workers))
    told = str(caught.value.__cause__) if workers > 1 else str(caught.traceback[-1])
    assert "test_processes.py" in told and "wrong" in told
    assert soon(lambda: not active_children())


OWNER = """
import sys
from contextlib import closing
from test_processes import in_order, slow
if __name__ == "__main__":
    with closing(in_order(slow, range(9), 2)) as results:
        print(next(results), flush=True)
        next(results)
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_workers_go_with_their_owner(sign: signal.Signals, tmp_path: Path) -> None:
    """On Ctrl-C, which reaches all of them, and where their owner is killed and can do nothing."""
    (tmp_path / "owner.py").write_text(OWNER)
    path = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "tests", Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, tmp_path / "owner.py"], env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        worker = int(owner.stdout.readline())
        workers = psutil.Process(owner.pid).children(recursive=True)
        assert worker in {child.pid for child in workers}
        if sign == signal.SIGINT:
            os.killpg(owner.pid, sign)
        else:
            owner.kill()
        _, said = owner.communicate(timeout=20)
        assert said.count("KeyboardInterrupt") == (sign == signal.SIGINT)  # its own, none of a worker's
    _, left = psutil.wait_procs(workers, timeout=20)
    assert left == []


def test_ctrl_c_is_not_a_workers_own_while_it_starts() -> None:
    results = in_order(slow, range(4), 2)
    with ThreadPoolExecutor(1) as aside, closing(results):
        first = aside.submit(next, results)
        assert soon(lambda: bool(active_children()))
        for worker in active_children():
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGINT)
        assert first.result() in {worker.pid for worker in active_children()}


def response(number: int, sample: int, gold: str) -> Response:
    return Response(
        id=f"p{number}", task="t", kind=Kind.NUMBER, split="train", question="q", answer=gold, by="probe", style="s", messages=[],
        sampler="s", model="m", sample=sample, text=f"The answer is {number + (number + sample) % 3}.", ending=Ending.STOP, tokens=3,
    )  # fmt: skip


def test_a_batch_holds_whole_problems() -> None:
    rows = [response(number, sample, "1") for number in range(7) for sample in range(3)]
    found = list(batches(rows, size=4))
    assert [len(batch) for batch in found] == [6, 6, 6, 3]
    assert [row for batch in found for row in batch] == rows
    with pytest.raises(BadInput, match="rows of problem 'p0' are not adjacent"):
        list(batches([*rows, rows[0]], size=4))


def test_a_batch_travels_whole() -> None:
    rows = [response(1, sample, "1") for sample in range(3)]
    odd = [msgspec.structs.replace(rows[0], text="\ud800 is no character")]
    for given in (rows, odd):
        (batch,) = batches(given)
        arrived = pickle.loads(pickle.dumps(batch))
        assert arrived == batch == given and type(arrived) is type(batch)


def outs(workers: int, rows: list[Response]) -> dict[str, bytes]:
    Path("params.yaml").write_text(f"seed: 0\nsystems: {{s: {{grade: {{graders: {{answer: {{}}}}, workers: {workers}}}}}}}\n")
    write(Path("data/s/responses.jsonl"), rows)
    grade.main("s")
    return {name: Path(name).read_bytes() for name in ("data/s/traces.jsonl", "metrics/s_grade.json")}


def test_workers_change_nothing_but_the_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [response(number, sample, str(number)) for number in range(600) for sample in range(3)]
    alone = outs(1, rows)
    assert outs(2, rows) == alone
    with pytest.raises(BadInput, match="row 'p500/probe/s/1': the gold answer 'five' is not a valid number"):
        outs(2, [*rows[:1500], response(500, 1, "five"), *rows[1503:]])
    assert {name: Path(name).read_bytes() for name in alone} == alone  # an error costs nothing
    assert sorted(path.name for path in Path("data/s").iterdir()) == ["responses.jsonl", "traces.jsonl"]
