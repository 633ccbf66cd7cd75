"""Logstash documents: an alert with Logstash's own keys, and `.n` where Falco says `[n]`."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text
from falcoport.falco.inputs.interface import InputFormat

_INDEX = re.compile(r"\.(\d+)(?=\.|$)")


def unwrap(value: Any) -> list[Inner] | None:
    """Return the alert of one document."""
    if not isinstance(value, dict) or not {"@version", "rule", "output_fields"} <= set(value):
        return None
    alert = {name: member for name, member in value.items() if not name.startswith("@")}
    fields = alert["output_fields"]
    if isinstance(fields, dict):
        alert["output_fields"] = {_INDEX.sub(r"[\1]", name): one for name, one in fields.items()}
    return [as_text(alert)]


_FORMAT = Envelope(InputFormat.LOGSTASH, unwrap, re.compile(rb'"@version"\s*:'))
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
