"""A webhook's receiving end whose answers a test decides on, over real HTTP."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Receiver:
    """What was posted, in order of arrival, and what is answered.

    `answer` gets the body and how many were posted before it, and returns the status, or the
    status and headers. None means: no answer at all, the connection is closed.
    """

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.accepted: list[bytes] = []
        self.answer: Callable[[bytes, int], int | tuple[int, dict[str, str]] | None] = (
            lambda _body, _count: 202
        )
        self._changed = threading.Condition()

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        """Return once that many bodies were accepted."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.accepted) >= count, seconds)
        assert arrived, f"{len(self.accepted)} of {count} arrived"

    def wait_until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Return once a condition on what was posted holds."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds)

    @property
    def uuids(self) -> list[str]:
        """The uuids of what was accepted, in order."""
        return [json.loads(body)["uuid"] for body in self.accepted]

    def take(self, body: bytes, headers: dict[str, str]) -> int | tuple[int, dict[str, str]] | None:
        """Note a post and return what to answer."""
        with self._changed:
            count = len(self.bodies)
            self.bodies.append(body)
            self.headers.append(headers)
            self._changed.notify_all()
        answer = self.answer(body, count)
        status = answer[0] if isinstance(answer, tuple) else answer
        if status == 202:
            with self._changed:
                self.accepted.append(body)
                self._changed.notify_all()
        return answer


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port of loopback until the block ends."""
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # the sender ended half-way
                return
            answer = here.take(body, dict(self.headers))
            if answer is None:
                self.close_connection = True
                return
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    here.url = f"http://127.0.0.1:{server.server_port}/key"
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
