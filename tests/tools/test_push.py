"""python -m stages.tools.push, against a server that answers as the Hub does for small files."""

import base64
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Any

import pytest
from stages.tools import push

FILES = {"README.md": b"# a card\n", "model.safetensors": b"\0\1weights", "chats/train.jsonl": b"{}\n"}
TOKEN = "hf_not_a_real_token"


class Hub(BaseHTTPRequestHandler):
    """Keeps what it is asked for; `refused` is the status of a commit that it refuses."""

    asked: list[tuple[str, Any, str]]
    refused: int
    private: bool

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        body: Any = [json.loads(line) for line in text.splitlines()] if "ndjson" in self.headers["Content-Type"] else json.loads(text)
        type(self).asked.append((self.path, body, self.headers["Authorization"]))
        address = f"http://{self.headers['Host']}/me/mini"
        if self.path == "/api/repos/create":
            self.reply(200, {"url": address, "name": "me/mini"})
        elif self.path.endswith("/preupload/main"):
            self.reply(200, {"files": [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in body["files"]]})
        elif self.refused:
            self.reply(self.refused, {"error": "You have no right to write"})
        else:
            self.reply(200, {"commitUrl": f"{address}/commit/{'a' * 40}", "commitOid": "a" * 40, "hookOutput": ""})

    def do_GET(self) -> None:
        self.reply(200, {"id": "me/mini", "sha": "b" * 40, "siblings": [], "private": self.private})

    def reply(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    class Own(Hub):
        asked: list[tuple[str, Any, str]] = []  # noqa: RUF012
        refused = 0
        private = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield Own
    server.shutdown()
    server.server_close()


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(content)
    return tmp_path / "out"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["push", *arguments])
    push.main()


@pytest.mark.parametrize("public", [False, True])
def test_all_files_are_one_commit(
    public: bool, hub: type[Hub], exported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, str(exported), "me/mini", *(["--public"] if public else []))
    assert capsys.readouterr().out.strip().endswith("/me/mini")
    made, commit = hub.asked[0], hub.asked[-1]
    assert made[0] == "/api/repos/create" and made[1]["visibility"] == ("public" if public else "private")
    files = {each["value"]["path"]: base64.b64decode(each["value"]["content"]) for each in commit[1] if each["key"] == "file"}
    assert commit[0] == "/api/models/me/mini/commit/main" and files == FILES
    assert {token for _, _, token in hub.asked} == {f"Bearer {TOKEN}"}


def test_a_repository_that_is_public_is_uploaded_to_only_with_the_flag(
    hub: type[Hub], exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.private = False
    with pytest.raises(SystemExit, match=r"push: me/mini: this repository is there and public; --public uploads to it"):
        run(monkeypatch, str(exported), "me/mini")
    assert [path for path, *_ in hub.asked] == ["/api/repos/create"]
    run(monkeypatch, str(exported), "me/mini", "--public")
    assert hub.asked[-1][0] == "/api/models/me/mini/commit/main"


def test_what_is_refused_is_told_without_the_token(hub: type[Hub], exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.refused = 403
    with pytest.raises(SystemExit) as error:
        run(monkeypatch, str(exported), "me/mini")
    told = str(error.value)
    assert told.startswith("push: me/mini: the Hub did not take it: ") and "403" in told and TOKEN not in told and "\n" not in told


def test_a_hub_where_nobody_answers_is_told(hub: type[Hub], exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(SystemExit, match=r"^push: me/mini: the Hub did not take it: .*refused"):
            run(monkeypatch, str(exported), "me/mini")


def test_nothing_is_asked_of_the_hub_without_a_model_a_token_or_a_name(
    hub: type[Hub], exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="nothing: no exported model"):
        run(monkeypatch, str(tmp_path / "nothing"), "me/mini")
    with pytest.raises(SystemExit, match="the Hub did not take it: Repo id must"):
        run(monkeypatch, str(exported), "me/mini/more")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(SystemExit, match="no token of the Hub: set HF_TOKEN"):
        run(monkeypatch, str(exported), "me/mini")
    assert hub.asked == []
