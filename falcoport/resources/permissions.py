"""Who may change one property of a blueprint's entities: the team that owns an entity may.

Requests and fields: Port API reference, 2026-01. Permissions come with their blueprint and go with
it. Whether Port merges the map of properties or replaces it is not documented, so that the others'
blocks are sent along as they were right before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.port.errors import NotFoundError
from falcoport.resources.interface import Key, Resource

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.port.api import PortApi

_KEYS = {"entities": dict}
_GROUP = "updateProperties"
_OWNERS = "ownedByTeam"


@dataclass(frozen=True)
class Permissions(Resource):
    """That owning teams may change the property `identifier` of the entities of `blueprint`."""

    kind = "permissions"

    blueprint: str
    identifier: str

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.identifier, self.blueprint)

    @property
    def follows(self) -> tuple[Key, ...]:
        """The blueprint, with which they come."""
        return (Key("blueprint", self.blueprint),)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource: it is the block of the property, empty where Port has none."""
        blocks = _read_blocks(api, key)
        return None if blocks is None else dict(blocks.get(key.identifier) or {})

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:  # noqa: ARG003 -- nothing depends on them
        """Return nothing: they are a blueprint's own."""
        return []

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:
        """Set them, once the blueprint has brought its own."""
        return cls.update(api, key, {**(cls.read(api, key) or {}), **body})

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource: a block is written whole, so that what does not change is read before."""
        blocks = _read_blocks(api, key)
        if blocks is None:
            raise NotFoundError(f"There is no blueprint {key.parent} any more.", where=str(key))
        block = {**(blocks.get(key.identifier) or {}), **body}
        sent = {"entities": {_GROUP: {**blocks, key.identifier: block}}}
        answer = api.write("PATCH", _path(key), sent, "permissions", _KEYS)
        return dict((answer["entities"].get(_GROUP) or {}).get(key.identifier) or block)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """Not for permissions: they go with their blueprint."""
        raise NotImplementedError

    def merge(self, live: Json | None) -> Json:
        """See Resource."""
        return {**(live or {}), _OWNERS: True}

    def remove_own(self, live: Json) -> Json | None:
        """See Resource."""
        return {**live, _OWNERS: False} if live.get(_OWNERS) else live

    def describe_rest(self, rest: Json) -> str:  # noqa: ARG002 -- it is the same for all
        """See Resource."""
        return "roles, users and teams that were given stay"


def _read_blocks(api: PortApi, key: Key) -> Json | None:
    """Return the blocks of all properties; None without the blueprint."""
    found = api.find(_path(key), "permissions", _KEYS)
    return None if found is None else dict(found["entities"].get(_GROUP) or {})


def _path(key: Key) -> tuple[str, ...]:
    return ("blueprints", key.parent, "permissions")
