"""Doing something again until it works: how often, how long in all, and how long to wait between.

All waiting in falcoport happens here, by stamina's clock, which its `set_testing` stops.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

ATTEMPTS = 5
TOTAL_SECONDS = 30.0
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 5.0
_JITTER = 0.2


def repeated(
    once: Callable[[], T],
    passing: type[E],
    *,
    asked: Callable[[E], float | None] = lambda _error: None,
    attempts: int | None = ATTEMPTS,
    seconds: float = TOTAL_SECONDS,
) -> T:
    """Call `once` until it does not raise `passing`, and return what it returns.

    `asked` tells how many seconds an error asks to wait, None if it does not; one that asks for
    more than is left of `seconds` ends it at once. `attempts` None bounds it by time alone. Raises
    the last error, and any other one as it comes.
    """
    deadline = time.monotonic() + seconds
    try:
        return once()
    except passing as error:
        return _again(once, error, passing, asked, attempts, deadline)


def _again(
    once: Callable[[], T],
    failure: E,
    passing: type[E],
    asked: Callable[[E], float | None],
    attempts: int | None,
    deadline: float,
) -> T:
    # Imported here: most runs never wait, and the import would cost each of them its time.
    import stamina
    from stamina.instrumentation import set_on_retry_hooks

    # stamina logs each retry to stderr by default; what people see is the output's affair.
    set_on_retry_hooks(())

    def wait_or_stop(error: Exception) -> bool | float:
        if not isinstance(error, passing):
            return False
        wait = asked(error)
        if wait is None:
            return True
        return wait if time.monotonic() + wait < deadline else False

    pending: E | None = failure
    for attempt in stamina.retry_context(
        on=wait_or_stop,
        attempts=attempts,
        timeout=max(0.0, deadline - time.monotonic()),
        wait_initial=_FIRST_WAIT,
        wait_max=_LONGEST_WAIT,
        wait_jitter=_JITTER,
    ):
        with attempt:
            if pending is not None:
                # The first call was the first attempt; stamina counts and waits from there.
                error, pending = pending, None
                raise error
            return once()
    raise AssertionError("stamina ends by returning or raising")
