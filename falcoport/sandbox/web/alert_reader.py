"""Alerts out of the database into a table, and the table kept as the database is.

What a blueprint's properties and relations say about an alert is found by their names, since
people rename and add to them: see `find_roles`.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.web.alert_table import Alert, AlertTable
from falcoport.sandbox.web.change_notes import ChangeNotes, slices
from falcoport.sandbox.web.moments import parse_moment
from falcoport.sandbox.web.summary import Entity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.store import Store

_ROWS_AT_ONCE = 1000
_KEYS_AT_ONCE = 500
_RELATED = ("namespace", "workload", "cluster")
_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "lastSeen", "firstSeen"),
    "priority": ("priority",),
    "rule": ("rule",),
    "output": ("output", "lastOutput"),
    "host": ("hostname", "host"),
    "namespace": ("namespace", "kubeNamespace"),
    "workload": ("workload",),
    "cluster": ("cluster",),
    "fields": ("output_field", "output_fields", "outputFields"),
}
# Falco's own fields say where an alert comes from when no property or relation does.
_FIELDS = {"namespace": "k8s.ns.name", "workload": "k8smeta.deployment.name"}


@dataclass(frozen=True)
class Roles:
    """Which properties and relations of a blueprint say what; each gives a name to its slot."""

    properties: Mapping[str, str]
    relations: Mapping[str, str]


def is_alert(blueprint: Blueprint) -> bool:
    """Return whether a blueprint's entities are alerts: they have a priority and a rule."""
    return {"priority", "rule"} <= set(blueprint.properties)


def find_roles(blueprint: Blueprint) -> Roles:
    """Return what an alert blueprint's properties and relations are about.

    A relation is about a namespace if its name or its target says so: `namespace`, `Namespace`,
    `k8s_namespace`.
    """
    properties = {
        role: next(slot for name, slot in blueprint.properties.items() if name == wanted)
        for role, names in _PROPERTIES.items()
        for wanted in [next((name for name in names if name in blueprint.properties), None)]
        if wanted is not None
    }
    relations: dict[str, str] = {}
    for name, slot in blueprint.relations.items():
        words = f"{name} {blueprint.relation(name)['target']}".lower()
        role = next((role for role in _RELATED if role in words), None)
        if role is not None:
            relations.setdefault(role, slot)
    return Roles(properties, relations)


class AlertReader:
    """The alerts of one blueprint in a table that follows the database."""

    def __init__(self, store: Store, blueprints: Blueprints, name: str) -> None:
        """Read from `store`; `name` tells this reader's notes in the database from others'."""
        self._store = store
        self._changes = ChangeNotes(store, name)
        self._blueprints = blueprints
        self._reset()
        self._reading = asyncio.Lock()

    @property
    def table(self) -> AlertTable:
        """The alerts, as they were when `refresh` last returned."""
        return self._table

    @property
    def entities(self) -> Mapping[int, Entity]:
        """The entities that alerts are related to, by their keys."""
        return self._entities

    @property
    def roles(self) -> Roles:
        """What the blueprint's properties and relations are about."""
        return self._roles

    async def refresh(self, blueprint: Blueprint) -> None:
        """Read what has changed; others get their turn while much is read."""
        async with self._reading:
            # Slots say where values are stored, so that others mean reading everything again.
            if self._blueprint is None or _slots(self._blueprint) != _slots(blueprint):
                self._reset(blueprint)
                self._changes.start()
            self._read_changed(blueprint)
            while self._read_new(blueprint):  # noqa: ASYNC110 - others get their turn between two steps
                await asyncio.sleep(0)
            self._read_entities()

    def find_text(self, blueprint: Blueprint, text: str) -> set[int]:
        """Return the keys of the alerts that hold a text in output, rule, host or identifier."""
        paths = [
            f"json_extract(document, {_quote(_path(self._roles.properties[role]))})"
            for role in ("output", "rule", "host")
            if role in self._roles.properties
        ]
        searched = " || char(10) || ".join([f"ifnull({path}, '')" for path in paths])
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
        rows = self._store.execute(
            "SELECT key FROM entity WHERE blueprint = ? "  # noqa: S608 - paths are quoted
            f"AND identifier || char(10) || {searched or _quote('')} LIKE ? ESCAPE '\\'",
            (blueprint.key, pattern),
        )
        return {row[0] for row in rows}

    def _reset(self, blueprint: Blueprint | None = None) -> None:
        self._table = AlertTable()
        self._entities: dict[int, Entity] = {}
        self._last = 0
        self._blueprint = blueprint
        self._roles = Roles({}, {}) if blueprint is None else find_roles(blueprint)

    def _read_changed(self, blueprint: Blueprint) -> None:
        """Read the alerts again that were written or deleted since the last time."""
        changed = self._changes.take()
        known = [key for key in changed if key in self._table]
        for key in changed:
            self._entities.pop(key, None)
        for some in slices(known, _KEYS_AT_ONCE):
            alerts = self._select(
                blueprint, f"key IN ({','.join('?' * len(some))})", some, len(some)
            )
            for key in {*some} - {alert.key for alert in alerts}:
                self._table.remove(key)
            self._table.put_all(alerts)

    def _read_new(self, blueprint: Blueprint) -> bool:
        """Read some of the alerts that are new; return whether there may be more."""
        alerts = self._select(blueprint, "key > ?", (self._last,), _ROWS_AT_ONCE)
        self._table.put_all(alerts)
        if alerts:
            self._last = alerts[-1].key
        return len(alerts) == _ROWS_AT_ONCE

    def _select(
        self, blueprint: Blueprint, condition: str, values: Sequence[Any], limit: int
    ) -> list[Alert]:
        rows = self._store.execute(
            f"SELECT {', '.join(self._expressions())} FROM entity "  # noqa: S608 - paths are quoted
            f"WHERE blueprint = ? AND {condition} ORDER BY key LIMIT ?",
            (blueprint.key, *values, limit),
        )
        return [_build_alert(row) for row in rows]

    def _expressions(self) -> Iterator[str]:
        """Yield what to select: key, times, priority, rule, places, host."""
        slots, relations = self._roles.properties, self._roles.relations
        yield "key"
        yield _extract(slots.get("time"))
        yield "json_extract(document, '$.createdAt')"
        for role in ("priority", "rule"):
            yield _extract(slots.get(role))
        for role in _RELATED:
            choices = []
            if role in relations:
                choices.append(
                    "(SELECT target FROM relation WHERE source = entity.key "  # noqa: S608 - quoted
                    f"AND slot = {_quote(relations[role])} AND position = 0)"
                )
            if role in slots:
                choices.append(_extract(slots[role]))
            if role in _FIELDS and "fields" in slots:
                choices.append(_extract(slots["fields"], _FIELDS[role]))
            yield f"coalesce({', '.join([*choices, 'NULL', 'NULL'])})"
        yield _extract(slots.get("host"))

    def _read_entities(self) -> None:
        """Read what is not yet known of the entities that alerts are related to."""
        missing = list({*self._table.places()} - self._entities.keys())
        for some in slices(missing, _KEYS_AT_ONCE):
            marks = ",".join("?" * len(some))
            rows = self._store.execute(
                "SELECT key, blueprint, identifier, json_extract(document, '$.title') "  # noqa: S608 - question marks
                f"FROM entity WHERE key IN ({marks})",
                some,
            ).fetchall()
            clusters = self._find_clusters(some)
            for key, owner, identifier, title in rows:
                blueprint = self._blueprints.by_key(owner).identifier
                self._entities[key] = Entity(
                    blueprint, identifier, title or identifier, clusters.get(key)
                )

    def _find_clusters(self, keys: Sequence[int]) -> dict[int, str]:
        """Return the clusters of namespaces: what they point to in a blueprint of clusters."""
        targets = [
            blueprint.key
            for name, blueprint in self._blueprints.all().items()
            if "cluster" in name.lower()
        ]
        if not targets:
            return {}
        rows = self._store.execute(
            "SELECT source, identifier FROM relation JOIN entity ON entity.key = target "  # noqa: S608 - question marks
            f"WHERE source IN ({','.join('?' * len(keys))}) "
            f"AND blueprint IN ({','.join('?' * len(targets))}) ORDER BY position DESC",
            (*keys, *targets),
        )
        return dict(rows.fetchall())


def _build_alert(row: Sequence[Any]) -> Alert:
    key, time, created, priority, rule, namespace, workload, cluster, host = row
    moment = parse_moment(time)
    if moment is None:
        moment = parse_moment(created) or 0.0
    return Alert(
        key,
        moment,
        _text(priority),
        _text(rule),
        _place(namespace),
        _place(workload),
        _place(cluster),
        _text(host),
    )


def _slots(blueprint: Blueprint) -> tuple[object, ...]:
    return blueprint.key, dict(blueprint.properties), dict(blueprint.relations)


def _place(value: Any) -> int | str | None:
    # Falcosidekick writes <NA> for a field that the event does not have.
    return (
        None if value in (None, "", "<NA>") else value if isinstance(value, int) else _text(value)
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _extract(*names: str | None) -> str:
    """Return the SQL for the value of a slot, or of a key in its object; NULL without a slot."""
    if names[0] is None:
        return "NULL"
    return f"json_extract(document, {_quote(_path(*names))})"


def _path(*names: str | None) -> str:
    return "$.properties" + "".join(f".{json.dumps(name)}" for name in names)


def _quote(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
