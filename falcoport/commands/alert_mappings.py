"""The mappings of a set-up's webhook: as the options want them, and which live ones they replace.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.commands.choices import (
    FindingsMode,
    find_alert_mapping,
    find_live_alert_mapping,
    find_live_finding_mapping,
    recall_profile,
)
from falcoport.commands.defaults import DEFAULT_RELATION, WORKLOAD_RELATION
from falcoport.manifests.loading import Profile
from falcoport.mapping import finding_expressions
from falcoport.mapping.alert_fields import (
    CLUSTER_FROM_URL,
    read_workload_expression,
    workload_expression,
)
from falcoport.mapping.filter_expressions import ALL, write_filter
from falcoport.mapping.namespace_expressions import NO_CLUSTER, with_own_namespace
from falcoport.mapping.option_expressions import (
    creating_mapping,
    identifier_expression,
    is_namespace_mapping,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.commands.choices import SetupChoices
    from falcoport.json_types import Json
    from falcoport.manifests.loading import FindingManifests, Manifests

_RELATIONS = "relations"


@dataclass(frozen=True)
class AlertMappings:
    """The mappings of a webhook.

    `known_by` are, for each of `wanted`, what the live one is recognised by. `dropped` are live
    mappings of ours that are not wanted any more, `dropped_lines` expressions that another profile
    wrote into the one of alerts, by a place such as `properties.pod`.
    """

    wanted: tuple[Json, ...]
    known_by: tuple[Json, ...]
    dropped: tuple[Json, ...]
    dropped_lines: Mapping[str, str]


def build_mappings(
    manifests: Manifests,
    findings: FindingManifests | None,
    chosen: SetupChoices,
    relations: Mapping[str, Json],
    live: Json | None,
) -> AlertMappings:
    """Return the mappings that the options want.

    `relations` are those that alerts get, by name, `live` the webhook in Port. Findings come before
    the alerts that are related to them, namespaces before both.
    """
    there = list((live or {}).get("mappings") or [])
    alert, finding = find_live_alert_mapping(manifests, there), find_live_finding_mapping(there)
    made: list[tuple[Json, Json]] = []
    if findings is not None:
        mapping = make_finding_mapping(findings, chosen, relations)
        made.append((mapping, finding or mapping))
    for shipped in manifests.webhook.body["mappings"]:
        if shipped["blueprint"] != manifests.blueprint.identifier:
            made.append((shipped, shipped))
        elif chosen.findings is not FindingsMode.ONLY:
            mapping = _make_alert_mapping(shipped, findings, chosen, relations)
            made.append((mapping, alert or mapping))
    before = _build_target_mappings(made, chosen, relations)
    made = [*((one, one) for one in before), *made]
    unwanted = [
        one
        for one, is_wanted in (
            (finding, findings is not None),
            (alert, chosen.findings is not FindingsMode.ONLY),
        )
        if one is not None and not is_wanted
    ]
    namespaces = [
        one
        for one in there
        if isinstance(one, dict) and is_namespace_mapping(one) and one not in before
    ]
    return AlertMappings(
        tuple(mapping for mapping, _ in made),
        tuple(known_by for _, known_by in made),
        (*unwanted, *namespaces),
        _find_other_lines(manifests, alert),
    )


def _make_alert_mapping(
    shipped: Json,
    findings: FindingManifests | None,
    chosen: SetupChoices,
    relations: Mapping[str, Json],
) -> Json:
    mapping = _with_choices(shipped, chosen, relations)
    entity = dict(mapping["entity"])
    if chosen.identifier is not None:
        entity["identifier"] = identifier_expression(chosen.identifier)
    if findings is not None:
        line = _finding_identifier(chosen)
        entity[_RELATIONS] = {**entity.get(_RELATIONS, {}), finding_expressions.RELATION: line}
    return {**mapping, "entity": entity}


def make_finding_mapping(
    findings: FindingManifests, chosen: SetupChoices, relations: Mapping[str, Json]
) -> Json:
    """Return the mapping of findings as the options want it."""
    mapping = _with_choices(findings.mapping, chosen, relations)
    keys = chosen.findings_by or finding_expressions.DEFAULT_KEYS
    entity = {
        **mapping["entity"],
        "identifier": _finding_identifier(chosen),
        "title": finding_expressions.write_title(keys),
    }
    return {**mapping, "entity": entity}


def _finding_identifier(chosen: SetupChoices) -> str:
    keys = chosen.findings_by or finding_expressions.DEFAULT_KEYS
    return finding_expressions.write_identifier(keys, (chosen.clusters or NO_CLUSTER).jq)


def _with_choices(shipped: Json, chosen: SetupChoices, relations: Mapping[str, Json]) -> Json:
    """Return a mapping with its relations, cluster and filter as the options want them."""
    entity = dict(shipped["entity"])
    clusters = chosen.clusters or NO_CLUSTER
    lines = {n: t for n, t in (entity.pop(_RELATIONS, None) or {}).items() if n in relations}
    if isinstance(lines.get(DEFAULT_RELATION), str):
        many = bool(relations[DEFAULT_RELATION].get("many"))
        lines[DEFAULT_RELATION] = with_own_namespace(lines[DEFAULT_RELATION], clusters, many=many)
    if WORKLOAD_RELATION in relations and clusters.jq is not None:
        lines[WORKLOAD_RELATION] = workload_expression(clusters.jq)
    properties = entity.get("properties") or {}
    # An expression that looks for the cluster's name is spared that where the name is known.
    named = CLUSTER_FROM_URL in str(properties.get("cluster")) and clusters.jq is not None
    if named and not clusters.from_url:
        entity["properties"] = {**properties, "cluster": clusters.jq}
    if lines:
        entity[_RELATIONS] = lines
    text = write_filter(chosen.alert_filter, shipped.get("filter", ALL))
    filtered = {"filter": text} if "filter" in shipped or text != ALL else {}
    return {**shipped, **filtered, "entity": entity}


def _build_target_mappings(
    made: list[tuple[Json, Json]], chosen: SetupChoices, relations: Mapping[str, Json]
) -> list[Json]:
    """Return the mappings that make missing namespaces and workloads, where that is asked for."""
    if not chosen.ensure_namespaces or not made:
        return []
    lines = made[-1][0]["entity"].get(_RELATIONS) or {}
    targets = [(DEFAULT_RELATION, lines[DEFAULT_RELATION])]
    if read_workload_expression(lines.get(WORKLOAD_RELATION)) is not None:
        targets.append((WORKLOAD_RELATION, lines[WORKLOAD_RELATION]))
    mappings = [
        creating_mapping(relations[n]["target"], line, many=bool(relations[n].get("many")))
        for n, line in targets
    ]
    return [{**one, "filter": write_filter(chosen.alert_filter, one["filter"])} for one in mappings]


def _find_other_lines(manifests: Manifests, alert: Json | None) -> dict[str, str]:
    """Return what another profile wrote into the live mapping of alerts and this one does not."""
    if alert is None or manifests.profile is Profile.STANDARD:
        return {}
    if recall_profile(manifests, alert) is not Profile.STANDARD:
        return {}
    other = find_alert_mapping(manifests.of(Profile.STANDARD))["entity"]
    own = find_alert_mapping(manifests)["entity"]
    live = alert.get("entity") or {}
    lines = {
        f"{group}.{name}": text
        for group in ("properties", _RELATIONS)
        for name, text in (other.get(group) or {}).items()
        if name not in (own.get(group) or {})
    }
    # `--cluster` wrote the name of the cluster in the place of what looks for it.
    cluster = (live.get("properties") or {}).get("cluster")
    if isinstance(cluster, str) and cluster.startswith('"'):
        lines["properties.cluster"] = cluster
    return lines
