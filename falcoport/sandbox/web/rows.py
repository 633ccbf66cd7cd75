"""Entities as the rows of a table: what a person reads of each, and where its parts lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.web.alert_reader import is_alert
from falcoport.sandbox.web.moments import parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.storage.entities import Row
    from falcoport.sandbox.web.alert_reader import AlertReader
    from falcoport.sandbox.web.alert_table import Place
    from falcoport.sandbox.web.site import Document, Site
    from falcoport.sandbox.web.summary import Entity

_SHOWN_OUTPUT = 400


def read_rows(site: Site, keys: Sequence[int]) -> list[Row]:
    """Return the stored entities with these keys, in their order; those that are gone are not."""
    found = {row.key: row for row in site.state.entities.rows(keys)}
    return [found[key] for key in keys if key in found]


def build_alert_rows(site: Site, reader: AlertReader, keys: Sequence[int]) -> list[Document]:
    """Return alerts as the rows of their table."""
    return [_build_alert_row(site, reader, row) for row in read_rows(site, keys)]


def build_entity_rows(site: Site, rows: Sequence[Row]) -> list[Document]:
    """Return entities of any blueprint as the rows of a table."""
    shown = site.state.entities.shown(rows)
    return [
        _build_entity_row(site.state.blueprints.by_key(row.blueprint), entity, row.key)
        for row, entity in zip(rows, shown, strict=True)
    ]


def build_relations(blueprint: Blueprint, entity: Document) -> list[Document]:
    """Return an entity's relations with the entities that they lead to."""
    found = []
    for name in blueprint.relations:
        value = entity["relations"][name]
        identifiers = value if isinstance(value, list) else [] if value is None else [value]
        definition = blueprint.relation(name)
        found.append(
            {
                "name": name,
                "title": definition.get("title") or name,
                "target": definition["target"],
                "identifiers": identifiers,
            }
        )
    return found


def _build_alert_row(site: Site, reader: AlertReader, row: Row) -> Document:
    alert = reader.table.get(row.key)
    properties = row.document["properties"]
    output = properties.get(reader.roles.properties.get("output", ""))
    namespace = _place(alert.namespace, reader)
    cluster = alert.cluster
    if cluster is None and isinstance(alert.namespace, int):
        related = reader.entities.get(alert.namespace)
        cluster = None if related is None else related.cluster
    return {
        "key": row.key,
        "blueprint": site.state.blueprints.by_key(row.blueprint).identifier,
        "identifier": row.identifier,
        "time": alert.time,
        "priority": alert.priority or None,
        "rule": alert.rule or row.document.get("title") or row.identifier,
        "output": output[:_SHOWN_OUTPUT] if isinstance(output, str) else "",
        "host": alert.host,
        "namespace": namespace,
        "workload": _place(alert.workload, reader),
        "cluster": _place(cluster, reader),
    }


def _place(place: Place, reader: AlertReader) -> Document | None:
    """Return what a table shows of a namespace, workload or cluster; None if there is none."""
    if isinstance(place, str):
        return {"name": place, "entity": None}
    entity: Entity | None = None if place is None else reader.entities.get(place)
    return None if entity is None else {"name": entity.identifier, "entity": entity}


def _build_entity_row(blueprint: Blueprint, entity: Document, key: int) -> Document:
    return {
        "key": key,
        "blueprint": entity["blueprint"],
        "identifier": entity["identifier"],
        "title": entity.get("title") or entity["identifier"],
        "priority": entity["properties"].get("priority") if is_alert(blueprint) else None,
        "relations": [one for one in build_relations(blueprint, entity) if one["identifiers"]],
        "updated": parse_moment(entity["updatedAt"]),
        "author": entity["updatedBy"],
    }
