"""The only writer: results on stdout, everything for people on stderr, one envelope for scripts.

Foreign text (alert outputs, Port's messages, names in a catalog) is never markup and never reaches
a terminal with its control characters.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from falcoport.render.streams import StdoutError, discard_stderr
from falcoport.render.text import Cell, Style, align, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.errors import FalcoportError, Problem
    from falcoport.render.rich_text import Painter

_SHORTEST_MASKED = 4


class Format(StrEnum):
    """How a command shows its result."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


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
        self._painters: dict[int, Painter] = {}

    @property
    def is_json(self) -> bool:
        """Whether stdout carries the JSON envelope."""
        return self.format is Format.JSON

    @property
    def is_stream(self) -> bool:
        """Whether stdout carries JSON Lines."""
        return self.format is Format.JSONL

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stdout as it is written."""
        return self._stdout.isatty()

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

    def secret_result(self, secret: str) -> None:
        """Write a secret that was asked for on stdout, masked elsewhere; only in text format."""
        if not self.is_json:
            _write_encodable(self._stdout, f"{secret}\n")

    def clear(self) -> None:
        """Begin a new screen where stdout is a terminal, else a new paragraph."""
        self._write(self._stdout, "\x1b[H\x1b[2J" if self.is_terminal else "\n")

    def styled_result(self, text: str, style: Style = Style.PLAIN) -> None:
        """Write a line of a result that holds foreign text; only in text format."""
        if not self.is_json:
            self._write(self._stdout, f"{self._paint(text, style, self._stdout)}\n")

    def note(self, text: str = "", style: Style = Style.PLAIN) -> None:
        """Write a message for people; silent with `--quiet` and in JSON."""
        if not self.quiet and not self.is_json:
            self._write(self._stderr, f"{self._paint(text, style, self._stderr)}\n")

    def warn(self, text: str) -> None:
        """Write what people should know even with `--quiet`."""
        label = self._paint("warning:", Style.CHANGED, self._stderr)
        self._write(self._stderr, f"{label} {self._clean(text)}\n")

    def reveal(self, text: str, secret: str) -> None:
        """Warn a person, and show a secret that they would lose otherwise, masked elsewhere."""
        self.warn(text)
        _write_encodable(self._stderr, f"{secret}\n")

    def trace(self, text: str) -> None:
        """Write what happens underneath; only with `--verbose`."""
        if self.verbose:
            self._write(self._stderr, f"{self._paint(text, Style.FAINT, self._stderr)}\n")

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
        cells = [[self._clean_cell(cell) for cell in row] for row in rows]
        titles = [self._clean(column) for column in columns]
        draw = self._painter(stream).table if _shows_colors(stream) else align
        self._write(stream, draw(titles, cells, self._clean(title)))

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
        self, command: str, *, exit_code: int, data: Any, problems: Sequence[Problem] = ()
    ) -> None:
        """Write the JSON envelope; `data` is shown as it is, since showing it is its purpose."""
        from falcoport.render.envelope import build_envelope, encode_json

        safe = [self._without_secrets_in(problem) for problem in problems]
        document = build_envelope(command, exit_code=exit_code, data=data, problems=safe)
        encoding = self._stdout.encoding or "utf-8"
        self._write(self._stdout, encode_json(document, encoding, indent=2) + "\n")

    def error(self, error: FalcoportError) -> None:
        """Explain a failure to a person."""
        self.problems(error.problems, error.progress)

    def problems(self, problems: Sequence[Problem], progress: str = "") -> None:
        """Explain what is wrong to a person; `progress` says what was done before it."""
        label = self._paint("error:", Style.BAD, self._stderr)
        lines: list[str] = []
        hints = [*(problem.hint for problem in problems[1:]), ""]
        for problem, next_hint in zip(problems, hints, strict=False):
            lines.append(f"{label} {self._clean(problem.message)}")
            if problem.where:
                lines.append(f"  at    {self._clean(problem.where)}")
            # A hint that the next problem repeats would make a long list unreadable.
            if problem.hint and problem.hint != next_hint:
                lines.append(f"  next  {self._clean(problem.hint)}")
        if progress:
            lines.append(f"  done  {self._clean(progress)}")
        self._write(self._stderr, "\n".join(lines) + "\n")

    def flush(self) -> None:
        """Hand everything to the streams: what they refuse shows here, not at exit."""
        try:
            self._stdout.flush()
        except OSError as error:
            raise StdoutError(error) from None

    def _painter(self, stream: TextIO) -> Painter:
        from falcoport.render.rich_text import Painter

        return self._painters.setdefault(id(stream), Painter(stream))

    def _paint(self, text: str, style: Style, stream: TextIO) -> str:
        text = self._clean(text)
        if style is Style.PLAIN or not _shows_colors(stream):
            return text
        return self._painter(stream).paint(text, style)

    def _clean_cell(self, cell: Cell | str) -> Cell:
        cell = cell if isinstance(cell, Cell) else Cell(cell)
        return Cell(self._clean(cell.text), cell.style)

    def _clean(self, text: str) -> str:
        return printable(self._without_secrets(text))

    def _without_secrets_in(self, problem: Problem) -> Problem:
        return replace(
            problem,
            message=self._without_secrets(problem.message),
            hint=self._without_secrets(problem.hint),
            where=self._without_secrets(problem.where),
        )

    def _without_secrets(self, text: str) -> str:
        for secret in self._masked:
            text = text.replace(secret, "***")
        return text

    def _write(self, stream: TextIO, text: str) -> None:
        text = self._without_secrets(text) if stream is self._stderr else text
        try:
            _write_encodable(stream, text)
        except OSError as error:
            # A lost message must not stop the work; a lost result must show.
            if stream is not self._stderr:
                raise StdoutError(error) from None
            if stream is sys.stderr:
                discard_stderr()


def _shows_colors(stream: TextIO) -> bool:
    """Tell whether rich is needed: without a terminal there is no colour unless asked for."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def _write_encodable(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
