"""Times as Go's `time` package reads and writes them, since Falcosidekick rewrites an alert's time.

Source: Go 1.24, `time/format.go` and `time/format_rfc3339.go`: reading is RFC 3339 with the few
liberties that Go keeps (an hour of one digit, a comma before the fraction, offsets up to 24:60).

Pure.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from functools import cache

_TIME = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"T(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]+))?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2}))"
)
_DAY = 86400
_LEAP_YEAR = 2000
_DAYS_OF_400_YEARS = 146_097
_EPOCH = date(1970, 1, 1).toordinal()


class TimeError(ValueError):
    """The text is no time that Go reads."""


@dataclass(frozen=True)
class GoTime:
    """A time as Go writes it to JSON: `text`.

    `is_zero` is true for the first instant of year 1, which Go takes for "no time";
    `is_writable` is false for an offset of a day or more, which Go reads but does not write.
    """

    text: str = "0001-01-01T00:00:00Z"
    is_zero: bool = True
    is_writable: bool = True


def read_time(text: str) -> GoTime:
    """Return a time as Go reads it.

    The fraction is cut to nanoseconds and loses its trailing zeros; an offset is kept, save that
    of zero, which becomes `Z`. Raise TimeError.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise TimeError(f"its time {_shorten(text)} is not in RFC 3339 form")
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if not (1 <= month <= 12 and 1 <= day <= _days(year, month)):  # noqa: PLR2004  the calendar's
        raise TimeError(f"its time {_shorten(text)} is not a date")
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004  the clock's own limits
        raise TimeError(f"its time {_shorten(text)} is not a time of day")
    fraction = (match["fraction"] or "")[:9].rstrip("0")
    offset, zone = _zone(match, text)
    seconds = (hour * 60 + minute) * 60 + second - offset
    zero = not fraction and _days_since_zero(year, month, day) * _DAY + seconds == 0
    written = f"{match['year']}-{match['month']}-{match['day']}"
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return GoTime(
        text=f"{written}T{clock}{'.' + fraction if fraction else ''}{zone}",
        is_zero=zero,
        is_writable=abs(offset) < _DAY,
    )


def read_instant(text: str) -> int:
    """Return the nanoseconds from 1970 to a time that `read_time` reads. Raise TimeError."""
    time = read_time(text).text
    match = _TIME.fullmatch(time)
    assert match is not None  # Go writes what it reads
    year = int(match["year"])
    # Python's calendar has no year 0, whose days are those of a leap year.
    days = _days_since_1970(year or 400, int(match["month"]), int(match["day"]))
    days -= 0 if year else _DAYS_OF_400_YEARS
    clock = (int(match["hour"]) * 60 + int(match["minute"])) * 60 + int(match["second"])
    seconds = days * _DAY + clock - _zone(match, time)[0]
    return seconds * 10**9 + int((match["fraction"] or "").ljust(9, "0"))


@cache
def _days_since_1970(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - _EPOCH


def _days(year: int, month: int) -> int:
    return monthrange(year or _LEAP_YEAR, month)[1]


def _zone(match: re.Match[str], text: str) -> tuple[int, str]:
    """Return the offset in seconds and its text."""
    if match["sign"] is None:
        return 0, "Z"
    hours, minutes = int(match["hours"]), int(match["minutes"])
    total = hours * 60 + minutes
    if hours > 24 or minutes > 60:  # noqa: PLR2004  Go's limits
        raise TimeError(f"the time zone of {_shorten(text)} is out of range")
    if total == 0:
        return 0, "Z"
    sign = -1 if match["sign"] == "-" else 1
    return sign * total * 60, f"{match['sign']}{total // 60:02}:{total % 60:02}"


def _days_since_zero(year: int, month: int, day: int) -> int:
    """Count days from 0001-01-01, which is Go's zero time; only the days around it matter."""
    if (year, month, day) == (0, 12, 31):
        return -1
    return day - 1 if (year, month) == (1, 1) else _DAY


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004  fits a line
