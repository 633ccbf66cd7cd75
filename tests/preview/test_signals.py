"""Signals end a preview with all of its processes, however much there is still to read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

import pytest

from falcoport.falco.samples import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = (samples()[0].line + "\n").encode() * 2000


def feed(pipe: IO[bytes], asked: threading.Event) -> None:
    """Write alerts until nobody reads them; set `asked` once several processes have some."""
    with suppress(OSError):
        for number in range(10**9):
            pipe.write(BLOCK)
            if number == 3:
                asked.set()


@contextmanager
def endless_preview() -> Iterator[subprocess.Popen[bytes]]:
    """Run a preview of alerts without an end, in a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "falcoport", "preview", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        asked = threading.Event()
        writer = threading.Thread(target=feed, args=(process.stdin, asked))
        writer.start()
        try:
            assert asked.wait(60)
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            writer.join()
            with suppress(OSError):
                process.stdin.close()
            process.stdin = None


def end_all(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)


def end_one(process: subprocess.Popen[bytes]) -> None:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, check=True
    )
    os.kill(int(listed.stdout.split()[-1]), signal.SIGKILL)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="one processor is one process")
@pytest.mark.parametrize(
    ("end", "said"),
    [(end_all, b"Interrupted."), (end_one, b"A process that maps alerts was ended from outside.")],
)
def test_a_preview_ends_whichever_of_its_processes_is_ended(
    end: Callable[[subprocess.Popen[bytes]], None], said: bytes
) -> None:
    with endless_preview() as process:
        end(process)
        assert process.stderr is not None
        stderr = process.stderr.read()
        assert process.wait(30) == 130, stderr
    assert said in stderr
    assert b"Traceback" not in stderr
