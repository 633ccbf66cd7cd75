"""The use case `relay`: post alerts from a queue until told to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.webhook_target import TargetRequest, resolve_target
from falcoport.delivery.relay.interface import StreamLimits
from falcoport.delivery.relay.source import (
    DEFAULT_GROUP,
    extra_missing,
    open_queue,
    parse_source,
    read_queue_config,
)
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falcoport.commands.context import Context
    from falcoport.delivery.relay.loop import Relay
    from falcoport.delivery.relay.metrics import Metrics

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class RelayRequest:
    """What to relay, where to, and how.

    `queue_config` is the text of the queue's configuration file, `listen` the HOST:PORT of the
    health server, empty for none.
    """

    source: str
    target: TargetRequest
    queue_config: str = field(default="", repr=False)
    group: str = DEFAULT_GROUP
    dead_letter: str | None = None
    stream: str | None = None
    limits: StreamLimits = field(default_factory=StreamLimits)
    rate: float | None = None
    max_in_flight: int = 16
    listen: str = ""


@dataclass(frozen=True)
class RelayResult:
    """How many alerts were posted, posted again, delivered again, and put among dead letters."""

    posted: int
    retried: int
    redelivered: int
    dead_lettered: int


def relay(request: RelayRequest, context: Context) -> RelayResult:
    """Relay until SIGTERM or SIGINT, then let what is on its way end.

    Raise UsageError, CheckFailedError, AccessError and PortError before the first alert.
    """
    source = parse_source(
        request.source,
        group=request.group,
        dead_letter=request.dead_letter,
        settings=read_queue_config(request.queue_config),
    )
    host, port = _address(request.listen)
    queue = open_queue(source, stream=request.stream, limits=request.limits)
    delivery = resolve_target(request.target, context)
    try:
        from falcoport.delivery.relay.metrics import Metrics, health_server

        metrics = Metrics()
    except ImportError as error:
        raise extra_missing(error.name) from None
    from falcoport.delivery.posting import Poster
    from falcoport.delivery.relay.loop import Relay, RelayOptions
    from falcoport.delivery.sending import SendingOptions

    options = RelayOptions(SendingOptions(request.max_in_flight, request.rate))

    async def run() -> None:
        poster = Poster(delivery, request.max_in_flight)
        try:
            await _until_signal(Relay(queue, poster, options, metrics, context.progress))
        finally:
            await poster.close()

    if request.listen:
        with health_server(metrics, host, port) as bound:
            context.progress(f"Health and metrics are at http://{host}:{bound}/metrics.")
            asyncio.run(run())
    else:
        asyncio.run(run())
    return _result(metrics)


async def _until_signal(relay: Relay) -> None:
    """Run a relay until a signal asks it to stop; a second one ends it at once."""
    stop = asyncio.Event()
    with _signals_set(stop.set):
        await relay.run(stop)


@contextmanager
def _signals_set(then: Callable[[], None]) -> Iterator[None]:
    """Call `then` at the first SIGINT or SIGTERM inside the block; the next one interrupts."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def stop() -> None:
        restore()
        then()

    if threading.current_thread() is not threading.main_thread():
        yield  # only a program's main thread gets signals
        return
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        restore()


def _address(listen: str) -> tuple[str, int]:
    """Split HOST:PORT. Raise UsageError."""
    if not listen:
        return "", 0
    host, separator, port = listen.rpartition(":")
    if not separator or not host or not port.isdecimal():
        raise UsageError(
            f"--listen is {listen!r}, not HOST:PORT.",
            where="--listen",
            hint="Example: --listen 0.0.0.0:9280, where Kubernetes probes it.",
        )
    return host.strip("[]"), int(port)


def _result(metrics: Metrics) -> RelayResult:
    return RelayResult(**metrics.counts)
