"""A program at a terminal of its own: what a person types, and what the screen then shows."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LONGEST_WAIT = 20.0
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-9;?>=<]*[ -/]*[@-~]|\][^\x07]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78M])"
)


class Terminal:
    """The person's side of a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = ""

    def type(self, text: str) -> None:
        """Type some text."""
        os.write(self._descriptor, text.encode())

    def wait_for(self, *wanted: str) -> str:
        """Return what was shown since the last time, once it holds every text that is wanted."""
        deadline = time.monotonic() + _LONGEST_WAIT
        while not all(text in plain(self._shown) for text in wanted):
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted} not in {plain(self._shown)!r}"
            if select.select([self._descriptor], [], [], left)[0]:
                try:
                    self._shown += os.read(self._descriptor, 65536).decode(errors="replace")
                except OSError as error:
                    raise AssertionError(f"{wanted} not in {plain(self._shown)!r}") from error
        shown, self._shown = plain(self._shown), ""
        return shown


def plain(text: str) -> str:
    """Return what was written to a terminal without its escape sequences."""
    return _ESCAPE.sub("", text).replace("\r", "")


@contextmanager
def running_at_terminal(
    command: Sequence[str], environment: Mapping[str, str], folder: str | os.PathLike[str]
) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """Run a program at a terminal of 200 columns; it is ended with the block."""
    mine, its = pty.openpty()
    size = {"COLUMNS": "200", "LINES": "50", "TERM": "xterm"}
    try:
        with subprocess.Popen(
            command,
            stdin=its,
            stdout=its,
            stderr=its,
            cwd=folder,
            env={**size, **environment},
            start_new_session=True,
        ) as process:
            try:
                yield Terminal(mine), process
            finally:
                process.kill()
    finally:
        os.close(mine)
        os.close(its)
