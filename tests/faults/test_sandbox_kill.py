"""A sandbox killed at any moment has lost nothing that it answered 202, and doubles nothing.

    SANDBOX_KILL_ROUNDS=100 pytest tests/test_sandbox_kill.py

kills it a hundred times; the suite does so a few times.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.port_client import port_client
from support.receiver import running_receiver

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


def count_runs(database: Path) -> dict[str, int]:
    """Return how many runs there are of each entity."""
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT entity, count(*) FROM run GROUP BY entity"))


def test_automations_and_figures_are_right_after_a_kill(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    numbers = count()
    accepted: list[int] = []
    address = ""
    with running_receiver() as receiver:
        for _ in range(ROUNDS):
            with sandbox_process(database) as (running, process):
                if not address:
                    address = set_up(running)
                    set_up_automation(running, receiver.url)
                senders = [
                    threading.Thread(
                        target=send_until_it_dies,
                        args=(running.url + address, numbers, accepted),
                    )
                    for _ in range(2)
                ]
                killer = threading.Timer(random.uniform(0.1, 0.6), process.kill)
                for thread in (*senders, killer):
                    thread.start()
                for thread in (*senders, killer):
                    thread.join()
        with sandbox_process(database) as (running, _), port_client(running) as api:
            api.get(f"{running.url}/_sandbox/events?settled=true&limit=1", timeout=300)
            api.get(f"{running.url}/_sandbox/settled", timeout=300).raise_for_status()
            made = api.get("/blueprints/thing/entities").json()["entities"]
            group = api.get("/blueprints/group/entities/all").json()["entity"]
            level = group["scorecards"]["few"]["level"]
        called = {receiver.next().body["entity"] for _ in range(receiver.requests.qsize())}
    runs = count_runs(database)
    names = {entity["identifier"] for entity in made}
    assert {f"n{number}" for number in accepted} <= names
    assert runs == dict.fromkeys(names, 1)
    assert called == names
    numbers_made = [entity["properties"]["n"] for entity in made]
    assert group["properties"] == {"count": len(names), "sum": sum(numbers_made)}
    assert level == ("Gold" if len(names) < 10 else "Basic")


def set_up_automation(running: RunningSandbox, url: str) -> None:
    """Relate things to a group with figures and a scorecard, and call `url` for each new one."""
    with port_client(running) as api:
        spec = {"calculationBy": "property", "func": "sum", "property": "n"}
        figures = {
            "count": {"calculationBy": "entities", "func": "count"},
            "sum": spec,
        }
        group = {
            "identifier": "group",
            "title": "G",
            "schema": {"properties": {}},
            "aggregationProperties": {
                name: {"title": "T", "target": "thing", "calculationSpec": one}
                for name, one in figures.items()
            },
        }
        api.post("/blueprints", json=group).raise_for_status()
        api.post("/blueprints/group/entities", json={"identifier": "all"}).raise_for_status()
        api.patch("/blueprints/thing", json={"relations": {"group": {"target": "group"}}})
        condition = {"property": "count", "operator": "<", "value": 10}
        query = {"combinator": "and", "conditions": [condition]}
        rule = {"identifier": "few", "title": "Few", "level": "Gold", "query": query}
        scorecard = {"identifier": "few", "title": "Few", "rules": [rule]}
        api.post("/blueprints/group/scorecards", json=scorecard).raise_for_status()
        webhook = next(iter(api.get("/webhooks").json()["integrations"]))
        entity = {**webhook["mappings"][0]["entity"], "relations": {"group": "'all'"}}
        mappings = [{"blueprint": "thing", "entity": entity}]
        path = f"/webhooks/{webhook['identifier']}"
        api.patch(path, json={"mappings": mappings}).raise_for_status()
        event = {"type": "ENTITY_CREATED", "blueprintIdentifier": "thing"}
        body = {"entity": "{{ .event.context.entity }}"}
        automation = {
            "identifier": "call",
            "publish": True,
            "trigger": {"type": "automation", "event": event},
            "invocationMethod": {"type": "WEBHOOK", "url": url, "body": body},
        }
        api.post("/actions", json=automation).raise_for_status()


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
