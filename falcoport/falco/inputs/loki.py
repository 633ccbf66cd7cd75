"""What Loki gives back: `logcli -o jsonl`, and the answer of `query_range`.

A line is what Falcosidekick sent (with `loki.format: json`), or what Promtail or Alloy read from
Falco's container, a prefix of the container runtime included (grafana/loki, `jsonl.go`).
"""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, members_of
from falcoport.falco.inputs.interface import InputFormat

_LOSSY = (
    "Falcosidekick sent Loki the text alone, without the fields (loki.format is text): "
    "set it to json"
)


def unwrap(value: Any) -> list[Inner] | None:
    """Return the log lines of one line of logcli's, or of one answer."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("line"), str) and isinstance(value.get("labels"), dict):
        return [_inner(value["line"], value["labels"])]
    streams = members_of(value, "data", "result")
    if streams is None or not all("values" in one for one in streams):
        streams = members_of(value, "streams")
    if streams is None or not all("values" in one for one in streams):
        return None
    return [
        _inner(entry[1], stream.get("stream") or {})
        for stream in streams
        for entry in stream["values"]
        if isinstance(entry, list) and len(entry) > 1 and isinstance(entry[1], str)
    ]


def _inner(line: str, labels: dict[str, Any]) -> Inner:
    # Only Falcosidekick gives its lines these labels (outputs/loki.go).
    if {"rule", "priority", "source"} <= set(labels) and "{" not in line:
        return Inner(problem=_LOSSY)
    return Inner(line)


_FORMAT = Envelope(
    InputFormat.LOKI, unwrap, re.compile(rb'"resultType"\s*:\s*"streams"|"streams"\s*:')
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
