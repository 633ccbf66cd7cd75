"""Splunk's exports, and what its HTTP event collector is sent."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, members_of
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the events of one line of an export, of a list of results, or of one event."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("result"), dict):
        return [_row(value["result"])]
    rows = members_of(value, "results")
    if rows and all("_raw" in one for one in rows):
        return [_row(one) for one in rows]
    if "event" in value and "sourcetype" in value:
        return [as_text(value["event"])]
    return None


def _row(row: dict[str, Any]) -> Inner:
    if "_raw" not in row:
        return Inner(problem="the search did not keep _raw, which is the alert")
    return as_text(row["_raw"])


_FORMAT = Envelope(InputFormat.SPLUNK, unwrap, re.compile(rb'"_raw"\s*:'))
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
