"""Who may change entities of a blueprint: the team that owns one may change some properties.

Requests and fields: Port API reference, 2026-01. Permissions come with their blueprint and go with
it; a block that is written replaces the old one, so that the roles in it are sent along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.resources.interface import Key, Resource

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.port.api import PortApi

_KEYS = {"entities": dict}
_GROUP = "updateProperties"


@dataclass(frozen=True)
class Permissions(Resource):
    """What owning teams may change of the entities of `blueprint`: `properties`, no more."""

    kind = "permissions"

    blueprint: str
    properties: tuple[str, ...]

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.blueprint)

    @property
    def follows(self) -> tuple[Key, ...]:
        """The blueprint, with which they come."""
        return (Key("blueprint", self.blueprint),)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        return api.find(_path(key), "permissions", _KEYS)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:  # noqa: ARG003 -- nothing depends on them
        """Return nothing: they are a blueprint's own."""
        return []

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:
        """Set them, once the blueprint has brought its own."""
        live = cls.read(api, key) or {"entities": {}}
        own = tuple(body["entities"][_GROUP])
        return cls.update(api, key, _allow(live, own, allowed=True))

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource: only what is about single properties is sent."""
        sent = {"entities": {_GROUP: body["entities"][_GROUP]}}
        return api.write("PATCH", _path(key), sent, "permissions", _KEYS)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """Not for permissions: they go with their blueprint."""
        raise NotImplementedError

    def merge(self, live: Json | None) -> Json:
        """See Resource."""
        return _allow(live or {"entities": {}}, self.properties, allowed=True)

    def remove_own(self, live: Json) -> Json | None:
        """See Resource."""
        return _allow(live, self.properties, allowed=False)

    def is_installed(self, live: Json) -> bool:
        """Tell whether owning teams may change all of the properties."""
        blocks = live["entities"].get(_GROUP) or {}
        return all((blocks.get(name) or {}).get("ownedByTeam") for name in self.properties)


def _allow(live: Json, names: tuple[str, ...], *, allowed: bool) -> Json:
    entities = live["entities"]
    blocks = dict(entities.get(_GROUP) or {})
    for name in names:
        block = blocks.get(name) or {}
        if bool(block.get("ownedByTeam")) != allowed:
            blocks[name] = {**block, "ownedByTeam": allowed}
    return {**live, "entities": {**entities, _GROUP: blocks}}


def _path(key: Key) -> tuple[str, ...]:
    return ("blueprints", key.identifier, "permissions")
