"""A relay in a thread beside a test."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from falcoport.delivery.pacing import Pauses
from falcoport.delivery.posting import Poster
from falcoport.delivery.relay.loop import Relay, RelayOptions
from falcoport.delivery.relay.metrics import Metrics
from falcoport.delivery.send import Delivery
from falcoport.delivery.sending import SendingOptions
from falcoport.errors import FalcoportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falcoport.delivery.relay.interface import Queue
    from support.webhooks import Receiver

QUICK = RelayOptions(
    SendingOptions(pauses=Pauses(first=0.02, longest=0.1), give_up_after=3), drain_seconds=5
)


class Running:
    """A relay in a thread of its own."""

    def __init__(self, queue: Queue, url: str, options: RelayOptions) -> None:
        self.metrics = Metrics()
        self.said: list[str] = []
        self.error: BaseException | None = None
        self._queue, self._url, self._options = queue, url, options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait(30)

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._relay())
        except FalcoportError as error:
            self.error = error
        finally:
            self._ready.set()

    async def _relay(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        delivery = Delivery(self._url, {"Content-Type": "application/json"}, 2.0)
        poster = Poster(delivery, self._options.sending.max_in_flight)
        relay = Relay(self._queue, poster, self._options, self.metrics, self._say)
        try:
            await relay.run(self._stop)
        finally:
            await poster.close()

    def _say(self, text: str) -> None:
        self.said.append(text)


@contextmanager
def relay(queue: Queue, here: Receiver, options: RelayOptions = QUICK) -> Iterator[Running]:
    running = Running(queue, here.url, options)
    try:
        yield running
    finally:
        running.stop()


def wait_for_consumer(running: Running) -> None:
    """Return once the relay takes part: what is published then is captured."""
    here_until(lambda: running.error is not None or not running.metrics.problem)
    assert running.error is None


def here_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once a condition of another thread holds."""
    never = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        never.wait(0.01)
    raise AssertionError("it did not come to pass")
