"""Dynatrace logs, as Falcosidekick sends them: all is there, but the time has seconds only."""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text
from falcoport.falco.inputs.interface import InputFormat


def unwrap(value: Any) -> list[Inner] | None:
    """Return the alerts of one request, put together again."""
    logs = value if isinstance(value, list) else [value]
    if not logs or not all(_is_log(one) for one in logs):
        return None
    return [as_text(_alert(one)) for one in logs]


def _is_log(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and {"event.id", "event.name", "severity"} <= set(one)
        and isinstance(one.get("content"), dict)
    )


def _alert(log: dict[str, Any]) -> dict[str, Any]:
    content = log["content"]
    alert = {
        "uuid": log["event.id"],
        "output": content.get("output", ""),
        "priority": log["severity"],
        "rule": log["event.name"],
        "time": log.get("timestamp"),
        "output_fields": content.get("output_fields"),
        "source": log.get("log.source"),
        "tags": content.get("tags"),
        "hostname": log.get("host.name"),
    }
    return {name: value for name, value in alert.items() if value is not None}


_FORMAT = Envelope(InputFormat.DYNATRACE, unwrap, re.compile(rb'"event\.(?:id|name)"\s*:'))
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
