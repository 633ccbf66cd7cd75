"""Whether an alert that was posted is in the catalog, and as the mapping says."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcoport.port.api import PortApi

_POLL_FIRST = 0.05
_POLL_LONGEST = 1.0


@dataclass(frozen=True)
class Arrival:
    """An entity in the catalog, how many seconds it took, and what differs from the mapping."""

    entity: dict[str, Any]
    seconds: float
    differences: tuple[str, ...]


def wait_for(
    api: PortApi,
    blueprint: str,
    expected: dict[str, Any],
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Arrival | None:
    """Ask the catalog for the entity that `expected` describes until it is there.

    `expected` is an entity as the mapping made it; `timeout` is in seconds. Returns None if it did
    not arrive in time. Raises what the API raises.
    """
    started = clock()
    pause = _POLL_FIRST
    while True:
        entity = api.entity(blueprint, expected["identifier"])
        waited = clock() - started
        if entity is not None:
            return Arrival(entity, waited, differences(expected, entity))
        if waited + pause > timeout:
            return None
        sleep(pause)
        pause = min(pause * 1.5, _POLL_LONGEST)


def differences(expected: dict[str, Any], found: dict[str, Any]) -> tuple[str, ...]:
    """List, in words, where a stored entity differs from what the mapping says."""
    pairs = [("title", expected.get("title"), found.get("title"))]
    for group in ("properties", "relations"):
        stored = found.get(group) or {}
        for name, value in (expected.get(group) or {}).items():
            pairs.append((f"{group}.{name}", value, stored.get(name)))
    return tuple(
        f"{field} is {_shown(actual)}, the mapping says {_shown(wanted)}"
        for field, wanted, actual in pairs
        if not _equal(wanted, actual)
    )


def _equal(wanted: Any, actual: Any) -> bool:
    # Nothing is nothing: Port answers null for what a mapping left out.
    return wanted == actual or (wanted in (None, []) and actual in (None, []))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004 -- a line's worth
