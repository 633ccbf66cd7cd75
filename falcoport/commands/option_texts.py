"""What the texts of some options mean: times, priorities, shards. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from falcoport.errors import UsageError
from falcoport.falco.priorities import PRIORITIES, find_priority
from falcoport.falcosidekick.go_time import TimeError, read_instant

_RELATIVE = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_NANO = 10**9
_MILLI = 10**6


def parse_instant(text: str, option: str, now: datetime) -> int:
    """Return the instant that a text means, in nanoseconds.

    A time in RFC 3339, a date (its beginning in UTC), or how long ago, such as 36h or 7d. Raise
    UsageError.
    """
    match = _RELATIVE.fullmatch(text.strip())
    if match is not None:
        ago = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        return int((now - ago).timestamp()) * _NANO
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
        return int(day.timestamp()) * _NANO
    except ValueError:
        pass
    try:
        return read_instant(text.strip())
    except TimeError:
        raise UsageError(
            f"{option} is {text!r}, not a time.",
            where=option,
            hint="Examples: 2026-08-17, 2026-08-17T09:00:00Z, 36h, 7d.",
        ) from None


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number and how many there are of I/N. Raise UsageError."""
    number, separator, shards = text.partition("/")
    if separator and number.isdecimal() and shards.isdecimal() and int(number) < int(shards):
        return int(number), int(shards)
    raise UsageError(
        f"--shard is {text!r}, not I/N with I from 0 to N-1.",
        where="--shard",
        hint="Example: --shard 0/4, and 1/4, 2/4, 3/4 beside it.",
    )


def parse_priority(text: str, option: str) -> str:
    """Return a priority as Falco writes it. Raise UsageError."""
    found = find_priority(text)
    if found is None:
        raise UsageError(f"{option} is {text!r}; Falco has {', '.join(PRIORITIES)}.", where=option)
    return found


def to_rfc3339(instant: int) -> str:
    """Return an instant in nanoseconds as Port's search takes it, to the millisecond."""
    seconds, rest = divmod(instant, _NANO)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // _MILLI:03d}Z"
