"""How long `falcoport status` takes, and how much it transfers, as a catalog grows.

    python benchmarks/status.py --alerts 100 100000 --folder /tmp/catalogs

Each catalog is a sandbox on a database of its own, with alerts in the standard profile, findings,
and what `setup --with` adds. Bytes are counted between falcoport and the sandbox, in both
directions, headers included; the time is that of the whole command, the fastest of some runs.
Beyond a thousand, alerts are copies, made in the database. Catalogs that `--folder`
holds from an earlier run are not made again.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from prune import Sandbox
from support.queues import free_port
from support.weeks import DAYS, RULES, as_blocks, week

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SENT = 1000
SETUP = ("setup", "--create-namespace-blueprint", "--profile", "standard", "--findings",
         "--with", "dashboard,rollups,scorecard,triage")  # fmt: skip


class Relay:
    """A loopback port that hands everything on to another one, and counts it."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.bytes = 0
        self._target = target

    async def serve(self, stop: asyncio.Event) -> None:
        """Hand on until `stop`."""
        server = await asyncio.start_server(self._hand_on, "127.0.0.1", self.port)
        async with server:
            await stop.wait()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._copy(reader, to_writer), self._copy(to_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.bytes += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def running_relay(target: int) -> Iterator[Relay]:
    """Run a relay in a thread until the block ends."""
    relay, loop = Relay(target), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = Thread(target=lambda: loop.run_until_complete(relay.serve(stop)))
    thread.start()
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def make_catalog(folder: Path, count: int) -> Path:
    """Return a sandbox's database with about so many alerts; made unless it is there."""
    database = folder / f"{count}.db"
    if database.exists():
        return database
    alerts = folder / f"{count}.jsonl"
    per_week = sum(number for _, _, number, _ in RULES) * DAYS
    with alerts.open("wb") as file:
        file.writelines(as_blocks(week(min(count, _MOST_SENT) / per_week)))
    unfinished = folder / f"{count}.unfinished.db"
    unfinished.unlink(missing_ok=True)
    with ExitStack() as stack:
        sandbox = Sandbox(unfinished, stack)
        sandbox.run(*SETUP)
        sandbox.run("replay", str(alerts), "--through", "api")
    multiply_alerts(unfinished, count)
    return unfinished.rename(database)


def multiply_alerts(database: Path, count: int) -> None:
    """Copy the alerts of a catalog until there are about so many, with what they are related to."""
    blueprint = "(SELECT key FROM blueprint WHERE identifier = 'falco_alert')"
    with closing(sqlite3.connect(database)) as connection, connection:
        own = f"FROM entity WHERE blueprint = {blueprint}"
        (there, last) = connection.execute(f"SELECT count(*), max(key) {own}").fetchone()
        for copy in range(1, count // max(1, there)):
            shift = copy * last
            connection.execute(
                "INSERT INTO entity(key, blueprint, identifier, document) "
                f"SELECT key + {shift}, blueprint, identifier || '-{copy}', document {own} "
                f"AND key <= {last}"
            )
            connection.execute(
                f"INSERT INTO relation SELECT source + {shift}, slot, position, target "
                f"FROM relation WHERE source IN (SELECT key {own} AND key <= {last})"
            )


def measure(database: Path, runs: int) -> None:
    """Print the seconds of the fastest run over a catalog, and the bytes of one."""
    with ExitStack() as stack:
        sandbox = Sandbox(database, stack)
        relay = stack.enter_context(running_relay(sandbox.port))
        seconds = []
        for _ in range(runs):
            relay.bytes = 0
            started = time.monotonic()
            data = sandbox.run("status", port=relay.port)
            seconds.append(time.monotonic() - started)
        print(
            f"{data['alerts']['count']:>9,} alerts {data['findings']['count']:>6,} findings  "
            f"{min(seconds):5.2f} s  {relay.bytes / 1000:6.1f} kB"
        )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where databases are, and stay")
    parser.add_argument("--make", action="store_true", help="make the catalogs, measure nothing")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = arguments.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        databases = [make_catalog(folder, count) for count in arguments.alerts]
        for database in () if arguments.make else databases:
            measure(database, arguments.runs)


if __name__ == "__main__":
    main()
