"""What the shell and the locale may have made of stdout and stderr, with real processes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest
from support.command_line import falcoport

from falcoport.errors import EXIT_CHECK, EXIT_OK, EXIT_USAGE

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

COMMANDS = ["plan --no-relation", "plan --no-relation -o json", "--help", "setup --help"]


def run_in_shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `falcoport LINE` with the redirections in it."""
    return subprocess.run(
        ["sh", "-c", f'"$0" -m falcoport {line}', sys.executable],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_stdout_or_stderr_takes_nothing_away_from_the_other(command: str) -> None:
    told = run_in_shell(command)
    without_stdout, without_stderr = run_in_shell(f"{command} >&-"), run_in_shell(f"{command} 2>&-")
    assert (without_stdout.returncode, without_stdout.stderr) == (EXIT_OK, told.stderr)
    assert (without_stderr.returncode, without_stderr.stdout) == (EXIT_OK, told.stdout)


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_under_stdout_is_one_clear_error(command: str) -> None:
    ran = run_in_shell(f"{command} >/dev/full")
    assert ran.returncode == EXIT_USAGE
    assert "error: The result cannot be written: No space left on device." in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_is_no_error(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "falcoport", *command.split()],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert ran.returncode == EXIT_OK
    assert b"Traceback" not in ran.stderr
    assert b"error" not in ran.stderr


@pytest.mark.usefixtures("pointed")
def test_a_full_disk_under_stderr_does_not_stop_a_set_up() -> None:
    ran = run_in_shell("setup --no-relation --verbose 2>/dev/full")
    assert ran.returncode == EXIT_OK
    assert ran.stdout.startswith("http://")


@pytest.mark.parametrize("command", ["setup", "show-url", "status"])
def test_help_shows_in_a_locale_without_its_characters(command: str) -> None:
    ran = run_in_shell(f"{command} --help", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert ran.returncode == EXIT_OK
    assert "Exit codes:" in ran.stdout


def test_json_stays_json_in_any_locale(pointed: RunningSandbox, api: httpx.Client) -> None:
    assert pointed
    assert falcoport("setup", "--no-relation").exit_code == EXIT_OK
    title = "Alerte à Málaga \U0001f6a8"
    api.patch("/webhooks/falco_alert_mapper", json={"title": title}).raise_for_status()
    for encoding in ("ascii", "latin-1", "utf-8"):
        ran = run_in_shell("plan --no-relation -o json", PYTHONIOENCODING=encoding)
        changes = json.loads(ran.stdout)["data"]["changes"]
        assert [field["from"] for change in changes for field in change["fields"]] == [title]


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("columns", [40, 200])
def test_labels_are_whole_in_a_terminal_of_any_width(columns: int) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "falcoport", "status", "-q"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"NO_COLOR": "1"},
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # how a terminal says that nobody writes to it any more
        pass
    os.close(ours)
    assert process.wait(30) == EXIT_CHECK
    lines = shown.decode().splitlines()
    assert max(map(len, lines)) <= columns
    labels = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert labels == [
        "Port",
        "credentials",
        "blueprint",
        "relation",
        "webhook",
        "mapping",
        "extras",
        "extras",
        "alerts",
    ]


def test_a_usage_error_is_one_line() -> None:
    ran = falcoport("completion")
    assert ran.exit_code == EXIT_USAGE
    assert ran.stderr.splitlines()[0] == (
        "error: Missing argument 'bash|zsh|fish'. Choose from: bash, zsh, fish."
    )
