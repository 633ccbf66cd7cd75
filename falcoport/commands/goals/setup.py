"""What `setup` wants: from manifests and options to the parts that must be in Port. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from falcoport.commands.alert_mappings import build_mappings
from falcoport.commands.catalog_model import (
    NEWER,
    OLDER,
    choose_namespace_blueprint,
    choose_workload_blueprint,
    model_keys,
)
from falcoport.commands.choices import (
    FindingsMode,
    SetupChoices,
    find_alert_mapping,
    recall_choices,
)
from falcoport.commands.defaults import (
    DEFAULT_RELATION,
    WORKLOAD_RELATION,
)
from falcoport.commands.goals.blueprint_parts import (
    AGGREGATIONS,
    FINDING_RESOLVED,
    MODEL_NAMESPACES,
    RELATIONS,
    leads_to_finding,
    load_resolution,
    relations_named,
    without_relations,
)
from falcoport.errors import UsageError
from falcoport.manifests.loading import Profile, load_findings
from falcoport.mapping import finding_expressions
from falcoport.mapping.namespace_expressions import NO_CLUSTER
from falcoport.reconcile.goal import Goal, lay_over
from falcoport.resources.aggregation import Aggregation
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import NOTHING, Key
from falcoport.resources.relation import Relation
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.json_types import Json
    from falcoport.manifests.loading import FindingManifests, Manifests
    from falcoport.resources.interface import Catalog, Part
    from falcoport.resources.webhook_security import SecretHeader


_TARGET_HINT = "Create the blueprint in Port first, or leave the relation out with --no-relation."


def setup_keys(manifests: Manifests, choices: SetupChoices) -> tuple[Key, ...]:
    """Return what must be read before a set-up's goal can be built."""
    named = choices.namespace_blueprint
    targets = {
        relation["target"] for relation in relations_named(manifests.blueprint.body).values()
    }
    return (
        Key("blueprint", manifests.blueprint.identifier),
        Key("webhook", manifests.webhook.identifier),
        Key("blueprint", finding_expressions.BLUEPRINT),
        *model_keys(),
        FINDING_RESOLVED,
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
        absent=(
            *(Relation(manifests.blueprint.identifier, n, body) for n, body in dropped.items()),
            *(_find_dropped_workload(chosen, catalog) if findings else ()),
            *([load_resolution()] if chosen.findings is FindingsMode.OFF else ()),
        ),
    )


def _find_dropped_workload(chosen: SetupChoices, catalog: Catalog) -> list[Relation]:
    """Return the relation from findings to workloads, where `--no-workload` turns it off."""
    name, identifier = WORKLOAD_RELATION, finding_expressions.BLUEPRINT
    blueprint = catalog.get(Key("blueprint", identifier)) or {}
    relation = (blueprint.get(RELATIONS) or {}).get(name)
    if relation is None or chosen.workload is not False:
        return []
    return [Relation(identifier, name, relation)]


def build_first_goal(manifests: Manifests, choices: SetupChoices) -> Goal:
    """Return what `setup` wants as far as that is known before Port was read. Raise UsageError.

    The cluster's name that `--workload` needs may be remembered there.
    """
    is_open = choices.workload is True and choices.clusters is None
    return build_setup_goal(manifests, replace(choices, workload=None) if is_open else choices)


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
    relation = (blueprint.get(RELATIONS) or {}).get(name)
    if relation is None or chosen.findings is not FindingsMode.OFF:
        return {}
    return {name: relation} if leads_to_finding(name, relation) else {}


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
        parts[0] = Blueprint(_with_ownership(without_relations(blueprint), plan, catalog))
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
    related = {n: plan.bodies[n] for n in blueprint.get(RELATIONS) or {} if n in plan.bodies}
    parts = _split_blueprint(blueprint, _Relations(related, plan.hints, {}))
    bare = {**without_relations(blueprint), AGGREGATIONS: {}}
    parts[0] = Blueprint(_with_ownership(bare, plan, catalog))
    if chosen.findings is not FindingsMode.ONLY:
        parts += [
            Aggregation(identifier, name, body)
            for name, body in (blueprint.get(AGGREGATIONS) or {}).items()
        ]
    return [*parts, load_resolution()]


def _with_ownership(body: Json, plan: _Relations, catalog: Catalog) -> Json:
    """Return a blueprint's body, owned as what its entities are related to is owned.

    The workload's owner counts before the namespace's. A path ends at a blueprint that is owned
    directly (Port docs, "Manage users and teams"), so it goes on where that inherits too. An
    ownership that somebody gave to the live blueprint stays.
    """
    live = catalog.get(Key("blueprint", body["identifier"])) or {}
    related = {**(live.get(RELATIONS) or {}), **plan.bodies}
    found = {
        name: {"type": "Inherited", "path": ".".join(filter(None, (name, owned.get("path"))))}
        for name in (WORKLOAD_RELATION, DEFAULT_RELATION)
        if name in related
        for target in [catalog.get(Key("blueprint", str(related[name]["target"])))]
        for owned in [(target or {}).get("ownership")]
        if owned
    }
    wanted = next((one for name, one in found.items() if name in plan.bodies), None)
    if wanted is None or live.get("ownership") not in (None, *found.values()):
        return body
    return {**body, "ownership": wanted}


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


def _plan_relations(manifests: Manifests, chosen: SetupChoices, catalog: Catalog) -> _Relations:
    """Return the relations of the manifest as the options and the catalog's model have them."""
    bodies = relations_named(manifests.blueprint.body)
    live = catalog.get(Key("blueprint", manifests.blueprint.identifier)) or {}
    related = live.get(RELATIONS) or {}
    shipped_workload = bodies.pop(WORKLOAD_RELATION, None)
    if chosen.relation is False:
        bodies = {}
    hints: dict[str, str] = {}
    namespace = OLDER.namespace
    if DEFAULT_RELATION in bodies and bodies[DEFAULT_RELATION]["target"] in MODEL_NAMESPACES:
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
    if chosen.workload is False and WORKLOAD_RELATION in related:
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
        Blueprint(without_relations(body)),
        *(
            Relation(identifier, name, relation, target_hint=plan.hints.get(name) or _TARGET_HINT)
            for name, relation in plan.bodies.items()
        ),
    ]


def _check_choices(manifests: Manifests, chosen: SetupChoices, plan: _Relations) -> None:
    """Raise UsageError where an option needs what is not there."""
    clusters = chosen.clusters or NO_CLUSTER
    needed = "--cluster" if clusters.jq is not None else "--ensure-namespaces"
    line = (find_alert_mapping(manifests)["entity"].get(RELATIONS) or {}).get(DEFAULT_RELATION)
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
