"""Write what `setup` keeps in Port as code, or as the bodies that Port's API takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.choices import SetupChoices, find_live_finding_mapping
from falcoport.commands.defaults import DEFAULT_RELATION
from falcoport.commands.extras.build import find_installed, is_installed, list_keys
from falcoport.commands.goals.setup import build_new_bodies, build_setup_goal, setup_keys
from falcoport.errors import NotSetUpError, UsageError
from falcoport.mapping import finding_expressions
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.interface import Key
from falcoport.terraform.export import Resources, bodies, terraform
from falcoport.terraform.extras import ExtraBodies
from falcoport.terraform.language import ExportLanguage

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.reconcile.goal import Goal
    from falcoport.resources.interface import Catalog


@dataclass(frozen=True)
class ExportRequest:
    """What to export: what Port has, or with `offline` what `setup` would create.

    `namespace_blueprint` adds the blueprint that alerts are related to. `choices` are `setup`'s.
    """

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)
    language: ExportLanguage = ExportLanguage.TERRAFORM
    offline: bool = False
    namespace_blueprint: bool = False


def export(request: ExportRequest, context: Context) -> str:
    """Return the code. Raise UsageError, CheckFailedError or InputError."""
    if request.choices != SetupChoices() and not request.offline:
        raise UsageError(
            "Options that change the mapping go with --offline: otherwise Port says what it is.",
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
    (blueprint, *others), webhook = build_new_bodies(request.manifests, request.choices)
    target = (blueprint.get("relations") or {}).get(DEFAULT_RELATION, {}).get("target")
    helpers = (m.body for m in request.manifests.namespaces if m.identifier == target)
    namespace = next(helpers, None) if request.namespace_blueprint else None
    return Resources(blueprint, webhook, namespace, others[0] if others else None)


def _live(request: ExportRequest, context: Context) -> Resources:
    """Return what is in Port; raise CheckFailedError where something is not."""
    manifests = request.manifests
    webhook = Key("webhook", manifests.webhook.identifier)
    blueprint = Key("blueprint", manifests.blueprint.identifier)
    with context.connect() as api:
        setup = build_setup_goal(manifests, request.choices)
        keys = (*setup_keys(manifests, request.choices), *list_keys(setup))
        catalog = read_catalog(api, [webhook, blueprint, _FINDING, *keys])
        live = _existing(catalog, webhook)
        extras = _find_extras(build_setup_goal(manifests, request.choices, catalog), catalog)
        finding = _find_finding(catalog, live)
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


_FINDING = Key("blueprint", finding_expressions.BLUEPRINT)


def _find_finding(catalog: Catalog, webhook: Json) -> Json | None:
    """Return the blueprint of findings where the webhook makes some."""
    mapping = find_live_finding_mapping(list(webhook.get("mappings") or []))
    return None if mapping is None else catalog.get(_FINDING)


def _find_extras(goal: Goal, catalog: Catalog) -> ExtraBodies:
    """Return what `setup --with …` made, as Port has it."""
    installed = find_installed(goal, catalog).values()
    parts = [one for extra in installed for one in extra.own if is_installed(one, catalog)]

    def bodies_of(kind: str) -> tuple[Json, ...]:
        found = (catalog.get(one.key) for one in parts if one.key.kind == kind)
        return tuple(body for body in found if body is not None)

    return ExtraBodies(
        bodies_of("page"),
        bodies_of("scorecard"),
        bodies_of("action"),
        tuple(
            f"{one.key}{f' of blueprint {one.key.parent}' if one.key.parent else ''}"
            for one in parts
            if one.key.kind in ("aggregation", "permissions", "secret")
        ),
    )


def _existing(catalog: Catalog, key: Key) -> Json:
    body = catalog.get(key)
    if body is None:
        raise NotSetUpError.missing(key.kind, key.identifier)
    return body
