"""Write what `setup` keeps in Port as code, or as the bodies that Port's API takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.set_up import SetupChoices, build_new_bodies
from falcoport.errors import NotSetUpError, UsageError
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.interface import Key
from falcoport.terraform.export import Resources, bodies, terraform
from falcoport.terraform.language import ExportLanguage

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.manifests.loading import Manifests


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
    blueprint, webhook = build_new_bodies(request.manifests, request.choices)
    helper = request.manifests.namespace.body if request.namespace_blueprint else None
    return Resources(blueprint, webhook, helper)


def _live(request: ExportRequest, context: Context) -> Resources:
    """Return what is in Port; raise CheckFailedError where something is not."""
    manifests = request.manifests
    keys = [
        Key("webhook", manifests.webhook.identifier),
        Key("blueprint", manifests.blueprint.identifier),
    ]
    if request.namespace_blueprint:
        keys.append(Key("blueprint", manifests.namespace.identifier))
    with context.connect() as api:
        catalog = read_catalog(api, keys)
    found = []
    for key in keys:
        body = catalog.get(key)
        if body is None:
            raise NotSetUpError.missing(key.kind, key.identifier)
        found.append(body)
    webhook, blueprint, *namespace = found
    return Resources(blueprint, webhook, namespace[0] if namespace else None)
