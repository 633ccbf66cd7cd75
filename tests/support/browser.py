"""A headless Chromium for tests, driven over a pipe with its DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

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


class Browser:
    """One page in a browser."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = os.fdopen(reader, "rb")
        self._writer = os.fdopen(writer, "wb")
        self._rest = b""
        self._number = 0
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable")

    def close(self) -> None:
        """Close the pipe, upon which the browser ends."""
        self._writer.close()
        self._reader.close()

    def open(self, url: str) -> None:
        """Load a page and return once it is there."""
        self._call("Page.navigate", url=url)
        self._wait_for("Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        """Return what a script gives, once its promise is kept if it is one."""
        answer = self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """Give the page a size in CSS pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._writer.write(json.dumps(message).encode() + b"\0")
        self._writer.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _wait_for(self, event: str) -> None:
        while self._read().get("method") != event:
            pass

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            some = os.read(self._reader.fileno(), 65536)
            assert some, "the browser has ended"
            self._rest += some
        raw, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        return message


@contextmanager
def running_browser(profile: Path) -> Iterator[Browser]:
    """Run a browser whose files are kept in the folder `profile`."""
    assert CHROMIUM is not None
    to_browser, our_writer = os.pipe()
    our_reader, from_browser = os.pipe()
    process = os.posix_spawn(
        CHROMIUM,
        [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}"],
        dict(os.environ),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            # Chromium reads from descriptor 3 and writes to 4; 8 and 9 keep them apart.
            (os.POSIX_SPAWN_DUP2, to_browser, 8),
            (os.POSIX_SPAWN_DUP2, from_browser, 9),
            (os.POSIX_SPAWN_DUP2, 8, 3),
            (os.POSIX_SPAWN_DUP2, 9, 4),
        ],
    )
    os.close(to_browser)
    os.close(from_browser)
    browser = None
    try:
        browser = Browser(our_reader, our_writer)
        yield browser
    finally:
        if browser is not None:
            browser.close()
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
