"""What pages show as a dialogue with the shell is what happens, output included.

A ```console block holds commands behind `$ ` and their output; a page's blocks are run in order, in
a folder and against a sandbox of their own. What differs from run to run is set equal, and `…` on a
line of its own stands for any lines.
A comment `<!-- not run: why -->` before a block leaves it out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from falcoport.sandbox.options import Catalog
from falcoport.sandbox.server import SandboxOptions, running_sandbox

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(<!-- not run: [^>]+ -->\n)?^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
_VARYING = [
    (re.compile(r"https?://[\w.]+(:\d+)?/[A-Za-z0-9]{16}\b"), "URL"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"\d+(\.\d+)? (ms|seconds?|s)\b"), r"N \2"),
    (re.compile(r" {2,}"), "  "),
]


@dataclass(frozen=True)
class Step:
    """A command that a page shows, and the output beneath."""

    command: str
    output: str


def steps_of(page: Path) -> list[Step]:
    """Return the commands of a page's dialogues."""
    found = []
    for skipped, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if not skipped:
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.replace("\\\n", "").partition("\n")
                found.append(Step(command, output))
    return found


def normalize(text: str) -> str:
    """Return output with what differs from run to run set equal."""
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def matches(shown: str, printed: str) -> bool:
    """Tell whether what was printed is what a page shows."""
    parts = [re.escape(part) for part in re.split(r"^…$", normalize(shown), flags=re.MULTILINE)]
    return re.fullmatch(r"[^\0]*".join(parts), normalize(printed)) is not None


def needs(command: str) -> str | None:
    """Return what a command would do that no test does: install, or name real credentials."""
    return next((one for one in ("pip install", "export PORT_") if one in command), None)


PAGES_WITH_STEPS = [page for page in PAGES if steps_of(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_WITH_STEPS, ids=lambda page: page.name)
def test_commands_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    command = tmp_path / "bin" / "falcoport"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m falcoport "$@"\n')
    command.chmod(0o755)
    place = tmp_path / "work"
    place.mkdir()
    bash = shutil.which("bash")
    assert bash is not None
    with running_sandbox(SandboxOptions(port=0, catalog=Catalog.EXPORTER)) as sandbox:
        environment = {
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "PORT_API_URL": sandbox.url,
            "PORT_CLIENT_ID": sandbox.client_id,
            "PORT_CLIENT_SECRET": sandbox.client_secret,
        }
        for step in steps_of(page):
            if needs(step.command):
                assert not step.output
                continue
            ran = subprocess.run(
                [bash, "-c", step.command],
                cwd=place,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                text=True,
                timeout=120,
            )
            assert matches(step.output, ran.stdout), f"$ {step.command}\n{ran.stdout}"


def test_the_readme_shows_dialogues() -> None:
    assert len(steps_of(ROOT / "README.md")) > 10


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("http://127.0.0.1:1/PkpYRAGuQQa17E1W", "https://x.example/AAAAAAAAAAAAAAAA\n", True),
        ("took 17 ms  ok", "took 3 ms    ok", True),
        ("one\n…\nthree", "one\ntwo\n2\nthree", True),
        ("created", "unchanged", False),
        ("one", "one\ntwo", False),
        ("", "warning: something", False),
    ],
)
def test_only_what_varies_is_set_equal(shown: str, printed: str, *, same: bool) -> None:
    assert matches(shown, printed) is same


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_installs_a_name_that_is_not_ours(page: Path) -> None:
    """There is no release on the index: whoever has the name there could put anything into it."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"(?:pip3?|pipx|uv tool|uv pip) install[^\n`|]*|uvx[^\n`|]*", text)
    assert [one for one in found if installs_by_name(one)] == []


def installs_by_name(command: str) -> bool:
    """Tell whether a command takes falcoport from the package index."""
    if "--no-index" in command or "@ git+" in command:
        return False
    source = re.sub(r"--from \S+ falcoport\b", "", command)
    return re.search(r"(?<![\w./-])'?falcoport(\[[\w,]+\])?'?(?![\w./-])", source) is not None


@pytest.mark.parametrize(
    ("command", "by_name"),
    [
        ("pip install falcoport", True),
        ("pip install 'falcoport[sandbox]'", True),
        ("uvx falcoport demo", True),
        ("uvx --from ./falcoport-0.1.0-py3-none-any.whl falcoport demo", False),
        ("pip install '.[sandbox]'", False),
        ("pip install --no-index --find-links wheels falcoport", False),
        ("pip install 'falcoport[sandbox] @ git+https://git.example.com/falcoport@COMMIT'", False),
        ("uv tool install git+https://git.example.com/falcoport@COMMIT", False),
    ],
)
def test_an_installation_by_name_is_recognised(command: str, *, by_name: bool) -> None:
    assert installs_by_name(command) is by_name
