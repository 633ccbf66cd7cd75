"""What CloudWatch Logs gives back: `filter-log-events`, Insights' results, a subscription's events.

An export to S3 is lines with the time in front of each, and needs nothing of this.
"""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, members_of
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the messages of one answer."""
    for key in ("events", "logEvents"):
        events = members_of(value, key)
        if events is not None and all("message" in one for one in events):
            return [as_text(one["message"]) for one in events]
    rows = value.get("results") if isinstance(value, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return None
    return [_message(row) for row in rows]


def _message(row: list[Any]) -> Inner:
    cells = [cell for cell in row if isinstance(cell, dict)]
    found = next((cell.get("value") for cell in cells if cell.get("field") == "@message"), None)
    if found is None:
        return Inner(problem="the Insights query did not ask for @message, which is the alert")
    return as_text(found)


_FORMAT = Envelope(
    InputFormat.CLOUDWATCH,
    unwrap,
    re.compile(rb'"(?:logStreamName|ingestionTime|logEvents)"|"field"\s*:\s*"@'),
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
