"""A sandbox killed at any moment has lost nothing that it answered 202, and doubles nothing.

    SANDBOX_KILL_ROUNDS=100 pytest tests/test_sandbox_kill.py

kills it a hundred times; the suite does so a few times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.port_client import port_client

from falcoport.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("SANDBOX_KILL_ROUNDS", "3"))

SERVE = """
import sys
from pathlib import Path
from falcoport.sandbox.server import SandboxOptions, serve
serve(
    SandboxOptions(port=0, database=Path(sys.argv[1])),
    lambda running: print(running.url, flush=True),
)
"""


@contextmanager
def sandbox_process(database: Path) -> Iterator[tuple[RunningSandbox, subprocess.Popen[str]]]:
    """Run a sandbox in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, database], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield RunningSandbox(process.stdout.readline().strip()), process
        finally:
            process.kill()


def send_until_it_dies(url: str, numbers: Iterator[int], accepted: list[int]) -> None:
    with suppress(httpx.TransportError), httpx.Client(trust_env=False, verify=False) as client:
        while True:
            number = next(numbers)
            if client.post(url, json={"n": number}).status_code == 202:
                accepted.append(number)


def all_events(api: httpx.Client, root: str) -> Iterator[dict[str, Any]]:
    before: int | None = 1 << 53
    while before is not None:
        asked = {"settled": "true", "limit": "1000", "before": str(before)}
        page = api.get(f"{root}/_sandbox/events", params=asked).json()
        yield from page["events"]
        before = page["next"]


def test_nothing_is_lost_or_doubled_by_a_kill(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    numbers = count()
    accepted: list[int] = []
    address = ""
    for _ in range(ROUNDS):
        with sandbox_process(database) as (running, process):
            if not address:
                address = set_up(running)
            senders = [
                threading.Thread(
                    target=send_until_it_dies, args=(running.url + address, numbers, accepted)
                )
                for _ in range(4)
            ]
            killer = threading.Timer(random.uniform(0.05, 0.5), process.kill)
            for thread in (*senders, killer):
                thread.start()
            for thread in (*senders, killer):
                thread.join()
            assert process.wait() == -signal.SIGKILL
    assert len(accepted) > 10 * ROUNDS
    with sandbox_process(database) as (running, _), port_client(running) as api:
        events = list(all_events(api, running.url))
        made = api.get("/blueprints/thing/entities").json()["entities"]
    stored = [entity["properties"]["n"] for entity in made]
    assert len(stored) == len(set(stored))
    assert set(accepted) <= set(stored)
    outcomes = [outcome for event in events for outcome in event["outcomes"]]
    assert [outcome["result"] for outcome in outcomes] == ["created"] * len(stored)


def set_up(running: RunningSandbox) -> str:
    """Create a blueprint and a webhook; return the path of its URL."""
    with port_client(running) as api:
        schema = {"properties": {"n": {"type": "number"}}}
        api.post("/blueprints", json={"identifier": "thing", "title": "T", "schema": schema})
        entity = {"identifier": "'n' + (.body.n | tostring)", "properties": {"n": ".body.n"}}
        mappings = [{"blueprint": "thing", "entity": entity}]
        body = {"title": "T", "enabled": True, "mappings": mappings}
        url: str = api.post("/webhooks", json=body).json()["integration"]["url"]
        return url.removeprefix(running.url)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with sandbox_process(tmp_path / "state.db") as (running, process):
        assert running.url.startswith("http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
