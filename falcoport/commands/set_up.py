"""What a set-up consists of: from manifests and options to the parts that must be in Port. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from falcoport.errors import OptionValueError, Problem, UsageError
from falcoport.manifests.schema import BLUEPRINT
from falcoport.mapping.option_expressions import (
    Identifier,
    creating_mapping,
    identifier_expression,
    is_tag_expression,
    tag_expression,
    with_own_namespace,
)
from falcoport.reconcile.goal import Goal, Kept, lay_over
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.entities import Alerts
from falcoport.resources.interface import Catalog, Key
from falcoport.resources.mappings import find_exact_mapping
from falcoport.resources.relation import Relation
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from falcoport.manifests.loading import Manifests
    from falcoport.resources.interface import Json, Part
    from falcoport.resources.webhook_security import SecretHeader

DEFAULT_RELATION = "namespace"
DEFAULT_TAG_PREFIX = "port-"

_RELATIONS = "relations"
_SETUP_TARGET_HINT = (
    "Install Port's Kubernetes exporter, or choose: --create-namespace-blueprint makes "
    "the blueprint, --no-relation leaves the relation out (add-relation adds it later)."
)
_OTHER_RELATION_HINT = (
    "Name another relation with --relation, or give --target and --many as it has them in Port."
)


@dataclass(frozen=True)
class SetupChoices:
    """What the options of `setup` and `plan` say."""

    relation: bool = True
    create_namespace_blueprint: bool = False
    identifier: Identifier | None = None
    cluster: str | None = None
    ensure_namespaces: bool = False


@dataclass(frozen=True)
class RelationChoices:
    """What the options of `add-relation` say; None where they say nothing.

    An alert is related to the entity whose identifier is the rest of its first tag that begins
    with `tag_prefix`; with `many`, to those of all such tags.
    """

    relation: str | None = None
    target: str | None = None
    title: str | None = None
    tag_prefix: str | None = None
    many: bool = False
    cluster: str | None = None
    ensure_namespaces: bool = False


@dataclass(frozen=True)
class RemovalChoices:
    """What the options of `teardown` say."""

    delete_alerts: bool = False
    keep_blueprint: bool = False


def parse_identifier(text: str | None) -> Identifier | None:
    """Return what `--identifier` names; raise UsageError."""
    if text is None:
        return None
    if text not in list(Identifier):
        raise OptionValueError(
            f"--identifier is {text!r}; it takes {', '.join(Identifier)}.", where="--identifier"
        )
    return Identifier(text)


def build_setup_goal(
    manifests: Manifests, choices: SetupChoices, secret_header: SecretHeader | None = None
) -> Goal:
    """Return what `setup` wants: everything the manifests name, as the options change it.

    Raise UsageError where an option asks for what the manifests lack.
    """
    blueprint, webhook = manifests.blueprint.body, manifests.webhook.body
    if not choices.relation:
        blueprint, webhook = _without_relations(blueprint, webhook)
    mappings = tuple(
        mapping
        for shipped in webhook["mappings"]
        for mapping in (
            _choose_mappings(blueprint, shipped, choices)
            if shipped["blueprint"] == blueprint["identifier"]
            else [shipped]
        )
    )
    helpers = (
        [Blueprint(manifests.namespace.body, create_only=True)]
        if choices.create_namespace_blueprint
        else []
    )
    return Goal(
        present=(
            *helpers,
            *_split_blueprint(blueprint),
            Webhook(
                {**webhook, "mappings": list(mappings)},
                own_mappings=mappings,
                secret_header=secret_header,
                create_only_keys=manifests.webhook.create_only_keys,
            ),
        )
    )


def build_new_bodies(manifests: Manifests, choices: SetupChoices) -> tuple[Json, Json]:
    """Return the blueprint and the webhook that `setup` would create in an empty catalog."""
    goal = build_setup_goal(manifests, choices)
    planned = lay_over(goal, Catalog({})).planned
    blueprint = planned.get(Key(Blueprint.kind, manifests.blueprint.identifier))
    assert blueprint is not None  # the goal has it
    return blueprint, find_webhook(goal).body


def find_webhook(goal: Goal) -> Webhook:
    """Return the webhook of a goal that has one."""
    return next(part for part in goal.present if isinstance(part, Webhook))


def _split_blueprint(body: Json) -> list[Part]:
    """Return a blueprint and its relations, which are parts of their own."""
    identifier = body["identifier"]
    relations = body.get(_RELATIONS) or {}
    bare = {**body, _RELATIONS: {}} if _RELATIONS in body else body
    return [
        Blueprint(bare),
        *(
            Relation(identifier, name, relation, target_hint=_SETUP_TARGET_HINT)
            for name, relation in relations.items()
        ),
    ]


def _without_relations(blueprint: Json, webhook: Json) -> tuple[Json, Json]:
    """Return both bodies without the relations that the blueprint's body names."""
    named = set(blueprint.get(_RELATIONS) or {})
    mappings = [
        _without(mapping, named) if mapping["blueprint"] == blueprint["identifier"] else mapping
        for mapping in webhook["mappings"]
    ]
    return {**blueprint, _RELATIONS: {}}, {**webhook, "mappings": mappings}


def _without(mapping: Json, relations: set[str]) -> Json:
    """Return a mapping that fills none of some relations."""
    entity = mapping["entity"]
    if not entity.get(_RELATIONS):
        return mapping
    kept = {name: text for name, text in entity[_RELATIONS].items() if name not in relations}
    rest = {key: value for key, value in entity.items() if key != _RELATIONS}
    return {**mapping, "entity": {**rest, **({_RELATIONS: kept} if kept else {})}}


def _choose_mappings(blueprint: Json, mapping: Json, choices: SetupChoices) -> list[Json]:
    """Return the mapping of alerts as the options want it, and the one before it, if any."""
    entity = dict(mapping["entity"])
    if choices.identifier is not None:
        entity["identifier"] = identifier_expression(choices.identifier)
    needed = "--cluster" if choices.cluster is not None else "--ensure-namespaces"
    if choices.cluster is None and not choices.ensure_namespaces:
        return [{**mapping, "entity": entity}]
    relation = (blueprint.get(_RELATIONS) or {}).get(DEFAULT_RELATION)
    tagged = (entity.get(_RELATIONS) or {}).get(DEFAULT_RELATION)
    if relation is None or not isinstance(tagged, str):
        raise UsageError(
            f"{needed} needs the relation {DEFAULT_RELATION}, in the blueprint and in the mapping.",
            where=needed,
            hint="Leave out --no-relation, or use `falcoport add-relation` for another relation.",
        )
    many = bool(relation.get("many"))
    if choices.cluster is not None:
        tagged = with_own_namespace(tagged, choices.cluster, many=many)
        entity[_RELATIONS] = {**entity[_RELATIONS], DEFAULT_RELATION: tagged}
    before = []
    if choices.ensure_namespaces:
        before = [creating_mapping(relation["target"], tagged, many=many)]
    return [*before, {**mapping, "entity": entity}]


def build_relation_goal(manifests: Manifests, choices: RelationChoices) -> Goal:
    """Return what `add-relation` wants: one relation and the line of the mapping that fills it.

    What the options leave open comes from the manifests' relation of the same identifier, if they
    have one. Raise UsageError for names that Port would refuse.
    """
    blueprint, webhook = manifests.blueprint.body, manifests.webhook.body
    identifier = blueprint["identifier"]
    name = DEFAULT_RELATION if choices.relation is None else choices.relation
    relation = _choose_relation((blueprint.get(_RELATIONS) or {}).get(name, {}), name, choices)
    own = tuple(m for m in webhook["mappings"] if m["blueprint"] == identifier)[:1]
    line = own[0]["entity"].get(_RELATIONS, {}).get(name)
    if line is None or choices.tag_prefix is not None or choices.many:
        prefix = DEFAULT_TAG_PREFIX if choices.tag_prefix is None else choices.tag_prefix
        line = tag_expression(prefix, many=choices.many)
    _check_relation(name, relation)
    if choices.cluster is not None:
        line = with_own_namespace(line, choices.cluster, many=choices.many)
    named: list[Json] = [{"blueprint": identifier, "entity": {_RELATIONS: {name: line}}}]
    # A live mapping that lacks just this relation is still ours.
    known_by = [_without_line(mapping, name) for mapping in own]
    if choices.ensure_namespaces:
        creating = creating_mapping(str(relation["target"]), line, many=choices.many)
        named, known_by = [creating, *named], [creating, *known_by]
    return Goal(
        present=(
            Blueprint({"identifier": identifier}, partial=True),
            Relation(identifier, name, relation, conflict_hint=_OTHER_RELATION_HINT),
            Webhook(
                {"identifier": webhook["identifier"], "mappings": named},
                own_mappings=tuple(known_by),
                partial=True,
            ),
        )
    )


def _choose_relation(shipped: Json, name: str, choices: RelationChoices) -> Json:
    """Return a relation's body: what the options say, else what the manifest says."""
    chosen = {"target": choices.target, "title": choices.title}
    return {
        "title": name.replace("_", " ").replace("-", " ").title(),
        "target": name,
        "required": False,
        **shipped,
        **{key: value for key, value in chosen.items() if value is not None},
        "many": choices.many,
    }


def _without_line(mapping: Json, relation: str) -> Json:
    """Return a mapping without the expression of one relation."""
    relations = mapping["entity"].get(_RELATIONS) or {}
    kept = {name: text for name, text in relations.items() if name != relation}
    return {**mapping, "entity": {**mapping["entity"], _RELATIONS: kept}}


def _check_relation(name: str, relation: dict[str, Any]) -> None:
    problems: list[Problem] = []
    options = {"target": "--target", "title": "--title"}

    def report(at: str, message: str) -> None:
        option = options.get(at.rsplit(".", 1)[-1], "--relation")
        sentence = f"{option} {message.removeprefix('as key ')}."
        problems.append(Problem("usage", sentence, option))

    BLUEPRINT.fields[_RELATIONS].check({name: relation}, "", report)
    if problems:
        raise OptionValueError(problems[0].message, problems=tuple(problems))


def removal_keys(manifests: Manifests) -> tuple[Key, ...]:
    """Return what `teardown` reads, besides everything that could depend on it."""
    blueprint = manifests.blueprint.identifier
    return (
        Key("webhook", manifests.webhook.identifier),
        Key("blueprint", blueprint),
        Key("alerts", blueprint),
    )


def build_removal_goal(manifests: Manifests, choices: RemovalChoices, catalog: Catalog) -> Goal:
    """Return what `teardown` takes away, in this order, so that no alert arrives meanwhile.

    Our mapping goes, the webhook if that was all of it, and the blueprint once no alert is in it.
    """
    setup = build_setup_goal(manifests, SetupChoices())
    webhook = replace(find_webhook(setup), variants=_identifier_variants(manifests))
    blueprint = next(part for part in setup.present if isinstance(part, Blueprint))
    alerts = Alerts(blueprint.key.identifier)
    live_alerts = catalog.get(alerts.key)
    count = live_alerts["count"] if live_alerts is not None else 0
    if count and not choices.delete_alerts:
        note = "kept with its alerts and their relations"
        stays = (Kept(alerts, f"{count} kept"), Kept(blueprint, note))
        return Goal(absent=(webhook,), kept=stays)
    if choices.keep_blueprint:
        return Goal(absent=(webhook,), kept=(Kept(blueprint, "kept as asked"),))
    relations = _own_relations(setup, blueprint, webhook, catalog)
    return Goal(
        absent=(webhook, *([alerts] if count else []), *relations, blueprint),
        notes={alerts.key: f"{count} of them"},
    )


def _identifier_variants(manifests: Manifests) -> tuple[Json, ...]:
    """Return the mapping of alerts under every `--identifier`."""
    return tuple(
        {**mapping, "entity": {**mapping["entity"], "identifier": identifier_expression(one)}}
        for mapping in manifests.webhook.body["mappings"]
        if mapping["blueprint"] == manifests.blueprint.identifier
        for one in Identifier
    )


def _own_relations(
    setup: Goal, blueprint: Blueprint, webhook: Webhook, catalog: Catalog
) -> list[Relation]:
    """Return the live relations that are ours: the manifest's, and those that our mapping fills.

    `add-relation` gave them any name, but filled them with an expression that only it writes.
    """
    live = catalog.get(blueprint.key)
    if live is None:
        return []
    lines = _filled_relations(webhook, catalog.get(webhook.key))
    named = {name for name, text in lines.items() if is_tag_expression(text)}
    shipped = {part.identifier for part in setup.present if isinstance(part, Relation)}
    return [
        Relation(blueprint.key.identifier, name, relation)
        for name, relation in (live.get(_RELATIONS) or {}).items()
        if name in named | shipped
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
    relations = mapping.get("entity", {}).get(_RELATIONS)
    return relations if isinstance(relations, dict) else {}
