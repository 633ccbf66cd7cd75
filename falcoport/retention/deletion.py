"""Deleting many entities: a hundred a request, some requests at once, what cannot go left aside.

Port's bulk deletion is all or nothing. Where it refuses because others need an entity, the half
that holds it is looked for; where it says that one is gone already, or does not answer, what is
still there is asked for and sent again. So a run that was cut off anywhere is run again and done.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from falcoport.errors import PortError
from falcoport.port.errors import DependentsError, NotFoundError, UnknownOutcomeError
from falcoport.port.retry import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from falcoport.port.api import PortApi

BULK = 100
"""The most entities of one bulk deletion (Port's API reference)."""

AT_ONCE = 4
"""Requests at a time; Port answers 429 where that is too many, which is waited for."""

_MOST_UNKNOWN = 20  # answers of one batch that did not come
_AWAY_SECONDS = 300.0
_FIRST_PROGRESS = 2.0
_PROGRESS = 10.0


@dataclass
class Deleted:
    """What became of entities: how many were deleted, and which others need, so that they stay."""

    deleted: int = 0
    already_absent: int = 0
    needed: list[str] = field(default_factory=list)

    def add(self, other: Deleted) -> None:
        """Count another part's."""
        self.deleted += other.deleted
        self.already_absent += other.already_absent
        self.needed += other.needed


class Deleter:
    """Deletes entities of one blueprint; `outcome` says at any time what was done."""

    def __init__(self, api: PortApi, blueprint: str, say: Callable[[str], None]) -> None:
        self._api = api
        self._blueprint = blueprint
        self._say = say
        self.outcome = Deleted()

    def delete(self, identifiers: Sequence[str]) -> Deleted:
        """Delete all that nobody else needs. Raise AccessError and PortError."""
        started = time.monotonic()
        next_word = started + _FIRST_PROGRESS
        running: deque[Future[Deleted]] = deque()
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            for batch in _batches(identifiers):
                running.append(pool.submit(self._delete_batch, batch))
                if len(running) >= 2 * AT_ONCE:
                    self.outcome.add(running.popleft().result())
                if time.monotonic() > next_word:
                    next_word = time.monotonic() + _PROGRESS
                    self._report(len(identifiers), time.monotonic() - started)
            while running:
                self.outcome.add(running.popleft().result())
        finally:
            # Where it ends early, what is under way is not waited for: it may wait for Port itself.
            pool.shutdown(wait=False, cancel_futures=True)
            for future in running:
                if future.done() and not future.cancelled() and future.exception() is None:
                    self.outcome.add(future.result())
        return self.outcome

    def _delete_batch(self, batch: list[str]) -> Deleted:
        waiting, unknown = batch, 0
        outcome = Deleted()
        while waiting:
            try:
                self._request(lambda w=waiting: self._api.delete_entities(self._blueprint, w))  # type: ignore[misc] # bound now
            except DependentsError:
                if len(waiting) == 1:
                    outcome.needed += waiting
                    return outcome
                half = len(waiting) // 2
                outcome.add(self._delete_batch(waiting[:half]))
                waiting = waiting[half:]
            except (NotFoundError, UnknownOutcomeError) as error:
                # Gone since, or by a request whose answer was lost: only looking can tell.
                there = self._still_there(waiting)
                gone = len(waiting) - len(there)
                if isinstance(error, NotFoundError):
                    if not gone:
                        raise  # the blueprint itself, or somebody deletes and creates them
                    outcome.already_absent += gone
                else:
                    unknown += 1
                    if unknown > _MOST_UNKNOWN:
                        raise
                    outcome.deleted += gone
                waiting = there
            else:
                outcome.deleted += len(waiting)
                return outcome
        return outcome

    def _still_there(self, identifiers: list[str]) -> list[str]:
        body = {
            "query": {
                "combinator": "and",
                "rules": [{"property": "$identifier", "operator": "in", "value": identifiers}],
            },
            "include": ["$identifier"],
            "limit": BULK,
        }
        found, _next = self._request(lambda: self._api.search_entities(self._blueprint, body))
        present = {str(one["identifier"]) for one in found}
        return [one for one in identifiers if one in present]

    def _request(self, call: Callable[[], Any]) -> Any:
        """Make a request, again while Port is away; what it says of the entities goes through."""
        said: list[Exception] = []

        def once() -> Any:
            try:
                return call()
            except (NotFoundError, UnknownOutcomeError) as error:
                said.append(error)
                return None

        answer = retry(once, on=PortError, attempts=None, seconds=_AWAY_SECONDS)
        if said:
            raise said[0]
        return answer

    def _report(self, total: int, seconds: float) -> None:
        done = self.outcome.deleted + self.outcome.already_absent
        rate = done / max(seconds, 1e-9)
        left = f", {(total - done) / rate:,.0f} s left" if rate else ""
        self._say(f"{done:,} of {total:,} deleted, {rate:,.0f} a second{left}.")


def _batches(identifiers: Sequence[str]) -> Iterator[list[str]]:
    iterator = iter(identifiers)
    while batch := list(islice(iterator, BULK)):
        yield batch
