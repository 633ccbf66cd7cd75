"""What a forecast needs to know of some alerts: counted where they are mapped, small to send on.

Pure.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from falcoport.mapping.alert_fields import find_namespace
from falcoport.mapping.finding_expressions import find_place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.mapping.outcomes import Outcome

HOUR = 3600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # mixes two hashes into one, as boost's hash_combine does


@dataclass
class Tally:
    """Counts of some alerts.

    All but `alerts` are of those that a mapping lets pass. `hours` counts them by the hour of their
    time since 1970, `first` and `last` are the ends of that time in seconds. `events` are hashes of
    host and time, `events_by_rule` of the rule too; `findings` says for each hash of a rule in its
    place the first hour; `stored` are, by blueprint, hashes of the entities that are mapped.
    """

    alerts: int = 0
    passing: int = 0
    first: float | None = None
    last: float | None = None
    hours: Counter[int] = field(default_factory=Counter)
    priorities: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    namespaces: Counter[str] = field(default_factory=Counter)
    events: array[int] = field(default_factory=lambda: array("Q"))
    events_by_rule: array[int] = field(default_factory=lambda: array("Q"))
    findings: dict[int, int] = field(default_factory=dict)
    stored: dict[str, array[int]] = field(default_factory=dict)

    def count(self, body: Mapping[str, Any], outcomes: Sequence[Outcome], *, passes: bool) -> None:
        """Count an alert as Falcosidekick posts it, and what the mappings made of it."""
        self.alerts += 1
        if not passes:
            return
        self.passing += 1
        rule, time = str(body.get("rule")), str(body.get("time"))
        seconds = to_seconds(time)
        hour = -1 if seconds is None else int(seconds // HOUR)
        if seconds is not None:
            self.hours[hour] += 1
            self.first = seconds if self.first is None else min(self.first, seconds)
            self.last = seconds if self.last is None else max(self.last, seconds)
        self.priorities[str(body.get("priority"))] += 1
        self.rules[rule] += 1
        self.namespaces[find_namespace(body.get("output_fields") or {})] += 1
        event = _hash(f"{body.get('hostname')}\0{time}")
        self.events.append(event)
        self.events_by_rule.append(_mix(event, _known_hash(rule)))
        finding = _mix(_known_hash(rule), _known_hash(find_place(body)))
        self.findings[finding] = min(self.findings.get(finding, hour), hour)
        for outcome in outcomes:
            entity = outcome.entity
            if entity is not None:
                hashes = self.stored.setdefault(outcome.blueprint, array("Q"))
                hashes.append(_hash(str(entity["identifier"])))


def to_seconds(time: str) -> float | None:
    """Return a time of Falco's, such as `2026-08-17T09:46:12.318204577Z`, in seconds since 1970.

    None for what is not a time in UTC, as Falco's always are.
    """
    try:
        day = _day(time[:10])
        clock = int(time[11:13]) * HOUR + int(time[14:16]) * 60 + float(time[17:-1])
    except ValueError:
        return None
    return day * 86400.0 + clock if time[-1:] == "Z" and time[10:11] == "T" else None


@lru_cache(maxsize=512)
def _day(text: str) -> int:
    return datetime.fromisoformat(text).toordinal() - _EPOCH


def _hash(text: str) -> int:
    digest = blake2b(text.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


# There are as many rules and places as a cluster has: each is hashed once.
_known_hash = lru_cache(maxsize=16_384)(_hash)


def _mix(one: int, other: int) -> int:
    mixed = ((one ^ (other + _GOLDEN)) * _GOLDEN) & _MASK
    return mixed ^ (mixed >> 32)
