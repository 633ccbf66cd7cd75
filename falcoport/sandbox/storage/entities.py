"""The sandbox's entities: what Port checks when one is written, and how relations hold.

A relation is stored as an edge between two entities, so a target that is renamed or deleted needs
no second look at the entities that point to it.
"""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.errors import ApiError, invalid
from falcoport.sandbox.options import OnMissingRelation
from falcoport.sandbox.schemas import ENTITY_IDENTIFIER
from falcoport.sandbox.storage import audit
from falcoport.sandbox.storage.audit import Subject
from falcoport.sandbox.storage.changes import EntityChange
from falcoport.sandbox.storage.fields import EVERYTHING, Fields
from falcoport.sandbox.storage.moments import parse_moment
from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.validation import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from falcoport.sandbox.storage.audit import Actor, Audit
    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]
Finder = "Callable[[Blueprint, Mapping[str, Any]], list[str]]"

GENERATED_LENGTH = 16
_ALPHABET = string.ascii_letters + string.digits
_FIELDS = ("title", "icon", "team")


class Mode(Enum):
    """What a write does with an entity that exists already."""

    CREATE = "refuse it"
    REPLACE = "put the new one in its place"
    MERGE = "change what is given"


@dataclass(frozen=True)
class Row:
    """One entity as it is stored: `document` has its values under their slots."""

    key: int
    blueprint: int
    identifier: str
    document: Document


@dataclass(frozen=True)
class Written:
    """What a write did: the row's key, whether it was new, and relations left out."""

    key: int
    identifier: str
    created: bool
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Edges:
    """Resolved relations: target keys per name, what is missing, and what was left out."""

    targets: dict[str, list[int]]
    missing: list[tuple[str, str, str]]
    ignored: tuple[str, ...]


def generated_identifier() -> str:
    """Return an identifier for something that was sent without one."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_LENGTH))


class Entities:
    """The entities of one sandbox; every write runs inside a transaction of the caller.

    `find` gives the identifiers that a search query matches in a blueprint, `compute` puts what is
    computed into entities, and `listeners` are called with each change inside its transaction; they
    are set by what puts the sandbox together.
    """

    def __init__(self, store: Store, blueprints: Blueprints, log: Audit) -> None:
        self._store = store
        self._blueprints = blueprints
        self._audit = log
        self.compute: Callable[[Blueprint, list[Row], list[Document]], None] = _compute_nothing
        self.listeners: list[Callable[[EntityChange], None]] = []
        self.find: Callable[[Blueprint, Mapping[str, Any]], list[str]] = _cannot_find

    # --- reading ----------------------------------------------------------------------------

    def row(self, blueprint: Blueprint, identifier: str) -> Row | None:
        """Return the stored entity, or None."""
        found = self._store.one(
            "SELECT key, document FROM entity WHERE blueprint = ? AND identifier = ?",
            (blueprint.key, identifier),
        )
        if found is None:
            return None
        return Row(found[0], blueprint.key, identifier, json.loads(found[1]))

    def existing(self, blueprint: Blueprint, identifier: str) -> Row:
        """Return the stored entity; raise a 404 error if there is none."""
        found = self.row(blueprint, identifier)
        if found is None:
            raise errors.not_found("Entity", identifier)
        return found

    def page(
        self,
        blueprint: Blueprint,
        after: int,
        limit: int,
        *,
        newest_first: bool = False,
        holding: Sequence[str] = (),
        around: Sequence[tuple[str, str, str]] = (),
    ) -> list[Row]:
        """Return up to `limit` entities behind the one with key `after`, in order of creation.

        Only those are looked at in whose document every text of `holding` stands somewhere, and
        not those whose values, by slot, are surely not before or after the moments of `around`.
        """
        comparison, order = ("<", "DESC") if newest_first else (">", "ASC")
        holds = "AND instr(document, ?) " * len(holding)
        narrowed = [found for one in around if (found := _narrow(*one)) is not None]
        rows = self._store.execute(
            "SELECT key, identifier, document FROM entity "  # noqa: S608 - fixed words
            f"WHERE blueprint = ? AND key {comparison} ? {holds}"
            f"{''.join(sql for sql, _ in narrowed)}ORDER BY key {order} LIMIT ?",
            (
                blueprint.key,
                after,
                *map(dump, holding),
                *(value for _, values in narrowed for value in values),
                limit,
            ),
        )
        return [Row(row[0], blueprint.key, row[1], json.loads(row[2])) for row in rows]

    def page_of_all(self, after: int, limit: int) -> list[Row]:
        """Return up to `limit` entities of any blueprint behind the one with key `after`."""
        rows = self._store.execute(
            "SELECT key, blueprint, identifier, document FROM entity WHERE key > ? "
            "ORDER BY key LIMIT ?",
            (after, limit),
        )
        return [Row(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def dependents(self, key: int, limit: int) -> list[Row]:
        """Return the newest entities that point to the one with a database key."""
        rows = self._store.execute(
            "SELECT DISTINCT key, blueprint, identifier, document FROM relation "
            "JOIN entity ON key = source WHERE target = ? ORDER BY source DESC LIMIT ?",
            (key, limit),
        )
        return [Row(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def rows(self, keys: Sequence[int]) -> list[Row]:
        """Return the entities with some database keys, in the order of creation."""
        marks = ",".join("?" * len(keys))
        rows = self._store.execute(
            "SELECT key, blueprint, identifier, document FROM entity "  # noqa: S608 - question marks
            f"WHERE key IN ({marks}) ORDER BY key",
            keys,
        )
        return [Row(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def shown(self, rows: Sequence[Row], fields: Fields = EVERYTHING) -> list[Document]:
        """Return entities as Port answers them: unset properties and relations are null.

        Of `fields` at least; what is computed needs the whole entity.
        """
        if not fields.is_everything and not fields.has("", "scorecards"):
            keys = {row.blueprint for row in rows}
            if not any(self._blueprints.by_key(key).has_computed for key in keys):
                return self.stored(rows, fields)
        shown = self.stored(rows)
        by_blueprint: dict[int, list[int]] = {}
        for position, row in enumerate(rows):
            by_blueprint.setdefault(row.blueprint, []).append(position)
        for key, positions in by_blueprint.items():
            self.compute(
                self._blueprints.by_key(key),
                [rows[position] for position in positions],
                [shown[position] for position in positions],
            )
        return shown

    def stored(self, rows: Sequence[Row], fields: Fields = EVERYTHING) -> list[Document]:
        """Return entities with what is stored of them, nothing computed."""
        edges = self._edges(rows, fields)
        return [
            _show(row, self._blueprints.by_key(row.blueprint), edges.get(row.key, {}), fields)
            for row in rows
        ]

    def with_titles(self, blueprint: Blueprint, shown: Sequence[Document]) -> list[Document]:
        """Return entities whose relations hold identifier and title of each related entity.

        Port docs, search: `attach_title_to_relation`.
        """
        titles = {
            name: self._titles(blueprint.relation(name)["target"], _find_related(shown, name))
            for name in blueprint.relations
        }
        return [_find_titled(entity, titles) for entity in shown]

    def _titles(self, target: str, identifiers: Sequence[str]) -> dict[str, str | None]:
        """Return the titles of a blueprint's entities by their identifiers."""
        key = self._blueprints.get(target).key
        found: dict[str, str | None] = {}
        for start in range(0, len(identifiers), _KEYS_AT_ONCE):
            some = identifiers[start : start + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            for identifier, document in self._store.execute(
                "SELECT identifier, document FROM entity "  # noqa: S608 - question marks
                f"WHERE blueprint = ? AND identifier IN ({marks})",
                (key, *some),
            ):
                found[identifier] = json.loads(document).get("title")
        return found

    def one(self, blueprint: Blueprint, identifier: str) -> Document:
        """Return one entity as Port answers it; raise a 404 error if there is none."""
        return self.shown([self.existing(blueprint, identifier)])[0]

    def by_key(self, key: int) -> Document:
        """Return the entity with a database key as Port answers it."""
        return self.shown(self.rows([key]))[0]

    def stored_by_key(self, key: int) -> Document | None:
        """Return what is stored of the entity with a database key; None if it is gone."""
        return next(iter(self.stored(self.rows([key]))), None)

    def _edges(
        self, rows: Sequence[Row], fields: Fields = EVERYTHING
    ) -> dict[int, dict[str, list[str]]]:
        """Return for each row the identifiers of its related entities per slot."""
        found: dict[int, dict[str, list[str]]] = {}
        related = {
            row.blueprint
            for row in rows
            for name in self._blueprints.by_key(row.blueprint).relations
            if fields.has("relations", name)
        }
        keys = [row.key for row in rows if row.blueprint in related]
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            for source, slot, identifier in self._store.execute(
                "SELECT source, slot, identifier FROM relation "  # noqa: S608 - question marks
                f"JOIN entity ON entity.key = target WHERE source IN ({marks}) "
                "ORDER BY source, slot, position",
                some,
            ):
                found.setdefault(source, {}).setdefault(slot, []).append(identifier)
        return found

    # --- writing ----------------------------------------------------------------------------

    def write(
        self,
        blueprint: Blueprint,
        body: Mapping[str, Any],
        mode: Mode,
        actor: Actor,
        *,
        missing: OnMissingRelation = OnMissingRelation.REJECT,
        at: str | None = None,
    ) -> Written:
        """Store an entity; nothing is changed if it is refused.

        `body` is checked against its schema already. `at` is the identifier it has now, if that
        is given beside the body. `missing` says what happens to a relation whose target does
        not exist.
        """
        identifier = self._identifier(blueprint, body.get("identifier")) if at is None else at
        old = self.row(blueprint, identifier)
        if old is not None and mode is Mode.CREATE:
            raise errors.identifier_taken("Entity", identifier)
        properties = body.get("properties") or {}
        blueprint.checker.check(properties)
        edges = self._resolve(blueprint, body.get("relations") or {}, missing)
        kept = old if mode is Mode.MERGE else None
        values = _properties(blueprint, kept, properties)
        if old is None and blueprint.defaults:
            values = {**blueprint.defaults, **values}
        if blueprint.checker.has_required:
            blueprint.checker.check_required(
                {name: values.get(slot) for name, slot in blueprint.properties.items()}
            )
        self._check_required_relations(blueprint, edges, kept)
        document = self._document(body, old, kept, values, actor)
        new_identifier = self._new_identifier(blueprint, identifier, body, at)
        self._create_missing(edges, actor)
        before = None if old is None else self.stored([old])[0]
        key = self._save(blueprint, old, new_identifier, document)
        if old is not None:
            self._unlink(blueprint, key, None if kept is None else edges.targets)
        self._link(blueprint, key, edges.targets)
        self._set_timers(blueprint, key, old, values)
        related = bool(body.get("relations")) or mode is Mode.REPLACE
        self._record(blueprint, Row(key, blueprint.key, new_identifier, {}), before, actor, related)
        return Written(key, new_identifier, old is None, edges.ignored)

    def _document(
        self,
        body: Mapping[str, Any],
        old: Row | None,
        kept: Row | None,
        values: Document,
        actor: Actor,
    ) -> Document:
        """Return what is stored of an entity beside its identifier and relations."""
        document: Document = {} if kept is None else dict(kept.document)
        document |= self._fields(body)
        moment = self._store.now()
        document |= {
            "properties": values,
            "updatedAt": moment,
            "updatedBy": actor.name,
            "datasource": actor.datasource,
        }
        if old is None:
            return document | {"createdAt": moment, "createdBy": actor.name}
        return document | {key: old.document[key] for key in ("createdAt", "createdBy")}

    def _record(
        self,
        blueprint: Blueprint,
        row: Row,
        before: Document | None,
        actor: Actor,
        relates: bool,
    ) -> None:
        """Note a change in the audit log, and tell of it."""
        action = audit.CREATE if before is None else audit.UPDATE
        subject = Subject("entity", row.identifier, blueprint.identifier, row.key)
        self._audit.record(action, subject, actor, before=before)
        change = EntityChange(action, blueprint, row.key, row.identifier, before, actor, relates)
        for listener in self.listeners:
            listener(change)

    def _set_timers(
        self, blueprint: Blueprint, key: int, old: Row | None, values: Mapping[str, Any]
    ) -> None:
        """Note when timer properties expire, but for those that have not changed."""
        for slot in blueprint.timers:
            value = values.get(slot)
            if old is not None and old.document["properties"].get(slot) == value:
                continue
            self._store.execute("DELETE FROM timer WHERE entity = ? AND slot = ?", (key, slot))
            moment = parse_moment(value)
            if moment is not None:
                self._store.execute(
                    "INSERT INTO timer VALUES (?, ?, ?)", (key, slot, moment.timestamp())
                )

    def _identifier(self, blueprint: Blueprint, given: Any) -> str:
        if given is None:
            return generated_identifier()
        if isinstance(given, str):
            return given
        found = self.find(blueprint, given)
        if len(found) != 1:
            raise ApiError(
                404 if not found else 422,
                "not_found" if not found else "invalid_request",
                f"The identifier query matches {len(found)} entities of blueprint "
                f'"{blueprint.identifier}", not one',
            )
        return found[0]

    def _new_identifier(
        self, blueprint: Blueprint, identifier: str, body: Mapping[str, Any], at: str | None
    ) -> str:
        wanted = body.get("identifier")
        if at is None or not isinstance(wanted, str) or wanted == at:
            return identifier
        if self.row(blueprint, wanted) is not None:
            raise errors.identifier_taken("Entity", wanted)
        return wanted

    def _fields(self, body: Mapping[str, Any]) -> Document:
        fields = {name: body[name] for name in _FIELDS if name in body}
        team = fields.get("team")
        if isinstance(team, dict):
            fields["team"] = self.find(self._blueprints.get("_team"), team)
        elif isinstance(team, str):
            fields["team"] = [team]
        return fields

    def _resolve(
        self, blueprint: Blueprint, relations: Mapping[str, Any], missing: OnMissingRelation
    ) -> _Edges:
        edges = _Edges({}, [], ())
        ignored = []
        for name, value in relations.items():
            if name not in blueprint.relations:
                raise invalid(
                    f'Relation with identifier "{name}" was not found', "blueprint_schema_mismatch"
                )
            definition = blueprint.relation(name)
            target = self._blueprints.get(definition["target"])
            keys: list[int] = []
            for identifier in self._select_wanted(name, value, target, many=definition["many"]):
                row = self._store.one(
                    "SELECT key FROM entity WHERE blueprint = ? AND identifier = ?",
                    (target.key, identifier),
                )
                if row is not None:
                    keys.append(row[0])
                elif missing is OnMissingRelation.CREATE and not target.is_system:
                    edges.missing.append((name, target.identifier, identifier))
                elif missing is OnMissingRelation.IGNORE:
                    ignored.append(
                        f'relation "{name}" left out: entity "{identifier}" does not exist in '
                        f'blueprint "{target.identifier}"'
                    )
                else:
                    raise errors.entity_not_found(target.identifier, identifier)
            edges.targets[name] = keys
        return _Edges(edges.targets, edges.missing, tuple(ignored))

    def _select_wanted(
        self, name: str, value: Any, target: Blueprint, *, many: bool
    ) -> Iterable[str]:
        """Return the identifiers that a relation's value names."""
        if value is None:
            return ()
        if isinstance(value, dict):
            value = self.find(target, value)
            if not many and len(value) > 1:
                raise invalid(
                    f'Relation "{name}" holds one entity, but its query matches {len(value)}',
                    "relation_many_violation",
                )
        elif isinstance(value, list):
            if not many:
                raise invalid(
                    f'Relation "{name}" holds one entity and cannot be a list',
                    "relation_many_violation",
                )
        else:
            value = [value]
        return dict.fromkeys(value)

    def _check_required_relations(
        self, blueprint: Blueprint, edges: _Edges, kept: Row | None
    ) -> None:
        if not blueprint.required_relations:
            return
        created = {name for name, _, _ in edges.missing}
        for name in blueprint.required_relations:
            slot = blueprint.relations[name]
            given = edges.targets.get(name)
            if given or name in created:
                continue
            if (
                given is None
                and kept is not None
                and self._store.one(
                    "SELECT 1 FROM relation WHERE source = ? AND slot = ?", (kept.key, slot)
                )
            ):
                continue
            raise invalid(
                f'Relation "{name}" of blueprint "{blueprint.identifier}" is required',
                "required_relation",
            )

    def _create_missing(self, edges: _Edges, actor: Actor) -> None:
        """Make the targets that do not exist, with nothing but an identifier."""
        for name, blueprint, identifier in edges.missing:
            target = self._blueprints.get(blueprint)
            found = self.row(target, identifier)
            if found is None:
                check(identifier, ENTITY_IDENTIFIER)
                moment = self._store.now()
                document = {
                    "properties": target.defaults,
                    "createdAt": moment,
                    "createdBy": actor.name,
                    "updatedAt": moment,
                    "updatedBy": actor.name,
                }
                key = self._save(target, None, identifier, document)
                self._record(
                    target, Row(key, target.key, identifier, {}), None, actor, relates=False
                )
            else:
                key = found.key
            if key not in edges.targets[name]:
                edges.targets[name].append(key)

    def _save(
        self, blueprint: Blueprint, old: Row | None, identifier: str, document: Document
    ) -> int:
        if old is None:
            return int(
                self._store.execute(
                    "INSERT INTO entity(blueprint, identifier, document) VALUES (?, ?, ?)",
                    (blueprint.key, identifier, dump(document)),
                ).lastrowid
                or 0
            )
        self._store.execute(
            "UPDATE entity SET identifier = ?, document = ? WHERE key = ?",
            (identifier, dump(document), old.key),
        )
        return old.key

    def _unlink(self, blueprint: Blueprint, key: int, names: Iterable[str] | None) -> None:
        """Remove what an entity is related to, by some relations or by all of them."""
        if names is None:
            self._store.execute("DELETE FROM relation WHERE source = ?", (key,))
        for name in names or ():
            self._store.execute(
                "DELETE FROM relation WHERE source = ? AND slot = ?",
                (key, blueprint.relations[name]),
            )

    def _link(self, blueprint: Blueprint, key: int, targets: Mapping[str, list[int]]) -> None:
        edges = [
            (key, blueprint.relations[name], position, target)
            for name, keys in targets.items()
            for position, target in enumerate(keys)
        ]
        if edges:
            self._store.executemany("INSERT INTO relation VALUES (?, ?, ?, ?)", edges)

    # --- deleting ---------------------------------------------------------------------------

    def delete(
        self, blueprint: Blueprint, identifiers: Sequence[str], actor: Actor, *, dependents: bool
    ) -> list[str]:
        """Remove entities, all or none of them; return the identifiers removed.

        Dependents are the entities that need a removed one through a required relation: they
        go too, or their existence is a 403 error.
        """
        rows = [self.existing(blueprint, identifier) for identifier in dict.fromkeys(identifiers)]
        doomed = {row.key for row in rows}
        for row in rows:
            needed_by = set(self._find_needing(row.key)) - doomed
            if needed_by and not dependents:
                raise errors.entity_is_required(
                    blueprint.identifier, row.identifier, len(needed_by)
                )
        waiting = list(doomed)
        while waiting:
            for key in self._find_needing(waiting.pop()):
                if key not in doomed:
                    doomed.add(key)
                    waiting.append(key)
        self.remove(sorted(doomed), actor)
        return [row.identifier for row in rows]

    def remove(self, keys: Sequence[int], actor: Actor) -> None:
        """Remove entities by their database keys, and every edge from and to them."""
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            rows = self.rows(keys[start : start + _KEYS_AT_ONCE])
            for row, before in zip(rows, self.stored(rows), strict=True):
                subject = Subject("entity", row.identifier, before["blueprint"], row.key)
                self._audit.record(audit.DELETE, subject, actor, before=before)
                change = EntityChange(
                    audit.DELETE,
                    self._blueprints.by_key(row.blueprint),
                    row.key,
                    row.identifier,
                    before,
                    actor,
                    relates=True,
                )
                for listener in self.listeners:
                    listener(change)
        some = [(key,) for key in keys]
        self._store.executemany("DELETE FROM relation WHERE source = ?", some)
        self._store.executemany("DELETE FROM relation WHERE target = ?", some)
        self._store.executemany("DELETE FROM timer WHERE entity = ?", some)
        self._store.executemany("DELETE FROM entity WHERE key = ?", some)

    def _find_needing(self, key: int) -> Iterator[int]:
        """Yield the entities that point to one through a required relation."""
        for source, slot, owner in self._store.execute(
            "SELECT source, slot, blueprint FROM relation JOIN entity ON entity.key = source "
            "WHERE target = ?",
            (key,),
        ).fetchall():
            blueprint = self._blueprints.by_key(owner)
            for name, its_slot in blueprint.relations.items():
                if its_slot == slot and blueprint.relation(name)["required"]:
                    yield source


_KEYS_AT_ONCE = 500


_SECOND = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
"""What a moment looks like whose seconds compare as texts do, if it ends in Z."""


def _narrow(slot: str, operator: str, wanted: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the condition that a value may be before or after a moment; None if it is none.

    It leaves out what has no such value, and moments in UTC of another second on the wrong side.
    Whatever is written otherwise stays in, for whoever asks to look at.
    """
    moment = parse_moment(wanted)
    if moment is None:
        return None
    wrong_side = ">" if operator.startswith("<") else "<"
    path = f"$.properties.{json.dumps(slot)}"
    value = "json_extract(document, ?)"
    return (
        f"AND NOT ({value} GLOB ? AND substr({value}, 1, 19) {wrong_side} ?) ",
        (path, f"{_SECOND}*Z", path, moment.strftime("%Y-%m-%dT%H:%M:%S")),
    )


def _compute_nothing(_blueprint: Blueprint, _rows: list[Row], _show: list[Document]) -> None:
    return


def _cannot_find(_blueprint: Blueprint, _query: Mapping[str, Any]) -> list[str]:
    return []


def _find_related(shown: Sequence[Document], relation: str) -> list[str]:
    """Return whom the entities' relation of one name points to, each once."""
    values = [entity["relations"].get(relation) for entity in shown]
    each = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return list(dict.fromkeys(one for one in each if one is not None))


def _find_titled(entity: Document, titles: Mapping[str, Mapping[str, str | None]]) -> Document:
    """Return an entity with identifier and title in the place of each related identifier."""

    def related(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [related(name, one) for one in value]
        return None if value is None else {"identifier": value, "title": titles[name].get(value)}

    relations = {name: related(name, value) for name, value in entity["relations"].items()}
    return {**entity, "relations": relations}


def _properties(blueprint: Blueprint, kept: Row | None, given: Mapping[str, Any]) -> Document:
    """Return the values to store, under their slots: those given, and those kept."""
    values: Document = {} if kept is None else dict(kept.document["properties"])
    slots = blueprint.properties
    for name, value in given.items():
        values[slots[name]] = value
    return values


def _show(
    row: Row, blueprint: Blueprint, edges: Mapping[str, list[str]], fields: Fields
) -> Document:
    stored, has = row.document, fields.has
    values = stored["properties"]
    relations: Document = {}
    for name, slot in blueprint.relations.items():
        if has("relations", name):
            related = edges.get(slot)
            if blueprint.relation(name)["many"]:
                relations[name] = related or []
            else:
                relations[name] = related[0] if related else None
    shown: Document = {"identifier": row.identifier}
    for name in ("title", "icon"):
        if stored.get(name) is not None and has("", name):
            shown[name] = stored[name]
    shown["blueprint"] = blueprint.identifier
    if has("", "team"):
        shown["team"] = stored.get("team") or []
    shown["properties"] = {
        name: values.get(slot)
        for name, slot in blueprint.properties.items()
        if has("properties", name)
    }
    shown["relations"] = relations
    shown |= {name: stored[name] for name in _METADATA if has("", name)}
    return shown


_METADATA = ("createdAt", "createdBy", "updatedAt", "updatedBy")
