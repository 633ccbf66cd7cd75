"""Draw the documentation's pictures from real runs: terminal sessions, and the sandbox's pages.

    python scripts/draw_sessions.py               into docs/images/
    python scripts/draw_sessions.py --out FOLDER  elsewhere, to compare

Each session is run at a pseudo-terminal against a sandbox of its own, so that colors and widths are
those that a person sees; what it printed becomes an SVG. The sandbox's page and dashboard are
photographed by Chromium, where there is one.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from dataclasses import dataclass
from pathlib import Path

from chromium import find_browser, running_browser
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from falcoport.falco.samples import samples
from falcoport.sandbox.options import Catalog, SandboxOptions
from falcoport.sandbox.server import running_sandbox

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
_COLUMNS, _ROWS = 96, 50
_SANDBOX = SandboxOptions(port=0, catalog=Catalog.EXPORTER)
_KEY = re.compile(r"(http://127\.0\.0\.1:\d+)/[A-Za-z0-9]{16}\b")


@dataclass(frozen=True)
class Session:
    """A picture: its name, and the command lines that are shown in it."""

    name: str
    commands: tuple[str, ...]


_SET_UP = "--profile standard --cluster prod --ensure-namespaces --with dashboard,triage"
SESSIONS = (
    Session("setup", (f"falcoport plan {_SET_UP} | grep '^+'", f"falcoport setup {_SET_UP}")),
    Session("send-test", ("falcoport send-test --sample default-helm-install", "falcoport status")),
    Session("drift", ("falcoport plan --webhook-title 'Falco prod' --exit-code", "echo $?")),
)


def main() -> None:
    """Draw every picture, and print the name of each file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=IMAGES)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, running_sandbox(_SANDBOX) as sandbox:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PORT_", "FALCOPORT_"))},
            "PATH": f"{work}/bin:{os.environ['PATH']}",
            "PORT_API_URL": sandbox.url,
            "PORT_CLIENT_ID": sandbox.client_id,
            "PORT_CLIENT_SECRET": sandbox.client_secret,
            "TERM": "xterm-256color",
            "COLUMNS": str(_COLUMNS),
        }
        _make_program(Path(work) / "bin")
        for session in SESSIONS:
            file = out / f"{session.name}.svg"
            file.write_text(draw(session, environment, work), encoding="utf-8")
            print(file)
        # A page with one alert would show little: the samples are alerts of many kinds.
        lines = "".join(f"{sample.line}\n" for sample in samples())
        (Path(work) / "alerts.jsonl").write_text(lines, encoding="utf-8")
        _run("falcoport replay alerts.jsonl --quiet", environment, work)
        for name, path in (
            ("sandbox-home", "/"),
            ("sandbox-dashboard", "/dashboards/falco_security"),
        ):
            if picture := photograph(f"{sandbox.url}{path}"):
                (out / f"{name}.png").write_bytes(picture)
                print(out / f"{name}.png")


def _make_program(folder: Path) -> None:
    folder.mkdir()
    program = folder / "falcoport"
    program.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m falcoport "$@"\n', "utf-8"
    )
    program.chmod(0o700)


def _run(command: str, environment: dict[str, str], folder: str) -> None:
    subprocess.run(  # noqa: S603 -- our own words
        ["bash", "-c", command],  # noqa: S607 -- the one on PATH
        env=environment,
        cwd=folder,
        check=False,
        capture_output=True,
    )


def draw(session: Session, environment: dict[str, str], folder: str) -> str:
    """Return a session as SVG: each command behind a prompt, and what it printed."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=_COLUMNS, file=nowhere, force_terminal=True)
        for command in session.commands:
            console.print(Text("$ ", style="bold green") + Text(command, style="bold"))
            console.print(Text.from_ansi(run_at_terminal(command, environment, folder)))
        return console.export_svg(title="falcoport", theme=MONOKAI, unique_id=session.name)


def run_at_terminal(command: str, environment: dict[str, str], folder: str) -> str:
    """Return what a command prints at a terminal; a webhook's key in it is blanked."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("bash", ["bash", "-c", command], environment)  # noqa: S606, S607 -- our own words
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    printed = b""
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:  # a terminal whose program has ended
            break
        if not some:
            break
        printed += some
    os.close(terminal)
    os.waitpid(child, 0)
    text = printed.decode(errors="replace").replace("\r\n", "\n")
    # A progress line is overwritten: what stands behind the last return is what stays.
    lines = [line.rsplit("\r", 1)[-1] for line in text.splitlines()]
    return _KEY.sub(r"\1/KEY", "\n".join(lines)).strip("\n")


def photograph(address: str) -> bytes | None:
    """Return a page as PNG; None where there is no Chromium."""
    program = find_browser()
    if program is None:
        print("no chromium: the sandbox's pages are not photographed", file=sys.stderr)
        return None
    with running_browser(program) as browser:
        browser.open(address)
        browser.prefer("light")
        return browser.take_picture(1280, 800, whole=False)


if __name__ == "__main__":
    main()
