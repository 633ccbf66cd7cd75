"""Messages of RabbitMQ, as its management API (`rabbitmqadmin get -f raw_json`) gives them."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, from_base64
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the messages of one answer."""
    if not isinstance(value, list) or not value or not all(_is_message(one) for one in value):
        return None
    return [_inner(one) for one in value]


def _is_message(one: Any) -> bool:
    return isinstance(one, dict) and "payload" in one and "payload_encoding" in one


def _inner(message: dict[str, Any]) -> Inner:
    is_base64 = message["payload_encoding"] == "base64"
    return from_base64(message["payload"]) if is_base64 else as_text(message["payload"])


_FORMAT = Envelope(InputFormat.RABBITMQ, unwrap, re.compile(rb'"payload_encoding"\s*:'))
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
