"""How long a 429 of Port's asks to wait.

Pure: the time comes from the caller.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Ocean's client reads an `x-ratelimit-reset` above this as a moment, below it as a duration; the
# documentation says the first, Port's Terraform provider believes the second.
_RESET_IS_EPOCH_ABOVE = 10_000


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds a 429 asks to wait; None if it does not say, or asks for no pause.

    `Retry-After` (seconds or a date) counts first, then `x-ratelimit-reset`, whose unit Port's
    documentation and its Terraform provider disagree on: large values are read as a moment.
    """
    seconds = _retry_after(headers.get("retry-after", "").strip(), now)
    if seconds is None:
        seconds = _reset(headers.get("x-ratelimit-reset", ""), now)
    # "Retry-After: 0" would mean to ask again at once, five times in a row: the usual pause, which
    # grows, is kinder to a server that has just refused.
    return seconds if seconds is not None and seconds > 0 else None


def _retry_after(text: str, now: datetime) -> float | None:
    seconds = _number(text)
    return _seconds_until(text, now) if text and seconds is None else seconds


def _reset(text: str, now: datetime) -> float | None:
    seconds = _number(text)
    if seconds is not None and seconds > _RESET_IS_EPOCH_ABOVE:
        return seconds - now.timestamp()
    return seconds


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()
