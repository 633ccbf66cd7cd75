"""The standard streams, made fit for what is written to them, and discarded when they break."""

from __future__ import annotations

import os
import sys

_STDOUT, _STDERR = 1, 2  # their file descriptors
_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


class StdoutError(Exception):
    """stdout takes no more; `reason` is the OSError, often that its reader has gone.

    Not an OSError itself: typer would take that for its own and end with the code of a bug.
    """

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def harden_std_streams() -> None:
    """Make the streams fit for any text, whatever the shell and the locale made of them.

    One that was closed (`>&-`) leads nowhere instead of into the next file that is opened, and a
    character that the encoding lacks is spelled out, in what libraries print too.
    """
    for name, mode in _MODES.items():
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 -- stays open
        elif mode == "w":
            stream.reconfigure(errors="backslashreplace")


def discard_stdout() -> None:
    """Let what stdout still holds lead nowhere, so that the end does not fail on it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)


def discard_stderr() -> None:
    """Let what stderr still holds lead nowhere: Python would end with 120 over it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDERR)
