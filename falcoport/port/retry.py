"""Retries: how often, for how long in all, and how long to wait in between.

All waiting in falcoport happens here, by stamina's clock, which its `set_testing` stops.
"""

from __future__ import annotations

import sys
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


def retry(
    call: Callable[[], T],
    *,
    on: type[E],
    retry_after: Callable[[E], float | None] = lambda _error: None,
    attempts: int | None = ATTEMPTS,
    seconds: float = TOTAL_SECONDS,
) -> T:
    """Call until no error of the class `on` is raised, and return what the call returns.

    `retry_after` says how many seconds an error asks to wait, None if it does not; one that asks
    for more than is left of `seconds` ends it at once. `attempts` None bounds it by time alone.
    Raises the last error, and any other one as it comes.
    """
    deadline = time.monotonic() + seconds
    try:
        return call()
    except on as error:
        return _retry_after_first(call, error, on, retry_after, attempts, deadline)


def _retry_after_first(
    call: Callable[[], T],
    failure: E,
    on: type[E],
    retry_after: Callable[[E], float | None],
    attempts: int | None,
    deadline: float,
) -> T:
    # Imported here: most runs never wait, and the import would cost each of them its time.
    import stamina
    from stamina.instrumentation import set_on_retry_hooks

    # stamina logs each retry to stderr by default; what people see is for `render` to decide.
    set_on_retry_hooks(())

    def wait_or_stop(error: Exception) -> bool | float:
        if not isinstance(error, on):
            return False
        wait = retry_after(error)
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
            return call()
    raise AssertionError("stamina ends by returning or raising")


def pause(seconds: float) -> None:
    """Wait for a while, but not where stamina's `set_testing` stops its clock."""
    # Not imported for the question alone: where nobody loaded it, nobody stopped it either.
    stamina = sys.modules.get("stamina")
    if stamina is None or not stamina.is_testing():
        time.sleep(seconds)
