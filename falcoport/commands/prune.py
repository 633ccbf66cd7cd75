"""The use case `prune`: delete alerts by age, counted before and after."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import FalcoportError, InterruptedRunError, NotSetUpError, UsageError
from falcoport.retention.deletion import Deleted, Deleter
from falcoport.retention.selection import (
    ALERTS_TIME,
    FINDINGS_TIME,
    Choice,
    Kind,
    Selection,
    choose,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.port.api import PortApi

_FIRST_PROGRESS = 2.0
_PROGRESS = 10.0


@dataclass(frozen=True)
class PruneRequest:
    """What to delete; `findings` is the blueprint of findings where those are meant as well.

    `confirmed` says that nobody need be asked.
    """

    selection: Selection
    alerts: str = "falco_alert"
    findings: str | None = None
    dry_run: bool = False
    confirmed: bool = False


@dataclass(frozen=True)
class Pruned:
    """What became of one blueprint's entities.

    `before` and `after` are how many there are at all; `chosen` were to go, by month and priority
    in `months`; `open_critical` and `newest` stayed as asked for; `needed` others need.
    `remaining` of those chosen are there at the end, as Port then says.
    """

    blueprint: str
    before: int
    chosen: int
    months: tuple[tuple[str, dict[str, int]], ...]
    open_critical: int = 0
    newest: int = 0
    deleted: int = 0
    already_absent: int = 0
    needed: tuple[str, ...] = ()
    after: int | None = None
    remaining: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to go is gone."""
        return not self.needed and not self.remaining


@dataclass(frozen=True)
class PruneResult:
    """What became of alerts and findings."""

    pruned: tuple[Pruned, ...]
    dry_run: bool = False
    seconds: float = 0.0


def prune(request: PruneRequest, context: Context) -> PruneResult:
    """Look, ask, delete, look again.

    Raise NotSetUpError without the blueprint, UsageError where nobody could be asked, AccessError
    and PortError.
    """
    started = time.monotonic()
    with context.connect() as api:
        kinds = _kinds(request, api)
        choices = [(kind, _look(request.selection, kind, api, context)) for kind in kinds]
        looked = tuple(_plan(kind, choice, api) for kind, choice in choices)
        if request.dry_run or not any(one.chosen for one in looked):
            return PruneResult(looked, dry_run=request.dry_run)
        if not request.confirmed:
            _ask(looked, context)
        done = tuple(
            _delete(request.selection, kind, choice, before, api, context)
            for (kind, choice), before in zip(choices, looked, strict=True)
        )
    return PruneResult(done, seconds=time.monotonic() - started)


def _kinds(request: PruneRequest, api: PortApi) -> list[Kind]:
    """Return what is pruned; Port is asked whether it has that, and what it is chosen by."""
    kinds = [Kind(request.alerts, ALERTS_TIME)]
    if request.findings is not None:
        kinds.append(Kind(request.findings, FINDINGS_TIME))
    for kind in kinds:
        blueprint = api.blueprint(kind.blueprint)
        if blueprint is None:
            raise NotSetUpError.missing("blueprint", kind.blueprint)
        _check_properties(request.selection, kind, blueprint)
    return kinds


def _check_properties(selection: Selection, kind: Kind, blueprint: Json) -> None:
    """Raise UsageError for a choice by something that the blueprint does not have."""
    properties = blueprint["schema"].get("properties") or {}
    wanted = [(kind.time, "--older-than")]
    if selection.statuses:
        wanted.append(("status", "--status"))
    for name, option in wanted:
        if name not in properties:
            raise UsageError(
                f"The blueprint {kind.blueprint} has no property {name} to choose by.",
                where=option,
                hint="The profile standard has one: `falcoport setup --profile standard`."
                if name == "status"
                else "Alerts are chosen by the time that Falco gave them.",
            )
    if selection.namespaces and selection.relation not in (blueprint.get("relations") or {}):
        raise UsageError(
            f"The blueprint {kind.blueprint} has no relation {selection.relation} to choose by.",
            where="--namespace",
            hint="`falcoport add-relation` adds it.",
        )


def _look(selection: Selection, kind: Kind, api: PortApi, context: Context) -> Choice:
    return choose(selection, kind, _search(selection.search(kind), kind, api, context))


def _search(body: Json, kind: Kind, api: PortApi, context: Context) -> Iterator[Json]:
    """Yield every entity that a search finds; the next page is asked for meanwhile."""
    seen = 0
    next_word = time.monotonic() + _FIRST_PROGRESS
    pool = ThreadPoolExecutor(1)
    try:
        page = pool.submit(api.search_entities, kind.blueprint, body)
        while True:
            entities, following = page.result()
            is_last = following is None or not entities
            if not is_last:
                more = {**body, "from": following}
                page = pool.submit(api.search_entities, kind.blueprint, more)
            yield from entities
            seen += len(entities)
            if time.monotonic() > next_word:
                next_word = time.monotonic() + _PROGRESS
                context.progress(f"Looking: {seen:,} of {kind.blueprint} so far.")
            if is_last:
                return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for an answer


def _plan(kind: Kind, choice: Choice, api: PortApi) -> Pruned:
    return Pruned(
        blueprint=kind.blueprint,
        before=api.entities_count(kind.blueprint) or 0,
        chosen=len(choice.going),
        months=tuple(choice.by_month),
        open_critical=choice.open_critical,
        newest=choice.newest,
    )


def _ask(looked: tuple[Pruned, ...], context: Context) -> None:
    """Show how many go, and go on only if a person agrees. Raise UsageError."""
    what = " and ".join(f"{one.chosen:,} of {one.blueprint}" for one in looked if one.chosen)
    question = f"{what} will be deleted from Port and cannot be brought back"
    if context.confirm is None:
        raise UsageError(
            f"{question}.",
            code="needs_yes",
            where="--yes",
            hint="There is no terminal to confirm it: add --yes if that is what you want.",
        )
    for one in looked:
        for month, counts in one.months:
            parts = ", ".join(f"{count:,} {priority}" for priority, count in counts.items())
            context.progress(f"{one.blueprint} {month}: {parts}")
    if not context.confirm(f"{question}. Delete them?"):
        raise UsageError("Nothing was deleted.", code="declined")


def _delete(
    selection: Selection,
    kind: Kind,
    choice: Choice,
    looked: Pruned,
    api: PortApi,
    context: Context,
) -> Pruned:
    from dataclasses import replace

    deleter = Deleter(api, kind.blueprint, context.progress)
    try:
        outcome = deleter.delete([one.identifier for one in choice.going])
    except FalcoportError as error:
        error.progress = error.progress or _describe(deleter.outcome)
        raise
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted. {deleter.outcome.deleted:,} of {kind.blueprint} were deleted.",
            hint="Run the same command again for the rest.",
        ) from None
    going = {one.identifier for one in choice.going}
    body = {**selection.search(kind), "include": ["$identifier"]}
    still = sum(str(one["identifier"]) in going for one in _search(body, kind, api, context))
    return replace(
        looked,
        deleted=outcome.deleted,
        already_absent=outcome.already_absent,
        needed=tuple(outcome.needed),
        remaining=still - len(outcome.needed),
        after=api.entities_count(kind.blueprint),
    )


def _describe(outcome: Deleted) -> str:
    return f"{outcome.deleted:,} were deleted." if outcome.deleted else ""
