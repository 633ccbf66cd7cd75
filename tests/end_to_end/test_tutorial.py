"""docs/tutorial.md does what it says: each command is run, each output compared.

In an output, a line `…` stands for any lines, and what differs from run to run (ports, keys, times
and widths) is compared by its form.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.sidekick import free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = "== end of block =="


def steps() -> list[tuple[str, str]]:
    """Return the page's commands, each with the output that is shown below it, if any."""
    found: list[tuple[str, str]] = []
    for language, text in BLOCK.findall(PAGE.read_text("utf-8")):
        if language:
            found.append((text, ""))
        else:
            found[-1] = (found[-1][0], text)
    return found


def normalize(line: str) -> str:
    line = re.sub(r"http://127\.0\.0\.1:\d+/\w+", "URL", line)
    # A column is as wide as what is in it, such as a port of five digits.
    line = re.sub(r" {2,}", "  ", line)
    return re.sub(r"\d+\.\d+ seconds", "N seconds", line).rstrip()


def is_shown(expected: str, printed: str) -> bool:
    """Return whether an output is what the page shows, with `…` for what is left out."""
    parts = []
    for line in expected.splitlines():
        if line == "…":
            parts.append(r"(?:.*\n)*")
        else:
            parts.append(re.escape(normalize(line)).replace("…", ".*") + r"\n")
    lines = "".join(f"{normalize(line)}\n" for line in printed.splitlines())
    return re.fullmatch("".join(parts), lines) is not None


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nb\n", False),
        ("a 1 …\n", "a 1    newest\n", True),
        ("http://127.0.0.1:8010/KEY\n", "http://127.0.0.1:3/x1\n", True),
        ("a\n", "a\nb\n", False),
    ],
)
def test_an_output_is_compared_to_the_letter(expected: str, printed: str, same: bool) -> None:
    assert is_shown(expected, printed) == same


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_the_tutorial_works_as_it_stands(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    falcoport = programs / "falcoport"
    falcoport.write_text(f'#!/bin/sh\nexec {sys.executable} -m falcoport "$@"\n', encoding="utf-8")
    falcoport.chmod(0o700)
    ports = {"8010": str(free_port()), "8018": str(free_port())}
    script = "trap 'kill $(jobs -p)' EXIT\n"
    for command, _ in steps():
        for port, free in ports.items():
            command = command.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")  # noqa: PLW2901 -- the same command, elsewhere
            command = command.replace(f'"127.0.0.1", {port}', f'"127.0.0.1", {free}')  # noqa: PLW2901 -- same
        command = command.replace("sandbox --catalog", f"sandbox --port {ports['8010']} --catalog")  # noqa: PLW2901 -- same
        script += f"{command}\necho '{MARK}'\n"
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("PORT_", "FALCO"))
    }
    environment = {**kept, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=work,
        env={**environment, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    printed = done.stdout.split(f"{MARK}\n")
    assert len(printed) == len(steps()) + 1, done.stdout
    for (command, expected), output in zip(steps(), printed, strict=False):
        if expected:
            assert is_shown(expected, output), f"{command}\nprints\n{output}\nnot\n{expected}"
