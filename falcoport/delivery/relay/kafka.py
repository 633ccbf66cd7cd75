"""Kafka as the relay's queue: one consumer group, offsets committed only behind what is done.

librdkafka's own client: it speaks every compression and every way to sign in that brokers have.
Kafka gives a partition to one member of the group; what that member has not committed when it
goes is read again by the next one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.delivery.relay.interface import Message, QueueUnreachableError
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from falcoport.delivery.relay.interface import QueueSource

_OPEN_SECONDS = 5.0
_COMMIT_SECONDS = 1.0
_CALL_SECONDS = 5.0
_OWN = frozenset("bootstrap.servers group.id enable.auto.commit enable.auto.offset.store".split())
"""What the relay sets itself, and a configuration file may not."""


@dataclass
class _Partition:
    """The messages of one partition that were given out, in order, since it was assigned.

    What is acknowledged behind one that is not waits for it: Kafka commits a position, no set.
    """

    number: int
    given: deque[int] = field(default_factory=deque)
    done: set[int] = field(default_factory=set)
    position: int = -1
    """Where reading would go on if it was committed now; -1: nothing is done yet."""

    def finish(self, offset: int) -> None:
        """Note that an offset is done, and move the position past all that are."""
        self.done.add(offset)
        while self.given and self.given[0] in self.done:
            first = self.given.popleft()
            self.done.discard(first)
            self.position = first + 1


class KafkaQueue:
    """A topic of alerts, read as a member of a consumer group. See `Queue`."""

    def __init__(self, source: QueueSource) -> None:
        if source.dead_letter == source.name:
            raise UsageError(
                "The dead-letter topic is the topic itself: the relay would read its own dead "
                "letters.",
                where="--dead-letter",
                hint=f"Name another one, such as {source.name}.dead-letter.",
            )
        own = sorted(_OWN & set(source.settings))
        if own:
            raise UsageError(
                f"The queue's configuration sets {', '.join(own)}, which the relay sets itself.",
                where="--queue-config",
                hint="Servers and topic are in --from, the group is --group.",
            )
        self._source = source
        self._consumer: Any = None
        self._producer: Any = None
        self._admin: Any = None
        # The consumer is used by one thread at a time: its callbacks run inside its calls.
        self._thread: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._partitions: dict[int, _Partition] = {}
        self._paused = False
        self._committed_at = 0.0
        self._problem = "not connected yet"

    @property
    def problem(self) -> str:
        """Why the queue cannot be read from right now; empty if it can."""
        return self._problem

    @property
    def hold_seconds(self) -> float:
        """Never: a partition stays with its member as long as that asks for messages."""
        return 0.0

    async def open(self, say: Callable[[str], None]) -> None:
        """Join the group; the topics that are missing are created."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka")
        try:
            await self._call(self._open, say)
        except BaseException:
            await self.close()
            raise
        self._problem = ""

    def _open(self, say: Callable[[str], None]) -> None:
        from confluent_kafka import Consumer, KafkaException, Producer
        from confluent_kafka.admin import AdminClient

        common: dict[str, Any] = {
            **self._source.settings,
            "bootstrap.servers": ",".join(self._source.servers),
            "client.id": "falcoport-relay",
            "error_cb": self._note,
            "log_level": 0,  # what goes wrong shows in `problem`, not on stderr
        }
        try:
            admin = AdminClient(common)
            consumer_only = {
                "group.id": self._source.group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                # How long the partitions of a member that was killed wait for another one.
                "session.timeout.ms": 10_000,
                "partition.assignment.strategy": "cooperative-sticky",
                # What is fetched ahead is memory, and is fetched again after a crash.
                "queued.max.messages.kbytes": 16 * 1024,
            }
            self._consumer = Consumer({**consumer_only, **common})
            self._producer = Producer(
                {"enable.idempotence": True, "message.timeout.ms": 5000, **common}
            )
        except (KafkaException, ValueError, TypeError) as error:
            text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            raise UsageError(
                f"Kafka's client refuses the queue's configuration: {text}.",
                where="--queue-config",
                hint="The file holds librdkafka's properties, one NAME=VALUE a line, as kcat -F "
                "reads them.",
            ) from None
        self._check_topic(admin, say)
        self._consumer.subscribe(
            [self._source.name],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )

    def _check_topic(self, admin: Any, say: Callable[[str], None]) -> None:
        """Create the topic if it is missing; raise QueueUnreachableError without brokers."""
        from confluent_kafka import KafkaException

        try:
            known = admin.list_topics(timeout=_OPEN_SECONDS).topics
        except KafkaException as error:
            servers = ", ".join(self._source.servers)
            reason = self._problem if self._problem.startswith("Kafka") else error.args[0].str()
            raise QueueUnreachableError(
                f"Kafka at {servers} cannot be reached ({reason})"
            ) from None
        self._admin = admin
        if self._source.name not in known and self._create(self._source.name):
            say(f"Created the topic {self._source.name}.")

    def _create(self, topic: str) -> bool:
        """Create a topic with what the brokers have for defaults; return whether that was done.

        Not allowed, or somebody was faster: reading from it shows whether it is there.
        """
        from confluent_kafka import KafkaException
        from confluent_kafka.cimpl import NewTopic  # where its types say it is

        with suppress(KafkaException, TimeoutError):
            self._admin.create_topics([NewTopic(topic)])[topic].result(timeout=_CALL_SECONDS)
            return True
        return False

    def _note(self, error: Any) -> None:
        """Take librdkafka's word for a connection that fails or comes back."""
        from confluent_kafka import KafkaError

        if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION):  # noqa: SLF001 -- librdkafka's own names
            self._problem = f"Kafka cannot be reached: {error.str()}"

    # --- the group --------------------------------------------------------------------------

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        with self._lock:
            for one in partitions:
                self._partitions[one.partition] = _Partition(one.partition)
        consumer.incremental_assign(partitions)
        if self._paused:
            consumer.pause(partitions)

    def _revoked(self, consumer: Any, partitions: list[Any]) -> None:
        """Commit what is done before somebody else reads on."""
        self._commit(wait=True, only={one.partition for one in partitions})
        self._lost(consumer, partitions)

    def _lost(self, consumer: Any, partitions: list[Any]) -> None:
        with self._lock:
            for one in partitions:
                self._partitions.pop(one.partition, None)
        consumer.incremental_unassign(partitions)

    # --- messages ---------------------------------------------------------------------------

    async def fetch(self, most: int, wait: float) -> list[Message]:
        """Read from the partitions of this member; see `Queue`."""
        return list(await self._call(self._fetch, most, wait))

    def _fetch(self, most: int, wait: float) -> list[Message]:
        from confluent_kafka import KafkaException

        try:
            self._pause(paused=most < 1)
            found = self._consumer.consume(max(1, most), timeout=wait)
        except KafkaException as error:
            raise QueueUnreachableError(error.args[0].str()) from None
        if time.monotonic() - self._committed_at > _COMMIT_SECONDS:
            self._commit(wait=False)
        messages = [self._message(one) for one in found if one.error() is None]
        for one in found:
            if one.error() is not None and not one.error().retriable():
                self._problem = one.error().str()
        if messages:
            self._problem = ""
        return messages

    def _pause(self, *, paused: bool) -> None:
        """Stop or resume reading; asking goes on meanwhile, so that the group keeps this member."""
        if paused == self._paused:
            return
        assigned = self._consumer.assignment()
        (self._consumer.pause if paused else self._consumer.resume)(assigned)
        self._paused = paused

    def _message(self, found: Any) -> Message:
        with self._lock:
            partition = self._partitions.setdefault(
                found.partition(), _Partition(found.partition())
            )
            partition.given.append(found.offset())
        place = f"{found.topic()}/{found.partition()} {found.offset()}"
        return Message(found.value() or b"", place, (partition, found.offset()))

    async def acknowledge(self, message: Message) -> None:
        """Note that a message is done; the position is committed every second."""
        partition, offset = message.handle
        with self._lock:
            # Where the partition has gone to somebody else, this one is looked at by nobody.
            partition.finish(offset)

    async def keep(self, messages: Collection[Message]) -> None:
        """Do nothing: asking for messages keeps the partitions."""

    async def give_back(self, message: Message) -> None:
        """Do nothing: what is not committed is read by the next member."""

    def _commit(self, *, wait: bool, only: set[int] | None = None) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        self._committed_at = time.monotonic()
        with self._lock:
            positions = [
                TopicPartition(self._source.name, one.number, one.position)
                for one in self._partitions.values()
                if one.position >= 0 and (only is None or one.number in only)
            ]
        if positions:
            # One that fails is followed by the next; in the worst case alerts are read again.
            with suppress(KafkaException):
                self._consumer.commit(offsets=positions, asynchronous=not wait)

    async def bury(self, message: Message, reason: str) -> None:
        """Produce to the dead-letter topic, and wait for the broker's acknowledgement."""
        await asyncio.to_thread(self._bury, message, reason)

    def _bury(self, message: Message, reason: str) -> None:
        from confluent_kafka import KafkaException

        outcome: list[Any] = []
        headers = [
            ("falcoport-reason", reason.encode()),
            ("falcoport-place", message.place.encode()),
        ]
        try:
            self._producer.produce(
                self._source.dead_letter,
                message.data,
                headers=headers,
                on_delivery=lambda error, _message: outcome.append(error),
            )
            self._producer.flush(_CALL_SECONDS + 5)
        except (KafkaException, BufferError) as error:
            raise QueueUnreachableError(
                f"the dead letter cannot be stored ({type(error).__name__})"
            ) from None
        if not outcome or outcome[0] is not None:
            said = outcome[0].str() if outcome else "no answer"
            self._create(self._source.dead_letter)  # for the next try, should that be it
            raise QueueUnreachableError(f"the dead letter cannot be stored ({said})")

    async def lag(self) -> int | None:
        """Return what is not done in this member's partitions; the sum over replicas is all."""
        if self._problem or self._consumer is None:
            return None
        lag: int | None = await self._call(self._measure_lag)
        return lag

    def _measure_lag(self) -> int | None:
        from confluent_kafka import KafkaException, TopicPartition

        with self._lock:
            positions = {one.number: one.position for one in self._partitions.values()}
        lag = 0
        try:
            for number, position in positions.items():
                partition = TopicPartition(self._source.name, number)
                low, high = self._consumer.get_watermark_offsets(partition, timeout=_CALL_SECONDS)
                done = position
                if done < 0:
                    committed = self._consumer.committed([partition], timeout=_CALL_SECONDS)
                    done = max(low, committed[0].offset)
                lag += max(0, high - done)
        except KafkaException:
            return None
        return lag

    async def close(self) -> None:
        """Commit what is done and leave the group."""
        self._problem = self._problem or "closed"
        thread, self._thread = self._thread, None
        if thread is None:
            return
        await asyncio.get_running_loop().run_in_executor(thread, self._close)
        thread.shutdown()

    def _close(self) -> None:
        if self._consumer is not None:
            with suppress(Exception):
                # Leaving revokes the partitions, which commits what is done.
                self._consumer.close()
        self._consumer = None
        with self._lock:
            self._partitions.clear()
        self._paused = False

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._thread is None:
            raise QueueUnreachableError("the queue is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)
