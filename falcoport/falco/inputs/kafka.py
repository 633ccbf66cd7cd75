"""Kafka records as tools print them: `kcat -C -J`, and the REST proxy.

Without -J, and with kafka-console-consumer, they are lines and need nothing of this.
"""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, from_base64
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the values of one record, or of a list of them."""
    records = value if isinstance(value, list) else [value]
    if not records or not all(_is_record(one) for one in records):
        return None
    # A record without a value is a tombstone: nothing is lost with it.
    found = (one.get("payload", one.get("value")) for one in records)
    return [_inner(one) for one in found if one is not None]


def _is_record(one: Any) -> bool:
    return isinstance(one, dict) and {"topic", "partition", "offset"} <= set(one)


def _inner(value: Any) -> Inner:
    if isinstance(value, str) and "{" not in value:
        return from_base64(value)  # what the REST proxy makes of bytes
    return as_text(value)


_FORMAT = Envelope(InputFormat.KAFKA, unwrap, re.compile(rb'^\s*\[\s*\{\s*"topic"\s*:'))
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
