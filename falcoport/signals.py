"""Ctrl-C, and the SIGTERM that ends a job: KeyboardInterrupt while a command runs, never else.

Both are held back while falcoport loads and exits, neither of which is then cut into a traceback.
"""

# The public module `signal` needs others, whose import Ctrl-C could cut into a traceback.
import _signal  # type: ignore[import-not-found] # a built-in module without type stubs
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BOTH = (_signal.SIGINT, _signal.SIGTERM)


def hold_back() -> None:
    """Let the signals wait, and take them over from Python."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _BOTH)
    for number in _BOTH:
        # A shell without job control has its background jobs ignore Ctrl-C, and so it stays.
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _interrupt)


@contextmanager
def let_through() -> "Iterator[None]":
    """Deliver the signals inside the block, at once if one waits."""
    before = _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _BOTH)
    try:
        yield
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def _interrupt(_number: int, _frame: object) -> None:
    """Interrupt what runs, once: what follows is short, and must not be cut as well."""
    for number in _BOTH:
        _signal.signal(number, _signal.SIG_IGN)
    raise KeyboardInterrupt
