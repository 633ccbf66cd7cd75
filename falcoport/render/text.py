"""Text as it may be shown: what it means, how many there are, and nothing that steers a terminal.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
