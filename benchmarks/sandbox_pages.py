"""How long the sandbox's pages take with many alerts, on one core.

    python benchmarks/sandbox_pages.py [--alerts 100000]

The server runs in a process of its own, pinned to the last core; alerts of 40 rules in 200
namespaces reach it through its webhook. For each page: the time until the first answer, the median
of ten more, and what of it was the server's own processor time, which other programs on the
machine do not lengthen. Then the same while alerts come in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import time
from pathlib import Path

import httpx
from sandbox_ingest import pin, run_sandbox, send_all, set_up

NAMESPACES, RULES, DAYS = 200, 40, 9
PRIORITIES = ("Critical", "Error", "Warning", "Notice", "Notice", "Notice", "Informational")
DATASET = {
    "combinator": "and",
    "rules": [{"property": "$blueprint", "operator": "=", "value": "falco_alert"}],
}


def varied_alert(number: int) -> bytes:
    """Return an alert that differs from its neighbours as those of a cluster do."""
    chance = random.Random(number)
    moment = time.time() - chance.random() * DAYS * 86_400
    namespace = min(int(chance.expovariate(0.03)), NAMESPACES - 1)
    rule = min(int(chance.expovariate(0.4)), RULES - 1)
    priority = PRIORITIES[rule % len(PRIORITIES)]
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    body = {
        "uuid": f"{number:032x}",
        "output": f"{text} {priority} Rule {rule} (user=root command=bash -c id parent=runc "
        f"image=docker.io/library/redis container=9f2c k8s.ns=team-{namespace})",
        "priority": priority,
        "rule": f"Rule {rule} of what a container must not do",
        "time": f"{text}.{number % 1_000_000_000:09d}Z",
        "source": "syscall",
        "output_fields": {"k8s.ns.name": f"team-{namespace}", "evt.time": number},
        "hostname": f"node-{number % 20}",
        "tags": ["container", f"port-team-{namespace}"],
    }
    return json.dumps(body).encode()


def processor_time(process: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def widget(identifier: str, kind: str, **members: object) -> dict[str, object]:
    """Return a widget about all alerts."""
    return {"id": identifier, "type": kind, "title": identifier, "dataset": DATASET, **members}


def add_dashboard(api: httpx.Client) -> None:
    """Create a dashboard with a widget of each kind that counts."""
    line = {
        "chartType": "countEntities",
        "blueprint": "falco_alert",
        "func": "count",
        "measureTimeBy": "time",
        "timeInterval": "day",
        "timeRange": {"preset": "last2Weeks"},
        "breakdownProperty": "priority",
    }
    number = {"unit": "none", "calculationBy": "entities", "func": "count"}
    widgets = [
        widget("number", "entities-number-chart", **number),
        widget("pie", "entities-pie-chart", property="property#priority"),
        widget("rules", "bar-chart", property="property#rule"),
        widget("namespaces", "bar-chart", property="relation#namespace"),
        widget("lines", "line-chart", **line),
        widget("table", "table-entities-explorer"),
    ]
    layout = [{"height": 400, "columns": [{"id": one["id"], "size": 12}]} for one in widgets]
    root = {"id": "root", "type": "dashboard-widget", "layout": layout, "widgets": widgets}
    page = {"identifier": "bench", "title": "Bench", "type": "dashboard", "widgets": [root]}
    api.post("/pages", json=page).raise_for_status()


def time_pages(api: httpx.Client, url: str, process: int) -> None:
    """Print how long each page takes."""
    print(f"{'page':42} {'first':>9} {'median':>9} {'of it CPU':>10} {'size':>9}")
    for path in (
        "/",
        "/?priority=Critical",
        "/?namespace=team-1&from=7d",
        "/?q=Rule+7",
        "/?sort=rule&page=20",
        "/catalog/namespace/team-1",
        "/catalog/falco_alert",
        "/events",
        "/dashboards/bench",
    ):
        took, used = [], []
        for _ in range(11):
            before, start = processor_time(process), time.perf_counter()
            answer = api.get(url + path).raise_for_status()
            took.append((time.perf_counter() - start) * 1000)
            used.append((processor_time(process) - before) * 1000)
        print(
            f"{path:42} {took[0]:6.0f} ms {statistics.median(took[1:]):6.0f} ms "
            f"{statistics.mean(used[1:]):7.0f} ms {len(answer.content):>7} B"
        )


async def time_home_under_load(url: str, webhook: httpx.URL, count: int) -> list[float]:
    """Return how long the first page takes, again and again, while alerts come in."""
    sending = asyncio.create_task(send_all(webhook, count, lambda n: varied_alert(10**8 + n)))
    took = []
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        while not sending.done():
            start = time.perf_counter()
            (await client.get(url + "/")).raise_for_status()
            took.append((time.perf_counter() - start) * 1000)
            await asyncio.sleep(0.5)
    await sending
    return took


def main() -> None:
    """Fill a sandbox, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=100_000)
    asked = parser.parse_args()
    first = min(os.sched_getaffinity(0))
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=run_sandbox, args=(there, None), daemon=True)
    process.start()
    assert process.pid is not None
    sandbox = here.recv()
    api, webhook = set_up(sandbox)
    for number in range(NAMESPACES):
        body = {"identifier": f"team-{number}", "title": f"Team {number}"}
        api.post("/blueprints/namespace/entities", json=body).raise_for_status()
    add_dashboard(api)
    pin(first)
    asyncio.run(send_all(webhook, asked.alerts, varied_alert))
    api.get(f"{sandbox.url}/_sandbox/events", params={"settled": "true"}, timeout=600)
    count = api.get("/blueprints/falco_alert/entities-count").json()["count"]
    print(f"{count:,} alerts")
    start = time.perf_counter()
    api.get(sandbox.url + "/").raise_for_status()
    print(
        f"the first page just after the last alert: {(time.perf_counter() - start) * 1000:.0f} ms"
    )
    time_pages(api, sandbox.url, process.pid)
    took = asyncio.run(time_home_under_load(sandbox.url, webhook, max(1000, asked.alerts // 10)))
    print(
        f"while alerts come in: median {statistics.median(took):.0f} ms, "
        f"at most {max(took):.0f} ms ({len(took)} asked)"
    )
    process.terminate()
    print(f"peak memory {here.recv():.0f} MiB")
    process.join()


if __name__ == "__main__":
    main()
