"""How fast `falcoport preview -o jsonl` maps alerts, beside `jq -c` with the mapping as a program.

Prints alerts per second of both, their ratio, and preview's memory on this many alerts and on a
hundredth of them. Usage: python benchmarks/preview.py [ALERTS] [JQ…]
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from falcoport.falco.samples import samples
from falcoport.manifests.loading import load

ROUNDS = 3


def write_alerts(path: Path, number: int) -> None:
    """Write so many alerts: the samples, each of another host and time."""
    chance = random.Random(1)
    shapes = [sample.alert for sample in samples()]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(number):
            clock = [chance.randrange(24), chance.randrange(60), chance.randrange(60)]
            time_of_day = ":".join(f"{part:02}" for part in clock)
            alert = {
                **chance.choice(shapes),
                "hostname": f"worker-{chance.randrange(50)}",
                "time": f"2026-08-17T{time_of_day}.{chance.randrange(10**9):09}Z",
            }
            file.write(json.dumps(alert, ensure_ascii=False, separators=(",", ":")) + "\n")


def as_program(mapping: dict[str, Any]) -> str:
    """Return the mapping as one jq program on an alert as Falco prints it."""
    entity = mapping["entity"]
    groups = ", ".join(
        f"{group}: {{{', '.join(f'{name}: ({text})' for name, text in entity[group].items())}}}"
        for group in ("properties", "relations")
    )
    return (
        f'{{body: .}} | {{blueprint: "{mapping["blueprint"]}", entity: '
        f"{{identifier: ({entity['identifier']}), title: ({entity['title']}), {groups}}}}}"
    )


def run(command: list[str]) -> tuple[float, int]:
    """Run a command with its output thrown away; return seconds and its largest memory in KiB."""
    with Path(os.devnull).open("wb") as nowhere:
        began = time.monotonic()
        pid = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(pid, 0)
        seconds = time.monotonic() - began
    if status != 0:
        sys.exit(f"{command[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss


def main(number: int, peers: list[str]) -> None:
    """Measure, each in turn and the best of some rounds, and print."""
    program = as_program(load().webhook.body["mappings"][0])
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder) / "many.json", Path(folder) / "few.json"
        write_alerts(many, number)
        write_alerts(few, max(1, number // 100))
        preview = [sys.executable, "-m", "falcoport", "preview", "-o", "jsonl", "-q"]
        best: dict[str, float] = {}
        memory = 0
        for _ in range(ROUNDS):
            for name, command in {
                "preview": [*preview, str(many)],
                **{peer: [peer, "-c", program, str(many)] for peer in peers},
            }.items():
                seconds, largest = run(command)
                best[name] = min(best.get(name, seconds), seconds)
                memory = max(memory, largest) if name == "preview" else memory
        _, small = run([*preview, str(few)])
    for name, seconds in best.items():
        ratio = f"   preview is {seconds / best['preview']:.2f} times as fast"
        told = "" if name == "preview" else ratio
        print(f"{name}: {number / seconds:,.0f} alerts/s{told}")
    print(
        f"preview's memory: {memory // 1024} MiB on {number:,}, {small // 1024} MiB on a hundredth"
    )
    print(f"processors: {len(os.sched_getaffinity(0))}")


if __name__ == "__main__":
    found = [name for name in sys.argv[2:] or ["jq"] if shutil.which(name)]
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, found)
