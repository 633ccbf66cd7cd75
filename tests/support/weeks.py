"""A week of alerts as one ordinary cluster was measured to raise them: a few rules make most.

A public report of 2026 counted 33,000 alerts a day on 14 nodes: one rule made 29,465 of them, the
next two 3,150 and 450, and the others hardly any.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAYS = 7
START = datetime(2026, 8, 17, tzinfo=UTC)
# Rule, priority, alerts per day, tags.
RULES = (
    ("Contact K8S API Server From Container", "Notice", 29_465, ["T1565", "mitre_discovery"]),
    ("Read sensitive file untrusted", "Warning", 3_150, ["T1555", "mitre_credential_access"]),
    ("Terminal shell in container", "Notice", 450, ["T1059", "mitre_execution"]),
    ("Drop and execute new binary in container", "Critical", 12, ["TA0003", "mitre_persistence"]),
    ("Clear Log Activities", "Warning", 5, ["T1070", "mitre_defense_evasion"]),
    ("Fileless execution via memfd_create", "Critical", 2, ["T1620", "mitre_defense_evasion"]),
)
WORKLOADS = 40
NODES = 14
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def week(scale: float = 1.0, days: int = DAYS, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield the alerts of some days as Falco prints them, in order, a part of them by `scale`."""
    chance = random.Random(seed)
    pods = [
        (f"app-{number % 9}", f"service-{number}-6d9f7c5b8c-{_letters(chance)}")
        for number in range(WORKLOADS)
    ]
    moments = [
        (chance.randrange(day * 86_400 * 10**9, (day + 1) * 86_400 * 10**9), index)
        for day in range(days)
        for index, (_, _, number, _) in enumerate(RULES)
        for _ in range(max(1, round(number * scale)))
    ]
    for moment, index in sorted(moments):
        rule, priority, _, tags = RULES[index]
        on_host = index == 1 and chance.random() < 0.5
        namespace, pod = (None, None) if on_host else chance.choice(pods)
        yield _alert(
            (rule, priority, tags), moment, f"node-{chance.randrange(NODES)}", (namespace, pod)
        )


def as_blocks(alerts: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield alerts as Falco's stdout has them, some thousand lines at a time."""
    lines = (json.dumps(alert, separators=(",", ":")) for alert in alerts)
    for batch in batched(lines):
        yield "".join(f"{line}\n" for line in batch).encode()


def batched(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield lines a thousand at a time."""
    while batch := list(islice(lines, 1000)):
        yield batch


def _letters(chance: random.Random) -> str:
    return "".join(chance.choice(_SUFFIX) for _ in range(5))


def _alert(
    rule: tuple[str, str, list[str]],
    moment: int,
    host: str,
    place: tuple[str | None, str | None],
) -> dict[str, Any]:
    seconds, rest = divmod(moment, 10**9)
    time = START + timedelta(seconds=seconds)
    name, priority, tags = rule
    namespace, pod = place
    return {
        "hostname": host,
        "output": f"{time:%H:%M:%S}.{rest:09}: {priority} {name} | k8s_ns_name={namespace}",
        "output_fields": {
            "container.id": "3f1c9a7be2d4" if pod else "host",
            "container.image.repository": "registry.example.com/service" if pod else "",
            "container.image.tag": "1.8.2" if pod else "",
            "container.name": "service" if pod else "host",
            "evt.time": int(time.timestamp()) * 10**9 + rest,
            "evt.type": "openat",
            "k8s.ns.name": namespace,
            "k8s.pod.name": pod,
            "proc.cmdline": f"service --worker {moment % 50}",
            "proc.name": "service",
            "proc.pname": "sh",
            "user.name": "app",
        },
        "priority": priority,
        "rule": name,
        "source": "syscall",
        "tags": sorted([*tags, "maturity_stable"]),
        "time": f"{time:%Y-%m-%dT%H:%M:%S}.{rest:09}Z",
    }
