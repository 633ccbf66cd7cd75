"""How fast `falcoport prune` deletes half of a catalog, beside a bare client of the bulk call.

    python benchmarks/prune.py --alerts 200000

Both delete the same 100,000 of 200,000 alerts from copies of one sandbox's database, four requests
of a hundred at a time. The bare client knows the identifiers beforehand and looks at nothing;
`prune` searches, counts, deletes and counts again. With `--faults` every 50th deletion breaks: its
connection is reset, before or after the sandbox has acted, or the answer is 500 or 429.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.faulty_port import (
    BROKEN,
    BROKEN_LATE,
    LIMITED_SECONDS,
    RESET_EARLY,
    RESET_LATE,
    faulty_port,
)
from support.queues import free_port, wait_until_it_listens

if TYPE_CHECKING:
    from support.faulty_port import Request

SECRET = "sandbox-secret-not-for-port"
DELETE = "/v1/blueprints/falco_alert/bulk/entities/delete"
FAULTS = (RESET_EARLY, RESET_LATE, BROKEN, BROKEN_LATE, LIMITED_SECONDS)


class Sandbox:
    """A sandbox on a database, in a process of its own."""

    def __init__(self, database: Path, stack: ExitStack) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "falcoport", "sandbox", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--db", str(database)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(self.stop)
        wait_until_it_listens(self.port, self.process)

    def stop(self) -> None:
        """End it, once."""
        self.process.terminate()
        self.process.wait()

    def run(self, *arguments: str, port: int | None = None) -> Any:
        """Run falcoport against it and return its envelope's data."""
        environment = {
            **os.environ,
            "PORT_API_URL": f"http://127.0.0.1:{port or self.port}",
            "PORT_CLIENT_ID": "sandbox",
            "PORT_CLIENT_SECRET": SECRET,
        }
        command = [sys.executable, "-m", "falcoport", *arguments, "-o", "json"]
        ended = subprocess.run(command, env=environment, capture_output=True, check=False)
        envelope = json.loads(ended.stdout)
        assert ended.returncode == 0, envelope
        return envelope["data"]

    def client(self) -> httpx.Client:
        """Return a client that has a token."""
        base = f"http://127.0.0.1:{self.port}/v1"
        client = httpx.Client(base_url=base, trust_env=False, verify=False, timeout=60)
        credentials = {"clientId": "sandbox", "clientSecret": SECRET}
        token = client.post("/auth/access_token", json=credentials).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        return client


def write_alerts(path: Path, count: int) -> None:
    """Write alerts of which the even ones are old."""
    with path.open("w") as file:
        for number in range(count):
            year = 2020 if number % 2 == 0 else 2099
            alert = {
                "uuid": f"00000000-0000-4000-8000-{number:012d}",
                "output": f"{number}: a shell was started",
                "priority": "Warning",
                "rule": "Terminal shell in container",
                "time": f"{year}-{number % 12 + 1:02d}-01T00:00:00.{number:09d}Z",
                "output_fields": {"user.name": "root"},
                "source": "syscall",
                "hostname": "node",
            }
            file.write(json.dumps(alert, separators=(",", ":")) + "\n")


def delete_barely(sandbox: Sandbox, count: int) -> float:
    """Delete the old alerts with nothing but the bulk call; return how many a second."""
    identifiers = [
        f"node-2020-{number % 12 + 1:02d}-01T00:00:00.{number:09d}Z"
        for number in range(0, count, 2)
    ]
    batches = [identifiers[at : at + 100] for at in range(0, len(identifiers), 100)]
    with closing(sandbox.client()) as client, ThreadPoolExecutor(4) as pool:
        started = time.monotonic()

        def delete(batch: list[str]) -> None:
            answer = client.post(DELETE.removeprefix("/v1"), json={"entities": batch})
            assert answer.status_code == 200, answer.text

        list(pool.map(delete, batches))
        return len(identifiers) / (time.monotonic() - started)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=20_000)
    parser.add_argument("--faults", action="store_true")
    arguments = parser.parse_args()
    half = arguments.alerts // 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_alerts(folder / "alerts.jsonl", arguments.alerts)
        seed = Sandbox(folder / "seed.db", stack)
        seed.run("setup", "--no-relation")
        started = time.monotonic()
        seed.run("replay", str(folder / "alerts.jsonl"), "--through", "api")
        print(f"stored {arguments.alerts:,} in {time.monotonic() - started:.0f} s")
        seed.stop()
        for name in ("bare", "prune"):
            shutil.copy(folder / "seed.db", folder / f"{name}.db")
        bare_sandbox = Sandbox(folder / "bare.db", stack)
        bare = delete_barely(bare_sandbox, arguments.alerts)
        print(f"bare client  {bare:8,.0f} a second")
        bare_sandbox.stop()
        sandbox = Sandbox(folder / "prune.db", stack)
        port = None
        if arguments.faults:
            proxy = stack.enter_context(faulty_port(f"http://127.0.0.1:{sandbox.port}"))
            port, faults, seen = proxy.port, itertools.cycle(FAULTS), itertools.count(1)

            def before(request: Request) -> None:
                if request.path.startswith(DELETE) and next(seen) % 50 == 0:
                    proxy.fault = next(faults)
                    proxy.place = (request.method, request.path, request.nth)

            proxy.before = before
        started = time.monotonic()
        [pruned] = sandbox.run("prune", "--older-than", "30d", "--yes", port=port)["pruned"]
        speed = half / (time.monotonic() - started)
        print(
            f"prune        {speed:8,.0f} a second, all included ({speed / bare:.2f} of the bare "
            f"client); {pruned['deleted']:,} deleted, {pruned['after']:,} left"
            + (f", {proxy.hurt} faults" if arguments.faults else "")
        )


if __name__ == "__main__":
    main()
