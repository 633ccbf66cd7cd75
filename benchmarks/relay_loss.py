"""How many alerts are lost while Port is away: Falcosidekick alone, and with a queue and the relay.

    python benchmarks/relay_loss.py nats --alerts 20000 --away 60 --kill-every 15
    python benchmarks/relay_loss.py kafka --servers 127.0.0.1:9092
    python benchmarks/relay_loss.py alone

A real Falcosidekick (on PATH) is posted alerts at a steady rate. Port is the sandbox behind a proxy
that is away for a while in the middle: refusing connections, answering 503 and 429, and hanging, by
turns. Two relays run; one of them is killed and started again all the time. In the end, what the
queue stored is compared with what the catalog has: every alert has an identifier of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.queues import MockKafka, mock_kafka, nats_server

if TYPE_CHECKING:
    from collections.abc import Iterator

WAYS_TO_BE_AWAY = ("refused", "503", "429", "hanging")
TURN_SECONDS = 5.0
TOPIC = "falco"


class Proxy:
    """Passes requests on to the sandbox, or is away in the way that `mode` says."""

    def __init__(self, port: int) -> None:
        self.mode = "there"
        self._upstream = port
        self._server: asyncio.Server | None = None
        self.port = free_port()
        self._open: set[asyncio.StreamWriter] = set()

    async def set_mode(self, mode: str) -> None:
        """Be there, or away in one of WAYS_TO_BE_AWAY."""
        self.mode = mode
        if mode == "refused":
            if self._server is not None:
                self._server.close()
                self._server = None
            for writer in list(self._open):
                writer.close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                head, body = await read_message(reader)
                mode = self.mode
                if mode == "hanging":
                    while self.mode == "hanging":  # noqa: ASYNC110 -- a script's own clock
                        await asyncio.sleep(0.2)
                    return
                if mode in ("503", "429"):
                    writer.write(f"HTTP/1.1 {mode} x\r\nContent-Length: 0\r\n\r\n".encode())
                else:
                    if upstream is None:
                        upstream = await asyncio.open_connection("127.0.0.1", self._upstream)
                    upstream[1].write(head + body)
                    answer_head, answer_body = await read_message(upstream[0])
                    writer.write(answer_head + answer_body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side has gone, or the run is over
        finally:
            self._open.discard(writer)
            for one in (writer, upstream[1] if upstream else None):
                if one is not None:
                    one.close()


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the head and the body of one HTTP message with a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head, await reader.readexactly(length) if length else b""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def alert(number: int) -> bytes:
    """Return an alert as Falco prints it, whose time is its own alone."""
    fields = {"evt.time": 1786960041000000000 + number, "proc.name": "sh", "user.name": "root"}
    return json.dumps(
        {
            "hostname": "node",
            "output": f"alert {number}",
            "output_fields": fields,
            "priority": "Warning",
            "rule": "A rule",
            "source": "syscall",
            "tags": ["T1059"],
            "time": f"2026-08-17T00:00:00.{number:09d}Z",
        }
    ).encode()


class Run:
    """One measurement with everything that it starts."""

    def __init__(self, arguments: argparse.Namespace, stack: ExitStack) -> None:
        self.arguments = arguments
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._stack = stack
        self.kills = 0
        self.sandbox_port = free_port()
        self.sidekick_port = free_port()
        self.proxy = Proxy(self.sandbox_port)
        self._environment = {
            **os.environ,
            "PORT_API_URL": f"http://127.0.0.1:{self.sandbox_port}",
            "PORT_CLIENT_ID": "sandbox",
            "PORT_CLIENT_SECRET": "sandbox-secret-not-for-port",
        }

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program that ends with the run; its output goes to a file of the run."""
        log = (self.folder / f"{Path(command[0]).name}-{time.monotonic_ns()}.log").open("wb")
        process = subprocess.Popen(
            command, env={**self._environment, **environment}, stdout=log, stderr=log
        )
        self._stack.callback(end, process)
        return process

    def falcoport(self, *arguments: str) -> str:
        """Run falcoport to its end and return what it printed."""
        command = [sys.executable, "-m", "falcoport", *arguments]
        ended = subprocess.run(command, env=self._environment, capture_output=True, check=True)
        return ended.stdout.decode().strip()

    def set_up(self) -> str:
        """Start the sandbox, set it up, and return the webhook's URL behind the proxy."""
        database = str(self.folder / "catalog.db")
        self.start(
            *(sys.executable, "-m", "falcoport", "sandbox"),
            *("--port", str(self.sandbox_port), "--db", database),
        )
        wait_for_port(self.sandbox_port)
        url = self.falcoport("setup", "--no-relation", "--quiet")
        return url.replace(f":{self.sandbox_port}", f":{self.proxy.port}")

    def start_sidekick(self, **output: str) -> None:
        """Start Falcosidekick with the output that the variables set up."""
        program = shutil.which("falcosidekick")
        assert program is not None, "falcosidekick is not on PATH"
        self.start(program, LISTENADDRESS="127.0.0.1", LISTENPORT=str(self.sidekick_port), **output)
        wait_for_port(self.sidekick_port)

    def start_relay(self, source: str, url: str) -> subprocess.Popen[bytes]:
        """Start one relay."""
        return self.start(
            *(sys.executable, "-m", "falcoport", "relay", "--from", source),
            *("--listen", "", "--timeout", "5"),
            FALCOPORT_WEBHOOK_URL=url,
        )

    def in_catalog(self) -> int:
        """Return how many alerts the catalog has."""
        base = f"http://127.0.0.1:{self.sandbox_port}/v1"
        with httpx.Client(trust_env=False, verify=False, timeout=60) as client:
            credentials = {
                "clientId": "sandbox",
                "clientSecret": "sandbox-secret-not-for-port",
            }
            token = client.post(f"{base}/auth/access_token", json=credentials).json()
            answer = client.get(
                f"{base}/blueprints/falco_alert/entities-count",
                headers={"Authorization": f"Bearer {token['accessToken']}"},
            )
            return int(answer.json()["count"])


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force if it does not."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for_port(port: int) -> None:
    """Return once something listens on a port of loopback."""
    until = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert time.monotonic() < until, f"nothing listens on {port}"
            time.sleep(0.1)


async def feed(run: Run) -> int:
    """Post all alerts to Falcosidekick at the rate asked for; return how many it took."""
    numbers = iter(range(run.arguments.alerts))
    taken = 0
    started = time.monotonic()

    async def worker(client: httpx.AsyncClient) -> None:
        nonlocal taken
        for number in numbers:
            await asyncio.sleep(max(0.0, started + number / run.arguments.rate - time.monotonic()))
            # Falco does not try again either.
            with suppress(httpx.TransportError):
                answer = await client.post("/", content=alert(number))
                taken += answer.status_code == 200

    base = f"http://127.0.0.1:{run.sidekick_port}"
    options: Any = {"base_url": base, "trust_env": False, "verify": False, "timeout": 60}
    async with httpx.AsyncClient(**options) as client:
        await asyncio.gather(*(worker(client) for _ in range(8)))
    return taken


async def be_away(run: Run) -> None:
    """Let Port be away for the time asked for, a third into the feeding, in all ways by turns."""
    await asyncio.sleep(run.arguments.alerts / run.arguments.rate / 3)
    until = time.monotonic() + run.arguments.away
    for mode in cycle(WAYS_TO_BE_AWAY):
        if time.monotonic() >= until:
            break
        await run.proxy.set_mode(mode)
        await asyncio.sleep(TURN_SECONDS)
    await run.proxy.set_mode("there")


async def kill_relays(run: Run, source: str, url: str) -> None:
    """Keep two relays running, and kill the older one again and again."""
    relays = [run.start_relay(source, url) for _ in range(2)]
    while True:
        await asyncio.sleep(run.arguments.kill_every)
        oldest = relays.pop(0)
        oldest.send_signal(signal.SIGKILL)
        oldest.wait()
        run.kills += 1
        relays.append(run.start_relay(source, url))


async def settle(run: Run, stored: Any) -> tuple[int, int]:
    """Wait until the catalog has all that the queue stored, or has not grown for two minutes."""
    most, since = -1, time.monotonic()
    while True:
        wanted, found = await asyncio.to_thread(stored), await asyncio.to_thread(run.in_catalog)
        if found > most:
            most, since = found, time.monotonic()
        if found >= wanted or time.monotonic() - since > 120:
            return wanted, found
        await asyncio.sleep(1)


async def measure(run: Run, url: str, source: str | None, stored: Any) -> dict[str, Any]:
    """Feed, be away, kill and wait; return what to print."""
    await run.proxy.set_mode("there")
    started = time.monotonic()
    killer = None
    if source is not None:
        killer = asyncio.create_task(kill_relays(run, source, url))
        await asyncio.sleep(8)  # the relay first: it creates the stream
    away = asyncio.create_task(be_away(run))
    taken = await feed(run)
    fed = time.monotonic()
    await away
    wanted, found = await settle(run, stored or (lambda: taken))
    if killer is not None:
        killer.cancel()
        with suppress(asyncio.CancelledError):
            await killer
    return {
        "sent to Falcosidekick": taken,
        "stored by the queue": wanted if source else None,
        "in the catalog": found,
        "lost behind the queue" if source else "lost": wanted - found,
        "relays killed": run.kills,
        "seconds of feeding": round(fed - started),
        "seconds in all": round(time.monotonic() - started),
    }


def nats_stored(servers: str) -> Iterator[int]:
    """Return what gives the number of alerts that JetStream has stored since the beginning."""

    async def look() -> int:
        import nats

        client = await nats.connect(f"nats://{servers}")
        state = (await client.jetstream().stream_info("FALCO")).state
        await client.close()
        return int(state.last_seq)

    return lambda: asyncio.run(look())  # type: ignore[return-value]


def kafka_stored(servers: str) -> Any:
    """Return what gives the number of records on the topic."""

    def look() -> int:
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": servers, "group.id": "count", "log_level": 0})
        topics = consumer.list_topics(TOPIC, timeout=20).topics
        ends = [
            consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=20)
            for number in topics[TOPIC].partitions
        ]
        consumer.close()
        return sum(high - low for low, high in ends)

    return look


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=("nats", "kafka", "alone"))
    parser.add_argument("--alerts", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--away", type=float, default=60)
    parser.add_argument("--kill-every", type=float, default=15)
    parser.add_argument("--servers", help="A Kafka broker; librdkafka's mock cluster otherwise.")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        run = Run(arguments, stack)
        url = run.set_up()
        source, stored = None, None
        if arguments.engine == "nats":
            servers = stack.enter_context(nats_server(run.folder / "nats"))
            source, stored = f"nats://{servers}", nats_stored(servers)
            run.start_sidekick(
                NATS_HOSTPORT=f"nats://{servers}", NATS_SUBJECTTEMPLATE="falco.<priority>"
            )
        elif arguments.engine == "kafka":
            if arguments.servers:
                servers = arguments.servers
            else:
                mock: MockKafka = stack.enter_context(mock_kafka())
                mock.owner.list_topics(TOPIC, timeout=20)
                servers = mock.servers
            source, stored = f"kafka://{servers}/{TOPIC}", kafka_stored(servers)
            run.start_sidekick(KAFKA_HOSTPORT=servers, KAFKA_TOPIC=TOPIC, KAFKA_REQUIREDACKS="ALL")
        else:
            run.start_sidekick(WEBHOOK_ADDRESS=url)
        for name, value in asyncio.run(measure(run, url, source, stored)).items():
            if value is not None:
                print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
