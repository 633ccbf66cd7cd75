"""A proxy and a server with a certificate of a private authority, both on loopback."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.hostile_server import TOKEN, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import trustme


@dataclass
class Listener:
    """A port on loopback whose connections a function serves; `seen` are the requests' heads."""

    serve: Callable[[socket.socket, Listener], None]
    seen: list[str] = field(default_factory=list)
    port: int = 0

    def run(self, listener: socket.socket) -> None:
        """Serve connections until the listener is closed."""
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.serve(connection, self)

    def read_head(self, connection: socket.socket) -> str:
        """Read a request's head, byte by byte, so that what follows stays unread."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = connection.recv(1)
            if not part:
                raise ConnectionResetError
            head += part
        self.seen.append(head.decode())
        return head.decode()


@contextmanager
def listening(serve: Callable[[socket.socket, Listener], None]) -> Iterator[Listener]:
    """Serve connections to a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Listener(serve, port=listener.getsockname()[1])
        thread = threading.Thread(target=running.run, args=(listener,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def tls_port(certificate: trustme.LeafCert) -> Callable[[socket.socket, Listener], None]:
    """Return a server that answers as a Port that has nothing: a token, and 404."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def serve(connection: socket.socket, listener: Listener) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            while True:
                head = listener.read_head(secured)
                length = next(
                    (
                        int(line.split(":")[1])
                        for line in head.lower().splitlines()
                        if line.startswith("content-length:")
                    ),
                    0,
                )
                while length:
                    length -= len(secured.recv(length))
                if head.startswith("POST /v1/auth"):
                    secured.sendall(whole(TOKEN))
                else:
                    missing = b'{"ok":false,"error":"not_found","message":"None"}'
                    secured.sendall(whole(missing, status="404 Not Found"))

    return serve


def proxy_to(port: int, password: str = "") -> Callable[[socket.socket, Listener], None]:
    """Return a proxy that leads every CONNECT to a port; with `password`, only for `user`."""
    wanted = "basic " + base64.b64encode(f"user:{password}".encode()).decode().lower()

    def serve(connection: socket.socket, listener: Listener) -> None:
        head = listener.read_head(connection)
        if password and wanted not in head.lower():
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as target:
            back = threading.Thread(target=_pump, args=(target, connection), daemon=True)
            back.start()
            _pump(connection, target)
            back.join(10)

    return serve


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def write_authority(authority: trustme.CA, folder: Path) -> str:
    """Write an authority's certificate as PEM; return the file's path."""
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
