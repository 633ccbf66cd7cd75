"""What Falcosidekick posts to its webhook for a line that Falco prints.

Falcosidekick decodes the line into a fixed structure and encodes that again, so the body is not
the line: keys are dropped, added, ordered and omitted, tags and times are rewritten, long texts
are cut. Behaviour as in Falcosidekick 2.32 to 2.34 (`handlers.go`, `types/types.go`) and in the
`encoding/json` and `time` packages of Go 1.24 that it is built with.

Left out is what no Falco prints, since its JSON library writes each key once, in Falco's own
letters, and a time without escapes: Go's refusal of an escaped time, its reuse of a list when
`tags` comes twice, and its folding of letters outside ASCII in keys and priorities.

Pure: bytes in, bytes out.
"""

from __future__ import annotations

import json
import re
import uuid as uuids
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from falcoport.falco.priorities import find_priority
from falcoport.falco.text import decode_leniently
from falcoport.falcosidekick.go_time import GoTime, TimeError, read_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Falcosidekick",
    "Accept-Encoding": "gzip",
}
"""The headers of Falcosidekick's webhook output; a custom header may replace the first two."""

WHOLE_LIMIT = 4096
"""How many bytes an encoded alert may have before its long fields are cut."""

_FIELD_LIMIT = 512
_FIELD_KEPT = 507
_CUT = b"[...]"
_TEXT_ONLY_FIELDS = ("k8s.ns.name", "k8s.pod.name")
_ESCAPED_SURROGATE = re.compile(
    r"\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_NOT_TEXT = re.compile("[\udc80-\udcff]")


class NotForwardedError(ValueError):
    """Falcosidekick would not pass this alert on; the message says why."""


class _Number(str):
    """A JSON number with its text as written: Falcosidekick changes no digit of it."""

    __slots__ = ()


@dataclass
class _Payload:
    """Falcosidekick's structure for one alert."""

    output: str = ""
    priority: str = ""
    rule: str = ""
    time: GoTime = field(default_factory=GoTime)
    output_fields: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    tags: tuple[str, ...] = ()
    hostname: str = ""


def forwarded(line: bytes | str, *, custom_tags: Sequence[str] = (), uuid: str = "") -> bytes:
    """Return the body that Falcosidekick posts for one alert as Falco prints it.

    `custom_tags` are those of its `CUSTOMTAGS`; `uuid` stands for the random one it makes.
    Only the first JSON value of `line` is read, as Falcosidekick does.
    Raise NotForwardedError if Falcosidekick refuses the alert or fails on it.
    """
    text = line if isinstance(line, str) else decode_leniently(line)
    payload = _fill_payload(_read(text))
    payload.tags = tuple(sorted([*payload.tags, *custom_tags]))
    if payload.rule == "Test rule":
        payload.source = "internal"
    payload.source = payload.source or "syscalls"
    for name in _TEXT_ONLY_FIELDS:
        value = payload.output_fields.get(name)
        if value is not None and (not isinstance(value, str) or isinstance(value, _Number)):
            raise NotForwardedError(f"{name} is not text, and Falcosidekick fails on that")
    _check(payload)
    identity = uuid or str(uuids.uuid4())
    body = _encode(payload, identity)
    if len(body) > WHOLE_LIMIT:
        payload.output, payload.output_fields = shortened(payload.output, payload.output_fields)
        body = _encode(payload, identity)
    return body + b"\n"


def _read(text: str) -> Any:
    """Read the first JSON value of `text`: objects as lists of pairs, numbers as written.

    What follows it does not count.
    """
    text = without_lone_surrogates(text)
    try:
        return _DECODER.raw_decode(text.lstrip(" \t\r\n"))[0]
    except RecursionError:
        raise NotForwardedError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotForwardedError(f"it is not JSON: {error.msg} at column {error.colno}") from None


def without_lone_surrogates(text: str) -> str:
    """Return JSON text in which an escaped half of a surrogate pair is U+FFFD."""
    return _ESCAPED_SURROGATE.sub(_replace_lone, text) if "\\u" in text else text


def _replace_lone(match: re.Match[str]) -> str:
    return "\\ufffd" if match["lone"] else match[0]


def _refuse_constant(name: str) -> Any:
    raise NotForwardedError(f"it is not JSON: {name} is not a JSON value")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, its members in the order written, repeated keys included."""

    __slots__ = ()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_refuse_constant,
)


def _fill_payload(members: Any) -> _Payload:
    """Fill the structure from an object's members, in their order, as Go's decoder does.

    A key matches in any case, the last of several wins, `null` leaves a text as it was, and
    repeated objects of fields are merged.
    """
    if not isinstance(members, _Pairs):
        raise NotForwardedError("it is not a JSON object")
    payload = _Payload()
    for written, value in members:
        key = written.lower()
        if key in _TEXTS:
            if value is not None:
                setattr(payload, key, _text(key, value))
        elif key in _READERS:
            _READERS[key](payload, value)
    return payload


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, _Number):
        raise NotForwardedError(f"{key} is not text")
    return value


def _read_uuid(_payload: _Payload, value: Any) -> None:
    """Check the type of an incoming `uuid`; its value is never used."""
    _text("uuid", "" if value is None else value)


def _read_priority(payload: _Payload, value: Any) -> None:
    name = _text("priority", "" if value is None else value)
    payload.priority = find_priority(name) or ""


def _read_time(payload: _Payload, value: Any) -> None:
    if value is None:
        return
    try:
        payload.time = read_time(_text("time", value))
    except TimeError as error:
        raise NotForwardedError(str(error)) from None


def _read_tags(payload: _Payload, value: Any) -> None:
    tags = [] if value is None else value
    if not isinstance(tags, list) or isinstance(tags, _Pairs):
        raise NotForwardedError("tags is not a list")
    payload.tags = tuple("" if tag is None else _text("a tag", tag) for tag in tags)


def _read_fields(payload: _Payload, value: Any) -> None:
    if value is None:
        payload.output_fields = {}
    elif isinstance(value, _Pairs):
        payload.output_fields |= dict(value)
    else:
        raise NotForwardedError("output_fields is not an object")


_TEXTS = ("output", "rule", "source", "hostname")
_READERS = {
    "uuid": _read_uuid,
    "priority": _read_priority,
    "time": _read_time,
    "tags": _read_tags,
    "output_fields": _read_fields,
}


def _check(payload: _Payload) -> None:
    """Raise NotForwardedError for what Falcosidekick answers with 400."""
    if not payload.priority:
        raise NotForwardedError("it has no priority that Falco knows")
    if not payload.rule:
        raise NotForwardedError("it has no rule")
    if payload.time.is_zero:
        raise NotForwardedError("it has no time")
    if not payload.time.is_writable:
        raise NotForwardedError("the time zone of its time is a day or more away")
    if not payload.output_fields:
        raise NotForwardedError("it has no output_fields")


def shortened(output: str, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Cut long texts of `fields`, and the same texts inside `output`, as a too long alert's are.

    The cut is at a byte, not at a character; each byte left over of a character is a lone
    surrogate from U+DC80 up (see `replace_stray_bytes`).
    """
    written = output.encode()
    kept = dict(fields)
    for name, value in sorted(fields.items()):
        if not isinstance(value, str) or isinstance(value, _Number):
            continue
        whole = value.encode()
        if len(whole) > _FIELD_LIMIT:
            cut = whole[:_FIELD_KEPT] + _CUT
            written = written.replace(whole, cut)
            kept[name] = cut.decode(errors="surrogateescape")
    return written.decode(errors="surrogateescape"), kept


def _encode(payload: _Payload, uuid: str) -> bytes:
    members: list[tuple[str, Any]] = [
        ("uuid", uuid),
        ("output", payload.output),
        ("priority", payload.priority),
        ("rule", payload.rule),
        ("time", payload.time.text),
        ("output_fields", _Pairs(sorted(payload.output_fields.items()))),
        ("source", payload.source),
    ]
    if payload.tags:
        members.append(("tags", list(payload.tags)))
    if payload.hostname:
        members.append(("hostname", payload.hostname))
    text = _object(members)
    text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _NOT_TEXT.sub("\\\\ufffd", text).encode()


def _object(members: Iterable[tuple[str, Any]]) -> str:
    return "{" + ",".join(f"{encode_basestring(k)}:{_value(v)}" for k, v in members) + "}"


def _value(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return str(encode_basestring(value))
    if isinstance(value, _Pairs):
        return _object(sorted(dict(value).items()))
    if isinstance(value, list):
        return "[" + ",".join(map(_value, value)) + "]"
    return _WORDS[value]


_WORDS = {None: "null", True: "true", False: "false"}
