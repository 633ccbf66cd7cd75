"""A web server on loopback that keeps what it is sent, for what calls webhooks."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Received:
    """One request; `headers` have lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON that was sent."""
        return json.loads(self.raw)


@dataclass
class Receiver:
    """Where it is, what came, and what it answers."""

    url: str = ""
    status: int = 200
    answer: bytes = b'{"thanks":true}'
    requests: Queue[Received] = field(default_factory=Queue)

    def next(self) -> Received:
        """Return the next request; fail if none comes for some seconds."""
        return self.requests.get(timeout=20)

    def is_empty(self) -> bool:
        """Tell whether nothing more came."""
        try:
            self.requests.get_nowait()
        except Empty:
            return True
        return False


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run a server until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            raw = self.rfile.read(length)
            receiver.requests.put(Received(self.command, self.path, headers, raw))
            self.send_response(receiver.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - their names

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
