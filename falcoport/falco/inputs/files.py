"""The files that hold alerts: found in folders, read in blocks.

A tree of one object per alert, as S3 and GCS hold them, is a folder like any other.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN = "-"
BLOCK = 256 * 1024
"""How many bytes are read at a time."""


def find_files(names: Iterable[str]) -> Iterator[str]:
    """Yield the files among names, and those below the folders among them, by name.

    Hidden files, such as what a download leaves behind, are not looked at. Raise InputError for
    every name that there is no file for, before the first one is yielded.
    """
    chosen = list(names)
    problems = [problem for name in chosen if (problem := _unreadable(name))]
    if problems:
        raise InputError(problems[0].message, problems=tuple(problems))
    for name in chosen:
        if name == STDIN or not Path(name).is_dir():
            yield name
            continue
        for folder, below, files in os.walk(name):
            below[:] = sorted(one for one in below if not one.startswith("."))
            for file in sorted(files):
                if not file.startswith("."):
                    yield str(Path(folder) / file)


def describe_names(names: Iterable[str]) -> str:
    """Return names of files as a sentence has them."""
    return ", ".join("standard input" if name == STDIN else name for name in names)


def read_blocks(name: str) -> Iterator[bytes]:
    """Yield the bytes of a file, or of standard input, as they come. Raise InputError."""
    try:
        if name == STDIN:
            # What is there already, without waiting for more: what grows slowly is read at once.
            yield from iter(lambda: os.read(sys.stdin.fileno(), BLOCK), b"")
            return
        with Path(name).open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        problem = _cannot_read(name, error)
        raise InputError(problem.message, where=name) from None


def _unreadable(name: str) -> Problem | None:
    try:
        if name == STDIN:
            device = _is_endless_device(sys.stdin.fileno())
        elif Path(name).is_dir():
            os.listdir(name)  # noqa: PTH208 -- asks only whether it may be read
            device = False
        else:
            with Path(name).open("rb") as file:
                device = _is_endless_device(file.fileno())
    except io.UnsupportedOperation:  # a stand-in for standard input
        return None
    except OSError as error:
        return _cannot_read(name, error)
    if device:
        return Problem("bad_input", f"{name} is a device, which holds no alerts.", name)
    return None


def _is_endless_device(handle: int) -> bool:
    """Tell whether it is a device such as /dev/zero or a disk; a terminal and /dev/null end."""
    status = os.fstat(handle)
    if stat.S_ISBLK(status.st_mode):
        return True
    is_null = Path(os.devnull).stat().st_rdev == status.st_rdev
    return stat.S_ISCHR(status.st_mode) and not is_null and not os.isatty(handle)


def _cannot_read(name: str, error: OSError) -> Problem:
    return Problem("bad_input", f"{name} cannot be read: {error.strerror}.", name)
