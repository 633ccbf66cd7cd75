"""What the inputs have in common that are JSON around alerts: a store's answer, a tool's export.

Such a source is a line of JSON for each alert, or one or several JSON documents, pretty-printed or
not. A format says only how a value is unwrapped. What is inside may itself be a line of a log, and
is searched as such.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from falcoport.falco.inputs import log_lines
from falcoport.falco.inputs.interface import Chunk, Found, InputFormat
from falcoport.falco.inputs.json_values import DECODER, NumberText, write_value
from falcoport.falco.text import decode_leniently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_DOCUMENT = 64 * 1024 * 1024
"""How long one JSON value may be, in bytes: it is parsed as a whole."""

_SPACE = re.compile(r"[ \t\r\n,]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]*")


class Inner(NamedTuple):
    """What an envelope holds once: the `text` of an alert or a log line, or the `problem` of it."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Envelope:
    """A format of this kind; its methods are what `AlertInput` declares.

    `unwrap` returns what a JSON value holds, or None if it is none of this format's. `marks` is
    found near the beginning of a document that is longer than what is read to tell formats apart.
    """

    form: InputFormat
    unwrap: Callable[[Any], list[Inner] | None]
    marks: re.Pattern[bytes]

    def is_format_of(self, head: bytes) -> bool:
        """Tell from its beginning whether a source is of this format."""
        text = head.lstrip()
        if not text.startswith((b"{", b"[")):
            return False
        first = _first_value(text)
        if first is not None:
            return self.unwrap(first[0]) is not None
        return self.marks.search(text) is not None

    def split(self, blocks: Iterable[bytes]) -> Iterator[Chunk]:
        """Cut a source of lines behind its lines; a document stays whole, up to MAX_DOCUMENT."""
        line, rest, by_line = 1, b"", None
        for block in blocks:
            rest += block
            if by_line is None and b"\n" in rest:
                by_line = _is_by_line(rest)
            cut = rest.rfind(b"\n") + 1 if by_line else 0
            if cut:
                yield Chunk(self.form, line, rest[:cut])
                line += rest.count(b"\n", 0, cut)
                rest = rest[cut:]
            if len(rest) > MAX_DOCUMENT:
                problem = f"it is JSON of more than {MAX_DOCUMENT // 1024**2} MiB in one piece"
                yield Chunk(self.form, line, b"", problem)
                return
        if rest.strip():
            yield Chunk(self.form, line, rest)

    def find(self, chunk: Chunk) -> Iterator[Found]:
        """Find the alerts inside a chunk's JSON values, with the line that a value begins on."""
        text = decode_leniently(chunk.text)
        by_line = _is_by_line(chunk.text)
        at, line = 0, chunk.line
        while True:
            start = _skip(text, at)
            line += text.count("\n", at, start)
            if start >= len(text):
                return
            try:
                value, end = DECODER.raw_decode(text, start)
            except (json.JSONDecodeError, RecursionError) as error:
                yield Found(line, problem=_describe(error))
                end = text.find("\n", start)
                if not by_line or end < 0:
                    return
            else:
                yield from self._make_found(line, value)
            line += text.count("\n", start, end)
            at = end

    def _make_found(self, line: int, value: Any) -> Iterator[Found]:
        inner = self.unwrap(value)
        if inner is None:
            # Tools put lines of their own between; alerts without an envelope are still alerts.
            is_alert = isinstance(value, dict) and "rule" in value
            yield Found(line, write_value(value)) if is_alert else Found(line)
            return
        for one in inner:
            if one.problem:
                yield Found(line, problem=one.problem)
            elif one.text.startswith("{"):
                yield Found(line, one.text)
            else:
                raw = Chunk(InputFormat.LOG_LINES, line, one.text.encode(errors="replace"))
                yield from log_lines.find(raw)


def members_of(value: Any, *path: str) -> list[dict[str, Any]] | None:
    """Return the objects of the list that lies under a path of keys; None if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    return [one for one in value if isinstance(one, dict)]


def as_text(value: Any) -> Inner:
    """Return the alert that a member holds as text or as an object."""
    if isinstance(value, NumberText) or value is None:
        return Inner(problem="it holds no alert")
    return Inner(value.strip() if isinstance(value, str) else write_value(value))


def from_base64(value: Any) -> Inner:
    """Return the alert that a member holds in base64."""
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        return Inner(problem="its data is not base64")
    try:
        raw = base64.b64decode(value.replace("-", "+").replace("_", "/"))
    except (ValueError, binascii.Error):
        return Inner(problem="its data is not base64")
    return Inner(decode_leniently(raw).strip())


def _first_value(text: bytes) -> tuple[Any] | None:
    """Return the first JSON value of a source, in a tuple; None if it is not complete."""
    try:
        return (DECODER.raw_decode(decode_leniently(text))[0],)
    except (json.JSONDecodeError, RecursionError):
        return None


def _is_by_line(text: bytes) -> bool:
    """Tell whether the first line is a JSON value by itself."""
    first = text.lstrip().partition(b"\n")[0].strip()
    try:
        DECODER.decode(decode_leniently(first))
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # it may match nothing, but it matches
    return match.end()


def _describe(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON: {error.msg} at column {error.colno}"
    return "it is nested too deeply"
