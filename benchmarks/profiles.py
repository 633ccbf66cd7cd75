"""How fast `falcoport preview -o jsonl` maps alerts with each profile, and their ratio, in one run.

Each in turn and the best of some rounds. Usage: python benchmarks/profiles.py [ALERTS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from preview import write_alerts

ROUNDS = 3
PROFILES = ("guide", "standard")


def main(number: int) -> None:
    """Measure and print."""
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alerts.json"
        write_alerts(path, number)
        for _ in range(ROUNDS):
            for profile in PROFILES:
                command = [sys.executable, "-m", "falcoport", "preview", "-o", "jsonl", "-q"]
                began = time.monotonic()
                subprocess.run(
                    [*command, "--profile", profile, str(path)],
                    stdout=subprocess.DEVNULL,
                    check=True,
                )
                seconds = time.monotonic() - began
                best[profile] = min(best.get(profile, seconds), seconds)
    for profile, seconds in best.items():
        print(f"{profile}: {number / seconds:,.0f} alerts/s")
    print(f"standard is {best['guide'] / best['standard']:.2f} times as fast as guide")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
