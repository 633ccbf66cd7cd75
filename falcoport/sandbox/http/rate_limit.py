"""The rate limit: so many calls in a window, for the whole account.

Headers are those of Port's docs, "Rate limits". `x-ratelimit-reset` is given as seconds until the
window ends, since Port's Terraform provider (2026-08) sleeps that long; the docs call it an epoch
time. The body of a 429 is not documented.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from falcoport.sandbox.errors import ApiError

if TYPE_CHECKING:
    from falcoport.sandbox.options import RateLimit

Headers = dict[str, str]


class Limiter:
    """Counts calls in fixed windows; without a limit it does nothing."""

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._start = 0.0
        self._used = 0

    def count(self) -> tuple[Headers, ApiError | None]:
        """Count one call; return the headers of its answer, and its error if it is too many."""
        if self._limit is None:
            return {}, None
        moment = time.monotonic()
        if moment >= self._start + self._limit.period:
            self._start, self._used = moment, 0
        self._used += 1
        remaining = self._limit.requests - self._used
        reset = str(math.ceil(self._start + self._limit.period - moment))
        headers = {
            "x-ratelimit-limit": str(self._limit.requests),
            "x-ratelimit-period": str(self._limit.period),
            "x-ratelimit-remaining": str(max(0, remaining)),
            "x-ratelimit-reset": reset,
        }
        if remaining >= 0:
            return headers, None
        headers["retry-after"] = reset
        return headers, ApiError(
            429, "too_many_requests", "Too many requests: the rate limit is hit"
        )
