"""Tell whether a set-up is whole, and what its alerts look like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from falcoport.commands.alert_counts import AlertCounts, Question, count_alerts
from falcoport.commands.choices import SetupChoices
from falcoport.commands.defaults import DEFAULT_RELATION
from falcoport.commands.extras.build import find_installed, list_keys, with_installed
from falcoport.commands.extras.choices import Extra, ExtraChoices
from falcoport.commands.extras.subject import find_subject
from falcoport.commands.goals.setup import build_setup_goal, setup_keys
from falcoport.errors import FalcoportError, Problem
from falcoport.port.concurrency import run_concurrently
from falcoport.reconcile.changes import compare
from falcoport.reconcile.goal import lay_over
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import Fragment, Health, Key, PartStatus, Resource
from falcoport.settings import find_app_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.port.api import PortApi
    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.goal import Goal
    from falcoport.resources.interface import Catalog, Part

_LOOK_BACK = timedelta(hours=1)


@dataclass(frozen=True)
class StatusRequest:
    """Which set-up, and the options it was made with."""

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)


@dataclass(frozen=True)
class StatusResult:
    """How each part of a set-up is; `alerts` is None where there is no blueprint.

    `failures` is what Port's audit log says of the last hour's alerts that it did not store, newest
    first, None where it cannot be asked.
    `page` is the address of the catalog page of these alerts, in Port or the sandbox.
    `extras` says of everything that `--with` can add how it is, `missing` where it is not there.
    """

    parts: tuple[PartStatus, ...]
    webhook: Json | None
    alerts: AlertCounts | None
    failures: tuple[str, ...] | None = None
    extras: Mapping[Extra, Health] = field(default_factory=dict)
    page: str | None = None

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
    empty = build_setup_goal(request.manifests, request.choices)
    keys = (*setup_keys(request.manifests, request.choices), *list_keys(empty))
    with context.connect() as api:
        api.authenticate()
        catalog, failures = run_concurrently(
            [
                partial(read_catalog, api, keys),
                partial(_read_failures, api, request.manifests.webhook.identifier),
            ]
        )
        goal = build_setup_goal(request.manifests, request.choices, catalog)
        question = _make_question(request.manifests, goal, catalog)
        is_there = catalog.get(Key(Blueprint.kind, question.blueprint)) is not None
        counts = count_alerts(api, question) if is_there else None
    webhook = catalog.get(Key("webhook", request.manifests.webhook.identifier))
    extras = ExtraChoices(api_url=context.settings.api_url.value)
    installed = find_installed(goal, catalog, extras)
    lines = _describe_by_part(with_installed(goal, installed), catalog)
    return StatusResult(
        tuple(line for of_part in lines.values() for line in of_part),
        webhook,
        counts,
        failures,
        {
            extra: _sum_up([s for part in installed[extra].own for s in lines[part.key]])
            if extra in installed
            else Health.MISSING
            for extra in Extra
        },
        find_catalog_page(context.settings.api_url.value, question.blueprint) if is_there else None,
    )


def find_catalog_page(api_url: str, blueprint: str) -> str:
    """Return the address of the page that Port makes for a blueprint.

    Its name is the blueprint's with an `s` appended, unless it ends in one (Terraform provider,
    its acceptance test of catalog pages, 2026-08).
    """
    return f"{find_app_url(api_url)}/{blueprint.removesuffix('s')}s"


def _read_failures(api: PortApi, webhook: str) -> tuple[str, ...] | None:
    """Return the audit log's failures of the last hour; None where Port does not give them."""
    try:
        found = api.webhook_failures(webhook, datetime.now(UTC) - _LOOK_BACK)
    except FalcoportError:
        return None  # only an administrator may ask
    return tuple(failure.message for failure in found)


def _sum_up(lines: Sequence[PartStatus]) -> Health:
    """Return how several parts are together: the first thing that is not as it should be."""
    return next((line.state for line in lines if line.state is not Health.OK), Health.OK)


def _describe_by_part(goal: Goal, catalog: Catalog) -> dict[Key, Sequence[PartStatus]]:
    """Return how every part is, compared with what `setup` would make of it.

    What only holds parts of ours is somebody else's and has no lines.
    """
    changes = compare(goal, catalog, lay_over(goal, catalog))
    return {
        part.key: _describe_part(part, change, goal, catalog)
        for part, change in zip(goal.present, changes, strict=False)
        if not (isinstance(part, Resource) and part.partial)
    }


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


def _make_question(manifests: Manifests, goal: Goal, catalog: Catalog) -> Question:
    """Return what is counted: alerts, or findings where no alerts are kept."""
    subject = find_subject(goal, catalog)
    alerts = Key(Blueprint.kind, manifests.blueprint.identifier)
    if subject.is_finding and any(part.key == alerts for part in goal.present):
        planned = lay_over(goal, catalog).planned.get(alerts)
        subject = replace(subject, blueprint=planned or {}, is_finding=False)
    return Question(
        subject.identifier,
        DEFAULT_RELATION if DEFAULT_RELATION in subject.relations else "",
        subject.time,
        has_cluster="cluster" in subject.properties,
    )
