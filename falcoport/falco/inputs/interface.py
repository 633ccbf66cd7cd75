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
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class InputFormat(StrEnum):
    """The inputs, in the order in which they are asked whether a source is theirs."""

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


def split_source(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Find out a source's format from its beginning, and cut it into chunks as that format does."""
    incoming = iter(blocks)
    head = _read_head(incoming)
    form = next(form for form in InputFormat if _input(form).is_format_of(head))
    return _input(form).split(chain([head], incoming))


def find_alerts(chunk: Chunk) -> Iterator[Found]:
    """Find the alerts of a chunk, each with its line number, or say what its problem is."""
    if chunk.problem:
        return iter((Found(chunk.line, problem=chunk.problem),))
    return _input(chunk.form).find(chunk)


@cache
def _input(form: InputFormat) -> AlertInput:
    return cast("AlertInput", import_module(f"{__package__}.{form}"))


def _read_head(blocks: Iterator[bytes]) -> bytes:
    """Return a source's beginning: its first line at least, without a byte order mark."""
    head = b""
    for block in blocks:
        head += block
        if b"\n" in head or len(head) > _HEAD:
            break
    return head.removeprefix(_BYTE_ORDER_MARK)
