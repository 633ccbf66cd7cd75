"""A server on loopback whose answers a test writes byte by byte."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = b'{"ok":true,"accessToken":"t"}'


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return an answer as HTTP/1.1 writes it."""
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class HostileServer:
    """Answers token requests as Port does, all else with `answer(connection, stopping)`.

    `answer` writes to the connection what it likes; `stopping` is set when the test is over.
    """

    def __init__(self, answer: Callable[[socket.socket, threading.Event], None]) -> None:
        self._answer = answer
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.tokens_too = False
        self.requests: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """End every thread, whatever it is writing."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.2)
        with connection, suppress(OSError):
            while not self._stopping.is_set():
                request = self._read(connection)
                if request is None:
                    return
                self.requests.append(request)
                if request.startswith(b"POST /v1/auth/") and not self.tokens_too:
                    connection.sendall(whole(TOKEN))
                else:
                    self._answer(connection, self._stopping)
                    return

    def _read(self, connection: socket.socket) -> bytes | None:
        data = b""
        while not self._stopping.is_set():
            head, found, body = data.partition(b"\r\n\r\n")
            if found:
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.lower().split(b"\r\n")
                        if line.startswith(b"content-length:")
                    ),
                    0,
                )
                if len(body) >= length:
                    return data
            try:
                part = connection.recv(65536)
            except TimeoutError:
                continue
            if not part:
                return None
            data += part
        return None


@contextmanager
def hostile_server(
    answer: Callable[[socket.socket, threading.Event], None], *, tokens_too: bool = False
) -> Iterator[HostileServer]:
    """Run a hostile server."""
    server = HostileServer(answer)
    server.tokens_too = tokens_too
    try:
        yield server
    finally:
        server.close()
