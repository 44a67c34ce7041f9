"""A real HTTP server that speaks what the client of the package `tinker` sends; a FakeBackend does the work behind it.

with TinkerServer(make) as server: ...server.url...server.seen...
"""

import copy
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import numpy as np
from stages.students.backends import Adam, Datum, Sampling
from stages.students.token_losses import Clip

from fake_backend import FakeBackend

PROTO, JSON = "application/x-protobuf", "application/json"
ADAPTER = {"adapter_config.json": b'{"peft_type": "LORA"}', "adapter_model.safetensors": b"weights", "../../escaped": b"no"}


class TinkerServer:
    """`make` makes the model that each training run starts from. `together`: a pass is told only once a step was submitted too."""

    def __init__(self, make: Callable[[], FakeBackend], together: bool = False) -> None:
        self.make, self.together, self.lock = make, together, Lock()
        self.models: dict[str, FakeBackend] = {}
        self.samplers: dict[str, FakeBackend] = {}
        self.saved: dict[str, FakeBackend] = {}
        self.results: dict[str, Any] = {}
        self.held: set[str] = set()
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> "TinkerServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self._send(*outer.get(self.path))

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"] or 0))
                try:
                    with outer.lock:
                        answer = outer.post(self.path.removeprefix("/api/v1/"), content, dict(self.headers))
                except Exception as error:  # what the client gives up on; it would try again on a broken connection
                    answer = _json({"detail": repr(error)}, 422)
                self._send(*answer)

            def _send(self, status: int, kind: str, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def get(self, path: str) -> tuple[int, str, bytes]:
        if path.startswith("/file/"):
            return 200, "application/octet-stream", ADAPTER[path.removeprefix("/file/")]
        if path.endswith("external_weights_urls"):
            urls = {name: f"{self.url}/file/{name}" for name in ADAPTER}
            return _json({"urls": urls, "expires": "2030-01-01T00:00:00Z"})
        return _json({"detail": "not found"}, 404)

    def post(self, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        if path == "forward_backward":
            return self._submit(path, self._pass(content))
        body = json.loads(content or b"{}")
        self.seen.append((path, body))
        if path == "retrieve_future":
            return self._result(body["request_id"], headers)
        known = {
            "create_session": lambda: {"session_id": "s"},
            "create_sampling_session": lambda: {"sampling_session_id": self._keep(self.make())},
            "get_info": lambda: {"model_data": {"model_name": "table"}, "model_id": body["model_id"]},
            "telemetry": lambda: {"status": "accepted"},
            "session_heartbeat": lambda: {"type": "session_heartbeat"},
        }
        if path in known:
            return _json(known[path]())
        work = getattr(self, f"_{path}", None)
        ids = {"sample_sequence_ids": [f"sequence-{number}" for number in range(body["num_samples"])]} if path == "asample" else {}
        return self._submit(path, work(body), **ids) if work else _json({})

    def _submit(self, path: str, result: Any, **told: Any) -> tuple[int, str, bytes]:
        name = f"request-{len(self.results)}"
        self.results[name] = result
        if path == "optim_step":
            self.held.clear()
        elif path == "forward_backward" and self.together:
            self.held.add(name)
        return _json({"request_id": name} | told)

    def _result(self, name: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        if name in self.held:
            return _json({"type": "try_again", "request_id": name, "queue_state": "active"})
        result = self.results[name]
        return (200, PROTO, result) if isinstance(result, bytes) else _json(result)

    def _keep(self, model: FakeBackend) -> str:
        self.samplers[f"sampling-{len(self.samplers)}"] = copy.deepcopy(model)
        return f"sampling-{len(self.samplers) - 1}"

    def _create_model(self, body: dict[str, Any]) -> dict[str, Any]:
        name = f"s:train:{body['model_seq_id']}"
        if body["base_model"] != "table":
            return {"error": f"unknown base model {body['base_model']}", "category": "user"}
        self.models[name] = self.make()
        return {"model_id": name, "type": "create_model"}

    def _pass(self, content: bytes) -> bytes:
        from tinker.proto import tinker_public_pb2 as proto

        request = proto.ForwardBackwardRequest()
        request.ParseFromString(content)
        config = {name: value.number for name, value in request.loss_fn_config_v2.items()} or dict(request.loss_fn_config)
        self.seen.append(("forward_backward", {"loss_fn": request.loss_fn, "config": config}))
        kinds = {proto.DTYPE_FLOAT32: np.float32, proto.DTYPE_INT64: np.int64}

        def values(datum: Any, name: str) -> list[Any]:
            tensor = datum.loss_fn_inputs.get(name)
            return [] if tensor is None else np.frombuffer(tensor.dense, kinds[tensor.dtype]).tolist()

        data = [
            Datum(
                [token for chunk in datum.model_input for token in np.frombuffer(chunk.encoded_text.tokens, np.int32).tolist()],
                values(datum, "target_tokens"),
                *(values(datum, name) for name in ("weights", "logprobs", "advantages")),
            )
            for datum in request.data
        ]
        clip = Clip(config.get("clip_low_threshold", 0.8), config.get("clip_high_threshold", 1.2))
        passed = self.models[request.model_id].forward_backward(data, request.loss_fn, clip).value
        output = proto.ForwardBackwardOutput(loss_fn_output_type="ArrayRecord", metrics={"loss:sum": passed.loss})
        sizes = [len(row) * 4 for row in passed.logprobs]
        record = output.loss_fn_outputs.add(num_datums=len(data))
        record.fields["logprobs"].dtype = proto.DTYPE_FLOAT32
        record.fields["logprobs"].offsets = np.cumsum([0, *sizes], dtype=np.int64).tobytes()
        record.fields["logprobs"].data = np.concatenate(passed.logprobs).astype(np.float32).tobytes()
        content = output.SerializeToString()
        assert isinstance(content, bytes)
        return content

    def _optim_step(self, body: dict[str, Any]) -> dict[str, Any]:
        given = body.get("optim_params") or body["adam_params"]
        names = ("learning_rate", "beta1", "beta2", "eps", "weight_decay", "grad_clip_norm")
        self.models[body["model_id"]].optim_step(Adam(*(given[name] for name in names)))
        return {"metrics": {}, "type": "optim_step"}

    def _asample(self, body: dict[str, Any]) -> bytes:
        from tinker.proto import tinker_public_pb2 as proto

        prompt = [token for chunk in body["prompt"]["chunks"] for token in chunk["tokens"]]
        model, given = self.samplers[body["sampling_session_id"]], body["sampling_params"]
        response = proto.SampleResponse()
        if body.get("prompt_logprobs"):
            values = [float("nan"), *model.logprobs([prompt]).value[0]]
            response.prompt_logprobs = np.asarray(values, np.float32).tobytes()
        sampling = Sampling(body["num_samples"], given["max_tokens"], given.get("temperature", 1), given.get("seed") or 0)
        model.stops = set(given.get("stop") or model.stops)
        for answer in model.sample([prompt], sampling).value[0]:
            reason = proto.STOP_REASON_STOP if answer.stop_reason == "stop" else proto.STOP_REASON_LENGTH
            response.sequences.add(
                stop_reason=reason,
                tokens=np.asarray(answer.tokens, np.int32).tobytes(),
                logprobs=np.asarray(answer.logprobs, np.float32).tobytes(),
            )
        content = response.SerializeToString()
        assert isinstance(content, bytes)
        return content

    def _save_weights(self, body: dict[str, Any]) -> dict[str, Any]:
        path = f"tinker://run/weights/{body['path']}"
        self.saved[path] = copy.deepcopy(self.models[body["model_id"]])
        return {"path": path, "type": "save_weights"}

    def _save_weights_external(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"path": f"tinker://run/external_weights/{body['path']}", "type": "save_weights_external"}

    def _load_weights(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["path"] not in self.saved:
            return {"error": f"{body['path']} has expired", "category": "user"}
        name = f"s:train:{body['model_seq_id']}"
        self.models[name] = copy.deepcopy(self.saved[body["path"]])
        if not body["optimizer"]:
            self.models[name].adam = None
        return {"path": body["path"], "model_id": name, "type": "load_weights"}

    def _save_weights_for_sampler(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"sampling_session_id": self._keep(self.models[body["model_id"]]), "type": "save_weights_for_sampler"}


def _json(body: Any, status: int = 200) -> tuple[int, str, bytes]:
    return status, JSON, json.dumps(body).encode()
