"""The sandbox's clock, which tests may let run faster than the world's."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Starts at the present moment and runs `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._origin = time.time()

    def timestamp(self) -> float:
        """Return the seconds since 1970."""
        moment = time.time()
        return self._origin + (moment - self._origin) * self.speed

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def seconds_until(self, timestamp: float) -> float:
        """Return how many of the world's seconds pass until a moment; never less than none."""
        return max(0.0, (timestamp - self.timestamp()) / self.speed)


def format_moment(moment: datetime) -> str:
    """Return a moment as Port writes it: RFC 3339, milliseconds, `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
