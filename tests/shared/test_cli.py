"""shared/cli.py and errors.py: how a stage starts, what it says when something is wrong, and with which exit status."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep

import pytest
from stages.shared.cli import progress, run, working_directory
from stages.shared.errors import BadInput, unknown

from project_tree import FAMILIES, ROOT, SCRIPTS, SECTIONS, family_of


def start(stage: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, *args: str, family: str = "system") -> int | str | None:
    """What `run` exits with; None where it returns."""
    monkeypatch.setattr(sys, "argv", ["/somewhere/stages/verb.py", *args])
    try:
        run(stage, family=family)
    except SystemExit as ended:
        return ended.code
    return None


def raising(error: BaseException) -> Callable[[str], None]:
    def stage(system: str) -> None:
        raise error

    return stage


def test_a_stage_is_given_its_system(monkeypatch: pytest.MonkeyPatch) -> None:
    systems: list[str] = []
    assert start(systems.append, monkeypatch, "glyph") is None
    assert systems == ["glyph"]


ENDINGS: list[tuple[BaseException, int | str]] = [
    (BadInput("data/s/train.jsonl:3: malformed JSON"), "verb: data/s/train.jsonl:3: malformed JSON"),  # a text: printed, status 1
    (OSError(28, "No space left on device", "data/s/kept.jsonl"), "verb: data/s/kept.jsonl: No space left on device"),
    (OSError(28, "No space left on device"), "verb: i/o: No space left on device"),
    (PermissionError(13, "Permission denied", "metrics"), "verb: metrics: Permission denied"),
    (KeyboardInterrupt(), 130),
]


@pytest.mark.parametrize(("error", "code"), ENDINGS)
def test_what_is_no_bug_is_told_in_one_line(error: BaseException, code: int | str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(raising(error), monkeypatch, "s") == code


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError("a"), RuntimeError("b"), OSError("without a number"), AssertionError()])
def test_a_bug_keeps_its_traceback(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(error)) as caught:
        start(raising(error), monkeypatch, "s")
    assert caught.value is error


@pytest.mark.parametrize("args", [[], ["a", "b"], ["--sytem", "a"]])
def test_a_wrong_command_line_shows_the_usage(args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(raising(AssertionError("was started")), monkeypatch, *args) == 2
    assert capsys.readouterr().err.startswith("usage: python -m stages.verb [-h] system\n")


@pytest.mark.parametrize("family", ["base", "system", "student"])
def test_a_stage_says_of_which_family_it_wants_a_name(
    family: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names: list[str] = []
    assert start(names.append, monkeypatch, "glyph", family=family) is None
    assert names == ["glyph"]
    assert start(names.append, monkeypatch, "--help", family=family) == 0
    assert f"a section of params.yaml: {family}s.<{family}>" in capsys.readouterr().out


def test_a_program_exits_with_its_status_and_its_line(tmp_path: Path) -> None:
    program = tmp_path / "verb.py"
    program.write_text(
        "import sys\nfrom stages.shared.cli import run\nfrom stages.shared.errors import BadInput\n"
        "def main(system):\n    if system == 'bug': raise ValueError('a bug')\n"
        "    if system == 'bad': raise BadInput('half a character: \\ud800')\n"
        "run(main)\n"
    )
    told = {}
    for system in ("good", "bad", "bug"):
        done = subprocess.run([sys.executable, program, system], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        told[system] = (done.returncode, done.stdout, done.stderr)
    assert told["good"] == (0, "", "")
    assert told["bad"] == (1, "", "verb: half a character: \\ud800\n")
    assert told["bug"][0] == 1 and "Traceback" in told["bug"][2] and told["bug"][2].endswith("ValueError: a bug\n")


PARAMS = "seed: 0\n" + "".join(f"{family}: {{glyph: {{other: {{}}}}, rules: {{other: {{}}}}}}\n" for family in FAMILIES)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_names_the_section_that_is_missing(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = import_module(f"stages.{script}").main
    monkeypatch.chdir(tmp_path)
    assert start(main, monkeypatch, "glyph") == "verb: params.yaml: no such file; run from the project's root"
    (tmp_path / "params.yaml").write_text(PARAMS)
    family, section = family_of(script), SECTIONS.get(script, script)
    assert start(main, monkeypatch, "glyph") == f"verb: params.yaml: {family}.glyph.{section} is missing"
    told = f"verb: params.yaml: unknown {family.removesuffix('s')} 'glpyh' (did you mean 'glyph'?); choose from: glyph, rules"
    assert start(main, monkeypatch, "glpyh") == told
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("got", "told"),
    [
        ("glpyh", "unknown style 'glpyh' (did you mean 'glyph'?); choose from: glyph, plain"),
        ("x", "unknown style 'x'; choose from: glyph, plain"),
        (None, "unknown style None; choose from: glyph, plain"),
        ("a\nb", "unknown style 'a\\nb'; choose from: glyph, plain"),
    ],
)
def test_unknown(got: object, told: str) -> None:
    assert unknown("style", got, ["plain", "glyph"]) == told


def test_progress_gives_the_items_as_they_come_and_is_quiet_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    taken: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    items = iter(progress(source(), "rows"))
    assert next(items) == 0 and taken == [0]
    assert list(items) == list(range(1, 1000))
    said = [line for line in log.getvalue().split("\r") if line.strip()]
    assert len(said) == 2 and "rows: 1000row" in said[-1]  # the first and the last state, none of the thousand between
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    assert list(progress([1, 2], "rows", total=2)) == [1, 2]
    assert "100%" in shown.getvalue()


SLEEPER = "import time\nfrom stages.shared.cli import run\nrun(lambda system: print('started', flush=True) or time.sleep(60))\n"
PARENT = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended may stand in the list until somebody asks for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
@pytest.mark.parametrize("by_dvc", [True, False])
def test_a_stage_that_dvc_started_ends_with_it(by_dvc: bool, tmp_path: Path) -> None:
    """Killed with -9, DVC can tell nobody; a stage that a person started in a shell goes on."""
    (tmp_path / "verb.py").write_text(SLEEPER)
    environment = {"PYTHONPATH": str(ROOT)} | ({"DVC_STAGE": "verb@s"} if by_dvc else {})
    command = [sys.executable, "-c", PARENT, str(tmp_path / "verb.py"), "s"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert lives(child)
        parent.kill()
    deadline = monotonic() + (10 if by_dvc else 1)
    while lives(child) and monotonic() < deadline:
        sleep(0.05)
    try:
        assert lives(child) != by_dvc
    finally:
        if lives(child):
            os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
@pytest.mark.parametrize(("parent", "status"), [("os.getppid()", 0), ("os.getppid() + 1", -signal.SIGKILL), ("None", 0)])
def test_a_process_whose_parent_is_gone_already_ends(parent: str, status: int) -> None:
    code = f"import os\nfrom stages.shared.cli import end_with_parent\nend_with_parent({parent})"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, check=False).returncode == status


def test_the_working_directory_is_that_of_the_repository_even_in_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert working_directory() == Path(".athanor")
    monkeypatch.setenv("DVC_ROOT", "/the/repository")
    assert working_directory() == Path("/the/repository/.athanor")
