"""The only writer: results on stdout, everything for people on stderr, one envelope for scripts.

Foreign text (alert outputs, Port's messages, names in a catalog) is never markup and never reaches
a terminal with its control characters.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from falcoport.render.streams import StdoutError, give_up_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.errors import FalcoportError, Problem

SCHEMA = 1
"""Version of the JSON envelope; it grows only when a key changes its meaning or goes."""

_SHORTEST_MASKED = 4
_WIDTH_WITHOUT_TERMINAL = 120


class Format(StrEnum):
    """How a command shows its result."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


class Style(StrEnum):
    """What a text means, in colours that a terminal may have."""

    PLAIN = ""
    STRONG = "bold"
    FAINT = "dim"
    GOOD = "green"
    CHANGED = "yellow"
    BAD = "red"


_ESCAPES = {
    Style.STRONG: "\x1b[1m",
    Style.FAINT: "\x1b[2m",
    Style.GOOD: "\x1b[32m",
    Style.CHANGED: "\x1b[33m",
    Style.BAD: "\x1b[31m",
}


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text and what it means."""

    text: str
    style: Style = Style.PLAIN


class Output:
    """Where a command writes. Nothing else in falcoport writes to stdout or stderr."""

    def __init__(
        self,
        output_format: Format = Format.TEXT,
        *,
        quiet: bool = False,
        verbose: bool = False,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.format = output_format
        self.quiet = quiet
        self.verbose = verbose
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._masked: list[str] = []

    @property
    def is_json(self) -> bool:
        """Whether stdout carries the JSON envelope."""
        return self.format is Format.JSON

    @property
    def is_stream(self) -> bool:
        """Whether stdout carries JSON Lines."""
        return self.format is Format.JSONL

    @property
    def interactive(self) -> bool:
        """Whether a question may be asked: stdin and stderr are terminals, and not for scripts."""
        return self.format is Format.TEXT and sys.stdin.isatty() and self._stderr.isatty()

    def mask(self, secret: str) -> None:
        """Never write this text again, whatever it stands in."""
        if len(secret) >= _SHORTEST_MASKED and secret not in self._masked:
            self._masked.append(secret)
            # Longest first, so that a secret inside another does not leave the rest of it.
            self._masked.sort(key=len, reverse=True)

    def result(self, text: str) -> None:
        """Write a result as it stands, with a line end; only in text format."""
        if not self.is_json:
            self._write(self._stdout, f"{text}\n")

    def styled_result(self, text: str, style: Style = Style.PLAIN) -> None:
        """Write a line of a result that holds foreign text; only in text format."""
        if not self.is_json:
            self._write(self._stdout, self._styled(self._clean(text), style, self._stdout) + "\n")

    def note(self, text: str = "", style: Style = Style.PLAIN) -> None:
        """Tell a person something; silent with `--quiet` and in JSON."""
        if not self.quiet and not self.is_json:
            self._write(self._stderr, self._styled(f"{self._clean(text)}\n", style, self._stderr))

    def warn(self, text: str) -> None:
        """Tell a person what they should know even with `--quiet`."""
        line = f"{self._styled('warning:', Style.CHANGED, self._stderr)} {self._clean(text)}\n"
        self._write(self._stderr, line)

    def reveal(self, text: str, secret: str) -> None:
        """Warn a person, and show a secret that they would lose otherwise, masked elsewhere."""
        self.warn(text)
        _written(self._stderr, f"{secret}\n")

    def trace(self, text: str) -> None:
        """Tell a person what happens underneath; only with `--verbose`."""
        if self.verbose:
            line = self._styled(f"{self._clean(text)}\n", Style.FAINT, self._stderr)
            self._write(self._stderr, line)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[Cell | str]],
        *,
        title: str = "",
        to_stdout: bool = False,
    ) -> None:
        """Show rows under column titles (none if all titles are empty)."""
        if self.is_json or (self.quiet and not to_stdout) or (self.is_stream and to_stdout):
            return
        stream = self._stdout if to_stdout else self._stderr
        self._write(stream, self._rendered_table(columns, rows, title, stream))

    def json_line(self, value: Any) -> None:
        """Write one JSON Lines record to stdout."""
        self._write(self._stdout, self._json(value) + "\n")

    def json_lines(self, records: bytes) -> None:
        """Write JSON Lines records, which are UTF-8 already, to stdout at once."""
        binary = getattr(self._stdout, "buffer", None)
        if binary is None:
            self._stdout.write(records.decode())
            return
        try:
            self._stdout.flush()
            binary.write(records)
            binary.flush()
        except OSError as error:
            raise StdoutError(error) from None

    def envelope(
        self,
        command: str,
        *,
        exit_code: int,
        data: Any,
        problems: Sequence[Problem] = (),
    ) -> None:
        """Write the JSON envelope; `data` is shown as it is, since showing it is its purpose."""
        document = {
            "schema": SCHEMA,
            "command": command,
            "status": _status(exit_code),
            "exit_code": exit_code,
            "data": data,
            "errors": [
                {
                    "code": problem.code,
                    "message": self._without_secrets(problem.message),
                    "hint": self._without_secrets(problem.hint),
                    "where": self._without_secrets(problem.where),
                }
                for problem in problems
            ],
        }
        self._write(self._stdout, self._json(document, indent=2) + "\n")

    def error(self, error: FalcoportError) -> None:
        """Explain a failure to a person."""
        self.problems(error.problems, error.progress)

    def problems(self, problems: Sequence[Problem], progress: str = "") -> None:
        """Explain what is wrong to a person; `progress` says what was done before it."""
        label = self._styled("error:", Style.BAD, self._stderr)
        lines: list[str] = []
        for problem in problems:
            lines.append(f"{label} {self._clean(problem.message)}")
            if problem.where:
                lines.append(f"  at    {self._clean(problem.where)}")
            if problem.hint:
                lines.append(f"  next  {self._clean(problem.hint)}")
        if progress:
            lines.append(f"  done  {self._clean(progress)}")
        self._write(self._stderr, "\n".join(_without_repeated_hints(lines)) + "\n")

    def flush(self) -> None:
        """Hand everything to the streams: what they refuse shows here, not at exit."""
        try:
            self._stdout.flush()
        except OSError as error:
            raise StdoutError(error) from None

    def _rendered_table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[Cell | str]],
        title: str,
        stream: TextIO,
    ) -> str:
        import io

        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=Text(self._clean(title), style="bold") if title else None,
            title_justify="left",
            show_header=any(columns),
            box=None,
            padding=(0, 2, 0, 0),
            pad_edge=False,
        )
        for number, column in enumerate(columns):
            # Without titles, the first column is the rows' labels: short, and unreadable if folded.
            is_label = number == 0 and not any(columns)
            table.add_column(
                Text(self._clean(column), style="dim"), overflow="fold", no_wrap=is_label
            )
        for row in rows:
            cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
            table.add_row(*(Text(self._clean(cell.text), style=cell.style) for cell in cells))
        buffer = io.StringIO()
        console = Console(
            file=buffer,
            width=None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL,
            force_terminal=self._coloured(stream),
            no_color=not self._coloured(stream),
            highlight=False,
            markup=False,
            emoji=False,
        )
        console.print(table)
        return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())

    def _coloured(self, stream: TextIO) -> bool:
        return stream.isatty() and not os.environ.get("NO_COLOR")

    def _styled(self, text: str, style: Style, stream: TextIO) -> str:
        if not self._coloured(stream) or style is Style.PLAIN:
            return text
        return f"{_ESCAPES[style]}{text}\x1b[0m"

    def _clean(self, text: str) -> str:
        return printable(self._without_secrets(text))

    def _without_secrets(self, text: str) -> str:
        for secret in self._masked:
            text = text.replace(secret, "***")
        return text

    def _json(self, value: Any, indent: int | None = None) -> str:
        """Return JSON that stdout's encoding can carry as JSON."""
        encoding = self._stdout.encoding or "utf-8"
        is_unicode = encoding.lower().startswith("utf")
        return json.dumps(value, indent=indent, ensure_ascii=not is_unicode)

    def _write(self, stream: TextIO, text: str) -> None:
        text = self._without_secrets(text) if stream is self._stderr else text
        try:
            _written(stream, text)
        except OSError as error:
            # What is told to people must not stop what is done; a lost result must show.
            if stream is not self._stderr:
                raise StdoutError(error) from None
            if stream is sys.stderr:
                give_up_stderr()


def _written(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, such as `1 alert` or `2 alerts`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def printable(text: str) -> str:
    """Return text whose control characters are spelled out, line ends and tabs apart."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )


def _status(exit_code: int) -> str:
    from falcoport.errors import EXIT_CHECK, EXIT_OK, EXIT_PARTIAL

    words = {EXIT_OK: "success", EXIT_CHECK: "check_failed", EXIT_PARTIAL: "partial"}
    return words.get(exit_code, "error")


def _without_repeated_hints(lines: list[str]) -> list[str]:
    """Drop a hint that the next problem repeats, so that a long list stays readable."""
    kept: list[str] = []
    hints = [line for line in lines if line.startswith("  next")]
    for index, line in enumerate(lines):
        later = lines[index + 1 :]
        if line in hints and line in later:
            continue
        kept.append(line)
    return kept
