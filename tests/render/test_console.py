"""The only writer: streams kept apart, one envelope, and foreign text that stays text."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from falcoport.errors import (
    EXIT_CHECK,
    EXIT_INPUT,
    EXIT_OK,
    EXIT_PARTIAL,
    PortError,
    Problem,
    UsageError,
)
from falcoport.files import write_file
from falcoport.render.console import Format, Output
from falcoport.render.text import Cell, Style, printable

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = [
    "[/etc/shadow]",
    "[b]bold[/b]",
    "[link=x]",
    ":smile:",
    "{x}",
    "a\x1b[31mred",
    "\u202etxt",
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Streams:
    """An output with both its streams at hand."""

    def __init__(
        self, output_format: Format = Format.TEXT, *, terminal: bool = False, **options: Any
    ) -> None:
        kind = Terminal if terminal else io.StringIO
        self._stdout, self._stderr = kind(), kind()
        self.output = Output(output_format, stdout=self._stdout, stderr=self._stderr, **options)

    @property
    def stdout(self) -> str:
        return self._stdout.getvalue()

    @property
    def stderr(self) -> str:
        return self._stderr.getvalue()


def test_results_go_to_stdout_and_everything_for_people_to_stderr() -> None:
    streams = Streams()
    streams.output.result("https://ingest.example/key")
    streams.output.note("Some note")
    streams.output.warn("Careful")
    streams.output.trace("not asked for")
    streams.output.table(("Name",), [["value"]])
    assert streams.stdout == "https://ingest.example/key\n"
    assert streams.stderr == "Some note\nwarning: Careful\nName\nvalue\n"


def test_quiet_leaves_results_warnings_and_errors() -> None:
    streams = Streams(quiet=True)
    streams.output.note("Some note")
    streams.output.table(("Name",), [["value"]])
    streams.output.warn("Careful")
    streams.output.error(PortError("It broke."))
    streams.output.result("result")
    assert (streams.stdout, streams.stderr) == ("result\n", "warning: Careful\nerror: It broke.\n")


def test_json_is_one_envelope_and_nothing_else_on_stdout() -> None:
    streams = Streams(Format.JSON)
    streams.output.result("text")
    streams.output.note("text")
    streams.output.table(("Name",), [["value"]], to_stdout=True)
    problem = Problem("conflict", "Both.", "blueprint x: schema", "Rename it.")
    streams.output.envelope("setup", exit_code=EXIT_INPUT, data={"ä": 1}, problems=[problem])
    assert json.loads(streams.stdout) == {
        "schema": 1,
        "command": "setup",
        "status": "error",
        "exit_code": 4,
        "data": {"ä": 1},
        "errors": [
            {
                "code": "conflict",
                "message": "Both.",
                "hint": "Rename it.",
                "where": "blueprint x: schema",
            }
        ],
    }
    assert list(json.loads(streams.stdout)) == [
        "schema",
        "command",
        "status",
        "exit_code",
        "data",
        "errors",
    ]
    assert streams.stderr == ""


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (EXIT_OK, "success"),
        (EXIT_CHECK, "check_failed"),
        (EXIT_PARTIAL, "partial"),
        (EXIT_INPUT, "error"),
        (1, "error"),
        (130, "error"),
    ],
)
def test_status_and_exit_code_are_one_thing(code: int, status: str) -> None:
    streams = Streams(Format.JSON)
    streams.output.envelope("x", exit_code=code, data=None)
    assert json.loads(streams.stdout)["status"] == status


def test_an_error_says_what_where_what_next_and_what_was_done() -> None:
    streams = Streams()
    error = PortError("It broke.", where="GET /v1/x", hint="Try again.")
    error.progress = "Done so far: blueprint x created."
    streams.output.error(error)
    assert streams.stderr == (
        "error: It broke.\n"
        "  at    GET /v1/x\n"
        "  next  Try again.\n"
        "  done  Done so far: blueprint x created.\n"
    )


def test_a_hint_that_repeats_is_given_once() -> None:
    streams = Streams()
    streams.output.problems([Problem("a", "A.", "x", "Same."), Problem("b", "B.", "y", "Same.")])
    assert streams.stderr.count("Same.") == 1


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_never_markup_and_brings_no_control_characters(
    text: str, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    streams = Streams(terminal=terminal)
    shown = printable(text)
    streams.output.note(text)
    streams.output.warn(text)
    streams.output.styled_result(text, Style.BAD)
    streams.output.table((text,), [[Cell(text, Style.BAD)], [text]], title=text)
    streams.output.error(PortError(text, where=text, hint=text))
    written = streams.stdout + streams.stderr
    assert written.count(shown) == 10
    assert "\x1b" not in written
    assert "\u202e" not in written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ünïcode ✓\n\tnext", "plain ünïcode ✓\n\tnext"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb\x00\x07", "a\\rb\\x00\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202e\u2066\ufeff", "\\u202e\\u2066\\ufeff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_spelled_out(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_colours_are_for_terminals_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, pipe = Streams(terminal=True), Streams()
    for streams in (terminal, pipe):
        streams.output.note("text", Style.GOOD)
        streams.output.table(("Name",), [[Cell("value", Style.GOOD)]])
    assert "\x1b[32m" in terminal.stderr
    assert "\x1b" not in pipe.stderr
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Streams(terminal=True)
    plain.output.note("text", Style.GOOD)
    plain.output.table(("Name",), [[Cell("value", Style.GOOD)]])
    assert "\x1b" not in plain.stderr


@pytest.mark.parametrize("output_format", [Format.TEXT, Format.JSON])
def test_a_masked_text_is_never_written(output_format: Format) -> None:
    streams = Streams(output_format, verbose=True)
    for secret in ("word-4711", "word-4711-longer"):
        streams.output.mask(secret)
    text = "a word-4711-longer and a word-4711"
    streams.output.note(text)
    streams.output.warn(text)
    streams.output.trace(text)
    streams.output.table((text,), [[text]])
    streams.output.error(PortError(text, where=text, hint=text))
    problem = Problem("x", text, text, text)
    streams.output.envelope("x", exit_code=6, data=None, problems=[problem])
    written = streams.stdout + streams.stderr
    assert "word" not in written
    assert "-longer" not in written
    assert "a *** and a ***" in written


def test_a_text_that_is_too_short_to_be_a_secret_is_not_masked() -> None:
    streams = Streams()
    streams.output.mask("")
    streams.output.mask("abc")
    streams.output.note("abc")
    assert streams.stderr == "abc\n"


def test_a_stream_that_cannot_encode_a_text_gets_it_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    output = Output(stdout=stream, stderr=stream)
    output.note("grün ✓")
    output.flush()
    assert raw.getvalue() == b"gr\\xfcn \\u2713\n"
    stream.detach()


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        for force in (False, True):
            with pytest.raises(UsageError, match="is not a file and is left as it is"):
                write_file(place, "text", private=True, force=force)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_stays_and_the_file_it_leads_to_is_replaced(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("before", encoding="utf-8")
    link.symlink_to(file)
    with pytest.raises(UsageError, match="exists already"):
        write_file(link, "after", private=True, force=False)
    assert file.read_text(encoding="utf-8") == "before"
    write_file(link, "after", private=True, force=True)
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == "after"
