"""The same daemon with its queue in a real Postgres server, killed and started again."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest
from stages.daemon.queue import Queue
from stages.daemon.status import entry
from test_conductor import House

pytest.importorskip("dbos", reason="the queue is DBOS's")
PASSWORD = "hunter2"


def binaries() -> Path | None:
    """Where Debian puts the server, or where the path has it."""
    named = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else Path(named).parent if named else None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a port of its own that asks for a password; the URL of a database that is not there yet."""
    folder = binaries()
    if folder is None:
        pytest.skip("no Postgres server is installed (Debian: apt-get install postgresql)")
    user = "postgres" if os.getuid() == 0 else None  # the server refuses to run as root
    home = tmp_path_factory.mktemp("postgres")
    for each in (home, *list(home.parents)[:3]):
        each.chmod(0o755)
    data = home / "data"
    data.mkdir()
    if user:
        shutil.chown(data, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = home / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    command = [str(folder / "initdb"), "-D", str(data), "-U", "athanor", "--auth", "scram-sha-256", "--pwfile", str(secret)]
    made = subprocess.run(command, user=user, capture_output=True, text=True, cwd="/")
    if made.returncode:
        pytest.skip(f"initdb does not work here: {made.stderr.strip()[-200:]}")
    options = ["-D", str(data), "-p", str(port), "-c", f"unix_socket_directories={data}", "-c", "fsync=off"]
    process = subprocess.Popen(
        [str(folder / "postgres"), *options], user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while subprocess.run([folder / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True).returncode:
        assert process.poll() is None
        sleep(0.1)
    yield f"postgresql://athanor@127.0.0.1:{port}/queues"
    process.send_signal(signal.SIGINT)
    process.wait(30)


def test_a_queue_in_postgres_survives_kills(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two systems share a database; the password comes from the environment and stands nowhere else."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    house, other = House(tmp_path), House(tmp_path, "t")
    shas = [house.add(name, f"{name} " + "sleep " * 10, priority) for name, priority in (("a", "low"), ("b", "high"), ("c", "normal"))]
    other.add("a", "a")
    other.start(database=server)
    other.wait("done")
    for kill in range(3):
        process = house.start(database=server)
        house.wait("start", count=kill + 1)
        made = len(house.steps())
        while len(house.steps()) <= made + 2:
            sleep(0.02)
        process.kill()
        process.wait()
    house.start(database=server)
    house.wait("done", count=3)
    house.stop()
    other.stop()
    assert house.student == [shas[1], shas[2], shas[0]]
    rows = Queue(house.places, server).rows()
    assert [(row.job["name"], entry(row, None)["state"]) for row in rows] == [("b", "done"), ("c", "done"), ("a", "done")]
    assert not (house.places.home / "queue.sqlite").exists()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(PASSWORD.encode() in path.read_bytes() for path in written)


def test_a_server_that_refuses_is_told_in_one_line(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong")
    process = House(tmp_path).start(database=server)
    assert process.wait(60) == 1
    said = (tmp_path / "log").read_text()
    assert "password authentication failed" in said.splitlines()[-1] and "wrong" not in said
