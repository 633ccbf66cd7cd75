"""How many round trips to Port a command waits for, one after the other.

Each command runs against a sandbox that adds a latency to every answer and against one that adds
none; the difference, divided by the latency, is the number of round trips waited for.

    python benchmarks/round_trips.py [LATENCY_SECONDS]
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time

from falcoport.cli.app import run
from falcoport.sandbox.server import SandboxOptions, running_sandbox

STEPS = (
    ("plan of a first setup", ["plan", "--create-namespace-blueprint"]),
    ("first setup", ["setup", "--create-namespace-blueprint"]),
    ("second setup", ["setup"]),
    ("plan", ["plan"]),
    ("status", ["status"]),
    ("show-url", ["show-url"]),
)


def timed(latency: float) -> list[float]:
    """Return how long each step takes against a new sandbox with this latency, in seconds."""
    found = []
    with running_sandbox(SandboxOptions(port=0, latency=latency)) as sandbox:
        os.environ.update(
            PORT_API_URL=sandbox.url,
            PORT_CLIENT_ID=sandbox.client_id,
            PORT_CLIENT_SECRET=sandbox.client_secret,
        )
        for _name, arguments in STEPS:
            started = time.perf_counter()
            nowhere = io.StringIO()
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                code = run(arguments)
            if code:
                sys.exit(nowhere.getvalue())
            found.append(time.perf_counter() - started)
    return found


def main() -> None:
    """Print the number of round trips of each step, the token's included."""
    latency = float(sys.argv[1]) if len(sys.argv) > 1 else 0.1
    timed(0.0)  # so that imports count for neither
    without, slow = timed(0.0), timed(latency)
    for (name, _arguments), fast, waited in zip(STEPS, without, slow, strict=True):
        print(f"{name}: {(waited - fast) / latency:.1f} round trips")


if __name__ == "__main__":
    main()
