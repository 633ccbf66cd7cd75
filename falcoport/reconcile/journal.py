"""What a run has written so far, for whoever must know when it stops.

A failure says what was done before it, and what Port does not give back (a secret) counts as
written only by what stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.reconcile.changes import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.plan import Plan
    from falcoport.reconcile.writes import Write
    from falcoport.resources.interface import Key

_Id = tuple["Key", Action]
_PAST = {Action.CREATE: "created", Action.UPDATE: "updated", Action.DELETE: "deleted"}


class Journal:
    """The writes of one run. Used from several threads: one per write under way."""

    def __init__(self) -> None:
        self._done: list[Write] = []
        self._started: dict[_Id, Write] = {}
        self._finished: dict[_Id, Write] = {}

    def started(self, write: Write) -> None:
        """Note that a write is about to be sent: from now on it may take effect."""
        self._started[write.id] = write

    def rolled_back(self, write: Write) -> None:
        """Note that Port did not do it."""
        self._started.pop(write.id, None)

    def finished(self, write: Write) -> None:
        """Note that Port said it is done."""
        # In this order: whoever asks in between, after Ctrl-C, must learn of it.
        self._finished[write.id] = write
        self.rolled_back(write)
        self._done.append(write)

    def settle(self, left: Plan) -> None:
        """Correct what was noted by what reading shows: `left` is what is still to be written.

        A write that carries what Port does not give back stays as it was noted.
        """
        pending = {write.id for write in left.writes}
        for name, write in list((self._started | self._finished).items()):
            if write.has_hidden:
                continue
            if name in pending:
                self._started.pop(name, None)
                self._finished.pop(name, None)
            elif name in self._started:
                self.finished(write)

    def has_written_hidden(self, key: Key) -> bool:
        """Tell whether Port said that it has what it does not give back of a resource."""
        return any(write.has_hidden and write.key == key for write in self._done)

    def may_have_written_hidden(self, key: Key) -> bool:
        """Tell whether Port has that, or may have it: its answer was lost."""
        started = list(self._started.values())
        return self.has_written_hidden(key) or any(
            write.has_hidden and write.key == key for write in started
        )

    def summary(self) -> str:
        """Say what was done; empty if nothing was tried."""
        # Copies: requests under way may still write here after Ctrl-C.
        finished, started = dict(self._finished), dict(self._started)
        unknown = [write for name, write in started.items() if name not in finished]
        parts = []
        if finished:
            parts.append(f"Done so far: {_listed(finished.values(), '')}.")
        if unknown:
            parts.append(f"Not known: {_listed(unknown, 'perhaps ')}.")
        return " ".join(parts)

    def select_changes(
        self, before: tuple[Change, ...], now: tuple[Change, ...]
    ) -> tuple[Change, ...]:
        """Return the changes to show: as planned where this run wrote, as found otherwise."""
        planned = {change.key: change for change in before}
        found = {change.key: change for change in now}
        kept = {key: change for key, change in planned.items() if self._wrote(change)}
        merged = planned | found | kept
        return tuple(change for key, change in merged.items() if key in found or key in kept)

    def _wrote(self, change: Change) -> bool:
        """Tell whether this run wrote what changes, or the resource that it is a part of."""
        written = {key for key, _action in (*self._started, *self._finished)}
        return change.written_with in written


def _listed(writes: Iterable[Write], perhaps: str) -> str:
    return ", ".join(f"{write.key} {perhaps}{_PAST[write.action]}" for write in writes)
