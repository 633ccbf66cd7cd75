"""Moments as Port writes them: RFC 3339, with any number of digits after the second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from falcoport.sandbox.validation import MOMENT


def is_before(moment: str, limit: str) -> bool:
    """Return whether a moment is earlier than another one; both are RFC 3339."""
    earlier, later = parse_moment(moment), parse_moment(limit)
    return earlier is not None and later is not None and earlier < later


def parse_moment(value: Any) -> datetime | None:
    """Return a date and time, or None if the value is none."""
    if not isinstance(value, str) or MOMENT.fullmatch(value) is None:
        return None
    head, dot, rest = value.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        value = f"{head}.{digits[:6]:0<6}{rest[len(digits) :]}"
    try:
        moment = datetime.fromisoformat(value.upper().replace(":60", ":59"))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
