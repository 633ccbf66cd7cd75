"""Files and standard input as blocks of bytes, as they come."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDIN = "-"
BLOCK = 256 * 1024
"""How many bytes are read at a time."""


def check_readable(names: Sequence[str]) -> None:
    """Raise InputError with every file that cannot be opened, before any of them is read."""
    problems = tuple(problem for name in names if (problem := _find_problem(name)))
    if problems:
        raise InputError(problems[0].message, problems=problems)


def read_blocks(name: str) -> Iterator[bytes]:
    """Yield a file's bytes as they come; raise InputError if reading fails half-way."""
    try:
        if name == STDIN:
            # What is there already, without waiting for more: a log that is followed shows at once.
            yield from iter(lambda: os.read(sys.stdin.fileno(), BLOCK), b"")
            return
        with Path(name).open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        problem = _cannot_read(name, error)
        raise InputError(problem.message, where=name) from None


def _find_problem(name: str) -> Problem | None:
    if name == STDIN:
        return None
    try:
        with Path(name).open("rb"):
            return None
    except OSError as error:
        return _cannot_read(name, error)


def _cannot_read(name: str, error: OSError) -> Problem:
    return Problem("bad_input", f"{name} cannot be read: {error.strerror}.", name)
