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

from falcoport.sandbox.http.app import SPELLED

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

_KEEP_ALIVE = 75


class _Protocol(HttpToolsProtocol):
    """Keeps the spelling of header names, which ASGI drops and Port's mappings can see."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._spelled: list[tuple[bytes, bytes]] = []
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # a TypedDict elsewhere
        scope["extensions"] = {SPELLED: {"names": self._spelled}}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._spelled.append((name, value))
        super().on_header(name, value)


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
