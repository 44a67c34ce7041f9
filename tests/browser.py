"""Headless Chromium without a network, driven through its DevTools protocol; tests skip where there is none."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# every host name fails to resolve, so a request that leaves the machine is seen and goes nowhere
FLAGS = "--headless=new --disable-gpu --no-first-run --no-default-browser-check --disable-extensions --disable-background-networking"
FLAGS += " --remote-debugging-port=0 --hide-scrollbars --disable-dev-shm-usage --disable-component-update"


def executable() -> str:
    """The browser of this machine; the test is skipped where it has none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("no Chromium on this machine (apt-get install chromium); CHROMIUM names one")
    return found


class Page:
    """A tab. `requests` are the addresses it asked for, `faults` its errors and blocked scripts."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, loop: asyncio.AbstractEventLoop) -> None:
        self.socket, self.loop, self.count = socket, loop, 0
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.dialogs = 0
        self.loaded = False

    def call(self, method: str, **params: Any) -> Any:
        """The result of a command of the protocol."""
        return self.loop.run_until_complete(asyncio.wait_for(self._call(method, params), 60))

    async def _call(self, method: str, params: dict[str, Any]) -> Any:
        self.count += 1
        await self.socket.send_json({"id": self.count, "method": method, "params": params})
        while True:
            message = await self.socket.receive_json()
            if message.get("id") == self.count:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(params["exceptionDetails"])[:500])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.faults.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs += 1
        elif method == "Page.loadEventFired":
            self.loaded = True

    def open(self, path: Path, fragment: str = "") -> None:
        """Opens a file from disk and waits until it is loaded."""
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", **offline)
        self.loaded = False
        self.call("Page.navigate", url=f"{path.resolve().as_uri()}{fragment}")
        while not self.loaded:
            self.run("1")
        self.settle()

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited where it is a promise."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def settle(self) -> None:
        """Waits until the page has drawn what it was asked for."""
        self.run("new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(1))), 150))")

    def go(self, fragment: str) -> None:
        """Goes to a fragment of the page."""
        self.run(f"location.hash = {json.dumps(fragment)}")
        self.settle()

    def press(self, key: str) -> None:
        """A key pressed and let go."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=13 if key == "Enter" else 0, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)
        self.settle()

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """The size of the window, and whether the person prefers dark pages."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path: Path) -> None:
        """A screenshot of what is in sight."""
        self.settle()
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser() -> Iterator[Page]:
    """A tab of a browser that is started for it and ended after it."""
    with TemporaryDirectory() as profile:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [
            executable(),
            *FLAGS.split(),
            "--host-resolver-rules=MAP * ~NOTFOUND",
            *sandbox,
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        loop = asyncio.new_event_loop()
        session = None
        try:
            session, page = loop.run_until_complete(_tab(_port(process), loop))
            yield page
        finally:
            if session:
                loop.run_until_complete(session.close())
            loop.close()
            process.terminate()
            process.wait(30)
            if process.stderr:
                process.stderr.close()


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stderr
    for line in process.stderr:
        if "DevTools listening on ws://" in line:
            return int(line.split(":")[-1].split("/")[0]) if line.count(":") == 2 else int(line.split("127.0.0.1:")[1].split("/")[0])
    raise AssertionError("the browser ended before it listened")


async def _tab(port: int, loop: asyncio.AbstractEventLoop) -> tuple[aiohttp.ClientSession, Page]:
    session = aiohttp.ClientSession()
    while True:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            tabs = [tab for tab in await answer.json() if tab["type"] == "page"]
        if tabs:
            break
    socket = await session.ws_connect(tabs[0]["webSocketDebuggerUrl"], max_msg_size=0)
    return session, Page(socket, loop)
