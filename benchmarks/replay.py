"""How fast, and in how much memory, `falcoport replay` sends alerts; beside `xargs curl`.

    python benchmarks/replay.py --alerts 100000 --curl 3000
    python benchmarks/replay.py --alerts 20000 --kills 20

All are posted to the same sandbox with the same number at a time. What one process per alert costs
shows after a few thousand, so `xargs curl` sends the first ones only and is compared by its rate.
With `--kills`, a replay with a checkpoint is killed at random moments, until one ends by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.queues import free_port, wait_until_it_listens

AT_ONCE = 16
SECRET = "sandbox-secret-not-for-port"


def write_alerts(path: Path, count: int) -> None:
    """Write alerts as Falcosidekick stores them, in an order that is not that of their times."""
    with path.open("w") as file:
        for number in range(count):
            place = number * 7919 % count
            fields = {
                "evt.time": 1786960041000000000 + place,
                "k8s.ns.name": "auth",
                "proc.cmdline": "bash -c id",
                "user.name": "root",
            }
            alert = {
                "uuid": f"00000000-0000-4000-8000-{place:012d}",
                "output": f"{place}: a shell was started in a container " + "x" * 400,
                "priority": "Warning",
                "rule": "Terminal shell in container",
                "time": f"2026-08-17T00:{place // 10**9 % 60:02d}:00.{place % 10**9:09d}Z",
                "output_fields": fields,
                "source": "syscall",
                "tags": ["T1059", "container", "shell"],
                "hostname": f"node-{place % 10}",
            }
            file.write(json.dumps(alert, separators=(",", ":")) + "\n")


class Sandbox:
    """A sandbox in a process of its own, set up without the relation."""

    def __init__(self, folder: Path, stack: ExitStack, name: str) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "falcoport", "sandbox", "--port", str(self.port)]
        process = subprocess.Popen(
            [*command, "--db", str(folder / f"{name}.db")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        wait_until_it_listens(self.port, process)
        self.environment = {
            **os.environ,
            "PORT_API_URL": f"http://127.0.0.1:{self.port}",
            "PORT_CLIENT_ID": "sandbox",
            "PORT_CLIENT_SECRET": SECRET,
        }
        ended = subprocess.run(
            [sys.executable, "-m", "falcoport", "setup", "--no-relation", "--quiet"],
            env=self.environment,
            capture_output=True,
            check=True,
        )
        self.url = ended.stdout.decode().strip()

    def count(self, wanted: int) -> int:
        """Return how many alerts the catalog has, once it has `wanted` or does not grow."""
        base = f"http://127.0.0.1:{self.port}/v1"
        with httpx.Client(base_url=base, trust_env=False, verify=False, timeout=60) as client:
            credentials = {"clientId": "sandbox", "clientSecret": SECRET}
            token = client.post("/auth/access_token", json=credentials).json()["accessToken"]
            found, before = 0, -1
            while found < wanted and found > before:
                before = found
                time.sleep(2)
                answer = client.get(
                    "/blueprints/falco_alert/entities-count",
                    headers={"Authorization": f"Bearer {token}"},
                )
                found = int(answer.json()["count"])
        return found


def run_curl(sandbox: Sandbox, file: Path, count: int, folder: Path) -> float:
    """Send the first alerts with one curl each; return how many a second."""
    bodies = folder / "bodies"
    bodies.mkdir()
    with file.open("rb") as lines:
        for number, line in zip(range(count), lines, strict=False):
            (bodies / f"{number:07d}").write_bytes(line)
    names = b"\n".join(str(path).encode() for path in sorted(bodies.iterdir()))
    curl = ["curl", "-s", "-o", "/dev/null", "-H", "Content-Type: application/json"]
    command = ["xargs", "-P", str(AT_ONCE), "-I{}", *curl, "--data-binary", "@{}", sandbox.url]
    started = time.monotonic()
    subprocess.run(command, input=names, check=True)
    return count / (time.monotonic() - started)


def run_replay(sandbox: Sandbox, file: Path, *arguments: str) -> tuple[float, float, float]:
    """Replay a file; return alerts a second in all, and while sending, and the peak of memory."""
    command = [sys.executable, "-m", "falcoport", "replay", str(file), "-o", "json"]
    started = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [*command, "--max-in-flight", str(AT_ONCE), *arguments],
            env=sandbox.environment,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        out.seek(0)
        data = json.load(out)["data"]
    assert status == 0, data
    return data["accepted"] / seconds, data["accepted"] / data["seconds"], usage.ru_maxrss / 1024


def kill_at_random(sandbox: Sandbox, file: Path, kills: int, count: int, *more: str) -> None:
    """Kill a replay again and again, then let it end; say what is in the catalog."""
    checkpoint = file.with_suffix(f".{len(more)}.db")
    command = [sys.executable, "-m", "falcoport", "replay", str(file), "-q"]
    command += ["--checkpoint", str(checkpoint), "--max-in-flight", str(AT_ONCE), *more]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for _ in range(kills):
        process = subprocess.Popen(command, env=sandbox.environment, **quiet)  # type: ignore[call-overload] # both are files
        time.sleep(random.uniform(0.5, 6))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, env=sandbox.environment, check=True, **quiet)  # type: ignore[call-overload] # both are files
    print(
        f"killed {kills} times {' '.join(more):16} in the catalog {sandbox.count(count)} of {count}"
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=20_000)
    parser.add_argument("--curl", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=0)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / "alerts.jsonl"
        write_alerts(file, arguments.alerts)
        if arguments.kills:
            for more in ((), ("--through", "api")):
                sandbox = Sandbox(folder, stack, f"killed{len(more)}")
                kill_at_random(sandbox, file, arguments.kills, arguments.alerts, *more)
            return
        curl = run_curl(Sandbox(folder, stack, "curl"), file, arguments.curl, folder)
        print(f"xargs -P{AT_ONCE} curl        {curl:8,.0f} alerts a second")
        for more in ((), ("--through", "api")):
            sandbox = Sandbox(folder, stack, f"replay{len(more)}")
            overall, sending, memory = run_replay(sandbox, file, *more)
            name = f"replay {' '.join(more)}"
            print(
                f"{name:24} {overall:8,.0f} alerts a second, reading included "
                f"({overall / curl:.1f}x), "
                f"{sending:,.0f} while sending ({sending / curl:.1f}x), {memory:.0f} MiB at most, "
                f"in the catalog {sandbox.count(arguments.alerts):,} of {arguments.alerts:,}"
            )
    print(f"children's peak {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
