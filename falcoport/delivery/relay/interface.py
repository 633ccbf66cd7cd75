"""What the relay asks of a queue, whichever engine runs it.

An engine is one file beside this one: it connects, gives messages, and is told what became of
each. The relay's loop knows engines only through `Queue`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


@dataclass(frozen=True, eq=False)
class Message:
    """One stored alert: its bytes, its place in the queue in words, the engine's own handle.

    `redelivered` says that it was given out before and not acknowledged.
    """

    data: bytes
    place: str
    handle: Any = field(repr=False)
    redelivered: bool = False


@dataclass(frozen=True)
class QueueSource:
    """Which queue, as `--from` and the options say.

    `servers` are host:port pairs, `name` the NATS subject or the Kafka topic. `group` is the
    durable consumer or consumer group that all replicas share. `dead_letter` is the subject or
    topic for alerts that can never be posted. `settings` is what the queue's configuration file
    says: credentials and TLS.
    """

    scheme: str
    servers: tuple[str, ...]
    name: str
    group: str = "falcoport"
    dead_letter: str = ""
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class StreamLimits:
    """What bounds a stream that the relay creates; `max_age` in seconds, 0 and -1 bound nothing."""

    max_age: float = 7 * 24 * 3600.0
    max_bytes: int = -1
    replicas: int = 1
    in_memory: bool = False


class QueueUnreachableError(Exception):
    """The engine cannot be reached, or not be used now; the message says why, for people."""


class Queue(Protocol):
    """One engine. All methods are called from one event loop; none is called before `open`."""

    @property
    def problem(self) -> str:
        """Why the queue cannot be read from right now; empty if it can."""

    @property
    def hold_seconds(self) -> float:
        """How often `keep` must be called for a message that is being worked on; 0: never."""

    async def open(self, say: Callable[[str], None]) -> None:
        """Connect, and create what is missing; `say` is told what was created.

        Raises QueueUnreachableError where trying again may help, and FalcoportError otherwise.
        """

    async def fetch(self, most: int, wait: float) -> list[Message]:
        """Return up to `most` messages, waiting up to `wait` seconds for the first.

        With 0 it only takes part in what the engine needs, and returns within `wait` seconds.
        Raises QueueUnreachableError.
        """

    async def acknowledge(self, message: Message) -> None:
        """Say that a message is done. One whose acknowledgement is lost comes again."""

    async def keep(self, messages: Collection[Message]) -> None:
        """Say that messages are still being worked on, so that nobody else gets them."""

    async def give_back(self, message: Message) -> None:
        """Let another replica have a message at once, if the engine can."""

    async def bury(self, message: Message, reason: str) -> None:
        """Put a message among the dead letters, with the reason, and return once it is stored.

        The message is not acknowledged by it. Raises QueueUnreachableError.
        """

    async def lag(self) -> int | None:
        """Return how many messages are not done yet; None if that cannot be told now."""

    async def close(self) -> None:
        """Send what is not sent yet, and disconnect."""
