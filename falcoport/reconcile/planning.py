"""What must change in Port: desired against live, as changes to show and writes to send.

Pure. `setup`, `plan`, `add-relation`, `status` and `teardown` all end up here; there is no second
way to change Port.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from falcoport.errors import ConflictError, InputError, ManifestError, Problem
from falcoport.resources.merging import FieldChange, Json, difference, merge, own_mapping
from falcoport.resources.webhook_security import without_known, would_lose_secret

_RELATIONS = "relations"


class Action(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"


class Resource(StrEnum):
    """The kinds of things that falcoport changes in Port."""

    BLUEPRINT = "blueprint"
    RELATION = "relation"
    WEBHOOK = "webhook"
    ALERTS = "alerts"


@dataclass(frozen=True)
class Change:
    """What happens to one resource, field by field.

    `blueprint` is, for a relation, the blueprint it belongs to and is written with. `note` tells a
    person what the action alone does not.
    """

    resource: Resource
    identifier: str
    action: Action
    fields: tuple[FieldChange, ...] = ()
    blueprint: str = ""
    note: str = ""


@dataclass(frozen=True)
class Write:
    """One request: its resource, whether it creates, updates or deletes, and the body to send.

    An update's body holds the top-level keys that change, each whole. `expected` is the resource
    as it must be afterwards, for comparison with what Port then says.
    """

    resource: Resource
    identifier: str
    action: Action
    body: Json = field(default_factory=dict)
    expected: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Changes to show, and the writes that make them, in stages whose writes may go together."""

    changes: tuple[Change, ...]
    stages: tuple[tuple[Write, ...], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.stages)

    @property
    def overwrites(self) -> bool:
        """Whether anything that is there already is to be changed or removed."""
        writes = [write for stage in self.stages for write in stage]
        new = {(w.resource, w.identifier) for w in writes if w.action is Action.CREATE}
        return any((write.resource, write.identifier) not in new for write in writes)


@dataclass(frozen=True)
class Desired:
    """What must be there.

    `blueprint` and `webhook` are bodies as in a manifest, whole for `setup`, with only the named
    keys for `add-relation` (`must_exist`). `own_mappings` are the mappings by which falcoport
    recognises its own among those of a live webhook. `helpers` are blueprints to create where
    missing and to leave alone otherwise. `security` is a webhook's security block to write whatever
    there is, with its secret; None leaves that to the webhook's own. `for_creation` are the keys of
    the webhook that say nothing about one which is there already.
    """

    blueprint: Json
    webhook: Json
    own_mappings: tuple[Json, ...]
    helpers: tuple[Json, ...] = ()
    must_exist: bool = False
    security: Json | None = field(default=None, repr=False)
    for_creation: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The blueprints that the desired relations point to."""
        relations = self.blueprint.get(_RELATIONS) or {}
        return tuple(dict.fromkeys(relation["target"] for relation in relations.values()))


@dataclass(frozen=True)
class Live:
    """What Port has: None where it has nothing.

    `others` are blueprints that matter by existing. `alerts` is how many there are, where counted;
    `neighbours` and `other_webhooks` are everything else in the catalog that could depend on the
    blueprint, where read.
    """

    blueprint: Json | None
    webhook: Json | None
    others: dict[str, Json | None] = field(default_factory=dict)
    alerts: int | None = None
    neighbours: tuple[Json, ...] = ()
    other_webhooks: tuple[Json, ...] = ()


def without_relations(blueprint: Json, webhook: Json) -> tuple[Json, Json]:
    """Return both bodies without the relations that the blueprint's body names."""
    named = set(blueprint.get(_RELATIONS) or {})
    mappings = []
    for mapping in webhook["mappings"]:
        relations = mapping["entity"].get(_RELATIONS)
        if mapping["blueprint"] == blueprint["identifier"] and relations:
            kept = {name: text for name, text in relations.items() if name not in named}
            entity = {k: v for k, v in mapping["entity"].items() if k != _RELATIONS}
            if kept:
                entity[_RELATIONS] = kept
            mappings.append({**mapping, "entity": entity})
        else:
            mappings.append(mapping)
    return {**blueprint, _RELATIONS: {}}, {**webhook, "mappings": mappings}


def plan(desired: Desired, live: Live) -> Plan:
    """Return what turns `live` into `desired`.

    Raises ConflictError or InputError where that is not possible without losing something, so
    nothing is written in that case; every such problem at once.
    """
    _check_existing(desired, live)
    problems = [
        *_missing_targets(desired, live),
        *_conflicts(desired, live),
        *_lost_secret(desired, live),
    ]
    if problems:
        raise _refusal(problems)
    merged_blueprint, merged_webhook = desired.blueprint, named_webhook(desired, live.webhook)
    if live.blueprint is not None:
        merged_blueprint = merge(live.blueprint, desired.blueprint)
    if live.webhook is not None:
        merged_webhook = merge(live.webhook, merged_webhook, desired.own_mappings)
    problems = _unknown_fields(desired, merged_blueprint)
    if problems:
        raise ManifestError(problems[0].message, problems=tuple(problems))
    missing_helpers = [h for h in desired.helpers if live.others.get(h["identifier"]) is None]
    changes = [
        *(_helper_change(helper, live) for helper in desired.helpers),
        *_blueprint_changes(desired, live.blueprint, merged_blueprint),
        _change(Resource.WEBHOOK, desired.webhook["identifier"], live.webhook, merged_webhook),
    ]
    return Plan(tuple(changes), _stages(missing_helpers, live, merged_blueprint, merged_webhook))


def named_webhook(desired: Desired, live: Json | None) -> Json:
    """Return what is named of the webhook, its security block only where it must be written."""
    named = desired.webhook
    if live is not None:
        named = {key: value for key, value in named.items() if key not in desired.for_creation}
    if desired.security is not None:
        return {**named, "security": desired.security}
    return without_known(named, live)


def _lost_secret(desired: Desired, live: Live) -> list[Problem]:
    if desired.security is not None or not would_lose_secret(desired.webhook, live.webhook):
        return []
    return [
        Problem(
            "conflict",
            "The manifest's security block differs from the webhook's and names no secret: writing "
            "it would take the webhook's secret away, which Port does not give back.",
            f"webhook {desired.webhook['identifier']}: security",
            "Give --rotate-secret, or name the secret in the manifest.",
        )
    ]


def _check_existing(desired: Desired, live: Live) -> None:
    if not desired.must_exist:
        return
    for what, found, identifier in (
        (Resource.BLUEPRINT, live.blueprint, desired.blueprint["identifier"]),
        (Resource.WEBHOOK, live.webhook, desired.webhook["identifier"]),
    ):
        if found is None:
            raise InputError(
                f"There is no {what} {identifier!r} in Port yet.",
                code="not_set_up",
                where=f"{what} {identifier}",
                hint="Run `falcoport setup` first.",
            )
    assert live.webhook is not None  # checked above
    for named, mapping in zip(desired.webhook["mappings"], desired.own_mappings, strict=True):
        if "identifier" in named["entity"]:
            continue  # it is whole, so it can be added
        if own_mapping(live.webhook.get("mappings") or [], mapping) is None:
            raise InputError(
                f"Webhook {desired.webhook['identifier']!r} has no mapping for blueprint "
                f"{mapping['blueprint']!r}.",
                code="not_set_up",
                where=f"webhook {desired.webhook['identifier']}",
                hint="Run `falcoport setup` first.",
            )


def _missing_targets(desired: Desired, live: Live) -> list[Problem]:
    helpers = {helper["identifier"] for helper in desired.helpers}
    own = desired.blueprint["identifier"]
    problems = []
    for name, relation in (desired.blueprint.get(_RELATIONS) or {}).items():
        target = relation["target"]
        if target == own or target in helpers or live.others.get(target) is not None:
            continue
        hint = "Create the blueprint in Port first, or name another with --target."
        if not desired.must_exist:
            hint = (
                "Install Port's Kubernetes exporter, or choose: --create-namespace-blueprint makes "
                "the blueprint, --no-relation leaves the relation out (add-relation adds it later)."
            )
        problems.append(
            Problem(
                "missing_target",
                f"Relation {name!r} points to blueprint {target!r}, which Port does not have.",
                f"blueprint {own}: relations.{name}.target",
                hint,
            )
        )
    return problems


def _conflicts(desired: Desired, live: Live) -> list[Problem]:
    """List the properties and relations that exist in a form that must not be changed."""
    if live.blueprint is None:
        return []
    identifier = desired.blueprint["identifier"]
    problems = []
    properties = (desired.blueprint.get("schema") or {}).get("properties") or {}
    for name, wanted in properties.items():
        found = live.blueprint["schema"].get("properties", {}).get(name)
        if isinstance(found, dict) and found.get("type") != wanted["type"]:
            problems.append(_conflict(identifier, "property", name, "type", found, wanted))
        problems.extend(
            _occupied(identifier, name, group)
            for group in ("mirrorProperties", "calculationProperties", "aggregationProperties")
            if name in (live.blueprint.get(group) or {})
        )
    for name, wanted in (desired.blueprint.get(_RELATIONS) or {}).items():
        found = (live.blueprint.get(_RELATIONS) or {}).get(name)
        if not isinstance(found, dict):
            continue
        if found.get("target") != wanted["target"]:
            problems.append(_conflict(identifier, "relation", name, "target", found, wanted))
        elif bool(found.get("many")) != bool(wanted.get("many")):
            problems.append(_conflict(identifier, "relation", name, "many", found, wanted))
    if desired.must_exist:
        return [replace(problem, hint=_OTHER_RELATION) for problem in problems]
    return problems


_OTHER_RELATION = (
    "Name another relation with --relation, or give --target and --many as it has them in Port."
)


def _conflict(blueprint: str, what: str, name: str, key: str, found: Json, wanted: Json) -> Problem:
    group = "schema.properties" if what == "property" else _RELATIONS
    loss = (
        "Port would drop the stored values"
        if what == "property"
        else "the related entities would be lost"
    )
    found_text, wanted_text = (
        str(side.get(key, False)).lower() if key == "many" else repr(side.get(key))
        for side in (found, wanted)
    )
    return Problem(
        "conflict",
        f"{what.capitalize()} {name!r} of blueprint {blueprint!r} has {key} {found_text} in Port, "
        f"{wanted_text} is wanted; {loss}, so nothing was written.",
        f"blueprint {blueprint}: {group}.{name}.{key}",
        f"Rename or remove the {what} in Port, or give your own manifest with --blueprint.",
    )


def _occupied(blueprint: str, name: str, group: str) -> Problem:
    return Problem(
        "conflict",
        f"Blueprint {blueprint!r} already has {name!r} among its {group}; "
        "the manifest wants a property of that name, so nothing was written.",
        f"blueprint {blueprint}: {group}.{name}",
        "Rename it in Port, or give your own manifest with --blueprint.",
    )


def _refusal(problems: list[Problem]) -> InputError:
    kinds = {problem.code for problem in problems}
    error = ConflictError if kinds == {"conflict"} else InputError
    return error(problems[0].message, problems=tuple(problems))


def _unknown_fields(desired: Desired, blueprint: Json) -> list[Problem]:
    """List what the mapping fills although the blueprint will not have it; Port would drop it."""
    known = {
        "properties": set(blueprint.get("schema", {}).get("properties", {})),
        _RELATIONS: set(blueprint.get(_RELATIONS) or {}),
    }
    webhook = desired.webhook["identifier"]
    return [
        Problem(
            "bad_manifest",
            f"The mapping fills {group}.{name}, which blueprint {blueprint['identifier']!r} "
            "has neither in the manifest nor in Port.",
            f"webhook {webhook}: mappings[{blueprint['identifier']}].entity.{group}.{name}",
        )
        for mapping in desired.webhook["mappings"]
        if mapping["blueprint"] == blueprint["identifier"]
        for group, names in known.items()
        for name in mapping["entity"].get(group) or {}
        if name not in names
    ]


def _blueprint_changes(desired: Desired, live: Json | None, merged: Json) -> list[Change]:
    """Return the change of the blueprint and, apart, one per desired relation."""
    own = {key: value for key, value in merged.items() if key != _RELATIONS}
    before = None if live is None else {k: v for k, v in live.items() if k != _RELATIONS}
    changes = [_change(Resource.BLUEPRINT, desired.blueprint["identifier"], before, own)]
    live_relations = (live or {}).get(_RELATIONS) or {}
    for name in desired.blueprint.get(_RELATIONS) or {}:
        relation = merged[_RELATIONS][name]
        change = _change(Resource.RELATION, name, live_relations.get(name), relation)
        changes.append(replace(change, blueprint=desired.blueprint["identifier"]))
    return changes


def _helper_change(helper: Json, live: Live) -> Change:
    """Return the change of a blueprint that is created where missing and never updated."""
    identifier = helper["identifier"]
    if live.others.get(identifier) is None:
        return _change(Resource.BLUEPRINT, identifier, None, helper)
    return Change(Resource.BLUEPRINT, identifier, Action.UNCHANGED)


def _change(resource: Resource, identifier: str, before: Json | None, after: Json) -> Change:
    fields = tuple(sorted(difference(before or {}, after), key=lambda changed: changed.field))
    action = Action.UPDATE if fields else Action.UNCHANGED
    return Change(resource, identifier, Action.CREATE if before is None else action, fields)


def _stages(
    helpers: list[Json], live: Live, blueprint: Json, webhook: Json
) -> tuple[tuple[Write, ...], ...]:
    """Order the writes: what others need comes first, what does not wait goes together.

    A relation needs its target, so next to a new helper the blueprint is created bare and gets its
    relations in the next stage, beside the webhook: four round trips in all, token and reads
    included, whichever options were given.
    """
    first = [Write(Resource.BLUEPRINT, h["identifier"], Action.CREATE, h, h) for h in helpers]
    second: list[Write] = []
    identifier = blueprint["identifier"]
    if live.blueprint is None:
        body = {**blueprint, _RELATIONS: {}} if helpers else blueprint
        first.append(Write(Resource.BLUEPRINT, identifier, Action.CREATE, body, body))
        if body != blueprint:
            second.append(_update(Resource.BLUEPRINT, identifier, body, blueprint))
    elif difference(live.blueprint, blueprint):
        write = _update(Resource.BLUEPRINT, identifier, live.blueprint, blueprint)
        (second if helpers else first).append(write)
    if live.webhook is None:
        second.append(
            Write(Resource.WEBHOOK, webhook["identifier"], Action.CREATE, webhook, webhook)
        )
    elif difference(live.webhook, webhook):
        second.append(_update(Resource.WEBHOOK, webhook["identifier"], live.webhook, webhook))
    return tuple(tuple(stage) for stage in (first, second) if stage)


def _update(resource: Resource, identifier: str, before: Json, after: Json) -> Write:
    """Return an update that sends each changed top-level key whole.

    How deep Port merges a PATCH is not documented, so no part of a map is left to that. What
    counts as changed is what is shown as changed: 1 is not true.
    """
    body = {
        key: value
        for key, value in after.items()
        if difference({key: before.get(key)}, {key: value})
    }
    return Write(resource, identifier, Action.UPDATE, body, after)


_SECRET_FIELDS = frozenset({"secret", "signatureSecret"})
MASK = "***"
_SHOWN_WIDTH = 90
"""Columns a shown value takes before it is broken into lines."""


def field_values(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    """Return changes as JSON data, in the documented shape of `-o json`; secrets are masked."""
    return [
        {
            "resource": str(change.resource),
            "identifier": change.identifier,
            "action": str(change.action),
            "fields": [
                {
                    "field": changed.field,
                    "from": _masked(changed.field, changed.before),
                    "to": _masked(changed.field, changed.after),
                }
                for changed in change.fields
            ],
        }
        for change in changes
    ]


def shown_value(field_path: str, value: Any, lead: str) -> str:
    """Return a value as a person reads it, behind `lead`: texts bare, maps and lists as YAML."""
    value = _masked(field_path, value)
    if value is None:
        return f"{lead}(nothing)"
    if isinstance(value, str) and value and value == value.strip():
        lines = [part for line in value.splitlines() or [value] for part in _folded(line)]
    elif isinstance(value, dict | list) and value:
        import yaml

        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=_SHOWN_WIDTH)
        lines = text.splitlines()
    else:
        lines = [json.dumps(value, ensure_ascii=False)]
    indent = " " * len(lead)
    return "\n".join(f"{lead if index == 0 else indent}{line}" for index, line in enumerate(lines))


def _folded(text: str) -> list[str]:
    """Break a long expression in front of its pipes or behind its commas."""
    lines = [""]
    for part in re.split(r"(?= \| )|(?<=, )", text):
        if lines[-1] and len(lines[-1]) + len(part) > _SHOWN_WIDTH:
            lines[-1] = lines[-1].rstrip()
            lines.append(part.removeprefix(" "))
        else:
            lines[-1] += part
    return lines


def shown_inline(field_path: str, value: Any) -> str:
    """Return a value as a person reads it, on one line."""
    value = _masked(field_path, value)
    if isinstance(value, str) and value.isprintable() and value == value.strip() != "":
        return value
    return json.dumps(value, ensure_ascii=False)


def _masked(field_path: str, value: Any) -> Any:
    """Return a value without any secret in it."""
    if value is not None and field_path.rsplit(".", 1)[-1] in _SECRET_FIELDS:
        return MASK
    if isinstance(value, dict):
        return {key: _masked(key, member) for key, member in value.items()}
    return value
