"""Tell whether a set-up is whole, and what its alerts look like."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from falcoport.commands.choices import SetupChoices
from falcoport.commands.set_up import build_setup_goal, setup_keys
from falcoport.errors import FalcoportError, PortError, Problem
from falcoport.port.concurrency import run_concurrently
from falcoport.port.errors import NotFoundError
from falcoport.reconcile.changes import compare
from falcoport.reconcile.goal import lay_over
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import Fragment, Health, Key, PartStatus
from falcoport.resources.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.port.api import PortApi
    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.goal import Goal
    from falcoport.resources.interface import Catalog, Part

_PAGE = 1000
_LOOK_BACK = timedelta(days=1)
# What the counts do not need and what is long.
_LONG = ("output", "output_field", "tags")


@dataclass(frozen=True)
class StatusRequest:
    """Which set-up, and the options it was made with."""

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)


@dataclass(frozen=True)
class AlertCounts:
    """The alerts in the catalog; `newest` is the latest alert's own time, None without alerts.

    `by_priority` and `by_namespace` count those that were looked at, which is all of them where
    `complete`.
    """

    count: int
    newest: datetime | None
    by_priority: dict[str, int]
    by_namespace: dict[str, int]
    without_namespace: int
    complete: bool


@dataclass(frozen=True)
class StatusResult:
    """How each part of a set-up is; `alerts` is None where there is no blueprint.

    `failures` is what Port's audit log says of the last day's alerts that it did not store, newest
    first, None where it cannot be asked.
    """

    parts: tuple[PartStatus, ...]
    webhook: Json | None
    alerts: AlertCounts | None
    failures: tuple[str, ...] | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is not as it should be."""
        return tuple(
            Problem(
                str(part.state),
                f"The {part.name} {part.identifier} is {part.state}"
                f"{f': {part.detail}' if part.detail else ''}.",
                f"{part.name} {part.identifier}",
                "Look at `falcoport plan`, then run `falcoport setup`.",
            )
            for part in self.parts
            if part.state is not Health.OK
        )


def status(request: StatusRequest, context: Context) -> StatusResult:
    """Compare Port with what `setup` would make, and count its alerts. Raise PortError."""
    keys = setup_keys(request.manifests, request.choices)
    blueprint = request.manifests.blueprint.identifier
    with context.connect() as api:
        api.authenticate()
        catalog, count, page, failures = run_concurrently(
            [
                partial(read_catalog, api, keys),
                partial(api.entities_count, blueprint),
                partial(_read_first_page, api, blueprint),
                partial(_read_failures, api, request.manifests.webhook.identifier),
            ]
        )
        goal = build_setup_goal(request.manifests, request.choices, catalog)
        counts = None
        if count is not None and page is not None:
            counts = _count_all(api, blueprint, count, page, _first_relation(goal))
    if catalog.get(Key(Blueprint.kind, blueprint)) is None:
        counts = None
    webhook = catalog.get(Key("webhook", request.manifests.webhook.identifier))
    return StatusResult(describe_parts(goal, catalog), webhook, counts, failures)


def _read_failures(api: PortApi, webhook: str) -> tuple[str, ...] | None:
    """Return the audit log's failures of the last day; None where Port does not give them."""
    try:
        found = api.webhook_failures(webhook, datetime.now(UTC) - _LOOK_BACK)
    except FalcoportError:
        return None  # only an administrator may ask
    return tuple(failure.message for failure in found)


def describe_parts(goal: Goal, catalog: Catalog) -> tuple[PartStatus, ...]:
    """Return how every part of a set-up is, compared with what `setup` would make of it."""
    changes = compare(goal, catalog, lay_over(goal, catalog))
    return tuple(
        line
        for part, change in zip(goal.present, changes, strict=True)
        for line in _describe_part(part, change, goal, catalog)
    )


def _describe_part(
    part: Part, change: Change, goal: Goal, catalog: Catalog
) -> Sequence[PartStatus]:
    if isinstance(part, Fragment):
        owner = catalog.get(part.owner)
        live = None if owner is None else part.extract(owner)
    else:
        live = catalog.get(part.key)
    lines = part.describe_status(live, change.fields if live is not None else ())
    created = {one.key for one in goal.present}
    missing = [n for n in part.needs if catalog.get(n) is None and n not in created]
    if live is None or not missing:
        return lines
    detail = f"{missing[0]} is not there"
    return [replace(line, state=Health.MISSING, detail=detail) for line in lines]


def _first_relation(goal: Goal) -> str:
    return next((part.identifier for part in goal.present if isinstance(part, Relation)), "")


def _read_first_page(api: PortApi, blueprint: str) -> tuple[list[Json], bool] | None:
    """Return the first alerts and whether they are all; None without the blueprint."""
    try:
        entities, following = api.search_entities(
            blueprint, {"limit": _PAGE, "exclude": list(_LONG)}
        )
    except NotFoundError:
        return None
    return entities, following is None


def _count_all(
    api: PortApi, blueprint: str, count: int, page: tuple[list[Json], bool], relation: str
) -> AlertCounts:
    """Count all alerts, in one more request where they are many; the first page if Port cannot."""
    entities, complete = page
    if not complete:
        try:
            entities, complete = api.entities(blueprint, exclude=_LONG), True
        except PortError:
            complete = False
    return count_alerts(max(count, len(entities)), entities, relation, complete=complete)


def count_alerts(
    count: int, entities: Sequence[Mapping[str, Any]], relation: str, *, complete: bool
) -> AlertCounts:
    """Count alerts by priority and by what their `relation` points to."""
    priorities: Counter[str] = Counter()
    namespaces: Counter[str] = Counter()
    without = 0
    newest: datetime | None = None
    for entity in entities:
        properties = entity.get("properties") or {}
        priorities[str(properties.get("priority") or "(none)")] += 1
        related = (entity.get("relations") or {}).get(relation)
        names = related if isinstance(related, list) else [related] if related else []
        without += not names
        namespaces.update(str(name) for name in names)
        time = parse_alert_time(properties.get("time"))
        if time is not None and (newest is None or time > newest):
            newest = time
    return AlertCounts(
        count=count,
        newest=newest,
        by_priority=dict(priorities.most_common()),
        by_namespace=dict(namespaces.most_common()),
        without_namespace=without,
        complete=complete,
    )


def parse_alert_time(text: object) -> datetime | None:
    """Read a time as Falco writes it (nine digits of a second), None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
