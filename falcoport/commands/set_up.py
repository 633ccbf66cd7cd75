"""What a set-up consists of: from manifests and options to the parts that must be in Port. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from falcoport.commands.alert_mappings import build_mappings
from falcoport.commands.catalog_model import (
    MODELS,
    NEWER,
    OLDER,
    NamespaceBlueprint,
    choose_namespace_blueprint,
    choose_workload_blueprint,
    model_keys,
)
from falcoport.commands.choices import (
    STANDARD_SIGN,
    FindingsMode,
    SetupChoices,
    find_alert_mapping,
    find_live_finding_mapping,
    recall_choices,
)
from falcoport.commands.defaults import (
    DEFAULT_RELATION,
    DEFAULT_TAG_PREFIX,
    WORKLOAD_RELATION,
)
from falcoport.errors import OptionValueError, Problem, UsageError
from falcoport.manifests.loading import Profile, load_findings
from falcoport.mapping import finding_expressions
from falcoport.mapping.alert_fields import read_workload_expression
from falcoport.mapping.filter_expressions import ALL, read_filter
from falcoport.mapping.namespace_expressions import NO_CLUSTER, Clusters, with_own_namespace
from falcoport.mapping.option_expressions import (
    Identifier,
    creating_mapping,
    identifier_expression,
    is_tag_expression,
    tag_expression,
)
from falcoport.reconcile.goal import Goal, Kept, lay_over
from falcoport.resources.aggregation import Aggregation
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.entities import Alerts, Entities
from falcoport.resources.interface import NOTHING, Key
from falcoport.resources.mappings import find_exact_mapping
from falcoport.resources.relation import Relation
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.json_types import Json
    from falcoport.manifests.loading import FindingManifests, Manifests
    from falcoport.resources.interface import Catalog, Part
    from falcoport.resources.webhook_security import SecretHeader


_RELATIONS = "relations"
_AGGREGATIONS = "aggregationProperties"
_TARGET_HINT = "Create the blueprint in Port first, or leave the relation out with --no-relation."
_MODEL_NAMESPACES = frozenset(model.namespace for model in MODELS)
_RELATED_HINT = "Create the blueprint in Port first, or name another with --target."
_OTHER_RELATION_HINT = (
    "Name another relation with --relation, or give --target and --many as it has them in Port."
)


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
    clusters: Clusters | None = None
    ensure_namespaces: bool = False
    namespace_blueprint: str | None = None


@dataclass(frozen=True)
class RemovalChoices:
    """What the options of `teardown` say."""

    delete_alerts: bool = False
    keep_blueprint: bool = False


def setup_keys(manifests: Manifests, choices: SetupChoices) -> tuple[Key, ...]:
    """Return what must be read before a set-up's goal can be built."""
    named = choices.namespace_blueprint
    targets = {
        relation["target"] for relation in _relations_named(manifests.blueprint.body).values()
    }
    return (
        Key("blueprint", manifests.blueprint.identifier),
        Key("webhook", manifests.webhook.identifier),
        Key("blueprint", finding_expressions.BLUEPRINT),
        *model_keys(),
        *(Key("blueprint", target) for target in sorted(targets)),
        *([Key("blueprint", named)] if named is not None else []),
    )


def build_setup_goal(
    manifests: Manifests,
    choices: SetupChoices,
    catalog: Catalog = NOTHING,
    secret_header: SecretHeader | None = None,
) -> Goal:
    """Return what `setup` wants: everything the manifests name, as the options change it.

    What the options leave open is as an earlier run left it in `catalog`. Raise UsageError where an
    option asks for what the manifests lack, ConflictError where the catalog does not say which
    blueprint alerts are to be related to.
    """
    chosen = _settle_findings(choices.or_else(recall_choices(manifests, catalog)))
    manifests = manifests.of(chosen.profile or manifests.profile)
    plan = _plan_relations(manifests, chosen, catalog)
    wants_findings = chosen.findings in (FindingsMode.WITH_ALERTS, FindingsMode.ONLY)
    findings = load_findings() if wants_findings else None
    _check_choices(manifests, chosen, plan)
    live = catalog.get(Key("webhook", manifests.webhook.identifier))
    mappings = build_mappings(manifests, findings, chosen, plan.bodies, live)
    dropped = {**plan.dropped, **_find_dropped_finding(manifests, chosen, catalog)}
    webhook = Webhook(
        {**manifests.webhook.body, "mappings": list(mappings.wanted)},
        own_mappings=mappings.known_by,
        secret_header=secret_header,
        create_only_keys=manifests.webhook.create_only_keys,
        dropped_mappings=mappings.dropped,
        dropped_relations=tuple(dropped),
        dropped_lines=mappings.dropped_lines,
    )
    return Goal(
        present=(
            *_build_helpers(manifests, chosen, plan, catalog),
            *_build_alert_parts(manifests, findings, chosen, plan, catalog),
            *(_build_finding_parts(findings, chosen, plan, catalog) if findings else ()),
            webhook,
        ),
        absent=tuple(
            Relation(manifests.blueprint.identifier, name, body) for name, body in dropped.items()
        ),
    )


def _settle_findings(chosen: SetupChoices) -> SetupChoices:
    """Return choices with findings where only their keys were asked for."""
    if chosen.findings is None and chosen.findings_by is not None:
        return replace(chosen, findings=FindingsMode.WITH_ALERTS)
    return chosen


def _find_dropped_finding(
    manifests: Manifests, chosen: SetupChoices, catalog: Catalog
) -> dict[str, Json]:
    """Return the relation to the finding, where `--no-findings` turns it off."""
    name = finding_expressions.RELATION
    blueprint = catalog.get(Key("blueprint", manifests.blueprint.identifier)) or {}
    relation = (blueprint.get(_RELATIONS) or {}).get(name)
    if relation is None or chosen.findings is not FindingsMode.OFF:
        return {}
    return {name: relation} if _leads_to_finding(name, relation) else {}


def _build_alert_parts(
    manifests: Manifests,
    findings: FindingManifests | None,
    chosen: SetupChoices,
    plan: _Relations,
    catalog: Catalog,
) -> list[Part]:
    """Return the blueprint of alerts and its relations; nothing where no alerts are stored."""
    if chosen.findings is FindingsMode.ONLY:
        return []
    blueprint = manifests.blueprint.body
    parts = _split_blueprint(blueprint, plan)
    if manifests.profile is Profile.STANDARD:
        parts[0] = Blueprint(_with_ownership(_bare(blueprint), plan, catalog))
    if findings is not None:
        name, relation = finding_expressions.RELATION, findings.relation
        parts.append(Relation(blueprint["identifier"], name, relation))
    return parts


def _build_finding_parts(
    findings: FindingManifests, chosen: SetupChoices, plan: _Relations, catalog: Catalog
) -> list[Part]:
    """Return the blueprint of findings, its relations, and what counts its alerts."""
    blueprint = findings.blueprint.body
    identifier = blueprint["identifier"]
    related = {n: plan.bodies[n] for n in blueprint.get(_RELATIONS) or {} if n in plan.bodies}
    parts = _split_blueprint(blueprint, _Relations(related, plan.hints, {}))
    bare = {**_bare(blueprint), _AGGREGATIONS: {}}
    parts[0] = Blueprint(_with_ownership(bare, plan, catalog))
    if chosen.findings is not FindingsMode.ONLY:
        parts += [
            Aggregation(identifier, name, body)
            for name, body in (blueprint.get(_AGGREGATIONS) or {}).items()
        ]
    return parts


def _bare(blueprint: Json) -> Json:
    return {**blueprint, _RELATIONS: {}} if _RELATIONS in blueprint else blueprint


def _with_ownership(body: Json, plan: _Relations, catalog: Catalog) -> Json:
    """Return a blueprint's body, owned as what its entities are related to is owned.

    The workload's owner counts before the namespace's. A path ends at a blueprint that is owned
    directly (Port docs, "Manage users and teams"), so it goes on where that inherits too. An
    ownership that somebody gave to the live blueprint stays.
    """
    live = catalog.get(Key("blueprint", body["identifier"])) or {}
    for name in (WORKLOAD_RELATION, DEFAULT_RELATION):
        relation = plan.bodies.get(name)
        target = catalog.get(Key("blueprint", relation["target"])) if relation else None
        owned = (target or {}).get("ownership")
        if owned:
            path = ".".join(filter(None, (name, owned.get("path"))))
            ownership = {"type": "Inherited", "path": path}
            if live.get("ownership") in (None, ownership):
                return {**body, "ownership": ownership}
            return body
    return body


def build_new_bodies(manifests: Manifests, choices: SetupChoices) -> tuple[list[Json], Json]:
    """Return the blueprints and the webhook that `setup` would create in an empty catalog.

    The blueprint of alerts comes first, then that of findings, as far as the options want them.
    """
    goal = build_setup_goal(manifests, choices)
    planned = lay_over(goal, NOTHING).planned
    wanted = [one.key for one in goal.present if isinstance(one, Blueprint) and not one.create_only]
    return [body for key in wanted if (body := planned.get(key))], find_webhook(goal).body


def find_webhook(goal: Goal) -> Webhook:
    """Return the webhook of a goal that has one."""
    return next(part for part in goal.present if isinstance(part, Webhook))


@dataclass(frozen=True)
class _Relations:
    """The relations that alerts get.

    Each one's body; what to do where its target is missing; and ours that an option turns off.
    """

    bodies: Mapping[str, Json]
    hints: Mapping[str, str]
    dropped: Mapping[str, Json]


def _relations_named(blueprint: Json) -> dict[str, Json]:
    return dict(blueprint.get(_RELATIONS) or {})


def _plan_relations(manifests: Manifests, chosen: SetupChoices, catalog: Catalog) -> _Relations:
    """Return the relations of the manifest as the options and the catalog's model have them."""
    bodies = _relations_named(manifests.blueprint.body)
    live = catalog.get(Key("blueprint", manifests.blueprint.identifier)) or {}
    related = live.get(_RELATIONS) or {}
    shipped_workload = bodies.pop(WORKLOAD_RELATION, None)
    if chosen.relation is False:
        bodies = {}
    hints: dict[str, str] = {}
    namespace = OLDER.namespace
    if DEFAULT_RELATION in bodies and bodies[DEFAULT_RELATION]["target"] in _MODEL_NAMESPACES:
        found = choose_namespace_blueprint(
            catalog,
            named=chosen.namespace_blueprint,
            related=(related.get(DEFAULT_RELATION) or {}).get("target"),
        )
        namespace = found.identifier
        hints[DEFAULT_RELATION] = found.hint
        bodies[DEFAULT_RELATION] = {**bodies[DEFAULT_RELATION], "target": namespace}
    workload = _plan_workload(chosen, catalog, namespace, shipped_workload, related)
    if workload is not None:
        bodies[WORKLOAD_RELATION] = workload
    dropped = {}
    if chosen.workload is False and WORKLOAD_RELATION in related and shipped_workload is None:
        dropped[WORKLOAD_RELATION] = related[WORKLOAD_RELATION]
    return _Relations(bodies, hints, dropped)


def _plan_workload(
    chosen: SetupChoices, catalog: Catalog, namespace: str, shipped: Json | None, related: Json
) -> Json | None:
    """Return the relation to the workload: where asked for, or where the manifest has it."""
    if chosen.workload is False or (chosen.workload is None and shipped is None):
        return None
    target = (related.get(WORKLOAD_RELATION) or {}).get("target")
    target = target or choose_workload_blueprint(catalog, namespace)
    if target is None and chosen.workload is None:
        return None  # nobody asked for it by name
    body = shipped or {"title": "Workload", "required": False, "many": False}
    fallback = NEWER.workload if namespace == NEWER.namespace else OLDER.workload
    return {**body, "target": target or fallback}


def _build_helpers(
    manifests: Manifests, chosen: SetupChoices, plan: _Relations, catalog: Catalog
) -> list[Blueprint]:
    """Return the namespace blueprint, where it is to be created if it is missing."""
    if not chosen.create_namespace_blueprint:
        return []
    relation = plan.bodies.get(DEFAULT_RELATION)
    named = relation["target"] if relation is not None else chosen.namespace_blueprint
    # Without the relation, it is made for `add-relation` to come.
    target = choose_namespace_blueprint(catalog, named=named, related=None).identifier
    body = next((m.body for m in manifests.namespaces if m.identifier == target), None)
    if body is None or catalog.get(Key("blueprint", target)) is not None:
        return []
    return [Blueprint(body, create_only=True)]


def _split_blueprint(body: Json, plan: _Relations) -> list[Part]:
    """Return a blueprint and its relations, which are parts of their own."""
    identifier = body["identifier"]
    return [
        Blueprint(_bare(body)),
        *(
            Relation(identifier, name, relation, target_hint=plan.hints.get(name) or _TARGET_HINT)
            for name, relation in plan.bodies.items()
        ),
    ]


def _check_choices(manifests: Manifests, chosen: SetupChoices, plan: _Relations) -> None:
    """Raise UsageError where an option needs what is not there."""
    clusters = chosen.clusters or NO_CLUSTER
    needed = "--cluster" if clusters.jq is not None else "--ensure-namespaces"
    line = (find_alert_mapping(manifests)["entity"].get(_RELATIONS) or {}).get(DEFAULT_RELATION)
    has_relation = DEFAULT_RELATION in plan.bodies and isinstance(line, str)
    if (clusters.jq is not None or chosen.ensure_namespaces) and not has_relation:
        raise UsageError(
            f"{needed} needs the relation {DEFAULT_RELATION}, in the blueprint and in the mapping.",
            where=needed,
            hint="Leave out --no-relation, or use `falcoport add-relation` for another relation.",
        )
    if chosen.workload and clusters.jq is None:
        raise UsageError(
            "--workload needs the cluster's name: workloads in Port are named after it.",
            where="--workload",
            hint="Give --cluster NAME as well, the CLUSTER_NAME of the Kubernetes exporter.",
        )


def build_relation_goal(
    manifests: Manifests, choices: RelationChoices, catalog: Catalog = NOTHING
) -> Goal:
    """Return what `add-relation` wants: one relation and the line of the mapping that fills it.

    What the options leave open comes from the manifests' relation of the same identifier, if they
    have one. Raise UsageError for names that Port would refuse.
    """
    blueprint, webhook = manifests.blueprint.body, manifests.webhook.body
    identifier = blueprint["identifier"]
    name = DEFAULT_RELATION if choices.relation is None else choices.relation
    shipped = (blueprint.get(_RELATIONS) or {}).get(name, {})
    found = _choose_target(manifests, choices, shipped, name, catalog)
    relation = _choose_relation(shipped, name, choices, found.identifier)
    own = tuple(m for m in webhook["mappings"] if m["blueprint"] == identifier)[:1]
    line = own[0]["entity"].get(_RELATIONS, {}).get(name)
    if line is None or choices.tag_prefix is not None or choices.many:
        prefix = DEFAULT_TAG_PREFIX if choices.tag_prefix is None else choices.tag_prefix
        line = tag_expression(prefix, many=choices.many)
    _check_relation(name, relation)
    line = with_own_namespace(line, choices.clusters or NO_CLUSTER, many=choices.many)
    named: list[Json] = [{"blueprint": identifier, "entity": {_RELATIONS: {name: line}}}]
    # A live mapping that lacks just this relation is still ours.
    known_by = [_without_line(mapping, name) for mapping in own]
    if choices.ensure_namespaces:
        creating = creating_mapping(str(relation["target"]), line, many=choices.many)
        named, known_by = [creating, *named], [creating, *known_by]
    return Goal(
        present=(
            Blueprint({"identifier": identifier}, partial=True),
            Relation(
                identifier,
                name,
                relation,
                target_hint=found.hint or _RELATED_HINT,
                conflict_hint=_OTHER_RELATION_HINT,
            ),
            Webhook(
                {"identifier": webhook["identifier"], "mappings": named},
                own_mappings=tuple(known_by),
                partial=True,
            ),
        )
    )


def relation_keys(manifests: Manifests, choices: RelationChoices) -> tuple[Key, ...]:
    """Return what must be read before the goal of `add-relation` can be built."""
    target = choices.target or choices.namespace_blueprint or choices.relation
    return (
        Key("blueprint", manifests.blueprint.identifier),
        Key("webhook", manifests.webhook.identifier),
        *(model_keys() if choices.target is None else ()),
        *([Key("blueprint", target)] if target else []),
    )


def _choose_target(
    manifests: Manifests, choices: RelationChoices, shipped: Json, name: str, catalog: Catalog
) -> NamespaceBlueprint:
    """Return what a relation points to: the option's, the manifest's, the catalog's namespaces."""
    if choices.target is not None:
        return NamespaceBlueprint(choices.target)
    target = str(shipped.get("target", name))
    if target not in _MODEL_NAMESPACES:
        return NamespaceBlueprint(target)
    live = catalog.get(Key("blueprint", manifests.blueprint.identifier)) or {}
    related = ((live.get(_RELATIONS) or {}).get(name) or {}).get("target")
    return choose_namespace_blueprint(catalog, named=choices.namespace_blueprint, related=related)


def _choose_relation(shipped: Json, name: str, choices: RelationChoices, target: str) -> Json:
    """Return a relation's body: what the options say, else what the manifest says."""
    return {
        "title": name.replace("_", " ").replace("-", " ").title(),
        "required": False,
        **shipped,
        "target": target,
        **({"title": choices.title} if choices.title is not None else {}),
        "many": choices.many,
    }


def _without_line(mapping: Json, relation: str) -> Json:
    """Return a mapping without the expression of one relation."""
    relations = mapping["entity"].get(_RELATIONS) or {}
    kept = {name: text for name, text in relations.items() if name != relation}
    return {**mapping, "entity": {**mapping["entity"], _RELATIONS: kept}}


def _check_relation(name: str, relation: dict[str, Any]) -> None:
    from falcoport.manifests.schema import BLUEPRINT

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
    blueprints = (manifests.blueprint.identifier, finding_expressions.BLUEPRINT)
    return (
        Key("webhook", manifests.webhook.identifier),
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
    return {**_bare(body), _AGGREGATIONS: {}} if body.get(_AGGREGATIONS) else _bare(body)


def _own_aggregations(body: Json, catalog: Catalog) -> list[Aggregation]:
    live = catalog.get(Key("blueprint", body["identifier"])) or {}
    return [
        Aggregation(body["identifier"], name, one)
        for name, one in (body.get(_AGGREGATIONS) or {}).items()
        if name in (live.get(_AGGREGATIONS) or {})
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
    shipped = set(_relations_named(body))
    return [
        Relation(body["identifier"], name, relation)
        for name, relation in (live.get(_RELATIONS) or {}).items()
        if name in named | shipped or _leads_to_finding(name, relation)
    ]


def _leads_to_finding(name: str, relation: Json) -> bool:
    """Tell whether a relation is the one of `--findings`, which only that makes."""
    is_named_so = name == finding_expressions.RELATION
    return is_named_so and relation.get("target") == finding_expressions.BLUEPRINT


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
