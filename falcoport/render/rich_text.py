"""Colours and tables, by rich: the one place that knows it.

Importing rich takes longer than a request, so this module is imported only where a terminal shows
colours or a table is shown.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from falcoport.render.text import Cell, Style

_WIDTH_WITHOUT_TERMINAL = 120


class Painter:
    """Turns what is to be shown into text with the colours that one stream can show.

    Which those are (a terminal or not, FORCE_COLOR, TERM) is for rich to say. NO_COLOR, which rich
    takes to allow bold and dim text, means none at all here.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(
            file=stream,
            width=None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL,
            color_system=None if os.environ.get("NO_COLOR") else "auto",
            # Foreign text is never markup: rich would swallow "[b]" and fail on "[/etc/shadow]".
            highlight=False,
            markup=False,
            emoji=False,
        )

    def paint(self, text: str, style: Style) -> str:
        """Return text in its colour; how long it is stays the terminal's affair."""
        with self._console.capture() as captured:
            self._console.print(Text(text, style=style), end="", soft_wrap=True)
        return captured.get()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str) -> str:
        """Return rows under column titles (none if all titles are empty), one line end each."""
        return self._lines(_build_table(columns, rows, title))

    def _lines(self, shown: RenderableType) -> str:
        with self._console.capture() as captured:
            self._console.print(shown)
        return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _build_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str) -> Table:
    table = Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        show_header=any(columns),
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        # Without titles, the first column is the rows' labels: short, and unreadable if folded.
        is_label = number == 0 and not any(columns)
        table.add_column(Text(column, style="dim"), overflow="fold", no_wrap=is_label)
    for row in rows:
        table.add_row(*(Text(cell.text, style=cell.style) for cell in row))
    return table
