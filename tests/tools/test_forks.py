"""stages/tools/forks.py: which code a forked stage runs, in which order stages run, how many at once; all end with the first failure."""

from pathlib import Path
from time import monotonic, sleep

import pytest
from stages.shared.errors import BadInput
from stages.tools import forks
from stages.tools.forks import Stage, run_all

PROBE = """
import os, sys
open(sys.argv[1], "w").write(f"{__file__} {os.getcwd()} {os.environ.get('DVC_ROOT')} {'json.tool' in sys.modules}")
print("said")
"""


@pytest.fixture(autouse=True)
def one_small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "LIBRARIES", ("json.tool",))
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")


def stage(name: str, command: str, *needs: str, outs: tuple[str, ...] = ()) -> Stage:
    return Stage(name, command, frozenset(needs), (), outs)


@pytest.mark.parametrize("command", ["python -m stages.probe made", "python -m stages.probe made && true"])
def test_a_stage_runs_the_code_of_the_folder(command: str, tmp_path: Path) -> None:
    """Without a shell in a fork, which has the library; with a shell in a Python of its own."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "__init__.py").touch()
    (tmp_path / "stages" / "probe.py").write_text(PROBE)
    run_all([stage("a", command, outs=(str(tmp_path / "made"),))], tmp_path, 1)
    file, folder, root, preloaded = (tmp_path / "made").read_text().split()
    assert (Path(file), Path(folder), root) == (tmp_path / "stages" / "probe.py", tmp_path, "None")
    assert preloaded == str("&&" not in command)
    assert (tmp_path / forks.LOGS / "a.log").read_text() == "said\n"


def test_a_stage_waits_for_those_that_it_needs(tmp_path: Path) -> None:
    """Given in the wrong order, three at once."""
    stages = [stage("c", "cat b > c", "b"), stage("b", "sleep 0.2; cat a > b", "a"), stage("a", "sleep 0.2; echo text > a")]
    run_all(stages, tmp_path, 3)
    assert (tmp_path / "c").read_text() == "text\n"


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_run_at_once_than_told(most: int, tmp_path: Path) -> None:
    """Each stage notes how many run while it does."""
    command = "touch runs.{0}; sleep 0.2; ls | grep -c runs >> counts; rm runs.{0}"
    run_all([stage(str(number), command.format(number)) for number in range(4)], tmp_path, most)
    assert max(map(int, (tmp_path / "counts").read_text().split())) == most


def test_with_the_first_failure_all_end(tmp_path: Path) -> None:
    """Together with what they started."""
    stages = [stage("long", "sleep 60 & echo $! > pid; wait"), stage("short", "while [ ! -s pid ]; do sleep 0.05; done; exit 3")]
    with pytest.raises(BadInput, match="short: exit status 3"):
        run_all(stages, tmp_path, 2)
    process, until = int((tmp_path / "pid").read_text()), monotonic() + 10
    while Path(f"/proc/{process}/exe").exists() and monotonic() < until:
        sleep(0.01)
    assert not Path(f"/proc/{process}/exe").exists()


def test_stages_that_wait_for_none_of_the_stages_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no stage makes what these wait for: b, c"):
        run_all([stage("a", "true"), stage("b", "true", "nothing"), stage("c", "true", "b")], tmp_path, 2)
