"""A Falcosidekick to send alerts through: the real one where it is on PATH, and a faithful copy.

Both are configured by the environment, as in `config.go` of 2.34.1: a header string is split on
`,` and `:`, a short priority means everything, a URL that cannot be used switches the output off.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from falcoport.falcosidekick.forward import HEADERS, NotForwardedError, forwarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REAL = shutil.which("falcosidekick")
KINDS = ("copy", *((pytest.param("real", marks=pytest.mark.slow),) if REAL else ()))

_PRIORITIES = "debug informational notice warning error critical alert emergency".split()
_SECONDS = 30.0


@contextmanager
def run_sidekick(kind: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a Falcosidekick of a kind, configured by the environment; give its URL."""
    if kind == "copy":
        with _run_copy(environment) as url:
            yield url
        return
    assert REAL is not None
    port = free_port()
    process = subprocess.Popen(
        [REAL],
        env={
            "PATH": os.environ["PATH"],
            "LISTENADDRESS": "127.0.0.1",
            "LISTENPORT": str(port),
            **environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port of loopback that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS):
                return
        except OSError:
            assert time.monotonic() < until, "Falcosidekick does not listen"


class _Copy:
    """What Falcosidekick does with an alert: count it, forward it, count how that ended."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._counts: dict[str, int] = {}
        self._url = environment.get("WEBHOOK_ADDRESS", "")
        pieces = environment.get("WEBHOOK_CUSTOMHEADERS", "").split(",")
        pairs = [piece.split(":") for piece in pieces]
        self._headers = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
        self._queue: queue.Queue[bytes | None] = queue.Queue()

    def metrics(self) -> str:
        prefix = "falcosecurity_falcosidekick_"
        lines = [f"{prefix}{labels} {count}\n" for labels, count in self._counts.items()]
        return "go_goroutines 7\n" + "".join(lines)

    def take(self, line: bytes) -> bool:
        """Take an alert; return whether it is one."""
        tags = self._environment.get("CUSTOMTAGS")
        try:
            body = forwarded(line, custom_tags=() if tags is None else tags.split(","))
        except NotForwardedError:
            self._count('inputs_total{source="requests",status="rejected"}')
            return False
        self._count('inputs_total{source="requests",status="accepted"}')
        alert = json.loads(body)
        if self._is_wanted(alert):
            self._queue.put(self._rewrite(alert))
        return True

    def _is_wanted(self, alert: dict[str, Any]) -> bool:
        parts = urlsplit(self._url)
        usable = parts.scheme in ("http", "https") and self._url.isprintable()
        least = self._environment.get("WEBHOOK_MINIMUMPRIORITY", "").lower()
        rank = _PRIORITIES.index(least) if least in _PRIORITIES else 0
        high = _PRIORITIES.index(alert["priority"].lower()) >= rank
        return usable and (high or alert["rule"] == "Test rule")

    def _rewrite(self, alert: dict[str, Any]) -> bytes:
        fields = alert["output_fields"]
        for pair in filter(None, self._environment.get("CUSTOMFIELDS", "").split(",")):
            name, _, value = pair.partition(":")
            fields[name] = value
        replacer = self._environment.get("BRACKETREPLACER")
        if replacer:
            alert["output_fields"] = {
                name.replace("[", replacer).replace("]", ""): value
                for name, value in fields.items()
            }
        form = self._environment.get("OUTPUTFIELDFORMAT")
        if form:
            stamp, _, rest = alert["output"].partition(": ")
            priority, _, message = rest.partition(" ")
            for mark, text in (
                ("<timestamp>", stamp), ("<priority>", priority), ("<output>", message),
            ):  # fmt: skip
                form = form.replace(mark, text)
            alert["output"] = form
        return json.dumps(alert).encode()

    def send_all(self) -> None:
        """Post what was taken, one after the other, until None is in the queue."""
        while (body := self._queue.get()) is not None:
            headers = {**HEADERS, **self._headers}
            try:
                answer = httpx.post(self._url, content=body, headers=headers, trust_env=False)
                status = "ok" if answer.status_code in (200, 201, 202, 204) else "error"
            except (httpx.HTTPError, httpx.InvalidURL):
                status = "error"
            self._count(f'outputs_total{{destination="webhook",status="{status}"}}')

    def stop(self) -> None:
        self._queue.put(None)

    def _count(self, labels: str) -> None:
        self._counts[labels] = self._counts.get(labels, 0) + 1


@contextmanager
def _run_copy(environment: Mapping[str, str]) -> Iterator[str]:
    copy = _Copy(environment)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            line = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200 if copy.take(line) else 400)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(copy.metrics().encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threads = [
        threading.Thread(target=server.serve_forever),
        threading.Thread(target=copy.send_all),
    ]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        copy.stop()
        for thread in threads:
            thread.join()
        server.server_close()
