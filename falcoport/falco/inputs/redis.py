r"""Lists and hashes of Redis, as redis-cli prints them.

With `--raw`, and into a pipe, an alert is a line and needs nothing of this. On a terminal a line is
`1) "{\"uuid\":…}"` with escapes of C's kind, and `--json` gives a list or an object of texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from falcoport.falco.inputs import log_lines
from falcoport.falco.inputs.envelope import Envelope, Inner
from falcoport.falco.inputs.interface import Chunk, Found, InputFormat
from falcoport.falco.text import decode_leniently

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NUMBERED = re.compile(rb'\s*\d+[)#] "')
_ENTRY = re.compile(
    rb'^\s*(?:\d+[)#] )+(?:"(?P<key>(?:[^"\\]|\\.)*)" => )?"(?P<text>(?:[^"\\]|\\.)*)"\s*$'
)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def unwrap(value: Any) -> list[Inner] | None:
    """Return the alerts of a list or of a hash, as `--json` prints them."""
    if isinstance(value, list):
        texts = value
    elif isinstance(value, dict):
        # Falcosidekick names the fields by uuid, its UI keeps the whole event as `json`.
        texts = [text for name, text in value.items() if _UUID.fullmatch(name) or name == "json"]
    else:
        return None
    if not texts or not all(isinstance(one, str) and one.startswith("{") for one in texts):
        return None
    return [Inner(one.strip()) for one in texts]


_JSON = Envelope(
    InputFormat.REDIS, unwrap, re.compile(rb'^\s*[\[{]\s*"(?:[^"\\]|\\.)*"?[\s,:"]*\{\\"')
)


def is_format_of(head: bytes) -> bool:
    """Tell whether a source begins like one of redis-cli's answers."""
    return _NUMBERED.match(head) is not None or _JSON.is_format_of(head)


def split(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Cut a numbered answer behind its lines; one in JSON stays whole."""
    from itertools import chain

    incoming = iter(blocks)
    first = next(incoming, b"")
    rest = chain([first], incoming)
    if first.lstrip().startswith((b"[", b"{")):
        yield from _JSON.split(rest)
        return
    for chunk in log_lines.split(rest):
        yield Chunk(InputFormat.REDIS, chunk.line, chunk.text, chunk.problem)


def find(chunk: Chunk) -> Iterator[Found]:
    """Find the alerts of a chunk, each with its line number."""
    if chunk.text.lstrip().startswith((b"[", b"{")):
        yield from _JSON.find(chunk)
        return
    for number, line in enumerate(chunk.text.split(b"\n"), chunk.line):
        entry = _ENTRY.match(line)
        text = _ESCAPE.sub(_unescape, entry["text"]).strip() if entry else b""
        # The other entries of a hash are the names of its fields.
        yield Found(number, decode_leniently(text) if text.startswith(b"{") else "")


def _unescape(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 16)])
    return _LETTERS.get(match[2], match[2])
