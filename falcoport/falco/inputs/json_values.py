"""JSON read and written again to the letter that Falcosidekick wrote.

An alert inside an envelope is written out for whoever reads it next. `evt.time` is larger than
what a float can hold, `1.50` is not `1.5`, and Go escapes what could be HTML.

Pure.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import Any


class NumberText(str):
    """A JSON number as it was written."""

    __slots__ = ()


def _refuse(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not a JSON value", name, 0)


DECODER = json.JSONDecoder(parse_int=NumberText, parse_float=NumberText, parse_constant=_refuse)
"""Reads numbers as NumberText."""

_WORDS = {None: "null", True: "true", False: "false"}


def write_value(value: Any) -> str:
    """Return compact JSON for what DECODER read, escaped as Go's encoder does."""
    text = _write(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _write(value: Any) -> str:
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        members = (f"{encode_basestring(k)}:{_write(v)}" for k, v in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return _WORDS[value]
