"""A blueprint: what kind of entities there are, and which properties they have.

Requests and fields: Port API reference, 2026-01. Its relations are fragments (`relation.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import Problem
from falcoport.resources.interface import Key, Resource
from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi
    from falcoport.resources.interface import Fragment

_COMPUTED = ("mirrorProperties", "calculationProperties", "aggregationProperties")
"""What Port fills by itself; a property cannot have the name of one of these."""
_MANIFEST_HINT = "or give your own manifest with --blueprint."


@dataclass(frozen=True)
class Blueprint(Resource):
    """What one blueprint must be; `body` is as in a manifest, without the relations that are ours.

    With `create_only` it is created where it is missing and otherwise left alone; with `partial`
    the body is no more than the identifier, and others' fragments are laid over it.
    """

    kind = "blueprint"
    keep_hint = "Remove it in Port first, or keep the blueprint with --keep-blueprint."

    body: Json
    create_only: bool = False
    partial: bool = False

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.body["identifier"])

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        return api.blueprint(key.identifier)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:
        """See Resource."""
        return api.blueprints()

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:  # noqa: ARG003 -- it is in the body
        """See Resource."""
        return api.create_blueprint(body)

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource."""
        return api.update_blueprint(key.identifier, body)

    @classmethod
    def replace(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource: PUT replaces the whole document (API reference), as Port's own clients do.

        What Port adds to its answers may be sent back: it allows any top-level key.
        """
        path = ("blueprints", key.identifier)
        return api.write("PUT", path, body, "blueprint", {"identifier": str, "schema": dict})

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """See Resource."""
        api.delete_blueprint(key.identifier)

    @classmethod
    def find_references(cls, body: Json, to: Key) -> Iterator[str]:
        """Say which relations point to a blueprint, and which aggregations count its entities."""
        if to.kind != cls.kind:
            return
        name = body.get("identifier")
        for relation, one in (body.get("relations") or {}).items():
            if isinstance(one, dict) and one.get("target") == to.identifier:
                yield f"relation {relation!r} of blueprint {name!r} points to it"
        for aggregation, one in (body.get("aggregationProperties") or {}).items():
            if isinstance(one, dict) and one.get("target") == to.identifier:
                what = f"aggregation property {aggregation!r} of blueprint {name!r}"
                yield f"{what} counts its entities"

    def merge(self, live: Json | None) -> Json:
        """See Resource."""
        if live is None:
            return self.body
        return live if self.create_only else merge(live, self.body)

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse what Port would refuse, or would do by dropping what is stored."""
        if live is None or self.create_only:
            return
        properties = live.get("schema", {}).get("properties", {})
        for name, wanted in ((self.body.get("schema") or {}).get("properties") or {}).items():
            found = properties.get(name)
            if isinstance(found, dict) and found.get("type") != wanted["type"]:
                yield self._find_changed(name, "type", found["type"], wanted["type"])
            elif isinstance(found, dict) and found.get("format") != wanted.get(
                "format", found.get("format")
            ):
                # Port refuses it: 422 `forbidden_format_change`.
                yield self._find_changed(name, "format", found.get("format"), wanted["format"])
            for group in _COMPUTED:
                if name in (live.get(group) or {}):
                    yield self._find_computed(name, group)

    def find_additions(self, live: Json, own: Iterable[Fragment]) -> Iterator[str]:
        """See Resource."""
        for fragment in own:
            live = fragment.detach(live)
        identifier = self.key.identifier
        ours = self.body.get("schema", {}).get("properties", {})
        for name in live.get("schema", {}).get("properties", {}):
            if name not in ours:
                yield f"property {name!r} of blueprint {identifier!r} was added to it"
        for group in ("relations", *_COMPUTED):
            for name in live.get(group) or {}:
                if name not in (self.body.get(group) or {}):
                    word = "relation" if group == "relations" else f"{group[:-10]} property"
                    yield f"{word} {name!r} of blueprint {identifier!r} was added to it"

    def _find_changed(self, name: str, key: str, found: str | None, wanted: str) -> Problem:
        identifier = self.key.identifier
        has = f"{key} {found!r}" if found is not None else f"no {key}"
        return Problem(
            "conflict",
            f"Property {name!r} of blueprint {identifier!r} has {has} in Port, "
            f"{wanted!r} is wanted; Port would drop the stored values, so nothing was written.",
            f"blueprint {identifier}: schema.properties.{name}.{key}",
            f"Rename or remove the property in Port, {_MANIFEST_HINT}",
        )

    def _find_computed(self, name: str, group: str) -> Problem:
        identifier = self.key.identifier
        return Problem(
            "conflict",
            f"Blueprint {identifier!r} already has {name!r} among its {group}; "
            "the manifest wants a property of that name, so nothing was written.",
            f"blueprint {identifier}: {group}.{name}",
            f"Rename it in Port, {_MANIFEST_HINT}",
        )
