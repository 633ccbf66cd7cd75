"""Letting Ctrl-C, and the SIGTERM that ends a job, through to a command while it runs.

`__main__` holds both back before and after.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def allowed() -> Iterator[None]:
    """Let the signals through inside the block; KeyboardInterrupt comes at once if one waits."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
