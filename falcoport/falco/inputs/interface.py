"""The plug point for ways in which alerts are stored; `preview` and others read through it.

A new input is one file beside this one and one line in `InputFormat`: the member's value is the
file's name, and the file has the functions that `AlertInput` declares. A source is split into
chunks in one process, cheaply, and each chunk is searched for alerts in that process or another.

Pure: chunks of bytes in, alerts out, never more than one chunk in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAD = 64 * 1024
_GZIP = b"\x1f\x8b\x08"
_GZIP_WINDOW = 31  # zlib's word for gzip's header and checksum
_MOST_EXPANDED = 1024 * 1024
_PIECE = 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class InputFormat(StrEnum):
    """The inputs, in the order in which they are asked whether a source is theirs."""

    LOSSY = "lossy"  # refused with the reason
    LOKI = "loki"
    CLOUDWATCH = "cloudwatch"
    KAFKA = "kafka"
    ELASTICSEARCH = "elasticsearch"
    SIDEKICK_UI = "sidekick_ui"
    SPLUNK = "splunk"
    SQS = "sqs"
    KINESIS = "kinesis"
    PUBSUB = "pubsub"
    RABBITMQ = "rabbitmq"
    CHRONICLE = "chronicle"
    CLOUDEVENTS = "cloudevents"
    DYNATRACE = "dynatrace"
    LOGSTASH = "logstash"
    DATADOG = "datadog"
    REDIS = "redis"
    JSON_DOCUMENT = "json_document"
    LOG_LINES = "log_lines"  # takes every source, so it comes last


@dataclass(frozen=True)
class Chunk:
    """A piece of a source that can be searched by itself.

    `text` is its bytes, `line` the number of its first line in the source. `problem` says why what
    stands there cannot be read; `text` is empty then.
    """

    form: InputFormat
    line: int
    text: bytes
    problem: str = ""


class Found(NamedTuple):
    """One thing found: an alert's JSON `text`, or the `problem` of a line that is none.

    Both are empty for a line of plain text, which logs are full of.
    """

    line: int
    text: str = ""
    problem: str = ""


class AlertInput(Protocol):
    """What the module of an input offers."""

    def is_format_of(self, head: bytes) -> bool:
        """Tell from its beginning, one whole line at least, whether a source is of this format."""

    def split(self, blocks: Iterable[bytes]) -> Iterator[Chunk]:
        """Cut a source's blocks of bytes, however they are cut, into chunks.

        Their order is the source's, and none is larger than a limit that the format states.
        """

    def find(self, chunk: Chunk) -> Iterator[Found]:
        """Find the alerts of a chunk that has no `problem`, each with its line number."""


def split_source(blocks: Iterable[bytes], form: InputFormat | None = None) -> Iterator[Chunk]:
    """Cut a source into chunks as its format does, which its beginning says unless it is given.

    What is compressed with gzip is decompressed on the way.
    """
    incoming = Decompressed(blocks)
    reading = iter(incoming)
    head = _read_head(reading)
    if form is None:
        form = next(form for form in InputFormat if _input(form).is_format_of(head))
    line = 1
    for chunk in _input(form).split(chain([head], reading)):
        line = chunk.line + chunk.text.count(b"\n")
        yield chunk
    if incoming.is_broken:
        yield Chunk(form, line, b"", "its compression is broken, or it is cut off, from here on")


def find_alerts(chunk: Chunk) -> Iterator[Found]:
    """Find the alerts of a chunk, each with its line number, or say what its problem is."""
    if chunk.problem:
        return iter((Found(chunk.line, problem=chunk.problem),))
    return _input(chunk.form).find(chunk)


@cache
def _input(form: InputFormat) -> AlertInput:
    return cast("AlertInput", import_module(f"{__package__}.{form}"))


def _read_head(blocks: Iterator[bytes]) -> bytes:
    """Return a source's beginning: its first line at least, without a byte order mark.

    A line that only opens a document says too little; a pipe that grows slowly begins otherwise.
    """
    head = b""
    for block in blocks:
        head += block
        opens_only = head.lstrip().partition(b"\n")[0].strip() in (b"{", b"[", b"[{")
        if (b"\n" in head and not opens_only) or len(head) > _HEAD:
            break
    return head.removeprefix(_BYTE_ORDER_MARK)


class Decompressed:
    """A source's blocks as they are, or decompressed where they begin as gzip does.

    Never more than a part is held, however far it expands. `is_broken` says afterwards whether
    the compressed data ended too early.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self.is_broken = False

    def __iter__(self) -> Iterator[bytes]:
        start = b""
        for block in self._blocks:
            start += block
            if len(start) >= len(_GZIP):
                break
        rest = chain([start], self._blocks) if start else iter(())
        return self._gunzip(rest) if start.startswith(_GZIP) else rest

    def _gunzip(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        import zlib

        member = zlib.decompressobj(wbits=_GZIP_WINDOW)
        begun = False
        try:
            for block in blocks:
                # In small pieces: what comes before a fault is still given out.
                for at in range(0, len(block), _PIECE):
                    waiting = block[at : at + _PIECE]
                    while waiting:
                        begun = True
                        text = member.decompress(waiting, _MOST_EXPANDED)
                        if text:
                            yield text
                        waiting = member.unconsumed_tail
                        if member.eof:
                            # Files that were put together stay readable: another one may follow.
                            waiting, begun = member.unused_data.lstrip(b"\0"), False
                            member = zlib.decompressobj(wbits=_GZIP_WINDOW)
        except zlib.error:
            begun = True
        self.is_broken = begun
