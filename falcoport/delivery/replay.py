"""Sending staged alerts to the webhook: in order of time, some at a time, each noted once done."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from falcoport.delivery.posting import Answer, Poster, Verdict
from falcoport.delivery.sending import Sender, SendingOptions
from falcoport.errors import FalcoportError, PermissionsError, PortError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from falcoport.delivery.checkpoint import Checkpoint
    from falcoport.delivery.send import Delivery
    from falcoport.delivery.staging import StagedAlert

AWAY_SECONDS = 300.0
"""How long a replay waits for Port without a single success before it gives up."""

_FIRST_PROGRESS = 2.0
_PROGRESS = 10.0
_DENIED = (401, 403)


class Ledger:
    """What became of each alert: counted, noted in the checkpoint, kept where it was refused.

    `total` is how many are to be sent, `say` is told how far it has come. `refused_file` is
    created with the first refusal and holds the bodies, a line each, to be replayed again.
    """

    def __init__(
        self,
        total: int,
        checkpoint: Checkpoint,
        refused_file: Path,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._checkpoint = checkpoint
        self._refused_file = refused_file
        self._say = say
        self._clock = clock
        self._started = clock()
        self._next_word = self._started + _FIRST_PROGRESS
        self._file: IO[bytes] | None = None
        self.accepted = 0
        self.refused = 0
        self.filtered = 0
        """What the mapping's own filter leaves out; known only where it is evaluated here."""
        self.retried = 0
        self.reasons: Counter[str] = Counter()

    def accept(self, alerts: Iterable[StagedAlert]) -> None:
        """Note alerts that are in the catalog, or on their way to it."""
        done = list(alerts)
        self._checkpoint.note(alert.key for alert in done)
        self.accepted += len(done)
        self._report()

    def skip(self, alert: StagedAlert) -> None:
        """Note an alert that the mapping leaves out."""
        self._checkpoint.note([alert.key])
        self.filtered += 1
        self._report()

    def refuse(self, alert: StagedAlert, reason: str) -> None:
        """Keep an alert that can never be accepted as it is."""
        if self._file is None:
            self._file = self._refused_file.open("ab")
        self._file.write(alert.body)
        self._file.flush()
        self._checkpoint.note([alert.key])
        self.refused += 1
        self.reasons[reason] += 1
        self._report()

    def close(self) -> None:
        """Close the file of refused alerts."""
        if self._file is not None:
            self._file.close()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return self._clock() - self._started

    def _report(self) -> None:
        now = self._clock()
        if now < self._next_word:
            return
        self._next_word = now + _PROGRESS
        done = self.accepted + self.refused + self.filtered
        rate = done / max(now - self._started, 1e-9)
        left = (self._total - done) / rate if rate else 0.0
        refused = f", {self.refused:,} refused" if self.refused else ""
        self._say(
            f"{done:,} of {self._total:,} alerts{refused}, {rate:,.0f} a second, "
            f"{_duration(left)} left."
        )


@dataclass(frozen=True)
class ReplayOptions:
    """How a replay sends; `away_seconds` is how long it waits for a webhook that is away."""

    sending: SendingOptions = field(default_factory=SendingOptions)
    away_seconds: float = AWAY_SECONDS


def replay_to_webhook(
    alerts: Iterable[StagedAlert],
    delivery: Delivery,
    options: ReplayOptions,
    ledger: Ledger,
    say: Callable[[str], None],
) -> None:
    """Post alerts in their order, and note what becomes of each.

    Raise PermissionsError and PortError where no alert would be accepted, UnreachableError where
    nothing was for too long.
    """
    asyncio.run(_replay(alerts, delivery, options, ledger, say))


async def _replay(
    alerts: Iterable[StagedAlert],
    delivery: Delivery,
    options: ReplayOptions,
    ledger: Ledger,
    say: Callable[[str], None],
) -> None:
    poster = Poster(delivery, options.sending.max_in_flight)
    watch = _Watch(options.away_seconds, ledger, say)
    sender = Sender(poster, options.sending, watch.note)
    watch.sender = sender
    # One iterator for all workers: each takes the oldest alert that nobody has taken.
    waiting = iter(alerts)

    async def work() -> None:
        for alert in waiting:
            answer = await sender.send(alert.body)
            if answer.verdict is Verdict.ACCEPTED:
                ledger.accept([alert])
            else:
                ledger.refuse(alert, answer.reason)

    try:
        with _first_error():
            async with asyncio.TaskGroup() as group:
                for _ in range(options.sending.max_in_flight):
                    group.create_task(work())
    finally:
        sender.gate.close()
        await poster.close()


class _Watch:
    """Looks at every answer: what ends a replay, and what holds it up."""

    def __init__(self, away_seconds: float, ledger: Ledger, say: Callable[[str], None]) -> None:
        self._away_seconds = away_seconds
        self._ledger = ledger
        self._say = say
        self._last_success = time.monotonic()
        self._said = ""
        self.sender: Sender | None = None

    def note(self, answer: Answer) -> None:
        """Raise the error that an answer means for the whole replay, if it does."""
        if answer.verdict in (Verdict.ACCEPTED, Verdict.REFUSED):
            self._last_success = time.monotonic()
        else:
            self._ledger.retried += 1
        if answer.verdict is Verdict.MISDIRECTED:
            raise misdirected(answer)
        if time.monotonic() - self._last_success > self._away_seconds:
            raise UnreachableError(
                f"Port has taken no alert for {self._away_seconds:g} s ({answer.reason}).",
                where="the webhook",
                hint="Run the same command again later; with --checkpoint it goes on from here.",
            )
        self._announce()

    def _announce(self) -> None:
        assert self.sender is not None  # set before anything is sent
        reason = self.sender.gate.reason
        if reason != self._said:
            self._said = reason
            self._say(f"Port takes no alerts now ({reason}); waiting." if reason else "Going on.")


def misdirected(answer: Answer) -> FalcoportError:
    """Return the error for an answer that no alert at this address would escape."""
    if answer.status in _DENIED:
        return PermissionsError(
            f"The webhook refuses alerts with {answer.reason}.",
            where="the webhook",
            hint="Check the URL and the webhook's secret.",
        )
    return PortError(
        f"What answers at the webhook's URL is not Port: {answer.reason}.",
        where="the webhook",
        hint="Check the URL; Port's webhooks answer 202.",
    )


@contextmanager
def _first_error() -> Iterator[None]:
    """Raise the first error of a group of tasks by itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes}:{rest:02d} min"
