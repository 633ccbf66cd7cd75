"""Write what `setup` keeps in Port as code, or as the bodies that Port's API takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.choices import SetupChoices, find_live_finding_mapping
from falcoport.commands.defaults import DEFAULT_RELATION
from falcoport.commands.extras.build import (
    add_extras,
    find_installed,
    is_installed,
    list_keys,
    read_with_extras,
)
from falcoport.commands.extras.choices import NO_CHOICES, ExtraChoices
from falcoport.commands.goals.blueprint_parts import FINDING_RESOLVED
from falcoport.commands.goals.setup import build_setup_goal, find_webhook, setup_keys
from falcoport.errors import NotSetUpError, UsageError
from falcoport.mapping import finding_expressions
from falcoport.reconcile.goal import lay_over
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.aggregation import Aggregation
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import NOTHING, Key
from falcoport.terraform.export import Resources, bodies, terraform
from falcoport.terraform.extras import ExtraBodies
from falcoport.terraform.language import ExportLanguage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.reconcile.goal import Goal
    from falcoport.resources.interface import Catalog, Part


@dataclass(frozen=True)
class ExportRequest:
    """What to export: what Port has, or with `offline` what `setup` would create.

    `namespace_blueprint` adds the blueprint that alerts are related to. `choices` and `extras` are
    `setup`'s.
    """

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)
    language: ExportLanguage = ExportLanguage.TERRAFORM
    offline: bool = False
    namespace_blueprint: bool = False
    extras: ExtraChoices = NO_CHOICES


def export(request: ExportRequest, context: Context) -> str:
    """Return the code. Raise UsageError, CheckFailedError or InputError."""
    if (request.choices, request.extras) != (SetupChoices(), NO_CHOICES) and not request.offline:
        raise UsageError(
            "Options that change the set-up go with --offline: otherwise Port says what it is.",
            where="--offline",
        )
    resources = _named(request) if request.offline else _live(request, context)
    if request.language is ExportLanguage.JSON:
        return json.dumps(bodies(resources), indent=2, ensure_ascii=False) + "\n"
    if request.offline:
        return terraform(resources, adopt=False)
    return terraform(resources, adopt=True, api_url=context.settings.api_url.value)


def _named(request: ExportRequest) -> Resources:
    """Return what `setup` would create in an empty catalog."""
    goal = build_setup_goal(request.manifests, request.choices)
    goal = add_extras(goal, request.extras, NOTHING)
    planned = lay_over(goal, NOTHING).planned
    blueprint, *others = [
        body
        for part in goal.present
        if isinstance(part, Blueprint) and not part.create_only
        for body in [planned.get(part.key)]
        if body is not None
    ]
    target = (blueprint.get("relations") or {}).get(DEFAULT_RELATION, {}).get("target")
    helpers = (m.body for m in request.manifests.namespaces if m.identifier == target)
    namespace = next(helpers, None) if request.namespace_blueprint else None
    webhook = planned.get(find_webhook(goal).key)
    assert webhook is not None  # the goal has it
    own = {part.key for part in goal.present if isinstance(part, Aggregation)}
    beside = [one for one in goal.present if one.key not in own or one.key.parent != _FINDING_NAME]
    finding = others[0] if others else None
    return Resources(blueprint, webhook, namespace, finding, _bodies_of(beside, planned))


def _live(request: ExportRequest, context: Context) -> Resources:
    """Return what is in Port; raise CheckFailedError where something is not."""
    manifests = request.manifests
    webhook = Key("webhook", manifests.webhook.identifier)
    blueprint = Key("blueprint", manifests.blueprint.identifier)
    with context.connect() as api:
        setup = build_setup_goal(manifests, request.choices)
        keys = (*setup_keys(manifests, request.choices), *list_keys(setup))
        catalog, goal = read_with_extras(
            api,
            [webhook, blueprint, _FINDING, *keys],
            lambda found: build_setup_goal(manifests, request.choices, found),
        )
        live = _existing(catalog, webhook)
        finding = _find_finding(catalog, live)
        extras = _find_extras(goal, catalog, with_findings=finding is not None)
        if finding is not None and catalog.get(blueprint) is None:
            # `--findings-only`: the findings are all there is.
            blueprint, finding = _FINDING, None
        alert = _existing(catalog, blueprint)
        related = (alert.get("relations") or {}).get(DEFAULT_RELATION)
        if not request.namespace_blueprint or not isinstance(related, dict):
            return Resources(alert, live, finding=finding, extras=extras)
        namespace = Key("blueprint", str(related.get("target")))
        body = _existing(read_catalog(api, [namespace]), namespace)
    return Resources(alert, live, body, finding, extras)


_FINDING_NAME = finding_expressions.BLUEPRINT
_FINDING = Key("blueprint", _FINDING_NAME)
_LEFT_OUT = ("aggregation", "permissions", "secret", "columns")
"""Kinds that are parts of what belongs to others too, or whose value Port does not give back."""


def _find_finding(catalog: Catalog, webhook: Json) -> Json | None:
    """Return the blueprint of findings where the webhook makes some."""
    mapping = find_live_finding_mapping(list(webhook.get("mappings") or []))
    return None if mapping is None else catalog.get(_FINDING)


def _find_extras(goal: Goal, catalog: Catalog, *, with_findings: bool) -> ExtraBodies:
    """Return what `setup --with …` and `--findings` made beside blueprints, as Port has it."""
    installed = find_installed(goal, catalog).values()
    own = [part for part in goal.present if part.key == FINDING_RESOLVED and with_findings]
    parts = [
        one
        for one in (*own, *(part for extra in installed for part in extra.own))
        if is_installed(one, catalog)
    ]

    return _bodies_of(parts, catalog)


def _bodies_of(parts: Iterable[Part], catalog: Catalog) -> ExtraBodies:
    """Return the bodies of parts as they are in a catalog, and the names of what has none."""
    found: dict[str, list[Json]] = {"page": [], "scorecard": [], "action": []}
    left_out = []
    for part in parts:
        kind, where = part.key.kind, part.key.parent
        body = catalog.get(part.key)
        if kind in found and body is not None:
            found[kind].append({**body, "blueprint": where} if kind == "scorecard" else body)
        elif kind in _LEFT_OUT:
            left_out.append(f"{part.key}{f' of blueprint {where}' if where else ''}")
    page, scorecard, action = map(tuple, found.values())
    return ExtraBodies(page, scorecard, action, tuple(left_out))


def _existing(catalog: Catalog, key: Key) -> Json:
    body = catalog.get(key)
    if body is None:
        raise NotSetUpError.missing(key.kind, key.identifier)
    return body
