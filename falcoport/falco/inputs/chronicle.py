"""Google SecOps (Chronicle): entries as Falcosidekick sends them."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, from_base64, members_of
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the data of one entry, or of a request of several."""
    entries = members_of(value, "inline_source", "logs") or members_of(value, "logs") or [value]
    if not all(isinstance(one, dict) and {"data", "logEntryTime"} <= set(one) for one in entries):
        return None
    return [from_base64(one["data"]) for one in entries]


_FORMAT = Envelope(InputFormat.CHRONICLE, unwrap, re.compile(rb'"(?:logEntryTime|collectionTime)"'))
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
