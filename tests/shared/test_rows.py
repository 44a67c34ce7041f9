"""shared/rows.py and shared/files.py: nouns survive a file whatever stands in them, a bad line is named, a failed write costs nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.shared.errors import BadInput
from stages.shared.files import as_bytes, read, replacing, timed, write, write_json
from stages.shared.rows import Chat, Ending, Kind, Problem, Prompt, Response, Trace, encode, turn_id
from stages.shared.seen import Seen

from project_tree import ROOT, contents

PROBLEM: dict[str, Any] = {"id": "p1", "task": "t", "kind": "number", "split": "train", "question": "1 + 1?", "answer": "2"}
PROMPT = PROBLEM | {"by": "teacher", "style": "plain", "messages": [{"role": "user", "content": "1 + 1?"}]}
RESPONSE = PROMPT | {"sampler": "s", "model": "m", "sample": 0, "text": "2", "ending": "stop", "tokens": 1}
TRACE = RESPONSE | {"pred": "2", "grades": {"answer": 1.0}, "reasons": {}}
CHAT = {"id": "c", "problem": "p1", "format": "natural", "style": "plain", "messages": PROMPT["messages"], "trace": "p1/probe/plain/0"}
NOUNS: list[tuple[type[msgspec.Struct], dict[str, Any]]] = [
    (Problem, PROBLEM),
    (Prompt, PROMPT),
    (Response, RESPONSE),
    (Trace, TRACE),
    (Chat, CHAT),
]


def lines(path: Path, *rows: dict[str, Any] | str | bytes) -> Path:
    def text(row: dict[str, Any] | str | bytes) -> bytes:
        return row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode()

    path.write_bytes(b"".join(text(row) + b"\n" for row in rows))
    return path


def test_a_row_only_grows() -> None:
    for (_, less), (_, more) in pairwise(NOUNS[:4]):
        assert less.items() <= more.items()
    for noun, row in NOUNS:
        assert json.loads(encode(msgspec.convert(row, noun))) == row


def test_a_trace_id_tells_all_responses_of_a_system_apart() -> None:
    changes: list[dict[str, Any]] = [{}, {"id": "p2"}, {"by": "probe"}, {"style": "glyph"}, {"sample": 1}]
    assert len({msgspec.convert(RESPONSE | change, Response).trace_id for change in changes}) == len(changes)


def test_the_turns_of_a_conversation_have_its_id() -> None:
    def conversation(id: str) -> str:
        return msgspec.convert(PROBLEM | {"id": id}, Problem).conversation

    assert conversation(turn_id("a#b", 12)) == conversation("a#b") == "a#b"
    assert conversation("a#turn") == "a#turn" and conversation("a#turn1 ") == "a#turn1 "


def test_facts_are_written_where_there_are_any() -> None:
    facts = {"g.count": 3.0, "g.symbol": "🤔"}
    trace = msgspec.convert(TRACE | {"facts": facts}, Trace)
    assert json.loads(encode(trace)) == TRACE | {"facts": facts}
    assert b"facts" not in encode(msgspec.convert(TRACE, Trace))


BAD_LINES: list[tuple[Any, str]] = [
    ('{"id": "p2"', "malformed JSON: Input data was truncated"),
    ("", "malformed JSON"),
    (json.dumps(PROBLEM) + "{}", "malformed JSON: .*trailing characters"),
    ("{'id': 1}", "malformed JSON"),
    (json.dumps(PROBLEM).replace('"2"', '"\t"'), "malformed JSON"),
    (json.dumps(PROBLEM | {"level": 0}).replace("0}", "NaN}"), "malformed JSON"),
    (json.dumps(PROBLEM).encode().replace(b"1 + 1?", b"\xff"), "malformed JSON: 'utf-8' codec can't decode byte 0xff"),
    ("[" * 100_000, "not a Problem: Expected `object`, got `array`"),
    ('{"choices": ' + "[" * 100_000, "not a Problem"),
    ("7", "not a Problem: Expected `object`, got `int`"),
    ({key: value for key, value in PROBLEM.items() if key != "answer"}, "not a Problem: Object missing required field `answer`"),
    (PROBLEM | {"answer": 2}, r"not a Problem: Expected `str`, got `int` - at `\$\.answer`"),
    (PROBLEM | {"level": "1"}, r"not a Problem: Expected `int \| null`, got `str` - at `\$\.level`"),
    (PROBLEM | {"question": None}, r"not a Problem: Expected `str`, got `null` - at `\$\.question`"),
    (PROBLEM | {"kind": "numbr"}, "not a Problem: Invalid enum value 'numbr'"),
    (PROBLEM | {"anwser": "2"}, "not a Problem: Object contains unknown field `anwser`"),
    (PROBLEM, "duplicate id 'p1'; every row needs its own"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_bad_line_is_named(line: Any, message: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", PROBLEM, line)
    rows = read(path, Problem, key=lambda row: row.id)
    assert next(rows).id == "p1"
    with pytest.raises(BadInput, match=message) as error:
        next(rows)
    assert str(error.value).startswith(f"{path}:2: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "end",
    [
        '"\\ud800", "level": NaN}',
        '"\\ud800", "level": 1e999}',
        '"\\ud800", "level": ' + "[" * 100_000,
        '"\\ud800", "level": "1"}',
        '"\\ud800"',
    ],
)
def test_what_stands_beside_a_lone_surrogate_is_read_as_strictly(end: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", json.dumps(PROBLEM)[:-1] + ', "solution": ' + end)
    with pytest.raises(BadInput, match=r"rows\.jsonl:1: (malformed JSON|not a Problem)"):
        list(read(path, Problem))


def test_grades_are_numbers(tmp_path: Path) -> None:
    for bad in ("NaN", "Infinity", "-Infinity", "1e999"):
        with pytest.raises(BadInput, match=r":1: (malformed JSON|not a Trace: Number out of range)"):
            list(read(lines(tmp_path / "traces.jsonl", json.dumps(TRACE).replace("1.0", bad)), Trace))


def test_deep_nesting_in_a_field_that_is_not_read(tmp_path: Path) -> None:
    class Loose(msgspec.Struct):
        text: str

    path = lines(tmp_path / "rows.jsonl", '{"text": "a", "rest": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(BadInput, match=r"rows\.jsonl:1: malformed JSON: maximum recursion depth"):
        list(read(path, Loose))


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"rows\.jsonl: no such file; run the stage that makes it \(`dvc repro`\)"):
        next(read(tmp_path / "rows.jsonl", Problem))
    with pytest.raises(BadInput, match=r"rows\.jsonl: the file is empty; expected one Problem a line"):
        next(read(lines(tmp_path / "rows.jsonl"), Problem))


def test_a_last_line_without_its_newline_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\ufeff" + json.dumps(PROBLEM) + "\n" + json.dumps(PROBLEM | {"id": "p2"}))
    assert [row.id for row in read(path, Problem)] == ["p1", "p2"]


def test_reading_holds_one_row_at_a_time(tmp_path: Path) -> None:
    """A pipe is read as it comes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    command = 'yes "$0" | head -n 100000 > "$1"'
    with subprocess.Popen(["sh", "-c", command, json.dumps(PROBLEM), path]) as writer:
        rows = read(path, Problem)
        assert [next(rows).id for _ in range(3)] == ["p1"] * 3
        assert writer.poll() is None  # it still has most of its lines to write
        rows.close()  # type: ignore[attr-defined]


any_text = st.text(st.characters(exclude_categories=[]), max_size=30)  # lone surrogates and control characters among it
awkward = st.sampled_from(
    ["\ud800", "\udfff\ud800", "a\x00b", "\x1f\x7f\x85\u2028\u2029", "\n\r\n", "\\ud800", '"\\', "🜞🜆🜂🜃", "\ufeff", "\ufffe", ""]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(any_text | awkward, any_text | awkward), min_size=1, max_size=5))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    rows = [
        Response(
            id=f"{place}{one}",
            task="t",
            kind=Kind.OPEN,
            split="test",
            question=other,
            answer=one,
            by="b",
            style="s",
            messages=[{"role": "user", "content": other}],
            sampler="s",
            model="m",
            sample=0,
            text=one,
            ending=Ending.STOP,
            tokens=0,
        )
        for place, (one, other) in enumerate(texts)
    ]
    assert write(path, rows) == len(rows)
    assert path.read_bytes().count(b"\n") == len(rows)
    assert list(read(path, Response, key=lambda row: row.trace_id)) == rows


def test_glyphs_stay_readable(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", [msgspec.convert(PROBLEM | {"question": "🜞 crux"}, Problem)])
    assert "🜞 crux" in (tmp_path / "rows.jsonl").read_text()


def rows_then(error: BaseException | None, count: int = 3) -> Iterator[Problem]:
    for number in range(count):
        yield msgspec.convert(PROBLEM | {"id": str(number)}, Problem)
    if error:
        raise error


@pytest.mark.parametrize("error", [BadInput("bad"), OSError(5, "Input/output error"), KeyboardInterrupt(), ValueError("a bug")])
@pytest.mark.parametrize("old", ["old\n", None])
def test_an_error_on_the_way_leaves_everything_as_it_was(error: BaseException, old: str | None, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    if old is not None:
        path.write_text(old)
    with pytest.raises(type(error)) as caught:
        write(path, rows_then(error))
    assert caught.value is error
    assert contents(tmp_path) == ({"rows.jsonl": old} if old is not None else {})


def test_a_new_file_takes_the_place_of_the_old_one_at_the_very_end(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/rows.jsonl"
    with replacing(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert contents(tmp_path) == {"deep/er/rows.jsonl": "new"}


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, the disk that is always full, on this system")


@needs_full
@pytest.mark.parametrize("broken", [0, 1, 2, None])
def test_several_files_change_together_or_not_at_all(broken: int | None, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("kept", "dropped", "metrics")]
    for path in paths:
        path.write_text("old")
    if broken is not None:
        (tmp_path / f"{paths[broken].name}.partial").symlink_to("/dev/full")
    told = ""
    try:
        with replacing(*paths) as files:
            for file in files:
                file.write(b"new")
    except OSError as error:
        told = f"{error.filename}: {error.strerror}"
    assert contents(tmp_path) == {path.name: "old" if told else "new" for path in paths}
    assert told == (f"{paths[broken]}: No space left on device" if broken is not None else "")


def test_a_file_that_cannot_be_opened_leaves_no_other_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(FileExistsError), replacing(tmp_path / "one", tmp_path / "file/two"):
        raise AssertionError("not reached")
    assert contents(tmp_path) == {"file": "old"}


def test_no_row_at_all(tmp_path: Path) -> None:
    assert write(tmp_path / "leaks.jsonl", []) == 0 and (tmp_path / "leaks.jsonl").read_bytes() == b""
    with pytest.raises(BadInput, match=r"rows\.jsonl: nothing to write: nobody answered"):
        write(tmp_path / "rows.jsonl", [], empty="nobody answered")
    assert not (tmp_path / "rows.jsonl").exists()


@needs_full
@pytest.mark.parametrize("count", [1, 30_000])
def test_a_full_disk(count: int, tmp_path: Path) -> None:
    """It shows on closing (one row), or in the midst of writing (more than the buffer holds)."""
    path = tmp_path / "rows.jsonl"
    path.write_text("old\n")
    (tmp_path / "rows.jsonl.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as error:
        write(path, rows_then(None, count))
    assert error.value.filename == str(path)
    assert contents(tmp_path) == {"rows.jsonl": "old\n"}
    assert Path("/dev/full").exists()


def test_json_and_text_of_any_kind(tmp_path: Path) -> None:
    write_json(tmp_path / "m.json", {"b": 0.1, "a": [1, None], "🜞": "\ud800"})
    assert (tmp_path / "m.json").read_text() == '{\n  "b": 0.1,\n  "a": [\n    1,\n    null\n  ],\n  "🜞": "\\ud800"\n}\n'
    assert json.loads((tmp_path / "m.json").read_text())["🜞"] == "\ud800"
    assert as_bytes("glyph 🜞, half a character \udfff\n").decode() == "glyph 🜞, half a character \\udfff\n"


def test_seen_is_a_set_with_values() -> None:
    seen = Seen()
    assert [seen.add("a", "1"), seen.add("b"), seen.add("a", "2"), seen.add("A"), seen.add("")] == [True, True, False, True, True]
    assert (seen.value("a"), seen.value("b")) == ("1", "")
    with pytest.raises(KeyError):
        seen.value("c")
    for text in ("\ud800", "a\x00b", "a\x00", "é", "e\u0301"):
        assert seen.add(text, text) and not seen.add(text) and seen.value(text) == text


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to read the memory in use from on this system")
def test_seen_keeps_its_items_out_of_memory() -> None:
    """200 000 ids of 60 characters would be 30 MB as a Python set, 15 MB as a table in memory."""
    code = """
import resource
from pathlib import Path
from stages.shared.seen import Seen
seen, used = Seen(), []
for number in range(200_001):
    seen.add(f"{number:060}")
    if number in (1000, 200_000):
        used.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024**2)
print(used[1] - used[0])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 8


def test_the_time_of_what_is_done_is_added_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of what failed, and of several processes by one; a file that cannot be written stops nobody."""
    path = tmp_path / "made/timings.jsonl"
    for stage in ("train", "train_pair"):
        with timed(path, stage=stage):
            pass
    with pytest.raises(BadInput), timed(path, stage="failed"):
        raise BadInput("not done")
    with timed(Path(os.devnull, "timings.jsonl"), stage="nowhere"):
        pass
    monkeypatch.setenv("RANK", "1")
    with timed(path, stage="second"):
        pass
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["stage"] for row in rows] == ["train", "train_pair"]
    assert all(row["seconds"] >= 0 and row["processor_seconds"] >= 0 for row in rows)
