"""Figures of all entities of a blueprint that SQLite gives itself, without making each entity.

For what is stored as it is shown: a text or a number of each entity, one relation of each. What
they are is the same as what `statistics` makes of the entities one by one, only sooner.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.storage.store import Store

_PLAIN = ("string", "number")


def find_only_blueprint(query: Mapping[str, Any]) -> str | None:
    """Return the blueprint of a query that asks for all of its entities; None for any other."""
    rules = query.get("rules")
    if not isinstance(rules, list) or len(rules) != 1 or not isinstance(rules[0], Mapping):
        return None
    rule = rules[0]
    is_it = (rule.get("property"), rule.get("operator")) == ("$blueprint", "=")
    value = rule.get("value")
    return value if is_it and isinstance(value, str) and set(rule) <= _KEYS else None


_KEYS = {"property", "operator", "value"}


def count_stored_values(
    store: Store, blueprint: Blueprint, name: str
) -> list[dict[str, Any]] | None:
    """Return each value of a property or relation with how many entities have it.

    None where only the entities themselves tell. The order is that of `count_values`.
    """
    name = name.rpartition("#")[2] or name
    if name in blueprint.properties:
        place = _find_place(blueprint, name)
        if place is None:
            return None
        sql = (
            "SELECT json_extract(document, ?), count(*) FROM entity WHERE blueprint = ? GROUP BY 1"
        )
        counts = store.execute(sql, (place, blueprint.key)).fetchall()
    elif name in blueprint.relations and not blueprint.relation(name)["many"]:
        counts = _count_related(store, blueprint, blueprint.relations[name])
    else:
        return None
    ordered = sorted(counts, key=lambda row: (-row[1], f"{type(row[0]).__name__} {row[0]}"))
    return [{"value": value, "count": count} for value, count in ordered]


def _count_related(store: Store, blueprint: Blueprint, slot: str) -> list[tuple[Any, int]]:
    sql = (
        "SELECT target.identifier, count(*) FROM relation"
        " JOIN entity ON entity.key = relation.source"
        " JOIN entity AS target ON target.key = relation.target"
        " WHERE entity.blueprint = ? AND relation.slot = ? GROUP BY target.identifier"
    )
    counts: list[tuple[Any, int]] = store.execute(sql, (blueprint.key, slot)).fetchall()
    every = store.scalar("SELECT count(*) FROM entity WHERE blueprint = ?", (blueprint.key,))
    without = every - sum(count for _, count in counts)
    return [*counts, (None, without)] if without else counts


def read_stored_moments(
    store: Store, blueprint: Blueprint, name: str, start: datetime
) -> Iterator[Any] | None:
    """Return the values of a property that may be moments since `start`; None as above.

    A time zone shifts a date by a day at most, so that texts may be compared up to there.
    """
    place = _find_place(blueprint, name)
    if place is None:
        return None
    first = (start - timedelta(days=2)).date().isoformat()
    sql = (
        "SELECT json_extract(document, ?1) FROM entity WHERE entity.blueprint = ?2"
        " AND json_extract(document, ?1) >= ?3"
    )
    return (row[0] for row in store.execute(sql, (place, blueprint.key, first)))


def _find_place(blueprint: Blueprint, name: str) -> str | None:
    """Return where a plain property stands in a stored entity."""
    definition = blueprint.document["schema"]["properties"].get(name)
    if definition is None or definition.get("type") not in _PLAIN:
        return None
    return f'$.properties."{blueprint.properties[name]}"'
