"""The relay's loop: fetch, post, acknowledge; wait while Port is away; never hold up the rest.

Nothing is kept that the queue does not keep: whatever moment the process ends at, a message that
Port has not accepted is delivered again, to this replica or another one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.delivery.posting import Answer, UnusableAlertError, Verdict, prepare
from falcoport.delivery.relay.interface import QueueUnreachableError
from falcoport.delivery.sending import Sender, SendingOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcoport.delivery.posting import Poster
    from falcoport.delivery.relay.interface import Message, Queue
    from falcoport.delivery.relay.metrics import Metrics

_FETCH_WAIT = 0.5  # seconds; also how soon a signal to stop is noticed
_LAG_SECONDS = 5.0
_HELD = 4  # messages held for each post at once: what waits for another try keeps no place
_REOPEN_AFTER = 3  # failures to fetch in a row


@dataclass(frozen=True)
class RelayOptions:
    """How the relay behaves; `drain_seconds` is how long posts may go on once it is to stop."""

    sending: SendingOptions = field(default_factory=SendingOptions)
    drain_seconds: float = 20.0


class Relay:
    """One replica. `say` is told, in words, what changes."""

    def __init__(
        self,
        queue: Queue,
        poster: Poster,
        options: RelayOptions,
        metrics: Metrics,
        say: Callable[[str], None],
    ) -> None:
        self._queue = queue
        self._options = options
        self._metrics = metrics
        self._say = say
        self._pauses = options.sending.pauses
        self._sender = Sender(poster, options.sending, self._note)
        self._gate = self._sender.gate
        self._held: dict[asyncio.Task[None], Message] = {}
        self._room = asyncio.Event()
        self._announced = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set, then let posts end and disconnect.

        Raises FalcoportError where the queue can never be used as asked.
        """
        try:
            if not await self._open(stop):
                return
            keepers = [
                asyncio.create_task(self._keep_held()),
                asyncio.create_task(self._watch_lag()),
            ]
            try:
                await self._fetch_until(stop)
                await self._drain()
            finally:
                await _end(keepers)
        finally:
            self._gate.close()
            await self._queue.close()

    # --- fetching ---------------------------------------------------------------------------

    async def _open(self, stop: asyncio.Event) -> bool:
        """Open the queue, with growing pauses while it is away; False if told to stop first."""
        failures = 0
        while not stop.is_set():
            try:
                await self._queue.open(self._say)
            except QueueUnreachableError as error:
                failures += 1
                self._announce(f"Waiting for the queue: {error}.")
                self._beat(str(error))
                await _sleep_unless(stop, self._pauses.after(failures))
            else:
                self._announce("")
                self._beat()
                return True
        return False

    async def _fetch_until(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            self._beat()
            try:
                found = await self._queue.fetch(self._count_wanted(), _FETCH_WAIT)
            except QueueUnreachableError as error:
                failures += 1
                self._announce(f"The queue cannot be read: {error}.")
                await _sleep_unless(stop, self._pauses.after(failures))
                if failures % _REOPEN_AFTER == 0:
                    await self._queue.close()
                    await self._open(stop)
                continue
            failures = 0
            for message in found:
                self._start(message)
            await self._make_room(stop)

    def _count_wanted(self) -> int:
        """Return how many to fetch: no more than fit, one to try with while Port is away."""
        if not self._gate.is_open:
            return 0 if self._held else 1
        free = self._options.sending.max_in_flight * _HELD - len(self._held)
        # As many again as are being posted: the next ones are there when a post ends.
        return max(0, min(free, self._options.sending.max_in_flight))

    async def _make_room(self, stop: asyncio.Event) -> None:
        """Wait a moment while everything that fits is on its way: a free place wakes it."""
        if self._count_wanted() or stop.is_set() or not self._gate.is_open:
            return
        self._room.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), _FETCH_WAIT)

    def _start(self, message: Message) -> None:
        task = asyncio.create_task(self._deliver(message))
        self._held[task] = message
        self._metrics.fetched(redelivered=message.redelivered)
        self._metrics.set_held(len(self._held))
        task.add_done_callback(self._on_finished)

    def _on_finished(self, task: asyncio.Task[None]) -> None:
        self._held.pop(task, None)
        self._metrics.set_held(len(self._held))
        self._room.set()
        if not task.cancelled() and task.exception() is not None:
            # Not acknowledged, so the queue delivers it again.
            self._say(f"An alert could not be handled: {type(task.exception()).__name__}.")

    # --- one message ------------------------------------------------------------------------

    async def _deliver(self, message: Message) -> None:
        """Bring one message to an end: posted, or among the dead letters."""
        try:
            body = prepare(message.data).body
        except UnusableAlertError as error:
            await self._bury(message, str(error))
            return
        answer = await self._sender.send(body)
        if answer.verdict is Verdict.ACCEPTED:
            await self._queue.acknowledge(message)
        else:
            await self._bury(message, _explain(answer))

    def _note(self, answer: Answer) -> None:
        """Count an answer, and say what holds alerts up."""
        self._metrics.answered(answer)
        self._announce(self._gate.reason and f"Port takes no alerts: {self._gate.reason}.")

    async def _bury(self, message: Message, reason: str) -> None:
        """Put a message among the dead letters, however long that takes, and acknowledge it."""
        failures = 0
        while True:
            try:
                await self._queue.bury(message, reason)
            except QueueUnreachableError as error:
                failures += 1
                self._announce(f"The queue takes no dead letter: {error}.")
                await asyncio.sleep(self._pauses.after(failures))
            else:
                break
        self._metrics.dead_lettered()
        self._say(f"Dead letter ({message.place}): {reason}.")
        await self._queue.acknowledge(message)

    # --- beside -----------------------------------------------------------------------------

    async def _keep_held(self) -> None:
        """Tell the queue again and again that what is held is being worked on."""
        seconds = self._queue.hold_seconds
        while seconds:
            await asyncio.sleep(seconds)
            await self._queue.keep(list(self._held.values()))

    async def _watch_lag(self) -> None:
        while True:
            self._metrics.set_lag(await self._queue.lag())
            await asyncio.sleep(_LAG_SECONDS)

    async def _drain(self) -> None:
        """Let posts under way end; what waits for Port goes back to the queue at once."""
        self._beat("stopping")
        if self._held and self._gate.is_open:
            self._say(f"Stopping: {len(self._held)} alerts are on their way.")
            await asyncio.wait(list(self._held), timeout=self._options.drain_seconds)
        left = dict(self._held)
        await _end(list(left))
        for message in left.values():
            await self._queue.give_back(message)

    def _beat(self, problem: str = "") -> None:
        """Tell the health server that the loop runs, and why the relay is not ready."""
        gate = self._gate.reason and f"Port takes no alerts: {self._gate.reason}"
        self._metrics.beat(problem or self._queue.problem or gate)

    def _announce(self, text: str) -> None:
        """Say what holds the relay up, once; say when it goes on."""
        if text == self._announced:
            return
        if text or self._announced:
            self._say(text or "Going on.")
        self._announced = text
        self._beat()


def _explain(answer: Answer) -> str:
    """Say why an alert is a dead letter."""
    is_refusal = answer.reason.startswith("status")
    return f"Port refuses it with {answer.reason}" if is_refusal else answer.reason


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
