"""Tell whether a set-up is whole, and what its alerts look like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from falcoport.commands.alert_counts import AlertCounts, Question, count_alerts
from falcoport.commands.choices import SetupChoices
from falcoport.commands.defaults import DEFAULT_RELATION
from falcoport.commands.extras.build import (
    find_expected,
    find_refusals,
    list_keys,
    read_with_extras,
    with_installed,
)
from falcoport.commands.extras.choices import NO_CHOICES, ExtraChoices
from falcoport.commands.extras.dashboard import name_catalog_page
from falcoport.commands.extras.subject import Subject, find_subject
from falcoport.commands.goals.setup import build_first_goal, build_setup_goal, setup_keys
from falcoport.errors import FalcoportError, Problem
from falcoport.manifests.extra_names import Extra
from falcoport.port.concurrency import run_concurrently
from falcoport.reconcile.changes import compare
from falcoport.reconcile.goal import lay_over
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
    """Which set-up, and the options it was made with.

    What `extras` want must be there; the others are looked at where they are.
    """

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)
    extras: ExtraChoices = NO_CHOICES


@dataclass(frozen=True)
class StatusResult:
    """How each part of a set-up is.

    `alerts` and `findings` are None where there is no blueprint of them.
    `failures` is what Port's audit log says of the last hour's alerts that it did not store, newest
    first, None where it cannot be asked.
    `page` is the address of the catalog page of these alerts, in Port or the sandbox.
    `extras` says of everything that `--with` can add how it is, `missing` where it is not there,
    `refusals` why this set-up cannot have some of it.
    """

    parts: tuple[PartStatus, ...]
    webhook: Json | None
    alerts: AlertCounts | None
    findings: AlertCounts | None = None
    failures: tuple[str, ...] | None = None
    extras: Mapping[Extra, Health] = field(default_factory=dict)
    refusals: Mapping[Extra, str] = field(default_factory=dict)
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
    empty = build_first_goal(request.manifests, request.choices)
    keys = (*setup_keys(request.manifests, request.choices), *list_keys(empty))
    with context.connect() as api:
        api.authenticate()
        (catalog, goal), failures = run_concurrently(
            [
                partial(
                    read_with_extras,
                    api,
                    keys,
                    lambda found: build_setup_goal(request.manifests, request.choices, found),
                ),
                partial(_read_failures, api, request.manifests.webhook.identifier),
            ]
        )
        questions = _make_questions(goal, catalog)
        alerts, findings = run_concurrently(
            [
                partial(count_alerts, api, one) if one is not None else _count_nothing
                for one in questions
            ]
        )
    api_url = context.settings.api_url.value
    extras = replace(request.extras, api_url=api_url)
    expected = find_expected(goal, catalog, extras)
    lines = _describe_by_part(with_installed(goal, expected), catalog)
    counted = next((one.blueprint for one in questions if one is not None), None)
    return StatusResult(
        tuple(line for of_part in lines.values() for line in of_part),
        catalog.get(Key("webhook", request.manifests.webhook.identifier)),
        alerts,
        findings,
        failures,
        {
            extra: _sum_up([s for part in expected[extra].own for s in lines[part.key]])
            if extra in expected
            else Health.MISSING
            for extra in Extra
        },
        find_refusals(goal, catalog, extras),
        None if counted is None else find_catalog_page(api_url, counted),
    )


def find_catalog_page(api_url: str, blueprint: str) -> str:
    """Return the address of the page that Port makes for a blueprint."""
    return f"{find_app_url(api_url)}/{name_catalog_page(blueprint)}"


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


def _make_questions(goal: Goal, catalog: Catalog) -> tuple[Question | None, Question | None]:
    """Return what is counted of alerts and of findings, None for what Port has no blueprint of."""
    subject = find_subject(goal, catalog)
    subjects = (subject.alerts, subject) if subject.is_finding else (subject, None)
    of_alerts, of_findings = (
        None
        if one is None or catalog.get(Key(Blueprint.kind, one.identifier)) is None
        else _make_question(one)
        for one in subjects
    )
    return of_alerts, of_findings


def _make_question(subject: Subject) -> Question:
    return Question(
        subject.identifier,
        DEFAULT_RELATION if DEFAULT_RELATION in subject.relations else "",
        subject.time,
        has_cluster="cluster" in subject.properties,
        has_status=subject.has_status,
    )


def _count_nothing() -> None:
    """Ask nothing where there is nothing to count."""
