"""The sandbox's blueprints: what Port checks when one is written, and what follows from it.

An entity stores each value under its property's slot, not its name. Renaming a property moves a
name to another slot's place and dropping one forgets the slot, so neither touches the entities,
however many there are; a name that comes back gets a new slot, since Port forgets the values.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.errors import ApiError, invalid
from falcoport.sandbox.options import OnNestedPatch, OnTargetedBlueprint
from falcoport.sandbox.storage import audit
from falcoport.sandbox.storage.audit import Subject
from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.storage.values import Checker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcoport.sandbox.options import SandboxOptions
    from falcoport.sandbox.storage.audit import Actor, Audit
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

METADATA = ("createdAt", "createdBy", "updatedAt", "updatedBy")
"""What answers add to what was sent (Port API, Get a blueprint)."""

_SYSTEM: tuple[Document, ...] = (
    {
        "identifier": "_user",
        "title": "User",
        "icon": "User",
        "schema": {
            "properties": {
                "status": {
                    "title": "Status",
                    "type": "string",
                    "enum": ["Active", "Disabled", "Staged", "Invited"],
                },
                "port_role": {
                    "title": "Port Role",
                    "type": "string",
                    "enum": ["Member", "Moderator", "Admin"],
                },
                "port_type": {
                    "title": "Port Type",
                    "type": "string",
                    "enum": ["Standard", "Service Account"],
                },
            },
            "required": [],
        },
        "relations": {},
    },
    {
        "identifier": "_team",
        "title": "Team",
        "icon": "Team",
        "schema": {
            "properties": {
                "description": {"title": "Description", "type": "string"},
                "size": {"title": "Size", "type": "number"},
            },
            "required": [],
        },
        "relations": {},
    },
)


@dataclass(frozen=True)
class Blueprint:
    """One blueprint as it is stored.

    `document` is what was sent with the metadata; `properties` and `relations` give the slot of
    each name. `retired` are slots that hold values of names that are gone.
    """

    key: int
    identifier: str
    document: Document
    properties: Mapping[str, str]
    relations: Mapping[str, str]
    retired: tuple[str, ...] = ()

    @cached_property
    def computed_names(self) -> list[str]:
        """The properties of its entities that are not stored."""
        groups = ("mirrorProperties", "aggregationProperties", "calculationProperties")
        return [name for group in groups for name in self.document[group]]

    @cached_property
    def has_computed(self) -> bool:
        """Whether its entities have values that are not stored, scorecards aside."""
        ownership = self.document.get("ownership") or {}
        return bool(self.computed_names) or ownership.get("type") == "Inherited"

    @cached_property
    def required_relations(self) -> list[str]:
        """The relations that its entities must have."""
        return [name for name in self.relations if self.relation(name)["required"]]

    @cached_property
    def timers(self) -> dict[str, str]:
        """The properties that expire, by their slots."""
        return {
            self.properties[name]: name
            for name, definition in self.document["schema"]["properties"].items()
            if definition.get("format") == "timer"
        }

    @cached_property
    def defaults(self) -> Document:
        """What the properties of a new entity are that are not given, under their slots."""
        return {
            self.properties[name]: definition["default"]
            for name, definition in self.document["schema"]["properties"].items()
            if definition.get("default") is not None
        }

    @cached_property
    def checker(self) -> Checker:
        """The compiled rules that the values of an entity are held to."""
        return Checker(self.document["schema"])

    def relation(self, name: str) -> Document:
        """Return the definition of a relation: its `target`, `many` and `required`."""
        found: Document = self.document["relations"][name]
        return found

    @property
    def is_system(self) -> bool:
        """Whether it is one of Port's own, which cannot be deleted."""
        return self.identifier.startswith("_")


class Blueprints:
    """The blueprints of one sandbox; every method runs inside a transaction of the caller."""

    def __init__(self, store: Store, options: SandboxOptions, log: Audit) -> None:
        self._store = store
        self._options = options
        self._audit = log
        self._rows: list[tuple[int, str, str, str]] | None = None
        self._loaded: dict[str, Blueprint] = {}
        self._by_key: dict[int, Blueprint] = {}
        self._is_read = False
        self._version = 0
        self.watcher: Callable[[], None] = lambda: None
        """Called when blueprints may have changed; set by what puts the sandbox together."""
        if store.scalar("SELECT count(*) FROM blueprint") == 0:
            with store.transaction():
                for document in _SYSTEM:
                    self._insert({**document, **self._metadata("port")})

    @property
    def version(self) -> int:
        """Grows with every change of a blueprint."""
        self.all()
        return self._version

    def forget(self) -> None:
        """Read the blueprints anew when they are next asked for."""
        self._is_read = False
        self.watcher()

    def all(self) -> dict[str, Blueprint]:
        """Return every blueprint by its identifier, in the order of creation."""
        if not self._is_read:
            rows = self._store.execute(
                "SELECT key, identifier, document, slots FROM blueprint ORDER BY key"
            ).fetchall()
            self._is_read = True
            # What was made of blueprints that are still the same is kept.
            if rows != self._rows:
                self._rows = rows
                self._version += 1
                self._loaded = {row[1]: _read(row) for row in rows}
                self._by_key = {found.key: found for found in self._loaded.values()}
        return self._loaded

    def by_key(self, key: int) -> Blueprint:
        """Return the blueprint with a database key."""
        self.all()
        return self._by_key[key]

    def find_by_key(self, key: int) -> Blueprint | None:
        """Return the blueprint with a database key, None if it was deleted."""
        self.all()
        return self._by_key.get(key)

    def listed(self) -> list[Blueprint]:
        """Return the blueprints that are not Port's own."""
        return [blueprint for blueprint in self.all().values() if not blueprint.is_system]

    def get(self, identifier: str) -> Blueprint:
        """Return a blueprint; raise a 404 error if there is none."""
        found = self.all().get(identifier)
        if found is None:
            raise errors.not_found("Blueprint", identifier)
        return found

    def create(self, body: Document, actor: Actor) -> Document:
        """Store a new blueprint and return it with its metadata."""
        if body["identifier"] in self.all():
            raise errors.identifier_taken("Blueprint", body["identifier"])
        document = self._check({**_select_sent(body), **self._metadata(actor.name)})
        self._insert(document)
        self._record(audit.CREATE, actor, after=document)
        return complete(document)

    def replace(self, identifier: str, body: Document, actor: Actor) -> Document:
        """Put a whole document in a blueprint's place and return it; keys left out vanish."""
        old = self.get(identifier)
        return self._write(old, {"identifier": identifier, **_select_sent(body)}, actor)

    def patch(self, identifier: str, body: Document, actor: Actor) -> Document:
        """Change the keys given and return the whole document."""
        old = self.get(identifier)
        document = {key: old.document[key] for key in old.document if key not in METADATA}
        given = _select_sent(body)
        if self._options.on_nested_patch is OnNestedPatch.MERGE:
            given = _merge(document, given)
        return self._write(old, {**document, **given}, actor)

    def refuse_deletion(self, blueprint: Blueprint) -> None:
        """Raise a 403 error if a blueprint is Port's own or the target of others' relations.

        Port does not document what becomes of relations whose target is deleted; with `allow`
        they go with it.
        """
        if blueprint.is_system:
            raise _find_protected(blueprint.identifier)
        if self._options.on_targeted_blueprint is OnTargetedBlueprint.ALLOW:
            return
        for other in self.all().values():
            for name, relation in other.document.get("relations", {}).items():
                if other.key != blueprint.key and relation["target"] == blueprint.identifier:
                    raise ApiError(
                        403,
                        "has_dependents",
                        "This Blueprint cannot be deleted because the relation "
                        f'"{name}" of blueprint "{other.identifier}" targets it',
                        {"blueprint": blueprint.identifier, "dependents": [other.identifier]},
                    )

    def delete(self, identifier: str, actor: Actor) -> None:
        """Remove a blueprint that has no entities, with its pages and scorecards."""
        blueprint = self.get(identifier)
        count = self.count(blueprint)
        if count:
            raise errors.blueprint_has_entities(identifier, count)
        self.refuse_deletion(blueprint)
        self._drop_relations_to(blueprint, actor)
        self._record(audit.DELETE, actor, before=blueprint.document)
        self._store.execute("DELETE FROM resource WHERE blueprint = ?", (blueprint.key,))
        self._store.forget_documents()
        self._store.execute("DELETE FROM blueprint WHERE key = ?", (blueprint.key,))
        self.forget()

    def _drop_relations_to(self, target: Blueprint, actor: Actor) -> None:
        for other in list(self.all().values()):
            kept = {
                name: relation
                for name, relation in other.document["relations"].items()
                if other.key == target.key or relation["target"] != target.identifier
            }
            if len(kept) < len(other.document["relations"]):
                self._write(other, {**other.document, "relations": kept}, actor)

    def _record(
        self,
        action: str,
        actor: Actor,
        *,
        before: Document | None = None,
        after: Document | None = None,
    ) -> None:
        identifier = (before or after or {})["identifier"]
        subject = Subject("blueprint", identifier, identifier)
        self._audit.record(action, subject, actor, before=before, after=after)

    def structure(self, identifier: str) -> Document:
        """Return what one of Port's own blueprints has by itself."""
        for document in _SYSTEM:
            if document["identifier"] == identifier:
                stored = self.get(identifier).document
                return {**document, **{name: stored[name] for name in METADATA}}
        raise errors.not_found("Blueprint", identifier)

    def count(self, blueprint: Blueprint) -> int:
        """Return how many entities a blueprint has."""
        found: int = self._store.scalar(
            "SELECT count(*) FROM entity WHERE blueprint = ?", (blueprint.key,)
        )
        return found

    def rename_member(
        self, identifier: str, group: str, old_name: str, new_name: str, actor: Actor
    ) -> Document:
        """Rename a property, relation or mirror property, values and all.

        `group` is `properties`, `relations` or `mirrorProperties`.
        """
        blueprint = self.get(identifier)
        document = json.loads(dump(blueprint.document))
        holder = document["schema"] if group == "properties" else document
        members = holder.get(group, {})
        if old_name not in members:
            kind = "Relation" if group == "relations" else "Property"
            raise errors.not_found(kind, old_name)
        if new_name != old_name and new_name in members:
            raise errors.identifier_taken(
                "Relation" if group == "relations" else "Property", new_name
            )
        holder[group] = {new_name if n == old_name else n: m for n, m in members.items()}
        if group == "properties" and old_name in document["schema"].get("required", ()):
            document["schema"]["required"] = [
                new_name if n == old_name else n for n in document["schema"]["required"]
            ]
        if group == "relations":
            _retarget_mirrors(document, old_name, new_name)
        slots = {
            "properties": dict(blueprint.properties),
            "relations": dict(blueprint.relations),
        }
        if group in slots:
            slots[group] = {
                new_name if n == old_name else n: slot for n, slot in slots[group].items()
            }
        document |= {"updatedAt": self._store.now(), "updatedBy": actor.name}
        self._record(audit.UPDATE, actor, before=blueprint.document, after=document)
        self._update(
            blueprint.key, document, slots["properties"], slots["relations"], blueprint.retired
        )
        return complete(document)

    def _check(self, document: Document, renamed_from: str = "") -> Document:
        """Return the document with its relations complete, or raise what Port refuses."""
        relations = {
            name: {"required": False, "many": False, **relation}
            for name, relation in document.get("relations", {}).items()
        }
        for name, relation in relations.items():
            if relation["required"] and relation["many"]:
                raise invalid(f'"relations.{name}" must not be both required and many')
            target = relation["target"]
            if renamed_from and target == renamed_from:
                relation["target"] = document["identifier"]
            elif target != document["identifier"]:
                self.get(target)
        if "relations" in document:
            document = {**document, "relations": relations}
        return document

    def _write(self, old: Blueprint, document: Document, actor: Actor) -> Document:
        identifier = document["identifier"]
        renamed = identifier != old.identifier
        if renamed and identifier in self.all():
            raise errors.identifier_taken("Blueprint", identifier)
        if renamed and old.is_system:
            raise _find_protected(old.identifier)
        document = self._check(document, old.identifier if renamed else "")
        document |= {
            "createdAt": old.document["createdAt"],
            "createdBy": old.document["createdBy"],
            "updatedAt": self._store.now(),
            "updatedBy": actor.name,
        }
        _refuse_type_change(old, document)
        properties, retired = _slots(
            old.properties, document["schema"]["properties"], set(), old.retired
        )
        moved = self._find_moved_relations(old, document, old.identifier if renamed else "")
        relations, retired = _slots(old.relations, document.get("relations", {}), moved, retired)
        self._drop_edges(old, set(old.relations.values()) - set(relations.values()))
        if renamed:
            self._cascade(old.identifier, identifier)
        self._update(old.key, document, properties, relations, retired)
        self._record(audit.UPDATE, actor, before=old.document, after=document)
        return complete(document)

    def _find_moved_relations(
        self, old: Blueprint, document: Document, renamed_from: str
    ) -> set[str]:
        """Return the relations whose target changed; refuse to make a used list single."""
        moved = set()
        for name, relation in document.get("relations", {}).items():
            if name not in old.relations:
                continue
            before = old.relation(name)
            target = before["target"]
            if renamed_from and target == renamed_from:
                target = document["identifier"]
            if target != relation["target"]:
                moved.add(name)
            elif before["many"] and not relation["many"]:
                self._refuse_many(old, name)
        return moved

    def _refuse_many(self, blueprint: Blueprint, name: str) -> None:
        if self._store.one(
            "SELECT 1 FROM relation JOIN entity ON entity.key = source "
            "WHERE blueprint = ? AND slot = ? AND position = 1 LIMIT 1",
            (blueprint.key, blueprint.relations[name]),
        ):
            raise invalid(
                f'Relation "{name}" of blueprint "{blueprint.identifier}" cannot become single: '
                "there are entities with several related entities",
                "relation_many_violation",
            )

    def _drop_edges(self, blueprint: Blueprint, slots: set[str]) -> None:
        for slot in slots:
            self._store.execute(
                "DELETE FROM relation WHERE slot = ? AND source IN "
                "(SELECT key FROM entity WHERE blueprint = ?)",
                (slot, blueprint.key),
            )

    def _cascade(self, old: str, new: str) -> None:
        """Make relations and aggregations of the others follow a renamed blueprint."""
        for other in list(self.all().values()):
            if other.identifier == old:
                continue
            document = json.loads(dump(other.document))
            targets = [
                member
                for group in ("relations", "aggregationProperties")
                for member in document.get(group, {}).values()
                if member.get("target") == old
            ]
            for member in targets:
                member["target"] = new
            if targets:
                self._store.execute(
                    "UPDATE blueprint SET document = ? WHERE key = ?", (dump(document), other.key)
                )

    def _metadata(self, author: str) -> Document:
        moment = self._store.now()
        return {"createdAt": moment, "createdBy": author, "updatedAt": moment, "updatedBy": author}

    def _insert(self, document: Document) -> None:
        properties = {name: name for name in document["schema"]["properties"]}
        relations = {name: name for name in document.get("relations", {})}
        self._store.execute(
            "INSERT INTO blueprint(identifier, document, slots) VALUES (?, ?, ?)",
            (document["identifier"], dump(document), dump([properties, relations, []])),
        )
        self.forget()

    def _update(
        self,
        key: int,
        document: Document,
        properties: Mapping[str, str],
        relations: Mapping[str, str],
        retired: tuple[str, ...],
    ) -> None:
        self._store.execute(
            "UPDATE blueprint SET identifier = ?, document = ?, slots = ? WHERE key = ?",
            (document["identifier"], dump(document), dump([properties, relations, retired]), key),
        )
        self.forget()


def _find_protected(identifier: str) -> ApiError:
    return ApiError(403, "protected_resource", f'Blueprint "{identifier}" is Port\'s own')


def _read(row: tuple[int, str, str, str]) -> Blueprint:
    properties, relations, retired = json.loads(row[3])
    document = complete(json.loads(row[2]))
    return Blueprint(row[0], row[1], document, properties, relations, tuple(retired))


def complete(document: Document) -> Document:
    """Return a blueprint with the maps that Port gives a default of `{}` (Port API)."""
    return {**document, **{name: document.get(name, {}) for name in _MAPS}}


def _select_sent(body: Document) -> Document:
    """Return what a client sent without the fields that only Port writes."""
    return {key: value for key, value in body.items() if key not in (*METADATA, "id")}


_MAPS = ("relations", "mirrorProperties", "calculationProperties", "aggregationProperties")


def _merge(old: Document, given: Document) -> Document:
    """Return the given fields with the members of the old maps that they do not name."""
    merged = dict(given)
    for name in _MAPS:
        if name in given:
            merged[name] = {**old.get(name, {}), **given[name]}
    if "schema" in given:
        properties = {**old["schema"]["properties"], **given["schema"]["properties"]}
        merged["schema"] = {**old["schema"], **given["schema"], "properties": properties}
    return merged


def _refuse_type_change(old: Blueprint, document: Document) -> None:
    before = old.document["schema"]["properties"]
    for name, definition in document["schema"]["properties"].items():
        if name in before and before[name]["type"] != definition["type"]:
            raise invalid(
                f'Property "{name}" of blueprint "{old.identifier}": its type cannot be changed '
                f'from "{before[name]["type"]}" to "{definition["type"]}"'
            )
        if name in before and before[name].get("format") != definition.get("format"):
            raise errors.format_change(name)


def _slots(
    old: Mapping[str, str], names: Mapping[str, Any], moved: set[str], retired: tuple[str, ...]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the slot of each name, and all slots whose values are no longer shown."""
    kept = {name: old[name] for name in names if name in old and name not in moved}
    gone = tuple(dict.fromkeys([*retired, *(s for s in old.values() if s not in kept.values())]))
    taken = {*kept.values(), *gone}
    slots = {}
    for name in names:
        slot, count = kept.get(name, name), 1
        while name not in kept and slot in taken:
            count += 1
            slot = f"{name}~{count}"
        taken.add(slot)
        slots[name] = slot
    return slots, gone


def _retarget_mirrors(document: Document, old: str, new: str) -> None:
    for mirror in document.get("mirrorProperties", {}).values():
        head, dot, rest = mirror["path"].partition(".")
        if head == old:
            mirror["path"] = new + dot + rest
