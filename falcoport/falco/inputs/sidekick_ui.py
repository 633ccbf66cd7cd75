"""Falcosidekick UI: what it is sent, and what its search gives back.

It reads numbers as floats, so `evt.time` has lost its last digits there.
"""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, members_of
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the events of one search, or of one request."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("event"), dict) and "outputs" in value:
        return [as_text(value["event"])]
    found = members_of(value, "results")
    if found and "statistics" in value and all("rule" in one for one in found):
        return [as_text(one) for one in found]
    return None


_FORMAT = Envelope(
    InputFormat.SIDEKICK_UI,
    unwrap,
    re.compile(rb'\{\s*"statistics"\s*:|"results"\s*:\s*\[\s*\{\s*"(?:uuid|rule)"'),
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
