"""A command line that cannot be read is explained in the format that it asks for."""

from __future__ import annotations

import pytest
from support.command_line import falcoport

from falcoport.errors import EXIT_USAGE


@pytest.mark.parametrize(
    "line",
    [
        ["setup", "--no-such-option", "-o", "json"],
        ["setup", "-o", "json", "--no-such-option"],
        ["setup", "-qo", "json", "--no-such-option"],
        ["setup", "-qojson", "--no-such-option"],
        ["setup", "-vqo", "json", "unexpected"],
        ["setup", "-o", "text", "-o", "json", "unexpected"],
        ["setup", "--output=json", "--header"],
        ["setup", "--quiet=1", "-o", "json"],
        ["setup", "-x", "-ojson"],
        ["setup", "--timeout", "soon", "--output", "json"],
        ["send-test", "--wait", "soon", "-qo", "json"],
        ["completion", "-o", "json"],
        ["completion", "csh", "-o", "json"],
        ["no-such-command", "-o", "json"],
        ["-o", "json"],
        ["-o", "json", "setup", "--no-such-option"],
        ["sandbox", "--port", "-1", "-qo", "json"],
    ],
)
def test_a_usage_error_in_json_is_an_envelope(line: list[str]) -> None:
    ran = falcoport(*line)
    assert ran.exit_code == EXIT_USAGE
    assert ran.envelope["exit_code"] == EXIT_USAGE
    assert [error["code"] for error in ran.envelope["errors"]] == ["usage"]
    assert ran.stderr == ""


@pytest.mark.parametrize(
    "line",
    [
        ["setup", "--webhook-title", "x -o json y", "--no-such-option"],
        ["setup", "--webhook-title", "-o json", "--no-such-option"],
        ["setup", "--webhook-title=-o json", "--no-such-option"],
        ["setup", "--webhook-title", "-ojson", "--no-such-option"],
        ["setup", "--no-such-option", "--", "-o", "json"],
        ["setup", "-o", "json", "-o", "text", "unexpected"],
        ["setup", "-o", "jsonl", "unexpected"],
        ["setup", "-o"],
        ["no-such-command"],
    ],
)
def test_any_other_usage_error_is_for_people(line: list[str]) -> None:
    ran = falcoport(*line)
    assert ran.exit_code == EXIT_USAGE
    assert ran.stdout == ""
    assert ran.stderr.startswith("error: ")
