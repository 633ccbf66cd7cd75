"""Records of AWS Kinesis and of Yandex Data Streams, as `get-records` gives them."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, from_base64, members_of
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the records of one answer, or of a Lambda event."""
    records = members_of(value, "Records")
    if not records:
        return None
    if all("Data" in one for one in records):
        return [from_base64(one["Data"]) for one in records]
    found = [one.get("kinesis") for one in records]
    if all(isinstance(one, dict) and "data" in one for one in found):
        return [from_base64(one["data"]) for one in found if one]
    return None


_FORMAT = Envelope(
    InputFormat.KINESIS, unwrap, re.compile(rb'"(?:SequenceNumber|ShardId|partitionKey)"')
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
