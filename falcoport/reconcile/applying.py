"""Reading Port, and writing a plan until Port agrees with it.

Every write is one request; whatever happens between two of them, reading again and planning again
continues where it stopped. That is how lost answers, conflicts and other people's writes are
settled as well: by reading, never by guessing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from falcoport.errors import (
    AGAIN,
    ConcurrentChangeError,
    FalcoportError,
    InterruptedRunError,
    PortError,
)
from falcoport.port.concurrency import run_concurrently
from falcoport.port.errors import (
    DependentsError,
    NotFoundError,
    TakenError,
    UnknownOutcomeError,
)
from falcoport.port.retry import retry
from falcoport.reconcile.planning import Action, Change, Desired, Live, Plan, Resource, Write
from falcoport.resources.merging import difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from falcoport.port.api import PortApi
    from falcoport.resources.merging import FieldChange, Json

_NEVER_READ = "security"
"""The key of a webhook whose secret Port keeps to itself."""
_REMOVAL_SECONDS = 60.0
"""How long to wait for Port to remove alerts."""
_LOOKS = 3
"""How often to look again right before an update for two looks that agree."""


@dataclass(frozen=True)
class Applied:
    """What was done: the changes, and the resources as Port has them now."""

    changes: tuple[Change, ...]
    live: Live


def read(api: PortApi, desired: Desired) -> Live:
    """Read everything that a plan needs, all at the same time.

    Raises AccessError or PortError.
    """
    own, webhook = desired.blueprint["identifier"], desired.webhook["identifier"]
    helpers = (helper["identifier"] for helper in desired.helpers)
    others = [name for name in dict.fromkeys([*helpers, *desired.targets]) if name != own]
    api.authenticate()
    blueprint, hook, *found = run_concurrently(
        [
            partial(api.blueprint, own),
            partial(api.webhook, webhook),
            *(partial(api.blueprint, name) for name in others),
        ]
    )
    return Live(blueprint, hook, dict(zip(others, found, strict=True)))


def read_for_removal(api: PortApi, desired: Desired) -> Live:
    """Read a set-up and everything that could depend on it, all at the same time.

    Raises AccessError or PortError.
    """
    own, webhook = desired.blueprint["identifier"], desired.webhook["identifier"]
    api.authenticate()
    blueprint, hook, alerts, blueprints, webhooks = run_concurrently(
        [
            partial(api.blueprint, own),
            partial(api.webhook, webhook),
            partial(api.entities_count, own),
            api.blueprints,
            api.webhooks,
        ]
    )
    return Live(
        blueprint,
        hook,
        alerts=alerts,
        neighbours=tuple(one for one in blueprints if one.get("identifier") != own),
        other_webhooks=tuple(one for one in webhooks if one.get("identifier") != webhook),
    )


def apply(
    api: PortApi,
    plan: Callable[[Live], Plan],
    read_live: Callable[[], Live],
    *,
    journal: Journal | None = None,
) -> Applied:
    """Read, plan and write until nothing is left to write.

    `read_live` and `plan` are the road's beginning; `journal` is where the writes are noted, for a
    caller who asks it later. Raises what they raise; PortError where the outcome of a write stays
    unclear; ConcurrentChangeError where somebody else's write shows in what was written;
    InterruptedRunError on Ctrl-C. An error that comes after something was written says in its
    `progress` what that was.
    """
    journal = journal or Journal()
    try:
        return _Road(api, plan, read_live, journal).travelled()
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted. {journal.sentence() or 'Nothing was changed in Port.'}",
            hint=AGAIN,
        ) from None
    except FalcoportError as error:
        error.progress = journal.sentence()
        raise


class _UnsettledError(Exception):
    """A write failed in a way that only reading can settle."""

    def __init__(self, failure: FalcoportError) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _Road:
    """What was read last, what is planned against it, and what to tell about in the end."""

    def __init__(
        self,
        api: PortApi,
        plan: Callable[[Live], Plan],
        read_live: Callable[[], Live],
        journal: Journal,
    ) -> None:
        self._plan = plan
        self._read_live = read_live
        self._journal = journal
        self._writer = _Writer(api, journal)
        self._live = read_live()
        self._planned = plan(self._live)
        self._shown = self._planned.changes
        self._is_settled = True

    def travelled(self) -> Applied:
        """Write until nothing is left to write; raises as `apply`."""
        try:
            return retry(self._round, on=_UnsettledError)
        except _UnsettledError as last:
            if self._settle().pending:
                raise _final(last.failure) from None
            return Applied(self._shown, self._live)

    def _round(self) -> Applied:
        """Write what is pending, and see that Port has it."""
        if not self._is_settled:
            self._settle()
        overwrites = self._planned.overwrites
        if overwrites:
            self._look_closely()
        if not self._planned.pending:
            return Applied(self._shown, self._live)
        self._is_settled = False
        written = self._planned
        failure, live = _write_stages(self._writer, written, self._live)
        if failure is not None:
            raise _UnsettledError(failure)
        now = self._look(self._read_live() if overwrites else live)
        _verify(written, now, self._live)
        if now.pending:
            left = ", ".join(
                f"{write.resource} {write.identifier}" for stage in now.stages for write in stage
            )
            raise _UnsettledError(
                ConcurrentChangeError(
                    f"Port says it is done, and it is not: {left}.",
                    hint="Run the same command again in a while.",
                )
            )
        return Applied(self._shown, self._live)

    def _settle(self) -> Plan:
        """Read what became of the writes so far; return what is left to write."""
        left = self._look(self._read_live())
        self._journal.settle(left)
        return left

    def _look(self, live: Live) -> Plan:
        self._live, self._planned = live, self._plan(live)
        self._shown = self._journal.shown(self._shown, self._planned.changes)
        return self._planned

    def _look_closely(self) -> None:
        """Read again right before overwriting, until two looks in a row agree on what to write.

        Port has no conditional writes. This keeps what somebody wrote since the first look, and
        an answer that lost a part on its way from overwriting that part.
        """
        for _ in range(_LOOKS):
            before = self._planned.stages
            if self._look(self._read_live()).stages == before:
                return
        raise ConcurrentChangeError(
            "What Port has changes each time it is read; nothing was written over it.",
            hint="Somebody else may be changing it at the same time. Run the same command again "
            "in a while.",
        )


# Port may still see entities right after it removed them (API reference, DELETE blueprint).
_SETTLED_BY_READING = (UnknownOutcomeError, TakenError, NotFoundError, DependentsError)


def _write_stages(writer: _Writer, planned: Plan, live: Live) -> tuple[FalcoportError | None, Live]:
    """Send the writes, stage by stage; return the failure to be settled by reading, if any."""
    for stage in planned.stages:
        outcomes = run_concurrently([partial(writer.outcome, write) for write in stage])
        failures = [outcome for outcome in outcomes if isinstance(outcome, FalcoportError)]
        for failure in failures:
            if not isinstance(failure, _SETTLED_BY_READING):
                raise failure
        if failures:
            return failures[0], live
        for write, answer in zip(stage, outcomes, strict=True):
            live = _adopted(live, write, answer)
    return None, live


@dataclass(frozen=True)
class _Writer:
    """Sends writes and notes in the journal what became of each."""

    api: PortApi
    journal: Journal

    def outcome(self, write: Write) -> Json | FalcoportError | None:
        """Send one write; a failure is a value, since its neighbours' outcomes count as well."""
        self.journal.begun(write)
        try:
            answer = self._send(write)
        except UnknownOutcomeError as error:
            return error
        except NotFoundError as error:
            self.journal.not_done(write)
            return None if write.action is Action.DELETE else error
        except FalcoportError as error:
            self.journal.not_done(write)
            return error
        self.journal.finished(write)
        return answer

    def _send(self, write: Write) -> Json | None:
        api, blueprint = self.api, write.resource is Resource.BLUEPRINT
        if write.resource is Resource.ALERTS:
            api.delete_all_entities(write.identifier)
            self._await_removal(write.identifier)
            return None
        if write.action is Action.CREATE:
            return (api.create_blueprint if blueprint else api.create_webhook)(write.body)
        if write.action is Action.UPDATE:
            update = api.update_blueprint if blueprint else api.update_webhook
            return update(write.identifier, write.body)
        (api.delete_blueprint if blueprint else api.delete_webhook)(write.identifier)
        return None

    def _await_removal(self, blueprint: str) -> None:
        """Wait until Port has removed all entities: it answers before it has."""

        def look() -> None:
            left = self.api.entities_count(blueprint)
            if left:
                raise _StillThereError(
                    f"Port is still removing alerts: {left} are left.",
                    where=f"blueprint {blueprint}",
                    hint="Run the same command again in a while.",
                )

        retry(look, on=_StillThereError, attempts=None, seconds=_REMOVAL_SECONDS)


class _StillThereError(PortError):
    """What Port removes by and by is not gone yet."""


def _final(error: FalcoportError) -> FalcoportError:
    """Return the error to end with after the last round; only a vanished resource needs words."""
    if not isinstance(error, NotFoundError):
        return error
    return ConcurrentChangeError(
        f"Something was removed from Port while it was written: {error.message}",
        where=error.where,
        hint="Run the same command again.",
    )


def _adopted(live: Live, write: Write, answer: Json | None) -> Live:
    """Return what Port has after a write, as its answer says."""
    if write.resource is Resource.WEBHOOK:
        return replace(live, webhook=answer)
    if write.resource is Resource.ALERTS:
        return replace(live, alerts=0)
    if write.identifier in live.others:
        return replace(live, others={**live.others, write.identifier: answer})
    return replace(live, blueprint=answer)


def _verify(written: Plan, planned: Plan, live: Live) -> None:
    """Compare what was written with what Port has now; raise ConcurrentChangeError if it differs.

    `planned` is the plan against what Port has now: anything in it was undone by somebody.
    """
    fields = [
        f"{change.resource} {change.identifier}: {field.field}"
        for change in planned.changes
        for field in change.fields
    ]
    for write in (write for stage in written.stages for write in stage):
        now = live.webhook if write.resource is Resource.WEBHOOK else live.blueprint
        if write.action is Action.UPDATE and now is not None:
            kept = {key: now.get(key) for key in write.body}
            fields.extend(
                f"{write.resource} {write.identifier}: {field.field}"
                for field in difference(write.body, kept)
                if field.before is not None and not _is_masked(field)
            )
    if fields:
        raise ConcurrentChangeError(
            f"Port does not have what was just written: {', '.join(dict.fromkeys(fields))}.",
            hint="Somebody else may be changing it at the same time. Look at `falcoport plan`, "
            "then run the same command again.",
        )


def _is_masked(field: FieldChange) -> bool:
    return field.field == "security.secret"


_Key = tuple[Resource, str, Action]


def _key(write: Write) -> _Key:
    return write.resource, write.identifier, write.action


class Journal:
    """What was written so far, for whoever is told that a run stopped."""

    def __init__(self) -> None:
        self._done: list[Write] = []
        self._begun: dict[_Key, Write] = {}
        self._finished: dict[_Key, Write] = {}

    def begun(self, write: Write) -> None:
        """Note that a write is about to be sent: from now on it may take effect."""
        self._begun[_key(write)] = write

    def not_done(self, write: Write) -> None:
        """Note that Port did not do it."""
        self._begun.pop(_key(write), None)

    def finished(self, write: Write) -> None:
        """Note that Port said it is done."""
        # In this order: whoever asks in between, after Ctrl-C, must be told of it.
        self._finished[_key(write)] = write
        self.not_done(write)
        self._done.append(write)

    def settle(self, left: Plan) -> None:
        """Correct what was noted by what reading shows: `left` is what is still to be written.

        A write that carries what Port does not give back stays as it was noted.
        """
        pending = {_key(write) for stage in left.stages for write in stage}
        for key, write in list((self._begun | self._finished).items()):
            if _NEVER_READ in write.body:
                continue
            if key in pending:
                self._begun.pop(key, None)
                self._finished.pop(key, None)
            elif key in self._begun:
                self.finished(write)

    def has_written(self, key: str) -> bool:
        """Tell whether Port said that a write with this key in its body is done.

        What Port does not give back can be settled only so, not by reading.
        """
        return any(key in write.body for write in self._done)

    def may_have_written(self, key: str) -> bool:
        """Tell whether a write with this key is done, or may be: its answer was lost."""
        return self.has_written(key) or any(
            key in write.body for write in list(self._begun.values())
        )

    def sentence(self) -> str:
        """Say what was done; empty if nothing was tried."""
        # Copies: requests under way may still write here after Ctrl-C.
        finished, begun = dict(self._finished), dict(self._begun)
        unknown = [write for key, write in begun.items() if key not in finished]
        parts = []
        if finished:
            parts.append(f"Done so far: {_listed(finished.values(), '')}.")
        if unknown:
            parts.append(f"Not known: {_listed(unknown, 'perhaps ')}.")
        return " ".join(parts)

    def shown(self, before: tuple[Change, ...], now: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes to tell about: as planned where this run wrote, as found otherwise."""
        planned = {(change.resource, change.identifier): change for change in before}
        found = {(change.resource, change.identifier): change for change in now}
        kept = {key: change for key, change in planned.items() if self._wrote(change)}
        merged = planned | found | kept
        return tuple(change for key, change in merged.items() if key in found or key in kept)

    def _wrote(self, change: Change) -> bool:
        resource = (
            (Resource.BLUEPRINT, change.blueprint)
            if change.resource is Resource.RELATION
            else (change.resource, change.identifier)
        )
        return any(key[:2] == resource for key in (*self._begun, *self._finished))


_PAST = {Action.CREATE: "created", Action.UPDATE: "updated", Action.DELETE: "deleted"}


def _listed(writes: Iterable[Write], perhaps: str) -> str:
    return ", ".join(
        f"{write.resource} {write.identifier} {perhaps}{_PAST[write.action]}" for write in writes
    )
