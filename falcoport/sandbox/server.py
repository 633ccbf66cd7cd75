"""Runs the sandbox: in the foreground for `falcoport sandbox`, or in a thread beside a caller."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from falcoport.errors import UsageError
from falcoport.sandbox.options import (
    OnBadDelivery,
    OnMissingRelation,
    OnNestedPatch,
    RateLimit,
    RunningSandbox,
    SandboxOptions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falcoport.sandbox.storage.store import Store

__all__ = [
    "OnBadDelivery",
    "OnMissingRelation",
    "OnNestedPatch",
    "RateLimit",
    "RunningSandbox",
    "SandboxOptions",
    "running_sandbox",
    "serve",
]

_HOST = "127.0.0.1"
_GRACE = 2.0
"""Seconds that requests under way have when the sandbox stops."""
_BACKLOG = 2048


@contextmanager
def running_sandbox(options: SandboxOptions) -> Iterator[RunningSandbox]:
    """Run a sandbox in a thread until the block ends.

    Raises UsageError if the port is taken, the database cannot be used, or the extra is missing.
    """
    server = _Server(options)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            server.run()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)
            server.started.set()

    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    server.started.wait()
    try:
        if failures:
            raise failures[0]
        yield server.running
    finally:
        server.stop()
        thread.join()


def serve(options: SandboxOptions, started: Callable[[RunningSandbox], None]) -> None:
    """Run a sandbox in this thread until SIGINT or SIGTERM; call `started` once it answers.

    Raises UsageError if the port is taken, the database cannot be used, or the extra is missing.
    """
    _Server(options, started).run()


class _Server:
    """One sandbox with its socket and database, both open once this is made."""

    def __init__(
        self,
        options: SandboxOptions,
        on_start: Callable[[RunningSandbox], None] = lambda _running: None,
    ) -> None:
        _require_extra()
        from falcoport.sandbox.storage.clock import Clock
        from falcoport.sandbox.storage.store import Store

        self._options = options
        self._on_start = on_start
        self._socket = _bound(options.port)
        try:
            self._store: Store = Store(options.database, Clock(options.clock_speed))
        except BaseException:
            self._socket.close()
            raise
        self.running = RunningSandbox(f"http://{_HOST}:{self._socket.getsockname()[1]}")
        self.started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def run(self) -> None:
        """Serve until `stop` is called."""
        from uvicorn.loops.auto import auto_loop_factory

        try:
            with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
                runner.run(self._serve())
        finally:
            self._store.close()
            self._socket.close()

    def stop(self) -> None:
        """Stop serving; may be called from any thread."""
        with suppress(RuntimeError):
            if self._loop is not None and self._stopping is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        from falcoport.sandbox.http.app import SandboxApp
        from falcoport.sandbox.http.listening import listen
        from falcoport.sandbox.state import build_state

        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._loop.add_signal_handler(number, self._stopping.set)
        state = build_state(self._options, self._store, self.running.url)
        app = SandboxApp(state)
        workers = [
            asyncio.create_task(work)
            for work in (
                state.ingest.run(),
                state.migrations.run(),
                state.engine.run(),
                state.engine.run_timers(),
                state.aggregates.run(state.ingest.is_idle),
                app.follow_alerts(),
            )
        ]
        async with listen(app, self._socket, grace=_GRACE):
            self._on_start(self.running)
            self.started.set()
            await self._stopping.wait()
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
        await state.ingest.close()
        state.close()


def _require_extra() -> None:
    try:
        import httptools
        import jinja2
        import jsonschema
        import regex
        import starlette
        import uvicorn
    except ImportError as error:
        raise UsageError(
            f"The sandbox needs its extra ({error.name} is not installed).",
            code="no_extra",
            hint="Install falcoport with its extra sandbox, such as pip install '.[sandbox]' "
            "in a checkout.",
        ) from None
    _used: tuple[Any, ...] = (httptools, jinja2, jsonschema, regex, starlette, uvicorn)


def _bound(port: int) -> socket.socket:
    """Return a socket that listens on loopback; raise UsageError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"Cannot listen on {_HOST}:{port}: {reason}.",
            hint="Stop what uses the port, or choose another one with --port (0: any free one).",
        ) from None
    return listener
