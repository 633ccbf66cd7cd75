"""Writing a plan until Port agrees with it.

Every write is one request; whatever happens between two of them, reading again and planning again
continues where it stopped. That is how lost answers, conflicts and other people's writes are
settled as well: by reading, never by guessing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from falcoport.errors import (
    AGAIN,
    ConcurrentChangeError,
    FalcoportError,
    InterruptedRunError,
)
from falcoport.port.concurrency import run_concurrently
from falcoport.port.errors import (
    DependentsError,
    NotFoundError,
    TakenError,
    UnknownOutcomeError,
)
from falcoport.port.retry import pause, retry
from falcoport.reconcile.changes import Action
from falcoport.reconcile.plan import plan
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.interface import Catalog, Resource
from falcoport.resources.merging import difference
from falcoport.resources.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi
    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.goal import Goal
    from falcoport.reconcile.journal import Journal
    from falcoport.reconcile.plan import Plan
    from falcoport.reconcile.writes import Write
    from falcoport.resources.interface import Key
    from falcoport.resources.merging import FieldChange

_READS = 3
"""How often to read again right before an update for two readings that agree."""
_PAUSE = 0.5
"""Seconds between our last update and looking whether it is still there."""
_LONGEST_PAUSE = 10.0
_SLOWER = 3
"""How many times as long as ours another run's update may take, between its reading and Port having
it. While that lasts it may overwrite ours, which it has not seen."""
_RUN_AGAIN = "Run the same command again in a while."


@dataclass(frozen=True)
class Task:
    """What a run is to reach.

    `keys` is what must be read for it; `build` makes the goal from what was read, so that a goal
    can depend on what Port has. `neighbours` says that all that could depend on it is read too.
    `before_writes` is called with what is about to be written.
    """

    keys: tuple[Key, ...]
    build: Callable[[Catalog], Goal]
    kinds: Mapping[str, type[Resource]] = field(default_factory=lambda: KINDS)
    neighbours: bool = False
    before_writes: Callable[[Plan], None] = lambda _planned: None

    def read(self, api: PortApi) -> Catalog:
        """Return what Port has; raise AccessError or PortError.

        A goal may need more than could be known before: that is read in a second round trip.
        """
        catalog = read_catalog(api, self.keys, kinds=self.kinds, neighbours=self.neighbours)
        further = [key for key in self.build(catalog).keys if key not in catalog.found]
        if not further:
            return catalog
        more = read_catalog(api, further, kinds=self.kinds)
        return replace(catalog, found={**catalog.found, **more.found})

    def plan(self, catalog: Catalog) -> Plan:
        """Return what is to be done; raise as `reconcile.plan.plan`."""
        return plan(self.build(catalog), catalog)


@dataclass(frozen=True)
class Applied:
    """What was done: the changes, and what Port has now."""

    changes: tuple[Change, ...]
    catalog: Catalog


def apply(api: PortApi, task: Task, journal: Journal) -> Applied:
    """Read, plan and write until nothing is left to write.

    `journal` is where the writes are noted, for a caller who asks it later. Raise what planning
    raises; PortError where the outcome of a write stays unclear; ConcurrentChangeError where
    somebody else's write shows in what was written; InterruptedRunError on Ctrl-C. An error that
    comes after something was written says in its `progress` what that was.
    """
    try:
        return Reconciler(api, task, journal).run()
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted. {journal.summary() or 'Nothing was changed in Port.'}",
            hint=AGAIN,
        ) from None
    except FalcoportError as error:
        error.progress = journal.summary()
        raise


class _UnsettledError(Exception):
    """A write failed in a way that only reading can settle."""

    def __init__(self, failure: FalcoportError) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Reconciler:
    """What was read last, what is planned against it, and what to show in the end."""

    def __init__(self, api: PortApi, task: Task, journal: Journal) -> None:
        self._api = api
        self._task = task
        self._journal = journal
        self._catalog = task.read(api)
        self._planned = task.plan(self._catalog)
        self._shown = self._planned.changes
        self._is_settled = True
        self._sent: list[Write] = []
        self._slowest = 0.0

    def run(self) -> Applied:
        """Write until nothing is left to write; raise as `apply`."""
        try:
            return retry(self._write_round, on=_UnsettledError)
        except _UnsettledError as last:
            if self._settle().pending:
                raise _final(last.failure) from None
            return Applied(self._shown, self._catalog)

    def _write_round(self) -> Applied:
        """Write what is pending, and see that Port has it."""
        if not self._is_settled:
            self._settle()
        overwrites = self._planned.overwrites
        if overwrites:
            self._read_until_stable()
        if not self._planned.pending:
            return Applied(self._shown, self._catalog)
        self._task.before_writes(self._planned)
        self._is_settled = False
        self._sent = []
        failure, catalog = self._write_stages(self._planned)
        if failure is not None:
            raise _UnsettledError(failure)
        # What was only created is known from the answers; an update may have met another one.
        if any(write.action is Action.UPDATE for write in self._sent):
            pause(min(max(_PAUSE, _SLOWER * self._slowest), _LONGEST_PAUSE))
            overwrites = True
        now = self._plan_against(self._task.read(self._api) if overwrites else catalog)
        _verify(self._sent, now, self._catalog)
        if now.pending:
            left = ", ".join(str(write.key) for write in now.writes)
            raise _UnsettledError(
                ConcurrentChangeError(
                    f"Port reported success, but it is not done: {left}.", hint=_RUN_AGAIN
                )
            )
        return Applied(self._shown, self._catalog)

    def _settle(self) -> Plan:
        """Read what became of the writes so far; return what is left to write."""
        left = self._plan_against(self._task.read(self._api))
        self._journal.settle(left)
        return left

    def _plan_against(self, catalog: Catalog) -> Plan:
        """Plan against what was read, without what Port has already but does not give back."""
        self._planned = self._make_plan(catalog)
        self._catalog = catalog
        self._shown = self._journal.select_changes(self._shown, self._planned.changes)
        return self._planned

    def _make_plan(self, catalog: Catalog) -> Plan:
        goal = self._task.build(catalog)
        present = tuple(
            part.without_hidden()
            if isinstance(part, Resource)
            and self._journal.has_written_hidden(part.key)
            # What was read before it was written needs it still.
            and catalog.get(part.key) is not None
            else part
            for part in goal.present
        )
        return plan(replace(goal, present=present), catalog)

    def _read_until_stable(self) -> None:
        """Read again right before overwriting, until two readings in a row agree on what to write.

        Port has no conditional writes. This keeps what somebody wrote since the first reading, and
        an answer that lost a part on its way from overwriting that part.
        """
        for _ in range(_READS):
            before = self._planned.stages
            if self._plan_against(self._task.read(self._api)).stages == before:
                return
        raise _UnsettledError(
            ConcurrentChangeError(
                "What Port has changes each time it is read; nothing was written over it.",
                hint=f"Somebody else may be changing it at the same time. {_RUN_AGAIN}",
            )
        )

    def _write_stages(self, planned: Plan) -> tuple[FalcoportError | None, Catalog]:
        """Send the writes, stage by stage; return the failure to be settled by reading, if any.

        What is created goes out together. What overwrites goes one by one, each right behind a
        reading of its own, so that what others write between two of our writes is kept.
        """
        catalog = self._catalog
        for stage in planned.stages:
            creates = [write for write in stage if write.action is Action.CREATE]
            answers = run_concurrently([partial(self._send, write) for write in creates])
            failure, catalog = _take_answers(catalog, creates, answers)
            for write in stage:
                if failure is None and write.action is not Action.CREATE:
                    failure, catalog = self._overwrite(write, catalog)
            if failure is not None:
                return failure, catalog
        return None, catalog

    def _overwrite(self, write: Write, catalog: Catalog) -> tuple[FalcoportError | None, Catalog]:
        """Send a write over what Port has in this moment; return as `_write_stages`."""
        began = time.monotonic()
        now, catalog = self._confirm(write, catalog)
        if now is None:
            return None, catalog
        outcome = _take_answers(catalog, [now], [self._send(now)])
        self._slowest = max(self._slowest, time.monotonic() - began)
        return outcome

    def _confirm(self, write: Write, catalog: Catalog) -> tuple[Write | None, Catalog]:
        """Read what a write goes over once more; return the write that now makes the goal of it.

        That is None where Port has it already. What is different from what was planned counts once
        two readings agree on it, as in `_read_until_stable`. All else is as the plan was made from:
        what is ours may only show beside what this run has deleted since.
        """
        expected: Write | None = write
        for _ in range(_READS):
            live = write.resource.read(self._api, write.key)
            writes = self._make_plan(self._catalog.with_answer(write.key, live)).writes
            found = next((one for one in writes if one.key == write.key), None)
            if found is not None and found.action is Action.CREATE:
                break  # it vanished: what else depends on it is to be planned again
            if found == expected:
                return found, catalog.with_answer(write.key, live)
            expected = found
        raise _UnsettledError(
            ConcurrentChangeError(
                f"The {write.key} changes each time it is read; it was not written over.",
                hint=f"Somebody else may be changing it at the same time. {_RUN_AGAIN}",
            )
        )

    def _send(self, write: Write) -> Json | FalcoportError | None:
        """Send one write; a failure is a value, since its neighbours' outcomes count as well."""
        self._sent.append(write)
        self._journal.started(write)
        try:
            answer = _request(self._api, write)
        except UnknownOutcomeError as error:
            return error
        except NotFoundError as error:
            self._journal.rolled_back(write)
            return None if write.action is Action.DELETE else error
        except FalcoportError as error:
            self._journal.rolled_back(write)
            return error
        self._journal.finished(write)
        return answer


# Port may still see entities right after it removed them (API reference, DELETE blueprint).
_SETTLED_BY_READING = (UnknownOutcomeError, TakenError, NotFoundError, DependentsError)


def _take_answers(
    catalog: Catalog, writes: Sequence[Write], answers: Sequence[Json | FalcoportError | None]
) -> tuple[FalcoportError | None, Catalog]:
    """Return the first failure that reading can settle, and the catalog after the writes.

    Raise a failure that it cannot.
    """
    failures = [answer for answer in answers if isinstance(answer, FalcoportError)]
    for failure in failures:
        if not isinstance(failure, _SETTLED_BY_READING):
            raise failure
    if failures:
        return failures[0], catalog
    for write, answer in zip(writes, answers, strict=True):
        assert not isinstance(answer, FalcoportError)
        catalog = catalog.with_answer(write.key, answer)
    return None, catalog


def _request(api: PortApi, write: Write) -> Json | None:
    kind = write.resource
    if write.action is Action.CREATE:
        return kind.create(api, write.key, write.body)
    if write.action is Action.UPDATE and write.whole is not None:
        return kind.replace(api, write.key, write.whole)
    if write.action is Action.UPDATE:
        return kind.update(api, write.key, write.body)
    kind.delete(api, write.key)
    return None


def _final(error: FalcoportError) -> FalcoportError:
    """Return the error to end with after the last round; only a vanished resource needs words."""
    if not isinstance(error, NotFoundError):
        return error
    return ConcurrentChangeError(
        f"Something was removed from Port while it was written: {error.message}",
        where=error.where,
        hint="Run the same command again.",
    )


def _verify(written: Sequence[Write], planned: Plan, catalog: Catalog) -> None:
    """Compare what was written with what Port has now; raise ConcurrentChangeError if it differs.

    `planned` is the plan against what Port has now: anything in it was undone by somebody.
    """
    fields = [
        f"{change.key}: {changed.field}" for change in planned.changes for changed in change.fields
    ]
    for write in written:
        now = catalog.get(write.key)
        if write.action is Action.UPDATE and now is not None:
            kept = {key: now.get(key) for key in write.body}
            fields.extend(
                f"{write.key}: {changed.field}"
                for changed in difference(write.body, kept)
                if changed.before is not None and not _is_hidden(write, changed)
            )
    if fields:
        raise ConcurrentChangeError(
            f"Port does not have what was just written: {', '.join(dict.fromkeys(fields))}.",
            hint="Somebody else may be changing it at the same time. Look at `falcoport plan`, "
            "then run the same command again.",
        )


def _is_hidden(write: Write, changed: FieldChange) -> bool:
    return changed.field in write.resource.hidden_fields
