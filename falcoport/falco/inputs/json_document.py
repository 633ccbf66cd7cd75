"""Alerts in JSON over several lines: pretty-printed, one after the other, or in a list."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from falcoport.falco.inputs.interface import Chunk, Found, InputFormat
from falcoport.falco.text import decode_leniently

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_DOCUMENT = 16 * 1024 * 1024
"""How long such a source may be, in bytes: it is parsed as a whole."""


def is_format_of(head: bytes) -> bool:
    """Tell whether a source begins like JSON over several lines."""
    first, newline, _ = head.lstrip().partition(b"\n")
    return bool(newline) and first.strip() in (b"{", b"[", b"[{")


def split(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Return the whole source as one chunk, up to MAX_DOCUMENT."""
    text = b""
    for block in blocks:
        text += block
        if len(text) > MAX_DOCUMENT:
            problem = "it is one JSON document of more than 16 MiB; give one per line"
            yield Chunk(InputFormat.JSON_DOCUMENT, 1, b"", problem)
            return
    yield Chunk(InputFormat.JSON_DOCUMENT, 1, text)


def find(chunk: Chunk) -> Iterator[Found]:
    """Find the objects of one or several JSON values, those inside lists too."""
    text = decode_leniently(chunk.text)
    decoder = json.JSONDecoder()
    at, depth = 0, 0
    while (at := _past_space(text, at)) < len(text):
        number = chunk.line + text.count("\n", 0, at)
        if text[at] in "[],":
            depth += {"[": 1, "]": -1}.get(text[at], 0)
            at += 1
            continue
        try:
            _, end = decoder.raw_decode(text, at)
        except RecursionError:
            yield Found(number, problem="it is nested too deeply")
            return
        except json.JSONDecodeError as error:
            where = chunk.line + error.lineno - 1
            yield Found(where, problem=f"it is not JSON: {error.msg} at column {error.colno}")
            return
        yield Found(number, text[at:end].replace("\n", " "))
        at = end
    if depth:
        yield Found(chunk.line + text.count("\n"), problem="it is not JSON: a list does not end")


_SPACE = re.compile(r"[ \t\r\n]*")


def _past_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # it may match nothing, but it matches
    return match.end()
