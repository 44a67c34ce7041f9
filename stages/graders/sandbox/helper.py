"""Runs a function under limits of time and memory, in processes that can be killed.

No other module of graders starts a process. A helper process imports the function once. For each request the
helper forks, and the fork calls the function under the limits. A fork that is killed costs nothing, since
the helper goes on. No process starts, and no large package is imported, before the first request.

Why `subprocess` and not a pool of a library: pebble 5.2.3 starts its children through multiprocessing. That
runs the caller's main module again (a script without `if __name__ == "__main__"` never gets an answer), and
refuses to work inside a daemonic worker; both were tried. `subprocess` works from any thread and any worker,
on Linux and macOS. A helper whose owner died reads the end of its standard input, and ends.
"""

import atexit
import json
import os
import sys
from importlib import import_module
from threading import Lock
from typing import Any

from stages.graders.reading.limits import Limits, TooMuch

START = 120.0  # seconds that a helper may take to import the function, on a busy machine
GRACE = 0.3  # seconds beyond the limit after which a helper without an answer is killed
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from stages.graders.sandbox.helper import "
    "serve; serve(sys.argv[2])"
)
_READY, _LIMIT = b"ready\n", b"limit\n"


class Sandbox:
    """Calls one function, named `module:function`, in helper processes: one helper for each concurrent
    call."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.idle: list[_Helper] = []
        self.lock = Lock()
        self.abandoned: list[_Helper] = []
        os.register_at_fork(after_in_child=self._after_fork)
        atexit.register(self.close)

    def call(self, *arguments: object, limits: Limits) -> Any:
        """The result of the function for `arguments`; arguments and result must be JSON.

        Raises TooMuch beyond a limit. A request that waits for a new helper gets half of the time, so that
        the call keeps the limit. A helper that was killed from outside is replaced. Raises RuntimeError
        where the second helper dies too, or where the function raises.
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
            # an interrupt as well: the helper would send this answer as the answer to the next request
            except BaseException:
                helper.kill()
                raise
            if reply:
                self._put(helper)
                return _read(reply)
            helper.kill()
        raise RuntimeError(f"{self.task}: its helper process died twice; standard error may say why")

    def close(self) -> None:
        """Kills the idle helpers."""
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
        """In a fork: lets go of the helpers of the parent process.

        The fork keeps references to them, since Python warns of a subprocess that still runs when it is
        dropped.
        """
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
        # a session of its own, so that Ctrl-C reaches the owner alone
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
        """The line that answers the line `request`; empty where the process has died.

        Raises TooMuch where no line comes within `seconds`.
        """
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
    """The main function of a helper: answers each line of standard input with one line.

    The answers go to the original standard output. What a library prints goes to standard error.
    """
    answers = os.dup(1)
    os.dup2(2, 1)  # a print of a library is no answer
    module, name = task.split(":")
    function = getattr(import_module(module), name)
    os.write(answers, _READY)
    for line in sys.stdin.buffer:
        os.write(answers, _forked(function, json.loads(line)))


def _forked(function: Any, request: Any) -> bytes:
    """The reply of a fork, which is killed when its time is up."""
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
    return reply if reply.endswith(b"\n") else _LIMIT  # a fork that was killed for memory writes nothing


def _limited(function: Any, request: Any) -> bytes:
    import resource
    from traceback import format_exc

    _limit(resource.RLIMIT_CPU, int(request["seconds"]) + 2)  # in case the helper is killed meanwhile
    _limit(resource.RLIMIT_AS, request["megabytes"] << 20)
    try:
        return json.dumps({"value": function(*request["arguments"])}).encode() + b"\n"
    except (MemoryError, RecursionError):
        return _LIMIT
    except Exception:  # the owner raises a RuntimeError with this text
        return json.dumps({"error": format_exc()}).encode() + b"\n"


def _limit(what: int, most: int) -> None:
    import resource

    try:
        resource.setrlimit(what, (most, most))
    except (OSError, ValueError):  # macOS has no limit of address space, but has the other
        if sys.platform.startswith("linux"):
            raise
