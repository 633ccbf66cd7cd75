"""How many alerts a second the sandbox accepts and maps, on one core.

    python benchmarks/sandbox_ingest.py [--alerts 200000] [--database]

Each server runs in a process of its own, pinned to the last core; the sender runs on the first.
Prints the rate of each tenth of the run, so that a slowdown shows, and the ratio to a bare
Starlette application under uvicorn that reads the body, answers 202 and keeps nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from falcoport.sandbox.server import RunningSandbox, SandboxOptions, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

ROOT = Path(__file__).parent.parent
CONNECTIONS = 10


def alert(number: int) -> bytes:
    """Return an alert as Falcosidekick posts it, about 900 bytes."""
    second, fraction = divmod(number, 1000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_717_927_072 + second))
    body = {
        "uuid": f"{number:032x}",
        "output": f"{moment} Critical Fileless execution via memfd_create (user=root "
        "parent=runc command=/proc/self/fd/6 image=docker.io/library/redis container=9f2c)",
        "priority": "Critical",
        "rule": "Fileless execution via memfd_create",
        "time": f"{moment}.{fraction:03d}000000Z",
        "source": "syscall",
        "output_fields": {
            "container.id": "9f2c1b7d5e3a",
            "container.image.repository": "docker.io/library/redis",
            "evt.time": 1_717_927_072_000_000_000 + number,
            "k8s.ns.name": "auth",
            "k8s.pod.name": f"redis-{number % 50}",
            "proc.cmdline": "/proc/self/fd/6",
            "user.name": "root",
        },
        "hostname": f"node-{number % 20}",
        "tags": ["maturity_stable", "host", "container", "process", "port-auth-namespace"],
    }
    return json.dumps(body).encode()


def request(url: httpx.URL, body: bytes) -> bytes:
    """Return the bytes of one HTTP request."""
    head = (
        f"POST {url.raw_path.decode()} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n"
        "Content-Type: application/json; charset=utf-8\r\nUser-Agent: Falcosidekick\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send_all(url: httpx.URL, count: int, make: Callable[[int], bytes] = alert) -> list[float]:
    """Send `count` alerts over keep-alive connections; return the moment of each tenth's end."""
    numbers = iter(range(count))
    done = 0
    moments: list[float] = []

    async def sender() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection(url.host, url.port)
        for number in numbers:
            writer.write(request(url, make(number)))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202"), head
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            done += 1
            if done % (count // 10) == 0:
                moments.append(time.perf_counter())
        writer.close()

    await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
    return moments


def pin(core: int) -> None:
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})


def run_bare(pipe: Connection) -> None:
    """Serve an application that answers 202 and keeps nothing."""
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    pin(last_core())

    async def accept(incoming: Any) -> Response:
        await incoming.body()
        return Response(status_code=202)

    listener = socket.create_server(("127.0.0.1", 0))
    pipe.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    app = Starlette(routes=[Route("/{key}", accept, methods=["POST"])])
    config = uvicorn.Config(app, log_level="critical", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def run_sandbox(pipe: Connection, database: Path | None) -> None:
    """Serve a sandbox."""
    pin(last_core())

    def started(running: RunningSandbox) -> None:
        pipe.send(running)

    serve(SandboxOptions(port=0, database=database), started)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def last_core() -> int:
    """Return the number of the core that servers run on."""
    return max(os.sched_getaffinity(0))


def set_up(sandbox: RunningSandbox) -> tuple[httpx.Client, httpx.URL]:
    """Create the default blueprint and webhook; return a client and the webhook's URL."""
    api = httpx.Client(base_url=f"{sandbox.url}/v1", trust_env=False, timeout=120)
    credentials = {"clientId": sandbox.client_id, "clientSecret": sandbox.client_secret}
    token = api.post("/auth/access_token", json=credentials).json()["accessToken"]
    api.headers["Authorization"] = f"Bearer {token}"
    for name in ("namespace", "falco_alert"):
        shipped = ROOT / "blueprints" / f"{name}.yaml"
        blueprint: dict[str, Any] = {
            "identifier": name,
            "title": name,
            "schema": {"properties": {}},
        }
        if shipped.exists():
            blueprint = yaml.safe_load(shipped.read_text())
        api.post("/blueprints", json=blueprint).raise_for_status()
    entity = {"identifier": "auth-namespace"}
    api.post("/blueprints/namespace/entities", json=entity).raise_for_status()
    webhook = yaml.safe_load((ROOT / "webhook_configs/falco_alert_mapper.yaml").read_text())
    answer = api.post("/webhooks", json=webhook).raise_for_status().json()
    return api, httpx.URL(answer["integration"]["url"])


def timed_pages(api: httpx.Client, url: str) -> None:
    """Print how long the pages and lists take now."""
    search = {"query": {"combinator": "and", "rules": []}, "limit": 200}
    asks: list[tuple[str, Callable[[], httpx.Response]]] = [
        ("GET / (page)", lambda: api.get(url)),
        ("GET /_sandbox/events", lambda: api.get(f"{url}/_sandbox/events")),
        ("GET entities-count", lambda: api.get("/blueprints/falco_alert/entities-count")),
        (
            "POST entities/search, 200",
            lambda: api.post("/blueprints/falco_alert/entities/search", json=search),
        ),
        ("GET entities, all", lambda: api.get("/blueprints/falco_alert/entities")),
    ]
    for name, ask in asks:
        start = time.perf_counter()
        answer = ask()
        took = time.perf_counter() - start
        print(f"  {name:28} {answer.status_code} {took * 1000:9.1f} ms {len(answer.content):>10} B")
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(api.get, "/blueprints/falco_alert/entities")
        waits = []
        while not listing.done():
            start = time.perf_counter()
            api.get("/blueprints").raise_for_status()
            waits.append(time.perf_counter() - start)
    print(f"  others meanwhile wait at most {max(waits) * 1000:.1f} ms ({len(waits)} asked)")


def main() -> None:
    """Run both servers and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=20_000)
    parser.add_argument("--database", action="store_true", help="keep the state in a file")
    asked = parser.parse_args()
    pin_later = min(os.sched_getaffinity(0))
    spawn = multiprocessing.get_context("spawn")

    here, there = spawn.Pipe()
    bare = spawn.Process(target=run_bare, args=(there,), daemon=True)
    bare.start()
    url = httpx.URL(here.recv() + "/key")
    cores = os.sched_getaffinity(0)
    pin(pin_later)
    start = time.perf_counter()
    bare_rate = asked.alerts / (asyncio.run(send_all(url, asked.alerts))[-1] - start)
    bare.kill()
    os.sched_setaffinity(0, cores)
    print(f"bare Starlette, nothing kept: {bare_rate:7.0f} requests/s")

    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "state.db" if asked.database else None
        process = spawn.Process(target=run_sandbox, args=(there, database), daemon=True)
        process.start()
        sandbox = here.recv()
        api, url = set_up(sandbox)
        pin(pin_later)
        start = time.perf_counter()
        moments = asyncio.run(send_all(url, asked.alerts))
        accepted = moments[-1] - start
        api.get(f"{sandbox.url}/_sandbox/events", params={"settled": "true"}, timeout=600)
        mapped = time.perf_counter() - start
        count = api.get("/blueprints/falco_alert/entities-count").json()["count"]
        assert count == asked.alerts, f"{count} of {asked.alerts} alerts became entities"
        tenth = asked.alerts / 10
        rates = [tenth / (b - a) for a, b in zip([start, *moments], moments, strict=False)]
        print(f"sandbox, accepted:            {asked.alerts / accepted:7.0f} alerts/s")
        print(
            f"sandbox, accepted and mapped: {asked.alerts / mapped:7.0f} alerts/s, "
            f"{asked.alerts / mapped / bare_rate:.2f} of bare Starlette"
        )
        print("  accepted, by tenth of the run:", " ".join(f"{rate:.0f}" for rate in rates))
        timed_pages(api, sandbox.url)
        process.terminate()
        print(f"  peak memory {here.recv():.0f} MiB")
        process.join()


if __name__ == "__main__":
    main()
