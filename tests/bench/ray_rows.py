"""The stage `grade` on a Ray cluster of three node processes, beside the local engine with as many workers, on the same rows.

Both are on this machine, whose cores they share: what is measured is what the cluster costs over the local engine, and that the memory of
the process that hands out the rows does not grow. In a further run one of the nodes is killed when a third of the rows is done. It needs
the package ray (requirements-ray.txt).
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple

from grade import _write_numbers
from measure import Cost, load, options, python, run, table

NODES, STORE = 3, 200 * 2**20  # node processes of one processor each, and the bytes of the object store of each
NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
GROWTH = 1.5  # the driver's peak memory at the largest size over that at the smallest, at most
os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's workers are nicer by 15, which no process of the local engine is


class Found(NamedTuple):
    """What a run of the stage took, and the hash of what it wrote."""

    cost: Cost
    digest: str


def main(arguments: list[str] | None = None) -> None:
    """Prints a table of all runs, and one of the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000], help="numbers of rows")
    sizes = sorted(options(parser, arguments, rows=[4000, 8000]).rows)
    note = load()
    runs = {size: _measured(size) for size in sizes}
    lines = [
        (name, size, size / found.cost.seconds, found.cost.seconds, found.cost.cpu, found.cost.peak)
        for size, by_name in runs.items()
        for name, found in by_name.items()
    ]
    header = ("engine", "rows", "rows/s", "seconds", "CPU seconds of the driver", "peak MiB of the driver")
    table(f"grade, {NODES} workers ({note})", header, lines)
    peaks = [runs[size]["ray"].cost.peak for size in (sizes[0], sizes[-1])]
    same = all(len({found.digest for found in by_name.values()}) == 1 for by_name in runs.values())
    bars = [
        ("all engines wrote the same bytes at every size", str(same), _met(same)),
        (
            f"the driver's memory at the largest size over the smallest, at most {GROWTH}",
            f"{peaks[1] / peaks[0]:.2f}",
            _met(peaks[1] <= GROWTH * peaks[0]),
        ),
    ]
    table("Bars", ("", "found", "met"), bars)


def _measured(rows: int) -> dict[str, Found]:
    """The stage on `rows` rows: with the local engine, on the cluster, and on the cluster with a node that is killed."""
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        folder = Path(name)
        (folder / "data/s").mkdir(parents=True)
        _write_numbers(folder / "data/s/responses.jsonl", rows)
        found = {"processes": _graded(folder, {"workers": NODES})}
        cluster = Cluster(initialize_head=True, head_node_args=NODE)
        try:
            nodes = [cluster.add_node(**NODE) for _ in range(NODES - 1)]
            engine = {"workers": NODES, "engine": "ray", "address": cluster.address}
            found["ray"] = _graded(folder, engine)
            third = (folder / "data/s/traces.jsonl").stat().st_size // 3
            with ThreadPoolExecutor(1) as aside:
                killing = aside.submit(
                    _kill_at, folder / "data/s/traces.jsonl.partial", third, lambda: cluster.remove_node(nodes[0], allow_graceful=False)
                )
                found["ray, a node killed"] = _graded(folder, engine)
                killing.result(timeout=1)
        finally:
            cluster.shutdown()
        return found


def _kill_at(file: Path, size: int, kill: Any) -> None:
    """Calls `kill` once `file` is at least `size` bytes long; raises TimeoutError where that never comes."""
    for _ in range(10**6):
        if file.exists() and file.stat().st_size >= size:
            kill()
            return
        sleep(0.05)
    raise TimeoutError(f"{file} did not grow to {size} bytes")


def _graded(folder: Path, engine: dict[str, Any]) -> Found:
    grade = {"graders": {"answer": {}}} | engine
    (folder / "params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": {"grade": grade}}}))
    cost = run(python("stages.grade", "s"), folder)
    digest = hashlib.sha256()
    for name in ("data/s/traces.jsonl", "metrics/s_grade.json"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    name = engine.get("engine", "processes")
    print(f"ray_rows: {name}: {cost.seconds:.0f} s, driver {cost.cpu:.1f} CPU s, {cost.peak:.0f} MiB", file=sys.stderr, flush=True)
    return Found(cost, digest.hexdigest())


def _met(yes: bool) -> str:
    return "yes" if yes else "NO"


if __name__ == "__main__":
    main()
