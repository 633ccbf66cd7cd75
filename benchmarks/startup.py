"""How much falcoport adds to what any command line made of the same libraries takes to start.

Two pairs, run in turns, each in a new process, compared by their medians:

- `falcoport show-url` beside a script that imports typer and httpx and makes the same requests;
- `falcoport --help` beside a Typer app with as many empty commands.

    python benchmarks/startup.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.cli.catalogue import COMMANDS
from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

SAME_REQUESTS = """\
import os
import typer
import httpx

def main():
    base = os.environ["PORT_API_URL"] + "/v1"
    credentials = {
        "clientId": os.environ["PORT_CLIENT_ID"],
        "clientSecret": os.environ["PORT_CLIENT_SECRET"],
    }
    with httpx.Client(timeout=10) as client:
        token = client.post(f"{base}/auth/access_token", json=credentials).json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.get(f"{base}/webhooks/falco_alert_mapper", headers=headers)
    typer.echo(answer.json()["integration"]["url"])

typer.run(main)
"""


def empty_app(commands: int) -> str:
    """Return the source of a Typer app with so many commands that do nothing."""
    functions = "\n".join(
        f"@app.command()\ndef command{number}():\n    'Do nothing.'\n" for number in range(commands)
    )
    return f"import typer\n\napp = typer.Typer()\n\n{functions}\napp()\n"


def seconds(command: Sequence[str]) -> float:
    """Return how long a command takes, in seconds; it must succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def compare(name: str, ours: Sequence[str], theirs: Sequence[str], runs: int) -> None:
    """Time two commands in turns and print the ratio of their medians."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs + 1)][1:]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{name}: {mine * 1000:.0f} ms / {other * 1000:.0f} ms = {mine / other:.2f}")


def main() -> None:
    """Run both comparisons."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    falcoport = [sys.executable, "-m", "falcoport"]
    with running_sandbox(SandboxOptions(port=0)) as sandbox, tempfile.TemporaryDirectory() as work:
        os.environ.update(
            PORT_API_URL=sandbox.url,
            PORT_CLIENT_ID=sandbox.client_id,
            PORT_CLIENT_SECRET=sandbox.client_secret,
        )
        seconds([*falcoport, "setup", "--no-relation", "-q"])
        script, empty = Path(work, "requests.py"), Path(work, "empty.py")
        script.write_text(SAME_REQUESTS, encoding="utf-8")
        empty.write_text(empty_app(len(COMMANDS)), encoding="utf-8")
        compare("show-url", [*falcoport, "show-url"], [sys.executable, str(script)], runs)
        compare("--help", [*falcoport, "--help"], [sys.executable, str(empty), "--help"], runs)


if __name__ == "__main__":
    main()
