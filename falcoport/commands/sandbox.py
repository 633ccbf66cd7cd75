"""What a person may ask of the sandbox, checked before it starts."""

from __future__ import annotations

import math

from falcoport.errors import OptionValueError
from falcoport.sandbox.options import RateLimit


def check_finite(option: str, number: float) -> None:
    """Raise OptionValueError for a number that is none, or has no end."""
    if not math.isfinite(number):
        raise OptionValueError(f"{option} is {number}, not a finite number.", where=option)


def parse_rate_limit(text: str | None) -> RateLimit | None:
    """Return what `N/SECONDS` means, None for None. Raise OptionValueError."""
    if text is None:
        return None
    requests, _, period = text.partition("/")
    if not (requests.isdecimal() and period.isdecimal() and int(requests) and int(period)):
        raise OptionValueError(
            f"--rate-limit is {text!r}, not N/SECONDS.",
            where="--rate-limit",
            hint="Example: --rate-limit 100/60",
        )
    return RateLimit(int(requests), int(period))
