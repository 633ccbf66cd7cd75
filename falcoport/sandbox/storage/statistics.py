"""Figures about entities: counts, sums and averages, and how they change over time.

Functions and intervals are those of Port's aggregation properties and charts (Port docs, 2026-01).
An average over a period is the total divided by the number of such periods between the earliest
moment and now, one at least.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Number = int | float

HOUR, DAY, WEEK, MONTH, QUARTER = "hour", "day", "isoWeek", "month", "quarter"
INTERVALS = (HOUR, DAY, WEEK, MONTH, QUARTER)
_SECONDS = {"hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400}
_DAYS_BACK = {
    "lastDay": 1,
    "lastWeek": 7,
    "last2Weeks": 14,
    "lastMonth": 30,
    "last3Months": 91,
    "last6Months": 182,
    "last12Months": 365,
    "last2Years": 730,
    "last3Years": 1095,
}
PRESETS = ("today", "yesterday", *_DAYS_BACK)
"""The periods that charts look back over."""


@dataclass(frozen=True)
class Sample:
    """What one entity adds to a figure: a number, if it has one, and a moment, if it is asked."""

    value: Number | None = None
    moment: datetime | None = None


def as_number(value: Any) -> Number | None:
    """Return a value that figures can be made of, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def compute(
    func: str, samples: Sequence[Sample], now: datetime, *, by_entities: bool, average_of: str
) -> Number | None:
    """Return a figure of the samples; None if there is nothing to make it of."""
    if by_entities:
        count = len(samples)
        if func == "count":
            return count
        return _average(count, samples, now, average_of) if count else 0
    numbers = [sample.value for sample in samples if sample.value is not None]
    if func == "count":
        return len(numbers)
    if not numbers:
        return None
    if func == "average" and average_of not in ("", "total"):
        return _average(sum(numbers), samples, now, average_of)
    return _FUNCTIONS[func](numbers)


def _average(total: Number, samples: Sequence[Sample], now: datetime, average_of: str) -> Number:
    if average_of not in _SECONDS:
        return total
    moments = [sample.moment for sample in samples if sample.moment is not None]
    span = (now - min(moments)).total_seconds() if moments else 0.0
    return total / max(1.0, span / _SECONDS[average_of])


_FUNCTIONS: dict[str, Callable[[Sequence[Number]], Number]] = {
    "sum": sum,
    "min": min,
    "max": max,
    "average": statistics.fmean,
    "median": statistics.median,
    "last": lambda numbers: numbers[-1],
}


def period_of(preset: str, now: datetime, zone: str = "UTC") -> tuple[datetime, datetime]:
    """Return the first and last moment of a period that a chart looks back over."""
    here = now.astimezone(ZoneInfo(zone))
    if preset in _DAYS_BACK:
        return here - timedelta(days=_DAYS_BACK[preset]), here
    today = here.replace(hour=0, minute=0, second=0, microsecond=0)
    if preset == "yesterday":
        return today - timedelta(days=1), today - timedelta(microseconds=1)
    return today, here


def default_interval(preset: str) -> str:
    """Return the interval of a chart that names none."""
    if preset in ("today", "yesterday", "lastDay"):
        return HOUR
    if preset in ("last2Years", "last3Years"):
        return QUARTER
    if preset in ("last6Months", "last12Months"):
        return MONTH
    return WEEK if preset == "last3Months" else DAY


def buckets(start: datetime, end: datetime, interval: str) -> list[datetime]:
    """Return the first moment of each interval that a period touches, in its time zone."""
    moment = _floor(start, interval)
    found = []
    while moment <= end:
        found.append(moment)
        moment = _next(moment, interval)
    return found


def place(moment: datetime, starts: Sequence[datetime]) -> int | None:
    """Return which of the intervals a moment lies in; None if it is before the first."""
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) // 2
        if starts[middle] <= moment:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low else None


def _floor(moment: datetime, interval: str) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if interval == HOUR:
        return hour
    day = hour.replace(hour=0)
    if interval == DAY:
        return day
    if interval == WEEK:
        return day - timedelta(days=day.weekday())
    first = day.replace(day=1)
    if interval == MONTH:
        return first
    return first.replace(month=(first.month - 1) // 3 * 3 + 1)


def _next(moment: datetime, interval: str) -> datetime:
    if interval == HOUR:
        # An hour of the world: an hour of the wall clock may come twice or never.
        return (moment.astimezone(UTC) + timedelta(hours=1)).astimezone(moment.tzinfo)
    if interval in (DAY, WEEK):
        return moment + timedelta(days=1 if interval == DAY else 7)
    months = moment.year * 12 + moment.month - 1 + (1 if interval == MONTH else 3)
    return moment.replace(year=months // 12, month=months % 12 + 1)


def milliseconds(moment: datetime) -> int:
    """Return a moment as JavaScript counts: milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def count_values(values: Iterable[Any]) -> list[dict[str, Any]]:
    """Return each value with how often it occurs, most frequent first; lists count each element."""
    counts: dict[str, list[Any]] = {}
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            entry = counts.setdefault(f"{type(one).__name__} {one}", [one, 0])
            entry[1] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1][1], item[0]))
    return [{"value": value, "count": count} for _, (value, count) in ordered]
