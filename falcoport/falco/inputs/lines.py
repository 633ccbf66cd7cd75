"""Finds alerts in what people keep of Falco and Falcosidekick: files, logs, and pipes.

Understood are Falco's JSON lines; its stdout, with lines of text in between; `kubectl logs`, CRI
and Docker files, which put something before or around each line; Falcosidekick's debug log and
the bodies that it posts; and one JSON document, such as a pretty-printed alert or a list.

Pure: chunks of bytes in, alerts out, never more than one chunk at a time.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from falcoport.falcosidekick.forward import go_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LINE = 1024 * 1024
"""How long a line may be, in bytes; Port takes half of that per event."""

MAX_DOCUMENT = 16 * 1024 * 1024
"""How long a file may be, in bytes, that is one JSON document instead of lines."""

_HEAD = 64 * 1024
_BOM = b"\xef\xbb\xbf"
# The prefix that CRI runtimes write before each line, and the mark of a line that goes on (P).
_CRI = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ std(?:out|err) (?P<mark>[FP])(?::\S*)? ")
_DOCKER = b'{"log":'
_DOCKER_PARTIAL = re.compile(rb'\{"log": ?"(?:[^"\\]|\\.)*(?<!\\n)", ?"stream"')
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a]")


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a source: `text` is their bytes, `line` the number of the first one.

    `problem` says why the chunk is one line that cannot be read; its `text` is empty then.
    `is_document` marks a source that is one JSON document.
    """

    line: int
    text: bytes
    problem: str = ""
    is_document: bool = False


class Found(NamedTuple):
    """One thing found: an alert's JSON `text`, or the `problem` of a line that is none.

    Both are empty for a line of plain text, which logs are full of.
    """

    line: int
    text: str = ""
    problem: str = ""


def chunks(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Cut a source's blocks of bytes into chunks of whole lines.

    Lines that belong together (a CRI or Docker line in several parts) stay in one chunk. A line
    over MAX_LINE is passed over, whatever its length, without being kept.
    """
    line, rest, skipping = 1, b"", False
    incoming = iter(blocks)
    head = _head(incoming)
    if _is_document(head):
        yield from _document(head, incoming)
        return
    for raw in chain([head], incoming):
        block = raw
        if skipping:
            end = block.find(b"\n")
            if end < 0:
                continue
            yield Chunk(line, b"", _too_long())
            line, block, skipping = line + 1, block[end + 1 :], False
        text = rest + block
        cut = _cut(text)
        if cut:
            yield Chunk(line, text[:cut])
            line += text.count(b"\n", 0, cut)
        rest = text[cut:]
        if len(rest) > MAX_LINE:
            complete = rest.rfind(b"\n") + 1
            if complete:
                yield Chunk(line, rest[:complete])
                line += rest.count(b"\n", 0, complete)
            skipping = len(rest) - complete > MAX_LINE
            rest = b"" if skipping else rest[complete:]
    if skipping:
        yield Chunk(line, b"", _too_long())
    elif rest:
        yield Chunk(line, rest)


def _head(blocks: Iterator[bytes]) -> bytes:
    """Return a source's beginning: its first line at least, without a byte order mark."""
    head = b""
    for block in blocks:
        head += block
        if b"\n" in head or len(head) > _HEAD:
            break
    return head.removeprefix(_BOM)


def _too_long() -> str:
    return f"it is longer than {MAX_LINE:,} bytes, and no alert is"


def _cut(text: bytes) -> int:
    """Return where the last line ends that the following one does not belong to."""
    cut = text.rfind(b"\n") + 1
    while cut:
        start = text.rfind(b"\n", 0, cut - 1) + 1
        if not _goes_on(text[start : cut - 1]):
            break
        cut = start
    return cut


def _goes_on(line: bytes) -> bool:
    if line.startswith(_DOCKER):
        return _DOCKER_PARTIAL.match(line) is not None
    match = _CRI.match(line)
    return match is not None and match["mark"] == b"P"


def _is_document(head: bytes) -> bool:
    """Tell whether a source begins like one JSON document over several lines."""
    first, newline, _ = head.lstrip().partition(b"\n")
    return bool(newline) and first.strip() in (b"{", b"[", b"[{")


def _document(head: bytes, blocks: Iterable[bytes]) -> Iterator[Chunk]:
    text = head
    for block in blocks:
        text += block
        if len(text) > MAX_DOCUMENT:
            yield Chunk(1, b"", "it is one JSON document of more than 16 MiB; give one per line")
            return
    yield Chunk(1, text, is_document=True)


def find(chunk: Chunk) -> Iterator[Found]:
    """Find the alerts of a chunk, each with its line number."""
    if chunk.problem:
        yield Found(chunk.line, problem=chunk.problem)
    elif chunk.is_document:
        yield from _in_document(chunk)
    else:
        yield from _in_lines(chunk)


def _in_lines(chunk: Chunk) -> Iterator[Found]:
    begun = b""
    lines = chunk.text.split(b"\n")
    for number, raw in enumerate(lines, chunk.line):
        line = raw.strip(b" \t\r")
        if line.startswith(b"{") and not line.startswith(_DOCKER) and not begun:
            yield Found(number, go_text(line))
        elif line.startswith(b"[{") and not begun:
            yield from _in_document(Chunk(number, line))
        elif line:
            whole, begun = _unwrapped(line, begun)
            if not begun:
                yield _judged(number, whole)
    if begun:
        yield _judged(chunk.line + len(lines) - 1, begun)


def _unwrapped(line: bytes, begun: bytes) -> tuple[bytes, bytes]:
    """Take a CRI prefix or a Docker wrapper off; return the whole line, or what is begun of it."""
    match = _CRI.match(line)
    if match is not None:
        inner = begun + line[match.end() :]
        return (b"", inner) if match["mark"] == b"P" else (inner, b"")
    if line.startswith(_DOCKER):
        try:
            text = json.loads(line)["log"]
        except (ValueError, RecursionError):
            return line, b""
        inner = begun + text.encode(errors="replace")
        return (inner.rstrip(b"\r\n"), b"") if inner.endswith(b"\n") else (b"", inner)
    return begun + line, b""


def _judged(number: int, line: bytes) -> Found:
    """Tell an alert behind some prefix from plain text and from what is broken."""
    text = go_text(line.strip(b" \t\r"))
    if _BINARY.search(text):
        return Found(number, problem="it is binary data")
    start = text.find("{")
    if start < 0:
        broken = text.startswith("[") and text.endswith("]") and '"' in text
        return Found(number, problem="it is not a JSON object" if broken else "")
    inner = text[start:]
    if start == 0 or '"rule"' in inner or "payload : " in text[:start] or text.endswith("}"):
        return Found(number, inner)
    return Found(number)


def _in_document(chunk: Chunk) -> Iterator[Found]:
    """Yield the objects of one or several JSON values, those inside lists too."""
    text = go_text(chunk.text)
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
