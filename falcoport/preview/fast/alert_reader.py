"""Alerts on their way to a mapping: from a text as somebody kept it to the body that Port gets.

Most alerts are ordinary: one compact object as Falco writes it, short enough not to be cut. Those
are read once, directly; every other one goes the long way through `forward`.

Pure.
"""

from __future__ import annotations

import json
import re
import uuid as uuids
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from falcoport.falco.priorities import PRIORITIES
from falcoport.falco.text import replace_stray_bytes
from falcoport.falcosidekick.forward import (
    WHOLE_LIMIT,
    shortened,
)
from falcoport.mapping.numbers import stored_float, stored_integer
from falcoport.preview.plain import AlertReader, parse_object, read_sent, refuse_constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.json_types import Json

_NEEDED = frozenset({"output_fields", "priority", "rule", "source", "time"})
_KNOWN = _NEEDED | {"hostname", "message", "output", "tags"}
_WRITTEN = {name: f'"{name}":' for name in _KNOWN}
_PRIORITIES = frozenset(PRIORITIES)
_ORDINARY_TIME = re.compile(
    r"((?:1|2)[0-9]{3}-[0-9]{2}-[0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"\.[0-9]{9}Z"
)
_MORE_AROUND = 64  # a uuid with its key
_LESS_AROUND = 128  # the time's zeros, an empty hostname or list of tags
_MORE_WHEN_ESCAPED = 5  # "<" becomes six characters
_SURELY_KEPT = 128  # characters of a field; four bytes each make the 512 that are never cut


class _Repeated(dict[str, Any]):
    """A JSON object that names a key more than once."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeated(pairs)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=stored_integer,
    parse_float=stored_float,
    parse_constant=refuse_constant,
)


class FastAlertReader:
    """Reads alerts as `plain.AlertReader` does, ordinary ones directly.

    `custom_tags` are those of Falcosidekick's settings; `with_uuid` tells whether a new uuid is
    wanted in each body, `in_order` whether the order of the keys in `output_fields` matters.
    """

    def __init__(
        self, custom_tags: Sequence[str] = (), *, with_uuid: bool = True, in_order: bool = True
    ) -> None:
        self._plain = AlertReader(custom_tags)
        self._has_custom_tags = bool(custom_tags)
        self._with_uuid = with_uuid
        self._in_order = in_order

    def read(self, text: str) -> Json:
        """Return the body for an alert's JSON text; see `Pipeline`."""
        alert, text = parse_object(text, _DECODER)
        if "uuid" in alert:
            return read_sent(alert, text)
        ordinary = self._ordinary(alert, text)
        return self._plain.forward(text) if ordinary is None else ordinary

    def _ordinary(self, alert: dict[str, Any], text: str) -> dict[str, Any] | None:
        """Return the body of an alert that Falcosidekick rearranges or cuts; None for any other."""
        if self._has_custom_tags or not _is_written_plainly(alert, text) or not _is_usual(alert):
            return None
        fields = alert["output_fields"]
        if self._in_order and not _is_flat_and_sorted(fields):
            return None
        output = alert.get("output", "")
        if any(map(_may_be_cut, fields.values())):
            too_long = _is_too_long(text, alert)
            if too_long is None:
                return None
            if too_long:
                output, fields = shortened(output, fields)
                output = replace_stray_bytes(output)
                fields = {
                    k: replace_stray_bytes(v) if isinstance(v, str) else v
                    for k, v in fields.items()
                }
        return self._arrange(alert, output, fields)

    def _arrange(
        self, alert: dict[str, Any], output: str, fields: dict[str, Any]
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"uuid": str(uuids.uuid4())} if self._with_uuid else {}
        body["output"] = output
        body["priority"] = alert["priority"]
        body["rule"] = alert["rule"]
        body["time"] = f"{alert['time'][:-1].rstrip('0').removesuffix('.')}Z"
        body["output_fields"] = fields
        body["source"] = alert["source"]
        if alert.get("tags"):
            body["tags"] = alert["tags"]
        if alert.get("hostname"):
            body["hostname"] = alert["hostname"]
        return body


def _is_written_plainly(alert: dict[str, Any], text: str) -> bool:
    """Tell whether each key is there once, in Falco's letters, and no unknown one is."""
    names = alert.keys()
    if not (type(alert) is dict and names >= _NEEDED and names <= _KNOWN):
        return False
    # Halves of surrogate pairs become other characters, and a time may not be written so.
    return "\\" not in text or not (
        "\\ud" in text or "\\uD" in text or str(alert["time"]) not in text
    )


def _is_usual(alert: dict[str, Any]) -> bool:
    """Tell whether every value is of its type and one that Falcosidekick does not rewrite."""
    time, tags, fields = alert["time"], alert.get("tags", []), alert["output_fields"]
    own = (alert["priority"], alert["rule"], alert["source"], time)
    texts = (alert.get("output", ""), alert.get("hostname", ""), *own)
    return (
        _are_texts(texts)
        and _ORDINARY_TIME.fullmatch(time) is not None
        and _is_day(time[:10])
        and alert["priority"] in _PRIORITIES
        and alert["rule"] not in ("", "Test rule")
        and alert["source"] != ""
        and isinstance(tags, list)
        and _are_texts(tags)
        and tags == sorted(tags)
        and type(fields) is dict
        and bool(fields)
        and isinstance(fields.get("k8s.ns.name"), str | None)
        and isinstance(fields.get("k8s.pod.name"), str | None)
    )


def _is_flat_and_sorted(fields: dict[str, Any]) -> bool:
    return not _is_nested(fields) and list(fields) == sorted(fields)


def _is_nested(fields: dict[str, Any]) -> bool:
    return any(isinstance(value, dict | list) for value in fields.values())


def _is_too_long(text: str, alert: dict[str, Any]) -> bool | None:
    """Tell whether Falcosidekick cuts an alert of this text; None where it takes encoding it."""
    written = len(text) if text.isascii() else len(text.encode(errors="replace"))
    if written <= WHOLE_LIMIT:
        escaped = sum(map(text.count, "<>&" if text.isascii() else "<>&\u2028\u2029"))
        return (
            None if written + _MORE_AROUND + _MORE_WHEN_ESCAPED * escaped > WHOLE_LIMIT else False
        )
    if "message" in alert or _is_spaced(text) or _is_nested(alert["output_fields"]):
        return None
    # Escapes that Falcosidekick writes shorter take away; so do things that it drops.
    shorter = _MORE_WHEN_ESCAPED * (text.count("\\u") + text.count("\\/")) if "\\" in text else 0
    return True if written - shorter - _LESS_AROUND > WHOLE_LIMIT else None


def _is_spaced(text: str) -> bool:
    return '": ' in text or ', "' in text or "\t" in text


def _may_be_cut(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _SURELY_KEPT


def _are_texts(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


@lru_cache(maxsize=512)
def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
