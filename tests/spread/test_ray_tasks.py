"""spread/ray_tasks.py and `stages.grade` on a real Ray cluster of three node processes, of which two can be killed."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.shared.rows import Ending, Kind, Response
from stages.spread import ray_tasks
from stages.spread.engines import Params
from stages.spread.ray_tasks import AHEAD, in_order

from stages import grade

WORKERS = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and two further nodes, each a process of its own with one processor."""
    ray = pytest.importorskip("ray", reason="no package ray here: pip install -r requirements-ray.txt")
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes have no tests
    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=node)
    made.nodes_to_kill = [made.add_node(**node) for _ in range(2)]
    yield made
    made.shutdown()


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


def deadly(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def deadly_once(folder: Path) -> Callable[[int], int]:
    def function(number: int) -> int:
        if number == 4 and not (folder / "killed").exists():
            (folder / "killed").touch()
            deadly(number)
        return number

    return function


def large(number: int) -> bytes:
    sleep(0.05)
    return bytes([number]) * 300_000  # too large for the message to the owner: it lies on the node that made it


def test_order_is_kept_and_little_is_read_ahead(cluster: Any) -> None:
    source = count()
    with closing(in_order(square, source, WORKERS, cluster.address, 3)) as results:
        assert list(islice(results, 20)) == [number * number for number in range(20)]
    assert next(source) <= 20 + AHEAD * WORKERS
    assert not sys.modules["ray"].is_initialized()


def test_so_many_as_workers_are_worked_on_at_once(cluster: Any, tmp_path: Path) -> None:
    def present(number: int) -> int:
        (tmp_path / str(number)).touch()
        sleep(0.2)
        there = len(list(tmp_path.iterdir()))
        (tmp_path / str(number)).unlink()
        return there

    assert max(in_order(present, range(6), 1, cluster.address, 0)) == 1


def test_a_cluster_without_a_processor_and_other_forms_of_an_address(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    ray_tasks._check_reachable("ray://nobody.invalid:10001")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        ray_tasks._check_reachable(f"[::1]:{listening.getsockname()[1]}")
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"memory": 1.0})
    with pytest.raises(BadInput, match=r"no node of the cluster at address .* has a processor for tasks"):
        next(in_order(square, range(1), 1, cluster.address, 0))
    assert not ray.is_initialized()


def test_what_a_row_raises_is_raised_here_and_a_lost_worker_is_made_up_for(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^row 3: wrong$"):
        list(in_order(bad, range(9), WORKERS, cluster.address, 3))
    with pytest.raises(ZeroDivisionError) as caught:
        list(in_order(wrong, range(9), WORKERS, cluster.address, 3))
    assert "in wrong" in str(caught.value.__cause__)
    assert list(in_order(deadly_once(tmp_path), range(9), WORKERS, cluster.address, 1)) == list(range(9))
    assert (tmp_path / "killed").exists()
    with pytest.raises(BadInput, match=rf"^engine ray: the cluster at '{cluster.address}' lost a batch of rows 1 times: "):
        list(in_order(deadly, range(2), WORKERS, cluster.address, 0))


def response(number: int, sample: int, gold: str) -> Response:
    return Response(
        id=f"p{number}", task="t", kind=Kind.NUMBER, split="train", question="q", answer=gold, by="probe", style="s", messages=[],
        sampler="s", model="m", sample=sample, text=f"The answer is {number + (number + sample) % 3}.", ending=Ending.STOP, tokens=3,
    )  # fmt: skip


def outs(section: str) -> dict[str, bytes]:
    Path("params.yaml").write_text(f"seed: 0\nsystems: {{s: {{grade: {{graders: {{answer: {{}}}}, {section}}}}}}}\n")
    grade.main("s")
    return {name: Path(name).read_bytes() for name in ("data/s/traces.jsonl", "metrics/s_grade.json")}


def test_the_stage_grade_writes_the_same_bytes(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [response(number, sample, str(number)) for number in range(600) for sample in range(3)]
    write(Path("data/s/responses.jsonl"), rows)
    alone = outs("workers: 1")
    assert outs(f"engine: ray, workers: {WORKERS}, address: '{cluster.address}'") == alone
    write(Path("data/s/responses.jsonl"), [*rows[:1500], response(500, 1, "five"), *rows[1503:]])
    with pytest.raises(BadInput, match="row 'p500/probe/s/1': the gold answer 'five' is not a valid number"):
        outs(f"engine: ray, workers: {WORKERS}, address: '{cluster.address}'")
    assert {name: Path(name).read_bytes() for name in alone} == alone  # an error costs nothing


def test_lost_nodes_cost_a_retry_and_nothing_else(cluster: Any) -> None:
    """Two of three nodes are killed with the results that lie on them."""
    with closing(in_order(large, range(40), WORKERS, cluster.address, 5)) as results:
        got = list(islice(results, 5))
        for node in cluster.nodes_to_kill:
            cluster.remove_node(node, allow_graceful=False)
            got += islice(results, 5)
        got += results
    assert [(len(text), text[0]) for text in got] == [(300_000, number) for number in range(40)]


def test_no_cluster_and_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="no package ray here: pip install -r requirements-ray.txt")
    with pytest.raises(BadInput, match=r"^engine ray: no cluster at address '127\.0\.0\.1:1': .*Connection refused; start one"):
        next(in_order(square, range(1), 1, "127.0.0.1:1", 0))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r"needs the package ray: pip install -r requirements-ray\.txt"):
        next(in_order(square, range(1), 1, "auto", 0))


FAULTS: dict[str, dict[str, Any]] = {
    "address and retries: only for engine: ray": {"address": "auto", "retries": 1},
    "at most 256 processes of this machine": {"workers": 257},
    "engine": {"engine": "spark"},
    "workers": {"engine": "ray", "workers": 0},
}


@pytest.mark.parametrize(("message", "values"), FAULTS.items())
def test_params_that_do_not_fit_together(message: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=message):
        Params(**values)
    assert Params(engine="ray", workers=257).workers == 257
