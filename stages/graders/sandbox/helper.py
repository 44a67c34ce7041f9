"""Work that may run wild, done where it can be killed: the only part of this room that starts a process.

A helper process loads what the work needs, once. For each request it forks, and the fork alone does the work,
under limits of time and memory; to kill it costs nothing, since the helper goes on. Nothing is started, and
nothing heavy imported, before the first request.

Why no pool of a library: pebble 5.2.3 starts its children through multiprocessing, which runs the caller's
main module once more (a script without `if __name__ == "__main__"` never gets an answer) and refuses inside a
daemonic worker; both were tried. `subprocess` does neither: it works from any thread, in any worker, on Linux
and macOS. A helper whose owner died finds its standard input closed and goes.
"""

import atexit
import json
import os
import sys
from importlib import import_module
from threading import Lock
from typing import Any

from stages.graders.reading.limits import Limits, TooMuch

START = 120.0  # seconds for a helper to import what it needs: generous, since a machine may be busy
GRACE = 0.3  # seconds beyond its limit after which a helper that has not answered is given up
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from stages.graders.sandbox.helper import "
    "serve; serve(sys.argv[2])"
)
_READY, _LIMIT = b"ready\n", b"limit\n"


class Sandbox:
    """Calls one function, named `module:function`, in helper processes: one for each thread that calls at the
    same time."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.idle: list[_Helper] = []
        self.lock = Lock()
        self.abandoned: list[_Helper] = []
        os.register_at_fork(after_in_child=self._after_fork)
        atexit.register(self.close)

    def call(self, *arguments: object, limits: Limits) -> Any:
        """What the function returns for `arguments`; both must be JSON.

        Raises TooMuch beyond a limit. A request that has to wait for a new helper gets half of the time, so
        that it keeps to the limit in all. A helper that was killed from outside is replaced; RuntimeError
        where that does not help, or where the function fails.
        """
        request = {"arguments": arguments, "megabytes": limits.megabytes}
        for _ in range(2):
            helper, seconds = self._take(), limits.seconds
            if helper is None:
                helper, seconds = _Helper(self.task), limits.seconds / 2
            try:
                reply = helper.ask(
                    json.dumps(request | {"seconds": seconds}).encode() + b"\n", seconds + GRACE
                )
            # an interrupt as well: a helper in the middle of its work would answer the next request with it
            except BaseException:
                helper.kill()
                raise
            if reply:
                self._put(helper)
                return _read(reply)
            helper.kill()
        raise RuntimeError(f"{self.task}: its helper process died twice; standard error may say why")

    def close(self) -> None:
        """Ends the helpers."""
        while helper := self._take():
            helper.kill()

    def _take(self) -> "_Helper | None":
        with self.lock:
            return self.idle.pop() if self.idle else None

    def _put(self, helper: "_Helper") -> None:
        with self.lock:
            if len(self.idle) < (os.cpu_count() or 1):
                self.idle.append(helper)
                return
        helper.kill()

    def _after_fork(self) -> None:
        """A fork must not talk to its parent's helpers; it keeps them, since dropping them would complain
        that they still run."""
        self.abandoned, self.idle, self.lock = [*self.abandoned, *self.idle], [], Lock()


def _read(reply: bytes) -> Any:
    if reply == _LIMIT:
        raise TooMuch("a computation beyond its limit of time or memory")
    message = json.loads(reply)
    if "error" in message:
        raise RuntimeError(message["error"])
    return message["value"]


class _Helper:
    """A process that runs `serve`."""

    def __init__(self, task: str) -> None:
        import subprocess

        command = [sys.executable, "-c", _CODE, json.dumps(sys.path), task]
        # a session of its own, so that Ctrl-C reaches its owner alone
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        try:
            ready = self._line(START) == _READY
        except BaseException:
            self.kill()
            raise
        if not ready:
            self.kill()
            raise RuntimeError(f"{task}: its helper process did not start; standard error may say why")

    def ask(self, request: bytes, seconds: float) -> bytes:
        """One line in answer to one line; empty where the process has died. Raises TooMuch where none came in
        time."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(request)
        except BrokenPipeError:
            return b""
        return self._line(seconds)

    def _line(self, seconds: float) -> bytes:
        from selectors import EVENT_READ, DefaultSelector

        assert self.process.stdout is not None
        with DefaultSelector() as selector:
            selector.register(self.process.stdout, EVENT_READ)
            if not selector.select(seconds):
                raise TooMuch("a computation beyond its limit of time")
        return self.process.stdout.readline()

    def kill(self) -> None:
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.process.wait()


def serve(task: str) -> None:
    """The helper: answers each request on standard input with one line on what was standard output."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    module, name = task.split(":")
    function = getattr(import_module(module), name)
    os.write(answers, _READY)
    for line in sys.stdin.buffer:
        os.write(answers, _forked(function, json.loads(line)))


def _forked(function: Any, request: Any) -> bytes:
    """The reply of a fork, which is killed once its time is up."""
    from select import select

    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        try:
            os.write(sink, _limited(function, request))
        finally:
            os._exit(0)
    os.close(sink)
    reply = b""
    while select([source], [], [], request["seconds"])[0] and (piece := os.read(source, 65536)):
        reply += piece
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(source)
    return reply if reply.endswith(b"\n") else _LIMIT  # killed for memory, it has said nothing


def _limited(function: Any, request: Any) -> bytes:
    import resource
    from traceback import format_exc

    _limit(resource.RLIMIT_CPU, int(request["seconds"]) + 2)  # should the helper itself be killed meanwhile
    _limit(resource.RLIMIT_AS, request["megabytes"] << 20)
    try:
        return json.dumps({"value": function(*request["arguments"])}).encode() + b"\n"
    except (MemoryError, RecursionError):
        return _LIMIT
    except Exception:  # told to the owner, who raises it
        return json.dumps({"error": format_exc()}).encode() + b"\n"


def _limit(what: int, most: int) -> None:
    import resource

    try:
        resource.setrlimit(what, (most, most))
    except (OSError, ValueError):  # macOS knows no limit of address space; the others hold there
        if sys.platform.startswith("linux"):
            raise
