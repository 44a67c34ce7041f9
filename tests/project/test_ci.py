""".ci: a missed claim and a stale lock are found."""

import json
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> Any:
    """A script of .ci, which is no package."""
    spec = spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


claims, lock = load("claims"), load("lock")

TABLE = """# Title
| what | metric | value | interval | bar | seeds |
|---|---|---|---|---|---|
| area | `auroc` | 0.1 | 0 to 1 | >= 0.97 | old |
| glyphs, easy | `rate.0` |  |  | <= 0.03 |  |
| no bar | `f1` | 1 | | | |
| another | `table` |
"""
GLYPH = {"auroc": 0.98555, "rate": {"0": 0.0}, "f1": 0.5, "interval": {"auroc": [0.97, 0.99], "rate": {"0": [0.0, 0.01]}}}
METRICS = {"glyph": GLYPH, "router": {"rate": {"0": 0.25}, "interval": {"rate": {"0": [0.2, 0.3]}}}}


def test_claims_are_the_rows_with_a_bar() -> None:
    assert claims.claims(TABLE.replace("`auroc`", "`glyph:auroc`"))[0] == ("glyph:auroc", ">=", 0.97)
    assert claims.claims(TABLE) == [("auroc", ">=", 0.97), ("rate.0", "<=", 0.03)]


@pytest.mark.parametrize("bar", ["0.97", "> 0.97", ">=0.97", ">= many"])
def test_a_bar_that_cannot_be_read_is_no_bar_that_is_met(bar: str) -> None:
    with pytest.raises(ValueError, match=r"^docs/glyph\.md: `auroc`: "):
        claims.claims(TABLE.replace(">= 0.97", bar), Path("docs/glyph.md"))


@pytest.mark.parametrize(
    ("metrics", "met"),
    [
        ({"a": {"b": 0.97}}, True),
        ({"a": {"b": 0.9699}}, False),
        ({"a": {}}, False),
        ({"a": 0.99}, False),
        ({}, False),
    ],
)
def test_a_claim_is_met_from_its_bar_on_and_never_by_a_missing_metric(metrics: Any, met: bool) -> None:
    for metric, system in (("a.b", "glyph"), ("glyph:a.b", "glyph"), ("router:a.b", "router")):
        [(verdict, line)] = claims.verdicts([(metric, ">=", 0.97)], {system: metrics})
        assert verdict is met
        assert line.startswith(f"met  {metric}" if met else f"MISS {metric}")


def test_update_writes_the_numbers_and_nothing_else() -> None:
    after = claims.updated(TABLE, METRICS)
    expected = TABLE.replace("| 0.1 | 0 to 1 |", "| 0.9856 | 0.97 to 0.99 |").replace("`rate.0` |  |  |", "`rate.0` | 0 | 0 to 0.01 |")
    assert after == expected.replace("| `f1` | 1 | | | |", "| `f1` | 0.5 |  |  |  |")
    assert claims.updated(after, METRICS) == after
    named = claims.updated(TABLE.replace("`auroc`", "`glyph:auroc`").replace("`rate.0`", "`glyph:rate.0`"), METRICS)
    assert named.replace("`glyph:", "`") == after


def test_update_writes_the_spread_over_seeds() -> None:
    runs = [{"glyph": GLYPH | {"auroc": auroc}} for auroc in (0.98, 0.9912, 0.98555)]
    row = claims.updated(TABLE, METRICS, runs).splitlines()[3]
    assert row == "| area | `auroc` | 0.9856 | 0.97 to 0.99 | >= 0.97 | 0.98 to 0.9912 |"


def test_a_table_of_another_system_names_it_and_keeps_what_a_run_has_no_metrics_of() -> None:
    table = TABLE.replace("`rate.0` |  |  | <= 0.03 |  |", "`router:rate.0` |  |  | >= 0.2 | 0.2 to 0.3 |")
    after = claims.updated(table, METRICS, [{"glyph": GLYPH}])
    assert "`router:rate.0` | 0.25 | 0.2 to 0.3 | >= 0.2 | 0.2 to 0.3 |" in after
    after = claims.updated(table, METRICS, [{"router": {"rate": {"0": rate}}} for rate in (0.4, 0.5)])
    assert "`router:rate.0` | 0.25 | 0.2 to 0.3 | >= 0.2 | 0.4 to 0.5 |" in after
    assert claims.claims(table)[1] == ("router:rate.0", ">=", 0.2)


def lay_out(folder: Path, files: dict[str, str], auroc: float = 0.98) -> None:
    """A project of these pages and of metrics."""
    texts = files | {"metrics/glyph.json": json.dumps(GLYPH | {"auroc": auroc}), "metrics/router.json": json.dumps(METRICS["router"])}
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ROOT / ".ci/claims.py", *options], cwd=folder, capture_output=True, text=True, check=False)


NO_TABLE = "# no table\n"
PLACES = [{"README.md": TABLE}, {"docs/glyph.md": TABLE}, {"README.md": NO_TABLE, "docs/glyph.md": TABLE, "docs/scale.md": NO_TABLE}]


@pytest.mark.parametrize("files", PLACES, ids=lambda files: "+".join(files))
@pytest.mark.parametrize(("auroc", "code"), [(0.98, 0), (0.9, 1)])
def test_the_check_fails_with_a_missed_bar_wherever_the_table_stands(
    auroc: float, code: int, files: dict[str, str], tmp_path: Path
) -> None:
    lay_out(tmp_path, files, auroc)
    done = check(tmp_path)
    assert done.returncode == code, done.stderr
    assert ("MISS auroc" in done.stdout) == (auroc < 0.97)


def test_the_check_fails_with_no_table(tmp_path: Path) -> None:
    lay_out(tmp_path, {"README.md": NO_TABLE, "docs/glyph.md": NO_TABLE})
    done = check(tmp_path)
    assert done.returncode == 1 and "no results table with bars in README.md or docs/*.md" in done.stderr


def test_the_tables_of_all_pages_are_checked_and_written_each_in_its_file(tmp_path: Path) -> None:
    router = TABLE.replace("`rate.0`", "`router:rate.0`").replace("<= 0.03", ">= 0.2")
    lay_out(tmp_path, {"README.md": TABLE, "docs/router.md": router, "docs/scale.md": NO_TABLE})
    done = check(tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "met  router:rate.0 0.25, claimed >= 0.2"
    before = (tmp_path / "docs/scale.md").stat().st_mtime_ns
    assert check(tmp_path, "--update").returncode == 0
    metrics = METRICS | {"glyph": GLYPH | {"auroc": 0.98}}
    assert (tmp_path / "README.md").read_text() == claims.updated(TABLE, metrics) != TABLE
    assert (tmp_path / "docs/router.md").read_text() == claims.updated(router, metrics)
    assert (tmp_path / "docs/scale.md").stat().st_mtime_ns == before


def test_a_run_is_a_folder_or_what_dvc_knows_by_name_and_need_not_have_every_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "router.json").write_text('{"n": 1}')
    assert claims._load(str(tmp_path), {"glyph", "router"}) == {"router": {"n": 1}}
    monkeypatch.chdir(ROOT)
    assert claims._load("HEAD", {"glyph", "nobody"}) == {"glyph": json.loads(_committed("glyph.json"))}


def test_the_pages_state_the_committed_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the last commit, or of the run that is about to be committed."""
    monkeypatch.chdir(ROOT)
    pages: dict[Path, str] = claims.pages()
    wanted = claims.systems(pages.values())
    assert wanted, "no results table"
    runs = [{system: json.loads(text(f"{system}.json")) for system in wanted} for text in (_now, _committed)]
    assert any(all(claims.updated(page, run) == page for page in pages.values()) for run in runs), "run `python .ci/claims.py --update`"


def _committed(file: str) -> str:
    return subprocess.run(["git", "show", f"HEAD:metrics/{file}"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _now(file: str) -> str:
    return (ROOT / "metrics" / file).read_text()


LOCK = """schema: '2.0'
stages:
  one:
    cmd: python one.py
    deps:
    - {path: one.py, hash: md5, md5: aaa}
    params:
      params.yaml:
        rate: 1e-4
    outs:
    - {path: out, hash: md5, md5: bbb}
  two:
    cmd: python two.py
    deps:
    - {path: out, hash: md5, md5: bbb}
    outs:
    - {path: made/two, hash: md5, md5: ddd}
  three:
    cmd: python three.py
    deps:
    - {path: made, hash: md5, md5: eee.dir}
    - {path: folder, hash: md5, md5: fff}
"""
FACTS = {"one: cmd": "python one.py", "one: one.py": "aaa", "one: params.yaml:rate": 0.0001, "two: cmd": "python two.py"}
FACTS |= {"three: cmd": "python three.py", "three: folder": "fff"}


def test_facts_are_all_but_what_stages_write() -> None:
    assert lock.recorded(LOCK) == FACTS


@pytest.mark.parametrize(
    ("now", "lines"),
    [
        (FACTS, []),
        (FACTS | {"one: one.py": "ccc"}, ["one: one.py was 'aaa' and is 'ccc'"]),
        (FACTS | {"one: params.yaml:rate": 2}, ["one: params.yaml:rate was 0.0001 and is 2"]),
        (FACTS | {"two: new.py": "ddd"}, ["two: new.py is not recorded"]),
        ({name: fact for name, fact in FACTS.items() if name != "two: cmd"}, ["two: cmd is recorded, but no longer there"]),
    ],
)
def test_each_difference_is_a_line(now: dict[str, Any], lines: list[str]) -> None:
    assert list(lock.differences(FACTS, now)) == lines


PIPELINE = """stages:
  one:
    cmd: cp code/one.py out
    deps: [code]
    params: [rate]
    outs: [out]
  two:
    cmd: cp out end && cp out made/one
    deps: [out]
    outs: [end, made/one]
  three:
    cmd: cp made/one last
    deps: [made]
    outs: [last]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pipeline after its run, dvc.lock committed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "code").mkdir()
    (folder / "made").mkdir()
    (folder / "code/one.py").write_text("1")
    (folder / "params.yaml").write_text("rate: 1e-4\n")
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / ".dvcignore").write_text("__pycache__/\n")
    dvc = [sys.executable, "-m", "dvc"]
    author = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["git", "init", "-q"], [*dvc, "init", "-q"], [*dvc, "repro", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=folder, check=True)
    subprocess.run(["git", *author, "commit", "-qm", "run"], cwd=folder, check=True)
    return folder


CHANGES = [  # file, text, what is said of it; the output of a stage and a byte-compiled file are no inputs
    ("code/one.py", "1", ""),
    ("out", "from another machine", ""),
    ("made/one", "from another machine", ""),
    ("code/__pycache__/one.pyc", "", ""),
    ("code/one.py", "2", "one: code was"),
    ("code/two.py", "2", "one: code was"),
    ("params.yaml", "rate: 2e-4\n", "one: params.yaml:rate was 0.0001 and is 0.0002"),
    ("dvc.yaml", PIPELINE.replace("cp out", "mv out"), "two: cmd was"),
    ("dvc.yaml", PIPELINE.replace("deps: [code]", "deps: [code, .dvcignore]"), "one: .dvcignore is not recorded"),
]


@pytest.mark.parametrize(("file", "text", "said"), CHANGES)
def test_a_stale_lock_is_found(file: str, text: str, said: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = shutil.copytree(project, tmp_path / "project")
    (changed / file).parent.mkdir(exist_ok=True)
    (changed / file).unlink(missing_ok=True)  # the cache may be linked to it
    (changed / file).write_text(text)
    monkeypatch.chdir(changed)
    with pytest.raises(SystemExit, match=re.escape(said)) if said else nullcontext():
        lock.main()


def test_it_is_the_committed_lock_that_counts(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = shutil.copytree(project, tmp_path / "project")
    (changed / "params.yaml").write_text("rate: 3\n")
    monkeypatch.chdir(changed)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], check=True)
    assert "rate: 3" in (changed / "dvc.lock").read_text()
    with pytest.raises(SystemExit, match=re.escape("params.yaml:rate was 0.0001 and is 3")):
        lock.main()
