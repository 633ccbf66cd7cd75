"""A headless Chromium, driven over a pipe with its DevTools protocol: no port, no other program.

What the tests look at the sandbox's pages with, and what takes pictures of them.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_browser() -> str | None:
    """Return the path of Chromium, or None if there is none on PATH."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page in a browser."""

    def __init__(self, reader: int, writer: int) -> None:
        """Talk to a browser that reads from and writes to these ends of two pipes."""
        self._reader = reader
        self._writer = writer
        self._rest = b""
        self._number = 0
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return what the browser answers to a command of its protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        # A pipe takes a long message in parts.
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self._writer, rest) :]
        while (answer := self._read()).get("id") != self._number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, address: str) -> None:
        """Load a page and return once it is there."""
        failure = self.call("Page.navigate", url=address).get("errorText")
        if failure:
            raise RuntimeError(f"{address}: {failure}")
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Return once the page that is being loaded is there."""
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, script: str) -> Any:
        """Return what a script gives, once its promise is kept if it is one."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_until(self, condition: str, seconds: float = 30.0) -> None:
        """Return once a script's expression is true; raise an error if it stays false.

        The page itself looks, again and again.
        """
        self.evaluate(
            "new Promise((done, fail) => { "
            f"const end = Date.now() + {seconds * 1000}; "
            f"const look = () => ({condition}) ? done(true) "
            ": Date.now() > end ? fail(new Error('never came true: ' + document.body.innerText)) "
            ": setTimeout(look, 20); look(); })"
        )

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key, as `Tab` with its code 9."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    def resize(self, width: int, height: int) -> None:
        """Give the page a size in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """Say whether the person wants `light` or `dark`."""
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def take_picture(self, width: int, height: int, *, whole: bool) -> bytes:
        """Return the page as PNG; the whole of it, or what a window of this size shows."""
        self.resize(width, height)
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            self.resize(width, max(height, int(size["height"])))
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            some = os.read(self._reader, 1 << 20)
            if not some:
                raise RuntimeError("the browser has ended")
            self._rest += some
        raw, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        return message


@contextmanager
def running_browser(program: str) -> Iterator[Browser]:
    """Run a browser whose files are in a folder of their own, removed afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        to_browser, writer = os.pipe()
        reader, from_browser = os.pipe()
        process = os.posix_spawn(
            program,
            [program, *_FLAGS, f"--user-data-dir={profile}"],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                # Chromium reads from descriptor 3 and writes to 4; 8 and 9 hold them meanwhile.
                (os.POSIX_SPAWN_DUP2, to_browser, 8),
                (os.POSIX_SPAWN_DUP2, from_browser, 9),
                (os.POSIX_SPAWN_DUP2, 8, 3),
                (os.POSIX_SPAWN_DUP2, 9, 4),
            ],
        )
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Browser(reader, writer)
        finally:
            os.close(writer)
            os.close(reader)
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
