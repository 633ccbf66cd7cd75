"""Messages of Google Pub/Sub, as `gcloud pubsub subscriptions pull` and the API give them."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, from_base64, members_of
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the messages of one pull, or of one push."""
    if isinstance(value, list):
        received: Any = value
    elif isinstance(value, dict) and "message" in value:
        received = [value]
    else:
        received = members_of(value, "receivedMessages")
    if not received or not all(_is_message(one) for one in received):
        return None
    return [from_base64(one["message"]["data"]) for one in received]


def _is_message(one: Any) -> bool:
    message = one.get("message") if isinstance(one, dict) else None
    return isinstance(message, dict) and "data" in message


_FORMAT = Envelope(
    InputFormat.PUBSUB, unwrap, re.compile(rb'"(?:ackId|publishTime|receivedMessages)"')
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
