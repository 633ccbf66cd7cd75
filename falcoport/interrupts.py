"""When Ctrl-C, and the SIGTERM that ends a job, reach falcoport: only while a command runs."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


def hold_back() -> None:
    """Hold the signals back from here on, until `allowed` lets them through."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


@contextmanager
def allowed() -> Iterator[None]:
    """Let the signals through inside the block; KeyboardInterrupt comes at once if one waits."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
