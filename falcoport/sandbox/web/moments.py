"""Moments as people read them: how long ago, and exactly when, with the zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86_400, 604_800
_STEPS = (
    (_MINUTE, 1, "second"),
    (_HOUR, _MINUTE, "minute"),
    (2 * _DAY, _HOUR, "hour"),
    (2 * _WEEK, _DAY, "day"),
    (9 * _WEEK, _WEEK, "week"),
    (365 * _DAY, 30 * _DAY, "month"),
)
_NOW = 5
# What alerts say of their time may be anything, also what Go writes for no time at all: year 1.
_FIRST = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST = datetime.max.replace(tzinfo=UTC).timestamp() - 1


def parse_moment(value: Any) -> float | None:
    """Return an RFC 3339 text in seconds since 1970, or None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def write_iso(moment: float) -> str:
    """Return a moment as a machine reads it, to the millisecond, in UTC."""
    text = _convert(moment).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def write_second(moment: float) -> str:
    """Return a moment as a machine reads it, to the second, in UTC."""
    return write_iso(moment)[:19] + "Z"


def write_exact(moment: float) -> str:
    """Return a moment to the second, with its zone."""
    return f"{_convert(moment).replace(tzinfo=None, microsecond=0)} UTC"


def write_ago(moment: float, now: float) -> str:
    """Return how long ago a moment was, or how far ahead it is."""
    distance = abs(now - moment)
    if distance < _NOW:
        return "just now"
    words = _length(distance)
    return f"{words} ago" if moment <= now else f"in {words}"


def write_length(seconds: float) -> str:
    """Return a length of time in one unit."""
    return _length(abs(seconds))


def _convert(moment: float) -> datetime:
    """Return a moment as a date and time; one beyond the calendar is the calendar's end."""
    return datetime.fromtimestamp(min(max(moment, _FIRST), _LAST), UTC)


def _length(seconds: float) -> str:
    for below, unit, name in _STEPS:
        if seconds < below:
            return _count(int(seconds // unit), name)
    return _count(int(seconds // (365 * _DAY)), "year")


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
