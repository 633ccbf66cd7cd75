"""Messages of AWS SQS, as `receive-message` or a Lambda gets them, SNS' own envelope included."""

from __future__ import annotations

import json
import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, members_of
from falcoport.falco.inputs.interface import InputFormat

_LOSSY = "SNS was sent the text alone, without the fields: set aws.sns.rawjson"


def unwrap(value: Any) -> list[Inner] | None:
    """Return the messages of one answer, of a Lambda event, or of a notification."""
    if not isinstance(value, dict):
        return None
    if value.get("Type") == "Notification" and "Message" in value:
        return [_read_notification(value)]
    messages = members_of(value, "Messages")
    if messages is not None and all("Body" in one for one in messages):
        return [_body(one["Body"]) for one in messages]
    records = members_of(value, "Records")
    if records and all("body" in one for one in records):
        return [_body(one["body"]) for one in records]
    return None


def _body(body: Any) -> Inner:
    inner = as_text(body)
    if '"Notification"' in inner.text[:200] or '"TopicArn"' in inner.text[:1000]:
        try:
            return _read_notification(json.loads(inner.text))
        except (ValueError, RecursionError):
            return inner
    return inner


def _read_notification(notification: Any) -> Inner:
    message = notification.get("Message") if isinstance(notification, dict) else None
    inner = as_text(message)
    return inner if inner.text.startswith("{") else Inner(problem=_LOSSY)


_FORMAT = Envelope(
    InputFormat.SQS,
    unwrap,
    re.compile(rb'^\s*\{\s*"Messages"\s*:|"(?:ReceiptHandle|receiptHandle|MD5OfBody|TopicArn)"'),
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
