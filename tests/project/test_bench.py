"""The benchmarks at their small size: they run to the end, and what they set side by side has done the same work."""

import importlib
import io
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tiny import one_thread

BENCH = Path(__file__).parents[1] / "bench"
SECTIONS = ("rows", "train", "generate", "sample", "noop")
MODULES = ("child", "measure", *SECTIONS)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """tests/bench/measure.py; the others can be imported as well."""
    monkeypatch.syspath_prepend(BENCH)
    yield importlib.import_module("measure")
    for name in MODULES:
        sys.modules.pop(name, None)


def here(measure: ModuleType) -> Any:
    """`run`, in this process: it has loaded torch already, which a new one takes seconds for."""

    def run(command: list[str], *_: Any) -> Any:
        output = io.StringIO()
        before = sys.argv
        sys.argv = command
        try:
            with redirect_stdout(output):
                runpy.run_path(command[0], run_name="__main__")
        finally:
            sys.argv = before
        return measure.Cost(1.0, 1.0, output.getvalue())

    return run


def table(printed: str, title: str) -> list[dict[str, str]]:
    """The Markdown table below a heading, row by row; of columns with one name the last stays."""
    lines = printed.split(f"### {title}")[1].split("###")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def test_memory_is_that_of_the_child_alone(bench: ModuleType, tmp_path: Path) -> None:
    """As the system counts it, a child starts with the size of its parent."""
    ballast = b"\1" * (200 << 20)
    idle, busy = tmp_path / "idle.py", tmp_path / "busy.py"
    idle.write_text("import sys; print(*sys.argv[1:])")
    busy.write_text("held = b'\\1' * (64 << 20); del held")  # a peak stays one when it is over
    low, high = (bench.run(bench.python(script, "a", 1)) for script in (idle, busy))
    assert low.output == "a 1\n"
    assert 5 < low.peak < 64
    assert 60 < high.peak - low.peak < 70
    assert len(ballast) > low.peak


def test_a_module_is_run_as_python_would(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "found.py").write_text("import sys; print(__name__, sys.argv[0] == __file__, sys.argv[1:])")
    assert bench.run(bench.python("found", "b"), tmp_path).output == "__main__ True ['b']\n"


def test_a_failure_ends_it_with_what_was_said(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import sys; sys.exit('no such thing')")
    with pytest.raises(SystemExit, match=r"bad\.py failed with 1:\nno such thing"):
        bench.run(bench.python(tmp_path / "bad.py"))


def test_rows(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("rows").main(["--size", "small", "--sizes", "200"])
    printed = capsys.readouterr().out
    read = {row["stage"]: row["rows"] for row in table(printed, "Rows")}
    made = [read[stage] for stage in ("collect (made)", "collect (file)", "prompt", "respond", "grade", "judge", "filter")]
    assert made == ["200", "200", "180", "360", "360", "360", "360"]
    assert 180 < int(read["format"]) < 360
    assert [row["growth"] for row in table(printed, "Peak MiB at 200 and at 200 problems")] == ["1"] * 8


def test_a_memory_that_grows_is_told(bench: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = importlib.import_module("rows")
    monkeypatch.setattr(rows, "measure", lambda size: {"grade": (size, 2.0, 0.16 * size), "filter": (size, 2.0, 50.0)})
    rows.main(["--sizes", "1000", "500"])
    printed = capsys.readouterr().out
    assert [row["growth"] for row in table(printed, "Peak MiB")] == ["2", "1"]
    assert [row["at most 1.5"] for row in table(printed, "Peak MiB")] == ["NO", "yes"]
    assert [row["rows/s"] for row in table(printed, "Rows")] == ["250", "250", "500", "500"]


@pytest.mark.skipif(find_spec("trl") is None, reason="no TRL here; tests/bench/requirements.txt installs it for `make bench`")
@pytest.mark.parametrize("case", ["tiny", "lora"])
def test_train(case: str, bench: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    train = importlib.import_module("train")
    one_thread()
    monkeypatch.setattr(train, "run", here(bench))
    train.main(["--size", "small", "--cases", case])  # it ends with an error where one of the two saw other tokens
    (row,) = table(capsys.readouterr().out, "Training beside TRL")
    assert (row["case"], row["equal"]) == (case, "yes")
    assert row["weights"] == {"tiny": "492,928", "lora": "1,903,232"}[case]
    assert re.fullmatch(r"\d+\.\d\d \(.*\)", row["times TRL"])


@pytest.mark.parametrize(
    "seen", [{"tokens": 99.0}, {"rows": 9.0}, {"learnt": 41.0}, {"rows": 20.0, "tokens": 200.0}], ids=["tokens", "rows", "learnt", "twice"]
)
def test_a_training_on_other_rows_is_no_comparison(seen: dict[str, float], bench: ModuleType) -> None:
    same = importlib.import_module("train")._same
    made, right = {"tokens": 100, "learnt": 40}, {"tokens": 100.0, "rows": 10.0, "learnt": 50.0}
    same(made, right, "ours", 10)
    same(made, right | {"learnt": 40.0}, "ours", 10)
    with pytest.raises(SystemExit, match="train: ours: not an epoch of 100 tokens in 10 rows, 40 of them learnt"):
        same(made, right | seen, "ours", 10)


def test_generate(bench: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    generate = importlib.import_module("generate")
    one_thread()
    monkeypatch.setattr(generate, "run", here(bench))
    generate.main(["--size", "small"])
    printed = capsys.readouterr().out
    ours, plain = table(printed, "Generation by a random model")
    assert (ours["answers"], ours["tokens"]) == (plain["answers"], plain["tokens"]) == ("64", "1,536")
    assert "64 of 64 answers are the same text." in printed
    assert plain["ratio"] == "1" and re.fullmatch(r"\d+\.\d\d \(.*\)", ours["ratio"])


def test_noop(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("noop").main(["--size", "small"])  # it ends with an error where a graph had something to do
    ours, plain = table(capsys.readouterr().out, "No-op `dvc repro`")
    assert (ours["stages"], ours["deps"]) == (plain["stages"], plain["deps"])
    assert int(ours["stages"]) >= 10 and int(ours["deps"]) > 100
    assert plain["ratio"] == "1" and re.fullmatch(r"\d+\.\d\d \(.*\)", ours["ratio"])


def test_sample(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("sample").main(["--size", "small"])
    assert "met  every answer is bought once" in capsys.readouterr().out


def test_a_section_by_name(tmp_path: Path) -> None:
    """`python tests/bench NAME` starts that one; an unknown name lists them."""
    command = [sys.executable, str(BENCH), "nop"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"COLUMNS": "200"})
    assert done.returncode == 2
    assert all(section in done.stderr.splitlines()[-1] for section in SECTIONS)
