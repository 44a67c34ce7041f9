"""Rows in a folder of shards: read as one file, written whole or not at all, and by every stage to the same bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.errors import BadInput
from stages.shared.files import read, replacing, write
from stages.shared.rows import Chat, Kind, Problem
from stages.shared.shards import content_of, has_rows
from stages.tools.lineage import find

from stages import collect, enrich, evaluate, filter, format, generate, grade, judge, prompt, respond


def problem(number: int) -> Problem:
    return Problem(id=f"p{number}", task="t", kind=Kind.NUMBER, split="train", question="q\u2028?", answer=str(number))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


SIZES = {1: [1] * 7, 3: [3, 3, 1], 7: [7], 8: [7]}


@pytest.mark.parametrize(("rows", "sizes"), SIZES.items())
def test_the_shards_are_the_file_cut_after_whole_rows(rows: int, sizes: list[int], tmp_path: Path) -> None:
    problems = [problem(number) for number in range(7)]
    whole, sharded = tmp_path / "whole.jsonl", tmp_path / "rows.jsonl"
    write(whole, problems)
    assert write(sharded, problems, shard_rows=rows) == 7
    shards = contents(sharded)
    assert list(shards) == [f"{number:09}.jsonl" for number in range(len(sizes))]
    assert [text.count(b"\n") for text in shards.values()] == sizes
    assert b"".join(shards.values()) == content_of(sharded) == content_of(whole) == whole.read_bytes()
    assert list(read(sharded, Problem, key=lambda row: row.id)) == problems


def test_many_lines_written_at_once_are_cut_as_well(tmp_path: Path) -> None:
    with replacing(tmp_path / "rows.jsonl", tmp_path / "metrics.json", shard_rows=2) as (file, metrics):
        file.write(b"1\n")
        file.write(b"2\n3\n4\n5\n")
        file.write(b"")
        metrics.write(b"{\n}\n")
    assert contents(tmp_path) == {
        "rows.jsonl/000000000.jsonl": b"1\n2\n",
        "rows.jsonl/000000001.jsonl": b"3\n4\n",
        "rows.jsonl/000000002.jsonl": b"5\n",
        "metrics.json": b"{\n}\n",
    }


def test_a_folder_without_rows_has_one_empty_shard(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert not has_rows(path)
    write(path, [], shard_rows=2)
    assert contents(path) == {"000000000.jsonl": b""} and not has_rows(path)
    with pytest.raises(BadInput, match=r"rows\.jsonl: the file is empty; expected one Problem a line"):
        next(read(path, Problem))
    write(path, [problem(0)], shard_rows=2)
    assert has_rows(path)


Spoil = Callable[[Path], Any]
FAULTS: list[tuple[Spoil, str]] = [
    (lambda folder: (folder / "notes.txt").write_text(""), r"rows\.jsonl: notes\.txt is no shard; expected files \*\.jsonl alone"),
    (lambda folder: (folder / "more.jsonl").mkdir(), r"rows\.jsonl: more\.jsonl is no shard"),
    (
        lambda folder: (folder / "000000000.jsonl").replace(folder / "000000001.jsonl").rename(folder.parent / "away"),
        r"rows\.jsonl: the folder is empty",
    ),
    (lambda folder: (folder / "000000001.jsonl").write_text("{}\n"), r"rows\.jsonl/000000001\.jsonl:1: not a Problem"),
    (
        lambda folder: (folder / "000000002.jsonl").write_bytes((folder / "000000000.jsonl").read_bytes()),
        r"rows\.jsonl/000000002\.jsonl:1: duplicate id 'p0'",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), FAULTS)
def test_a_folder_that_is_not_whole_says_where(spoil: Spoil, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, map(problem, range(4)), shard_rows=2)
    spoil(path)
    with pytest.raises(BadInput, match=message):
        list(read(path, Problem, key=lambda row: row.id))


@pytest.mark.parametrize("before", [None, 2])
@pytest.mark.parametrize("after", [None, 3])
def test_a_file_and_a_folder_take_each_others_place_and_an_error_leaves_the_old(
    before: int | None, after: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, map(problem, range(5)), shard_rows=before)
    old = contents(tmp_path)
    (tmp_path / "rows.jsonl.partial").mkdir()  # of a run that was killed
    (tmp_path / "rows.jsonl.partial/000000007.jsonl").write_text("half")
    with pytest.raises(ZeroDivisionError):
        write(path, (problem(1 // (3 - number)) for number in range(9)), shard_rows=after)
    assert contents(tmp_path) == old
    write(path, map(problem, range(6)), shard_rows=after)
    assert path.is_dir() is (after is not None)
    assert len(contents(tmp_path)) == (2 if after else 1)
    assert [row.id for row in read(path, Problem)] == [f"p{number}" for number in range(6)]


@pytest.mark.parametrize("after", [None, 2])
def test_a_kill_while_a_folder_is_replaced_leaves_no_part_of_it(after: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, map(problem, range(20)), shard_rows=2)

    def kill(folder: Path) -> None:
        next(iter(folder.iterdir())).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("stages.shared.files.rmtree", kill)
        with pytest.raises(KeyboardInterrupt):
            write(path, map(problem, range(10)), shard_rows=after)
    assert len(list(read(path, Problem))) == 10
    write(path, map(problem, range(6)), shard_rows=2)
    assert list(read(path, Problem)) == [problem(number) for number in range(6)] and list(tmp_path.iterdir()) == [path]


def sections(shard_rows: int | None) -> dict[str, Any]:
    def with_shards(section: dict[str, Any]) -> dict[str, Any]:
        return section | ({"shard_rows": shard_rows} if shard_rows else {})

    asked = {"sampler": "scripted", "wrong": 0.1}
    arm = {"style": "plain", "ask": asked}
    tasks = {"word_problems": {"train": 40, "test": 12, "validation": 8, "levels": [1, 1], "highest": 20}}
    system: dict[str, dict[str, Any]] = {
        "collect": {"root": ".", "near": 0.9, "tasks": tasks},
        "prompt": {"teacher": "glyph", "probe": "plain", "validation": True},
        "respond": {"root": ".", "teacher": asked, "probe": asked | {"wrong": 0.5}},
        "grade": {"graders": {"answer": {}, "glyph_structure": {}}},
        "judge": {},
        "enrich": {},
        "filter": {"rules": {"teacher": {"grades": {"answer": 1.0}}, "probe": {"grades": {"answer": 1.0}}}, "samples": True},
        "generate": {"arms": {"one": arm, "two": arm}},
        "evaluate": {"graders": {"answer": {}}, "scores": {"accuracy": {}}, "compare": {}, "headline": {}, "samples": {"count": 2}},
    }
    system = {stage: with_shards(section) for stage, section in system.items()}
    student = {"system": "s", "base": "b", "format": with_shards({"reason_below": 0.75})}
    return {"seed": 0, "bases": {"b": {}}, "systems": {"s": system}, "students": {"n": student}}


def test_every_stage_writes_the_same_rows_into_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow with one file an out, and with shards of seven rows: the same bytes in every out and metric."""
    found = []
    for shard_rows in (None, 7):
        (tmp_path / str(shard_rows)).mkdir()
        monkeypatch.chdir(tmp_path / str(shard_rows))
        with Path("params.yaml").open("w") as file:
            YAML().dump(sections(shard_rows), file)
        for stage in (collect, prompt, respond, grade, judge, enrich, filter):
            stage.main("s")
        format.main("n")
        generate.main("s")
        evaluate.main("s")
        outs = sorted(path for path in Path().rglob("*") if path.suffix == ".jsonl" and path.parent.suffix != ".jsonl")
        assert {path.is_dir() for path in outs} == {shard_rows is not None}
        found.append({str(path): content_of(path) for path in outs} | contents(Path("metrics")))
        lineage = find(next(read(Path("data/s/chats/n.jsonl"), Chat)).problem, ["s"])
        assert lineage.chats[0].place == f"data/s/chats/n.jsonl{'/000000000.jsonl' if shard_rows else ''}:1"
    assert len(found[0]) > 15 and found[0] == found[1]
