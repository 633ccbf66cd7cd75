"""Text as it may be shown: what it means, how many there are, and nothing that steers a terminal.

Pure.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Style(StrEnum):
    """What a text means, in rich's words for the look that a terminal may give it."""

    PLAIN = ""
    STRONG = "bold"
    FAINT = "dim"
    GOOD = "green"
    CHANGED = "yellow"
    BAD = "red"


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text and what it means."""

    text: str
    style: Style = Style.PLAIN


def align(columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str) -> str:
    """Return rows under column titles (none if all are empty), without colours, however wide."""
    lines = [list(columns)] if any(columns) else []
    for row in rows:
        parts = [cell.text.split("\n") for cell in row]
        lines.extend(list(line) for line in zip_longest(*parts, fillvalue=""))
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(
            text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "".join(f"{line}\n" for line in ([title, *shown] if title else shown))


def _width(text: str) -> int:
    """Return how many columns a terminal takes for a text."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


def pluralize(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, such as `1 alert` or `2 alerts`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def printable(text: str) -> str:
    """Return text whose control characters are spelled out, except line ends and tabs.

    Escape sequences (C0 and C1) could steer the terminal, bidirectional ones reorder what is read.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )
