"""The files and batches of the server in server.py: https://platform.openai.com/docs/api-reference/batch"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server import Response, Server


class Batches:
    """A batch is done once it was looked at more than `looks` times. The server's plan gives the fault of each line."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.files: dict[str, bytes] = {}
        self.made: dict[str, dict[str, Any]] = {}
        self.looks = 1
        self.fault = ""  # of FAULTS: what every request meets
        self.mute = False  # what is submitted is taken, and never answered

    def respond(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> "Response":
        from server import FAULTS, Call, Response, error

        if self.fault:
            return FAULTS[self.fault](self.server, Call(path, headers, {}, "", 0, 0.0))
        parts = path.split("?")[0].removeprefix("/v1/").split("/")
        if parts == ["files"]:
            return Response(200, self._upload(headers, content))
        if parts[0] == "files" and parts[-1] == "content":
            return Response(200, self.files[parts[1]])
        if parts == ["batches"] and method == "POST":
            return Response(200, self._submit(json.loads(content)), manner="hang" if self.mute else "whole")
        if parts == ["batches"]:
            return Response(200, {"object": "list", "data": [*self.made.values()][::-1], "has_more": False})
        return Response(200, self._look(parts[1])) if parts[1] in self.made else error(404, "no such batch")

    def _upload(self, headers: Mapping[str, str], content: bytes) -> dict[str, Any]:
        border = b"--" + headers["content-type"].split("boundary=")[1].encode()
        [part] = [part for part in content.split(border) if b'name="file"' in part]
        name = f"file-{len(self.files)}"
        self.files[name] = part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        return {
            "id": name,
            "object": "file",
            "bytes": len(content),
            "created_at": 0,
            "filename": "f",
            "purpose": "batch",
            "status": "processed",
        }

    def _submit(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = f"batch-{len(self.made)}"
        fixed = {"object": "batch", "created_at": 0, "completion_window": "24h", "endpoint": asked["endpoint"]}
        self.made[name] = fixed | {
            "id": name,
            "status": "validating",
            "input_file_id": asked["input_file_id"],
            "metadata": asked.get("metadata"),
            "looks": 0,
        }
        return self.made[name]

    def _look(self, name: str) -> dict[str, Any]:
        batch = self.made[name]
        batch["looks"] += 1
        if batch["looks"] > self.looks and batch["status"] != "completed":
            lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
            self.files[f"{name}-out"] = b"\n".join(json.dumps(self._line(line)).encode() for line in reversed(lines))
            batch |= {"status": "completed", "output_file_id": f"{name}-out"}
        return batch

    def _line(self, line: dict[str, Any]) -> dict[str, Any]:
        from server import FAULTS, Call

        told = line["body"]["messages"][-1]["content"]
        call = Call(line["url"], {}, line["body"], told, self.server.tries[told], 0.0)
        self.server.tries[told] += 1
        kind = self.server.plan(call) if self.server.plan else None
        done = FAULTS[kind](self.server, call) if kind else self.server.answered(call, f"{told} | batched", "stop")
        return {"custom_id": line["custom_id"], "response": {"status_code": done.status, "body": done.body}, "error": None}
