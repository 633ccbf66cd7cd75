"""Whether an alert that was posted is in the catalog, and as the mapping says."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        line for field, wanted, actual in pairs for line in _compare(field, wanted, actual)
    )


def _compare(field: str, wanted: Any, actual: Any) -> Iterator[str]:
    """Yield where two values differ: inside an object the member, inside a text the place."""
    if _equal(wanted, actual):
        return
    if isinstance(wanted, dict) and isinstance(actual, dict):
        for key in sorted({*wanted, *actual}):
            yield from _compare(f"{field}.{key}", wanted.get(key), actual.get(key))
        return
    one, other = _around_difference(_text(wanted), _text(actual))
    yield f"{field} is {other}, the mapping says {one}"


def _equal(wanted: Any, actual: Any) -> bool:
    # Nothing is nothing: Port answers null for what a mapping left out.
    return wanted == actual or (wanted in (None, []) and actual in (None, []))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _around_difference(one: str, other: str) -> tuple[str, str]:
    """Return what is different of two texts, with a little around it."""
    pairs = zip(one, other, strict=False)
    same = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    begin = max(0, same - _BEFORE) if max(len(one), len(other)) > _LINE else 0
    first, second = (_cut(text, begin) for text in (one, other))
    return first, second


def _cut(text: str, begin: int) -> str:
    end = begin + _LINE
    return ("…" if begin else "") + text[begin:end] + ("…" if len(text) > end else "")


_LINE = 80
_BEFORE = 20
