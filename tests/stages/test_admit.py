"""`stages.admit`: the rows of a file as chats, without held-out problems, beside a sample of older rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.admit import Sample, check, main
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Chat, Kind, Problem

from tiny import talk

READ = {"conversations": {"file": "arrived.jsonl", "held_out": 1e-9}}


def line(*turns: str, **metadata: Any) -> str:
    messages = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(turns)]
    return json.dumps({"messages": messages, "metadata": metadata}) + "\n"


def project(folder: Path, lines: list[str], older: int = 20, keep: int = 10, replay: float = 0.5, seed: int = 0) -> None:
    admit = {"read": READ, "format": {"hard": "direct", "selective": False}, "near": 0.8, "replay": replay, "older": keep}
    update = {"system": "s", "base": "b", "admit": admit}
    values = {"seed": seed, "systems": {"s": {}}, "bases": {"b": {}}, "updates": {"n": update}, "daemon": {"s": {"read": READ}}}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(values, file)
    arrived = folder / "updates/n/arrived.jsonl"
    arrived.parent.mkdir(parents=True, exist_ok=True)
    arrived.write_text("".join(lines))
    write(folder / "updates/n/older.jsonl", [talk(f"old {number}", "yes", name=f"old{number}") for number in range(older)])
    held_out = Problem(id="h", task="t", kind=Kind.OPEN, split="test", question="What colour has the roof of the old mill?", answer="red")
    write(folder / "data/held_out/s.jsonl", [held_out])
    (folder / "data/validation").mkdir(parents=True, exist_ok=True)
    (folder / "data/validation/s.jsonl").touch()


def admitted(folder: Path) -> tuple[list[Chat], list[Chat], dict[str, int]]:
    counts: dict[str, int] = json.loads((folder / "metrics/n_admit.json").read_text())
    return list(read(folder / "data/s/admitted/n.jsonl", Chat)), list(read(folder / "data/s/older/n.jsonl", Chat)), counts


def words(chats: list[Chat]) -> list[list[str]]:
    return [[message["content"] for message in chat.messages] for chat in chats]


def test_rows_become_chats_and_older_ones_are_mixed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line("a", "b", "c", "d"), line("e", "f"), line("a", "b", "c", "d"), line("g", "h", split="test")]
    lines += [line("What colour has the roof of the old mill?", "red"), line("i", "j"), line("k", "l")]
    project(tmp_path, lines)
    main("n")
    chats, older, counts = admitted(tmp_path)
    assert counts == {"rows": 4, "repeated": 1, "held_out": 1, "older": 2}
    assert words(chats)[:4] == [["a", "b", "c", "d"], ["e", "f"], ["i", "j"], ["k", "l"]]
    assert all(text.startswith("old") for text, _ in words(chats)[4:]) and len(chats) == 6
    assert len({chat.id for chat in older}) == 10
    first = (tmp_path / "data/s/admitted/n.jsonl").read_bytes()
    main("n")
    assert (tmp_path / "data/s/admitted/n.jsonl").read_bytes() == first


def test_another_file_has_other_older_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = []
    for text in ("a", "b", "c"):
        project(tmp_path, [line(f"{text}{number}", "x") for number in range(10)], older=100)
        main("n")
        drawn.append(tuple(text for text, _ in words(admitted(tmp_path)[0])[10:]))
    assert len(set(drawn)) == 3 and all(len(texts) == 5 for texts in drawn)


@pytest.mark.parametrize(("replay", "keep", "older"), [(0.0, 10, 0), (2.0, 0, 20), (100.0, 5, 20)])
def test_shares(replay: float, keep: int, older: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, [line(f"n{number}", "x") for number in range(10)], replay=replay, keep=keep)
    main("n")
    if keep:
        _, kept, counts = admitted(tmp_path)
        assert (counts["older"], len(kept)) == (older, keep)
    assert json.loads((tmp_path / "metrics/n_admit.json").read_text())["older"] == older


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["{\n"], "arrived.jsonl:1: "),
        ([line("a", "b"), line("a")], "arrived.jsonl:2: messages: expected turns"),
        ([line("What colour has the roof of the old mill?", "red")], "no row to learn from"),
    ],
)
def test_bad_files(lines: list[str], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, lines)
    with pytest.raises(BadInput, match=fault):
        main("n")
    assert not (tmp_path / "data/s/admitted").exists() or list((tmp_path / "data/s/admitted").iterdir()) == []


def test_check_reads_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, [])
    path = tmp_path / "taken.jsonl"
    path.write_text(line("a", "b") + line("c", "d"))
    check([str(path), "s"])
    assert capsys.readouterr().out == "2 rows\n"
    path.write_text(line("a", "b") + "[]\n")
    with pytest.raises(BadInput, match=r"taken\.jsonl:2: not a Line"):
        check([str(path), "s"])


def test_a_sample_is_uniform_and_depends_on_no_order() -> None:
    chats = [talk("a", "b", name=f"c{number}") for number in range(300)]
    forwards, backwards, in_parts = Sample(30, 1), Sample(30, 1), Sample(30, 1)
    for chat in chats:
        forwards.add(chat)
    for chat in reversed(chats):
        backwards.add(chat)
    for half in (chats[150:], chats[:150]):
        part = Sample(30, 1)
        for chat in half:
            part.add(chat)
        for chat in part.chats():
            in_parts.add(chat)
    assert forwards.chats() == backwards.chats() == in_parts.chats()
    halves = sum(int(chat.id[1:]) < 150 for chat in forwards.chats())
    assert 6 <= halves <= 24
