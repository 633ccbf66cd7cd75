"""What `teardown` takes away, and what it keeps. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.commands.choices import (
    STANDARD_SIGN,
    find_alert_mapping,
    find_live_finding_mapping,
)
from falcoport.commands.goals.blueprint_parts import (
    AGGREGATIONS,
    FINDING_RESOLVED,
    RELATIONS,
    leads_to_finding,
    load_resolution,
    relations_named,
    without_relations,
)
from falcoport.manifests.loading import Profile, load_findings
from falcoport.mapping import finding_expressions
from falcoport.mapping.alert_fields import read_workload_expression
from falcoport.mapping.filter_expressions import ALL, read_filter
from falcoport.mapping.option_expressions import (
    Identifier,
    identifier_expression,
    is_tag_expression,
)
from falcoport.reconcile.goal import Goal, Kept
from falcoport.resources.aggregation import Aggregation
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.entities import Alerts, Entities
from falcoport.resources.interface import Key
from falcoport.resources.mappings import find_exact_mapping
from falcoport.resources.relation import Relation
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.resources.interface import Catalog, Part


@dataclass(frozen=True)
class RemovalChoices:
    """What the options of `teardown` say."""

    delete_alerts: bool = False
    keep_blueprint: bool = False


def removal_keys(manifests: Manifests) -> tuple[Key, ...]:
    """Return what `teardown` reads, besides everything that could depend on it."""
    blueprints = (manifests.blueprint.identifier, finding_expressions.BLUEPRINT)
    return (
        Key("webhook", manifests.webhook.identifier),
        FINDING_RESOLVED,
        *(Key("blueprint", name) for name in blueprints),
        Key("alerts", manifests.blueprint.identifier),
        Key("entities", finding_expressions.BLUEPRINT),
    )


def build_removal_goal(manifests: Manifests, choices: RemovalChoices, catalog: Catalog) -> Goal:
    """Return what `teardown` takes away, in this order, so that no alert arrives meanwhile.

    Our mappings go, the webhook if that was all of it, and each blueprint once nothing is in it.
    """
    manifests = _find_made_profile(manifests, catalog)
    webhook = _own_webhook(manifests, catalog)
    absent: list[Part] = [webhook]
    if catalog.get(FINDING_RESOLVED) is not None and not choices.keep_blueprint:
        absent.append(load_resolution())
    kept: list[Kept] = []
    notes: dict[Key, str] = {}
    bodies: list[tuple[Json, type[Entities]]] = [(manifests.blueprint.body, Alerts)]
    if catalog.get(Key("blueprint", finding_expressions.BLUEPRINT)) is not None:
        bodies.append((load_findings().blueprint.body, Entities))
    for body, kind in bodies:
        blueprint, entities = Blueprint(_without_aggregations(body)), kind(body["identifier"])
        live = catalog.get(entities.key)
        count = live["count"] if live is not None else 0
        if count and not choices.delete_alerts:
            kept.append(Kept(entities, f"{count} kept"))
            kept.append(Kept(blueprint, "kept with its alerts and their relations"))
        elif choices.keep_blueprint:
            kept.append(Kept(blueprint, "kept as asked"))
        else:
            absent += [entities] if count else []
            notes[entities.key] = f"{count} of them"
            absent += _own_relations(body, webhook, catalog)
            absent += _own_aggregations(body, catalog)
            absent.append(blueprint)
    return Goal(absent=tuple(absent), kept=tuple(kept), notes=notes)


def _find_made_profile(manifests: Manifests, catalog: Catalog) -> Manifests:
    """Return the manifests of the richest profile that a live blueprint was ever made with.

    Going back to the guide's profile leaves the properties of the standard one, which are ours.
    """
    live = catalog.get(Key("blueprint", manifests.blueprint.identifier)) or {}
    found = live.get("schema", {}).get("properties", {})
    if STANDARD_SIGN not in found:
        return manifests
    standard = manifests.of(Profile.STANDARD)
    named = standard.blueprint.body["schema"]["properties"]
    return standard if 2 * len(set(named) & set(found)) >= len(named) else manifests


def _own_webhook(manifests: Manifests, catalog: Catalog) -> Webhook:
    """Return the webhook with every form that options may have given to our mappings.

    For taking it away, a mapping is ours by its identifier and its filter alone.
    """
    live = catalog.get(Key("webhook", manifests.webhook.identifier)) or {}
    there = list(live.get("mappings") or [])
    shipped = find_alert_mapping(manifests)
    filters = {shipped.get("filter", ALL)}
    filters |= {
        one["filter"]
        for one in there
        if isinstance(one, dict)
        and isinstance(one.get("filter"), str)
        and read_filter(one["filter"], shipped.get("filter", ALL)) is not None
    }
    identifiers = {shipped["entity"]["identifier"], *map(identifier_expression, Identifier)}
    variants: list[Json] = [
        {**shipped, "filter": text, "entity": {**shipped["entity"], "identifier": identifier}}
        for text in sorted(filters)
        for identifier in sorted(identifiers)
    ]
    finding = find_live_finding_mapping(there)
    if finding is not None and finding.get("filter", ALL) in filters:
        variants.append(finding)
    return Webhook(manifests.webhook.body, variants=tuple(variants))


def _without_aggregations(body: Json) -> Json:
    return (
        {**without_relations(body), AGGREGATIONS: {}}
        if body.get(AGGREGATIONS)
        else without_relations(body)
    )


def _own_aggregations(body: Json, catalog: Catalog) -> list[Aggregation]:
    live = catalog.get(Key("blueprint", body["identifier"])) or {}
    return [
        Aggregation(body["identifier"], name, one)
        for name, one in (body.get(AGGREGATIONS) or {}).items()
        if name in (live.get(AGGREGATIONS) or {})
    ]


def _own_relations(body: Json, webhook: Webhook, catalog: Catalog) -> list[Relation]:
    """Return the live relations that are ours: the manifest's, and those that our mapping fills.

    `add-relation` gave them any name, but filled them with an expression that only it writes.
    """
    live = catalog.get(Key("blueprint", body["identifier"]))
    if live is None:
        return []
    lines = _filled_relations(webhook, catalog.get(webhook.key))
    named = {
        name
        for name, text in lines.items()
        if is_tag_expression(text) or read_workload_expression(text) is not None
    }
    shipped = set(relations_named(body))
    return [
        Relation(body["identifier"], name, relation)
        for name, relation in (live.get(RELATIONS) or {}).items()
        if name in named | shipped or leads_to_finding(name, relation)
    ]


def _filled_relations(webhook: Webhook, live: Json | None) -> Json:
    """Return the relations that our own live mapping fills, with their expressions."""
    mappings = list((live or {}).get("mappings") or [])
    lines: Json = {}
    for mapping in (*webhook.own_mappings, *webhook.variants):
        place = find_exact_mapping(mappings, mapping)
        if place is not None:
            lines.update(_relations_of(mappings[place]))
    return lines


def _relations_of(mapping: Json) -> Json:
    relations = mapping.get("entity", {}).get(RELATIONS)
    return relations if isinstance(relations, dict) else {}
