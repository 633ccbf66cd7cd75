"""HTTP on a socket: uvicorn's protocol, with header names kept as they were sent.

uvicorn's own server polls ten times a second and waits on its way out; here the sandbox starts
and stops at once, which a test suite with a server per test feels.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.http.app import SPELLED
from falcoport.sandbox.storage.store import dump

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

_KEEP_ALIVE = 75
MAX_HEAD = 64 * 1024
"""The most bytes of a request's line and headers together."""
_MAX_HEADERS = 200


class _Protocol(HttpToolsProtocol):
    """Keeps the spelling of header names, which ASGI drops and Port's mappings can see.

    The head of a request has a limit, which uvicorn leaves to what stands before it.
    """

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._spelled: list[tuple[bytes, bytes]] = []
        self._size = 0
        self._is_head = True
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # a TypedDict elsewhere
        scope["extensions"] = {SPELLED: {"names": self._spelled}}

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value))
        self._spelled.append((name, value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A header that does not end is not seen as one; what came of it counts all the same.
        if getattr(self, "_is_head", False) and not self.transport.is_closing():
            self._unseen = getattr(self, "_unseen", 0) + len(data)
            if self._unseen > MAX_HEAD:
                self.send_400_response("")
        else:
            self._unseen = 0

    def _grow(self, length: int) -> None:
        self._size += length
        if self._size > MAX_HEAD or len(self._spelled) > _MAX_HEADERS:
            # What a parser's callback raises ends the connection by send_400_response.
            raise ValueError("the head is too large")

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, or has too large a head, and close the connection."""
        is_large = getattr(self, "_is_head", False) and (
            getattr(self, "_size", 0) > MAX_HEAD
            or getattr(self, "_unseen", 0) > MAX_HEAD
            or len(getattr(self, "_spelled", ())) > _MAX_HEADERS
        )
        if not is_large:
            super().send_400_response(msg)
            return
        body = dump(ApiError(431, "bad_request", "The headers are too large").body()).encode()
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            b"content-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        self.transport.close()


@asynccontextmanager
async def listen(app: Any, listener: socket.socket, *, grace: float) -> AsyncIterator[None]:
    """Serve an ASGI app on a socket that listens, until the block ends.

    Requests under way then have `grace` seconds to finish.
    """
    config = Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Protocol(config=config, server_state=state, app_state={}, _loop=loop),
        sock=listener,
    )
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(tuple(state.tasks), timeout=grace)
        for connection in list(state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
