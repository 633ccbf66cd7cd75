"""Datadog Logs: what Falcosidekick sends, and what the logs API gives back."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, members_of
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the messages of one log, of a list, or of one answer of the API."""
    logs = value if isinstance(value, list) else members_of(value, "data")
    if logs is not None:
        found = [one.get("attributes", one) for one in logs if isinstance(one, dict)]
        if not found or not all(_is_log(one) for one in found):
            return None
        return [as_text(one["message"]) for one in found]
    return [as_text(value["message"])] if _is_log(value) else None


def _is_log(one: Any) -> bool:
    # The API says `service` where the intake says `ddsource` as well.
    return isinstance(one, dict) and "message" in one and bool({"ddsource", "service"} & set(one))


_FORMAT = Envelope(
    InputFormat.DATADOG, unwrap, re.compile(rb'"(?:ddsource|ddtags)"|"type"\s*:\s*"log"')
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
