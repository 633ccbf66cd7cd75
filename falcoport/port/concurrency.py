"""Several requests at the same time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_concurrently(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make calls at the same time and return their results in order.

    Raises the first failure in the order of `calls`. Daemon threads, so that Ctrl-C does not wait
    for an answer that never comes.
    """
    if len(calls) == 1:
        return [calls[0]()]
    outcomes: list[tuple[Any, BaseException | None]] = [(None, None)] * len(calls)

    def run(index: int) -> None:
        try:
            outcomes[index] = (calls[index](), None)
        except BaseException as error:  # noqa: BLE001 -- carried to the caller's thread
            outcomes[index] = (None, error)

    threads = [
        threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(calls))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _value, error in outcomes:
        if error is not None:
            raise error
    return [value for value, _error in outcomes]
