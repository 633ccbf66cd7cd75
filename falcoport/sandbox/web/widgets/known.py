"""A widget as it was built, and how long it may be shown so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KnownWidget:
    """A widget as it was made: of which version of the data, when, and until when it may be old."""

    built: dict[str, Any]
    version: int
    minute: int
    until: float

    def is_good(self, version: int, minute: int) -> bool:
        """Return whether it may still be shown.

        One that takes long to make is shown for a while even if the data changed: figures about
        100,000 entities must not be made anew with each alert that arrives.
        """
        return (self.version, self.minute) == (version, minute) or time.monotonic() < self.until
