"""What `teardown` takes away, and what stops it. Pure.

Only what falcoport made goes: its mapping, the webhook if that was all of it, and the blueprint
once no alert is in it. What others added or built upon is named, never removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.commands.desired import is_own_creating_mapping, is_own_expression
from falcoport.errors import ConflictError, Problem
from falcoport.reconcile.planning import Action, Change, Desired, Plan, Resource, Write
from falcoport.resources.merging import difference, made_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.reconcile.planning import Live
    from falcoport.resources.merging import Json

_ADDITIONS = ("mirrorProperties", "calculationProperties", "aggregationProperties")


@dataclass(frozen=True)
class RemovalChoices:
    """What the options of `teardown` say."""

    delete_alerts: bool = False
    keep_blueprint: bool = False


def plan_removal(desired: Desired, choices: RemovalChoices, live: Live) -> Plan:
    """Return what removes a set-up: the webhook first, so that no alert arrives meanwhile.

    Raises ConflictError, naming them, where others depend on what would be removed.
    """
    keeps_alerts = bool(live.alerts) and not choices.delete_alerts
    keeps_blueprint = live.blueprint is None or choices.keep_blueprint or keeps_alerts
    if not keeps_blueprint:
        problems = list(_dependents(desired, live))
        if problems:
            raise ConflictError(problems[0].message, problems=tuple(problems))
    webhook_change, webhook_write = _webhook(desired, live)
    changes = [webhook_change, *_alerts(desired, choices, live)]
    changes.extend(_blueprint(desired, live, keeps=keeps_blueprint, alerts=keeps_alerts))
    stages = [(webhook_write,)] if webhook_write else []
    identifier = desired.blueprint["identifier"]
    if choices.delete_alerts and live.alerts:
        stages.append((Write(Resource.ALERTS, identifier, Action.DELETE),))
    if not keeps_blueprint:
        stages.append((Write(Resource.BLUEPRINT, identifier, Action.DELETE),))
    return Plan(tuple(changes), tuple(stages))


def _webhook(desired: Desired, live: Live) -> tuple[Change, Write | None]:
    identifier = desired.webhook["identifier"]
    if live.webhook is None:
        gone = Change(Resource.WEBHOOK, identifier, Action.UNCHANGED, note="gone already")
        return gone, None
    mappings = list(live.webhook.get("mappings") or [])
    kept = _without_own(mappings, desired)
    if not kept:
        write = Write(Resource.WEBHOOK, identifier, Action.DELETE)
        return Change(Resource.WEBHOOK, identifier, Action.DELETE), write
    note = "1 mapping of others stays" if len(kept) == 1 else f"{len(kept)} mappings of others stay"
    if len(kept) == len(mappings):
        return Change(Resource.WEBHOOK, identifier, Action.UNCHANGED, note=note), None
    after = {**live.webhook, "mappings": kept}
    fields = difference(live.webhook, after)
    write = Write(Resource.WEBHOOK, identifier, Action.UPDATE, {"mappings": kept}, after)
    return Change(Resource.WEBHOOK, identifier, Action.UPDATE, fields, note=note), write


def _without_own(mappings: list[Json], desired: Desired) -> list[Json]:
    own = {
        index
        for index, mapping in enumerate(mappings)
        if isinstance(mapping, dict) and is_own_creating_mapping(mapping)
    }
    for mapping in desired.own_mappings:
        place = made_mapping(mappings, mapping, frozenset(own))
        if place is not None:
            own.add(place)
    return [mapping for index, mapping in enumerate(mappings) if index not in own]


def _alerts(desired: Desired, choices: RemovalChoices, live: Live) -> list[Change]:
    if not live.alerts:
        return []
    identifier = desired.blueprint["identifier"]
    if choices.delete_alerts:
        return [Change(Resource.ALERTS, identifier, Action.DELETE, note=f"{live.alerts} of them")]
    return [Change(Resource.ALERTS, identifier, Action.UNCHANGED, note=f"{live.alerts} kept")]


def _blueprint(desired: Desired, live: Live, *, keeps: bool, alerts: bool) -> list[Change]:
    identifier = desired.blueprint["identifier"]
    if live.blueprint is None:
        return [Change(Resource.BLUEPRINT, identifier, Action.UNCHANGED, note="gone already")]
    if keeps:
        note = "kept with its alerts and their relations" if alerts else "kept as asked"
        return [Change(Resource.BLUEPRINT, identifier, Action.UNCHANGED, note=note)]
    relations = [
        Change(Resource.RELATION, name, Action.DELETE, blueprint=identifier)
        for name in live.blueprint.get("relations") or {}
    ]
    return [*relations, Change(Resource.BLUEPRINT, identifier, Action.DELETE)]


def _dependents(desired: Desired, live: Live) -> Iterator[Problem]:
    """Name everything of others that would break or vanish with the blueprint."""
    assert live.blueprint is not None  # callers delete what is there
    identifier = desired.blueprint["identifier"]
    for what, name in _added_by_others(desired, live):
        yield _problem(identifier, f"{what} {name!r} of blueprint {identifier!r} was added to it")
    for neighbour in live.neighbours:
        for name, relation in (neighbour.get("relations") or {}).items():
            if isinstance(relation, dict) and relation.get("target") == identifier:
                yield _problem(
                    identifier,
                    f"relation {name!r} of blueprint {neighbour.get('identifier')!r} points to it",
                )
        for name, aggregation in (neighbour.get("aggregationProperties") or {}).items():
            if isinstance(aggregation, dict) and aggregation.get("target") == identifier:
                yield _problem(
                    identifier,
                    f"aggregation property {name!r} of blueprint "
                    f"{neighbour.get('identifier')!r} counts its alerts",
                )
    for webhook, mappings in _filling_mappings(desired, live):
        yield _problem(identifier, f"{mappings} of webhook {webhook!r} still fills it")


def _problem(blueprint: str, what: str) -> Problem:
    return Problem(
        "depended_on",
        f"{what[0].upper()}{what[1:]}; nothing was removed.",
        f"blueprint {blueprint}",
        "Remove it in Port first, or keep the blueprint with --keep-blueprint.",
    )


def _added_by_others(desired: Desired, live: Live) -> Iterator[tuple[str, str]]:
    live_blueprint, named = live.blueprint or {}, desired.blueprint
    own = set(named.get("schema", {}).get("properties", {}))
    for name in live_blueprint.get("schema", {}).get("properties", {}):
        if name not in own:
            yield "property", name
    lines = _relation_lines(desired, live)
    for name in live_blueprint.get("relations") or {}:
        made_here = name in (named.get("relations") or {}) or is_own_expression(lines.get(name))
        if not made_here:
            yield "relation", name
    for group in _ADDITIONS:
        for name in live_blueprint.get(group) or {}:
            if name not in (named.get(group) or {}):
                yield group.removesuffix("Properties") + " property", name


def _relation_lines(desired: Desired, live: Live) -> Json:
    """Return the relations that falcoport's own mapping fills, with their expressions."""
    mappings = list((live.webhook or {}).get("mappings") or [])
    lines: Json = {}
    for mapping in desired.own_mappings:
        place = made_mapping(mappings, mapping)
        if place is not None:
            lines.update(mappings[place].get("entity", {}).get("relations") or {})
    return lines


def _filling_mappings(desired: Desired, live: Live) -> Iterator[tuple[str, str]]:
    """Yield the webhooks that would still write into the blueprint, and by how many mappings."""
    identifier = desired.blueprint["identifier"]
    own = desired.webhook["identifier"]
    left = [(own, _without_own(list((live.webhook or {}).get("mappings") or []), desired))]
    left.extend(
        (str(webhook.get("identifier")), list(webhook.get("mappings") or []))
        for webhook in live.other_webhooks
        if webhook.get("identifier") != own
    )
    for name, mappings in left:
        count = sum(1 for m in mappings if isinstance(m, dict) and m.get("blueprint") == identifier)
        if count:
            yield name, "a mapping" if count == 1 else f"{count} mappings"
