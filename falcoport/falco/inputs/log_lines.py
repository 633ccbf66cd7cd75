"""Alerts in lines, as Falco and Falcosidekick print them and as container logs keep them.

Understood are Falco's JSON lines; its stdout, with lines of text in between; `kubectl logs`, CRI
and Docker files, which put something before or around each line; Falcosidekick's debug log and
the bodies that it posts; and lists of alerts on one line.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from falcoport.falco.inputs import json_document
from falcoport.falco.inputs.interface import Chunk, Found, InputFormat
from falcoport.falco.text import decode_leniently

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LINE = 1024 * 1024
"""How long a line may be, in bytes; Port takes half of that per event."""

# The prefix that CRI runtimes write before each line, and the mark of a line that goes on (P).
_CRI = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ std(?:out|err) (?P<mark>[FP])(?::\S*)? ")
_DOCKER = b'{"log":'
_DOCKER_PARTIAL = re.compile(rb'\{"log": ?"(?:[^"\\]|\\.)*(?<!\\n)", ?"stream"')
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a]")


def is_format_of(_head: bytes) -> bool:
    """Tell that any source may be lines: what stands in them is judged one by one."""
    return True


def split(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Cut a source's blocks of bytes into chunks of whole lines.

    Lines that belong together (a CRI or Docker line in several parts) stay in one chunk. A line
    over MAX_LINE is passed over, whatever its length, without being kept.
    """
    line, rest, skipping = 1, b"", False
    for raw in blocks:
        block = raw
        if skipping:
            end = block.find(b"\n")
            if end < 0:
                continue
            yield _too_long(line)
            line, block, skipping = line + 1, block[end + 1 :], False
        text = rest + block
        cut = _cut(text)
        if cut:
            yield _chunk(line, text[:cut])
            line += text.count(b"\n", 0, cut)
        rest = text[cut:]
        if len(rest) > MAX_LINE:
            complete = rest.rfind(b"\n") + 1
            if complete:
                yield _chunk(line, rest[:complete])
                line += rest.count(b"\n", 0, complete)
            skipping = len(rest) - complete > MAX_LINE
            rest = b"" if skipping else rest[complete:]
    if skipping:
        yield _too_long(line)
    elif rest:
        yield _chunk(line, rest)


def _chunk(line: int, text: bytes) -> Chunk:
    return Chunk(InputFormat.LOG_LINES, line, text)


def _too_long(line: int) -> Chunk:
    problem = f"it is longer than {MAX_LINE:,} bytes, and no alert is"
    return Chunk(InputFormat.LOG_LINES, line, b"", problem)


def _cut(text: bytes) -> int:
    """Return where the last line ends that the following one does not belong to."""
    cut = text.rfind(b"\n") + 1
    while cut:
        start = text.rfind(b"\n", 0, cut - 1) + 1
        if not _is_continued(text[start : cut - 1]):
            break
        cut = start
    return cut


def _is_continued(line: bytes) -> bool:
    if line.startswith(_DOCKER):
        return _DOCKER_PARTIAL.match(line) is not None
    match = _CRI.match(line)
    return match is not None and match["mark"] == b"P"


def find(chunk: Chunk) -> Iterator[Found]:
    """Find the alerts of a chunk, each with its line number."""
    begun = b""
    lines = chunk.text.split(b"\n")
    for number, raw in enumerate(lines, chunk.line):
        line = raw.strip(b" \t\r")
        if line.startswith(b"{") and not line.startswith(_DOCKER) and not begun:
            yield Found(number, decode_leniently(line))
        elif line.startswith(b"[{") and not begun:
            yield from json_document.find(_chunk(number, line))
        elif line:
            whole, begun = _unwrap(line, begun)
            if not begun:
                yield _classify(number, whole)
    if begun:
        yield _classify(chunk.line + len(lines) - 1, begun)


def _unwrap(line: bytes, begun: bytes) -> tuple[bytes, bytes]:
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


def _classify(number: int, line: bytes) -> Found:
    """Tell an alert behind some prefix from plain text and from what is broken."""
    text = decode_leniently(line.strip(b" \t\r"))
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
