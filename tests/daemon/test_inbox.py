"""Which files of the inbox are whole, and how one is taken: whatever happens in between, nothing is lost."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from stages.daemon import intake
from stages.daemon.inbox import Arrival, Inbox
from stages.daemon.intake import Changed, Full, copy_in, next_number, put_back_leftovers, take
from stages.daemon.places import Places, shown, slug
from stages.daemon.section import Limits
from stages.shared.errors import BadInput

FREE = Limits(free_gb=0)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path, "s")
    made.make()
    return made


def drop(places: Places, name: str, text: str = "{}\n") -> Path:
    path = places.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def whole(inbox: Inbox) -> list[str]:
    return [arrival.name for arrival in inbox.look().whole]


def test_two_equal_readings_make_a_file_whole(places: Places) -> None:
    inbox = Inbox(places.inbox)
    path = drop(places, "a.jsonl", "one\n")
    assert whole(inbox) == []
    path.write_text("one\ntwo\n")
    assert whole(inbox) == []  # it grew
    assert whole(inbox) == ["a.jsonl"]


def test_so_does_a_rename_from_an_unfinished_name(places: Places) -> None:
    inbox = Inbox(places.inbox)
    path = drop(places, "a.jsonl.partial")
    assert whole(inbox) == [] and whole(inbox) == []
    path.rename(places.inbox / "a.jsonl")
    assert whole(inbox) == ["a.jsonl"]


def test_a_clock_that_jumps_changes_nothing(places: Places) -> None:
    inbox = Inbox(places.inbox)
    path = drop(places, "a.jsonl")
    os.utime(path, (0, 0))
    drop(places, "b.jsonl")
    os.utime(places.inbox / "b.jsonl", (2**33, 2**33))
    assert whole(inbox) == []
    assert whole(inbox) == ["a.jsonl", "b.jsonl"]


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "link.jsonl": (lambda path: path.symlink_to("/etc/passwd"), "a link"),
    "pipe.jsonl": (os.mkfifo, "not a regular file"),
    "notes.txt": (lambda path: path.write_text("x"), "does not end in .jsonl"),
    "none.jsonl": (lambda path: path.touch(), "empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_never_taken(name: str, places: Places) -> None:
    make, why = REFUSED[name]
    make(places.inbox / name)
    inbox = Inbox(places.inbox)
    inbox.look()
    look = inbox.look()
    assert look.whole == [] and why in look.refused[name]
    assert os.path.lexists(places.inbox / name)


def test_a_link_to_a_folder_is_not_followed(places: Places, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.jsonl").write_text("{}\n")
    (places.inbox / "in").symlink_to(tmp_path / "outside")
    inbox = Inbox(places.inbox)
    inbox.look()
    assert inbox.look().refused.keys() == {"in"}


def spooled(places: Places) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted((places.home / "spool").iterdir())]


def taken(places: Places, step: Callable[[str], None] = lambda _: None) -> None:
    """Two looks; every file that is whole is taken."""
    inbox = Inbox(places.inbox)
    inbox.look()
    for arrival in inbox.look().whole:
        take(places, arrival, FREE, step)


def test_folders_give_priorities_and_names_do_not_collide(places: Places) -> None:
    for name in ("a.jsonl", "high/a.jsonl", "low/x/a.jsonl", "x/a.jsonl", "high.jsonl", "two\nlines.jsonl"):
        drop(places, name, f"{name!r}\n")
    taken(places)
    assert {(job["name"], job["priority"]) for job in spooled(places)} == {
        ("a.jsonl", "normal"),
        ("a.jsonl", "high"),
        ("x/a.jsonl", "low"),
        ("x/a.jsonl", "normal"),
        ("high.jsonl", "normal"),
        ("two\nlines.jsonl", "normal"),
    }
    assert len({job["id"] for job in spooled(places)}) == 6
    assert [path for path in places.inbox.rglob("*") if path.is_file()] == []
    for job in spooled(places):
        data = places.taken(str(job["sha"])).read_bytes()
        assert hashlib.sha256(data).hexdigest() == job["sha"]


class Kill(BaseException):
    """As SIGKILL, nothing below catches it."""


@pytest.mark.parametrize("at", ["copied", "spooled"])
def test_a_kill_between_two_steps_loses_nothing_and_doubles_nothing(at: str, places: Places) -> None:
    drop(places, "a.jsonl")

    def kill(step: str) -> None:
        if step == at:
            raise Kill

    with pytest.raises(Kill):
        taken(places, kill)
    assert (places.inbox / "a.jsonl").exists()
    put_back_leftovers(places)
    taken(places)
    assert {job["id"] for job in spooled(places)} == {hashlib.sha256(b"{}\n").hexdigest()}
    assert not (places.inbox / "a.jsonl").exists()


def test_a_file_that_is_replaced_as_it_is_taken_stays(places: Places) -> None:
    path = drop(places, "a.jsonl", "old\n")

    def replace(step: str) -> None:
        if step == "spooled":
            (places.inbox / "new").write_text("new\n")
            (places.inbox / "new").rename(path)

    taken(places, replace)
    assert path.read_text() == "new\n"
    assert [job["sha"] for job in spooled(places)] == [hashlib.sha256(b"old\n").hexdigest()]


def test_a_file_that_changes_while_it_is_read_is_left_for_later(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(places, "a.jsonl", "x" * 100 + "\n")
    read = os.read

    def slowly(source: int, size: int) -> bytes:
        with path.open("a") as file:
            file.write("more\n")
        return read(source, size)

    inbox = Inbox(places.inbox)
    inbox.look()
    (arrival,) = inbox.look().whole
    monkeypatch.setattr(os, "read", slowly)
    with pytest.raises(Changed):
        take(places, arrival, FREE)
    assert path.exists() and spooled(places) == [] and list((places.home / "taken").iterdir()) == []


def test_a_file_that_became_a_link_is_refused(places: Places) -> None:
    path = drop(places, "a.jsonl")
    inbox = Inbox(places.inbox)
    inbox.look()
    (arrival,) = inbox.look().whole
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(BadInput, match="a link"):
        take(places, arrival, FREE)


@pytest.mark.parametrize(
    ("limits", "error", "why"),
    [
        (Limits(file_gb=1e-9, free_gb=0), BadInput, "limits.file_gb"),
        (Limits(line_mb=1e-6, free_gb=0), BadInput, "a.jsonl:2: the line is over limits.line_mb"),
        (Limits(free_gb=1e9), Full, "are free and"),
    ],
)
def test_limits(limits: Limits, error: type[Exception], why: str, places: Places) -> None:
    path = drop(places, "a.jsonl", "\n" + "x" * 50 + "\n")
    with pytest.raises(error, match=why):
        copy_in(places, path, limits)
    assert path.exists() and list((places.home / "taken").iterdir()) == []


def test_a_disk_that_fills_up_while_a_file_is_copied(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(places, "a.jsonl")

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Full, match="filled up"):
        copy_in(places, path, FREE)
    assert path.exists() and list((places.home / "taken").iterdir()) == []


def test_half_a_copy_and_a_file_set_aside_are_put_right_at_the_next_start(places: Places) -> None:
    (places.home / "taken/7.partial").write_text("half")
    (places.home / "taken/7.aside").write_text("whole\n")
    put_back_leftovers(places)
    assert list((places.home / "taken").iterdir()) == []
    assert (places.inbox / "again-7.jsonl").read_text() == "whole\n"


def test_numbers_only_rise(places: Places) -> None:
    assert [next_number(places) for _ in range(250)] == list(range(1, 251))
    assert (places.home / "number").stat().st_size < 1000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jsonl", "a"),
        ("x/two\nlines.JSONL", "two-lines"),
        ("../..", "file"),
        ("ü.jsonl", "file"),
        ("a" * 99, "a" * 40),
        ("-a-.lock", "a-lock"),
    ],
)
def test_a_file_name_becomes_part_of_a_reference_of_git(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_name_is_shown_in_one_line() -> None:
    assert shown("two\nlines\x1b[31m.jsonl") == "two\\nlines\\x1b[31m.jsonl"


def test_an_arrival_that_is_gone_is_no_loss(places: Places) -> None:
    path = drop(places, "a.jsonl")
    inbox = Inbox(places.inbox)
    inbox.look()
    (arrival,) = inbox.look().whole
    path.unlink()
    with pytest.raises(FileNotFoundError):
        take(places, arrival, FREE)
    intake.remove(places, Arrival(path, "a.jsonl", arrival.reading))
