"""All entities of a blueprint, as one thing that is counted and deleted; never written.

Port answers a deletion before it is done (API reference, DELETE …/all-entities), so this waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import PortError
from falcoport.port.retry import retry
from falcoport.resources.interface import Key, Resource

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.port.api import PortApi

_REMOVAL_SECONDS = 60.0
"""How long to wait for Port to remove entities."""


class _StillThereError(PortError):
    """What Port removes in the background is not gone yet."""


@dataclass(frozen=True)
class Entities(Resource):
    """All entities of a blueprint; a body is `{"count": how many}`, None for none at all."""

    kind = "entities"

    blueprint: str

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.blueprint)

    @property
    def follows(self) -> tuple[Key, ...]:
        """The blueprint, which cannot be deleted before its entities."""
        return (Key("blueprint", self.blueprint),)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        count = api.entities_count(key.identifier)
        return {"count": count} if count else None

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:  # noqa: ARG003 -- looked at with their blueprint
        """Return nothing: entities are looked at with their blueprint."""
        return []

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:
        """Not for entities: others make them."""
        raise NotImplementedError

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """Not for entities."""
        raise NotImplementedError

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """Delete them all, and wait until Port has."""
        api.delete_all_entities(key.identifier)

        def look() -> None:
            left = api.entities_count(key.identifier)
            if left:
                raise _StillThereError(
                    f"Port is still removing entities: {left} are left.",
                    where=f"blueprint {key.identifier}",
                    hint="Run the same command again in a while.",
                )

        retry(look, on=_StillThereError, attempts=None, seconds=_REMOVAL_SECONDS)

    def merge(self, live: Json | None) -> Json:
        """Return what is there: nothing is ever laid over entities."""
        return live or {}


@dataclass(frozen=True)
class Alerts(Entities):
    """The alerts in the catalog."""

    kind = "alerts"
