"""CloudEvents: what Falcosidekick sends, in structured mode."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, from_base64
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the data of one event, or of a batch."""
    events = value if isinstance(value, list) else [value]
    if not events or not all(isinstance(one, dict) and "specversion" in one for one in events):
        return None
    return [
        from_base64(one["data_base64"]) if "data_base64" in one else as_text(one.get("data"))
        for one in events
    ]


_FORMAT = Envelope(InputFormat.CLOUDEVENTS, unwrap, re.compile(rb'"specversion"\s*:'))
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
