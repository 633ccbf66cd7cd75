"""What is stored without the alert's fields: refused, with the reason and what to do.

Source: Falcosidekick 2.34.1, the files of `outputs/` that the reasons name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from falcoport.falco.inputs.interface import Chunk, InputFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from falcoport.falco.inputs.interface import Found

_KINDS = (
    (
        re.compile(rb"CEF:\d\|Falcosecurity\|", re.IGNORECASE),
        "syslog in the format CEF holds no output_fields: set syslog.format to json",
    ),
    (
        re.compile(rb"^\W*time\W+rule\W+priority\W+source\W+output\b", re.IGNORECASE),
        "TimescaleDB is given no output_fields: take the alerts from another store",
    ),
    (
        re.compile(rb"^events,(?:[^ ]*,)?(?:rule|priority)="),
        "InfluxDB is given no output_fields: take the alerts from another store",
    ),
    (
        re.compile(rb'"labels"\s*:\s*\{[^{}]*"alertname"|"startsAt"\s*:'),
        "Alertmanager is given no output_fields: take the alerts from another store",
    ),
    (
        re.compile(rb'"resourceLogs"\s*:'),
        "OTLP logs hold the text alone, without output_fields: take the alerts from another store",
    ),
    (
        re.compile(rb"^PAR1"),
        "it is Parquet (Security Lake): export its column raw_data, one alert per line",
    ),
    (
        re.compile(rb"^falcosecurity_\w+\{|^# HELP falcosecurity_"),
        "metrics count alerts and do not hold them",
    ),
)


def is_format_of(head: bytes) -> bool:
    """Tell whether a source is known not to hold whole alerts."""
    return _reason(head) != ""


def split(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Return one chunk that says why; the rest of the source is not read."""
    head = b""
    for block in blocks:
        head += block
        if reason := _reason(head):
            yield Chunk(InputFormat.LOSSY, 1, b"", reason)
            return


def find(chunk: Chunk) -> Iterator[Found]:
    """Find nothing: every chunk has a problem."""
    yield from ()
    del chunk


def _reason(head: bytes) -> str:
    first = head[:4096].lstrip()
    return next((reason for pattern, reason in _KINDS if pattern.search(first)), "")
