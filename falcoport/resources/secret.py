"""A secret of the organization in Port, which actions send along; its value is never given back.

Requests and fields: Port API reference, 2026-01.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from falcoport.errors import Problem
from falcoport.resources.interface import Key, Resource
from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi

_KEYS = {"secretName": str}
_VALUE = "secretValue"
_ALL = ("organization", "secrets")


@dataclass(frozen=True)
class Secret(Resource):
    """What one secret must be; with `value` None, its value stays as Port has it."""

    kind = "secret"
    hidden_fields = frozenset({_VALUE})
    keep_hint = "Change that action in Port first."

    name: str
    description: str
    value: str | None = field(default=None, repr=False)

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.name)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        return api.find((*_ALL, key.identifier), "secret", _KEYS)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:  # noqa: ARG003 -- a secret needs nothing
        """Return nothing: no secret depends on anything."""
        return []

    @classmethod
    def key_of(cls, body: Json) -> Key:
        """See Resource."""
        return Key(cls.kind, str(body.get("secretName")))

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:  # noqa: ARG003 -- it is in the body
        """See Resource."""
        return api.write("POST", _ALL, body, "secret", _KEYS)

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource."""
        return api.write("PATCH", (*_ALL, key.identifier), body, "secret", _KEYS)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """See Resource."""
        api.delete((*_ALL, key.identifier))

    def merge(self, live: Json | None) -> Json:
        """See Resource: a value that was given is written each time, as it cannot be compared."""
        named: Json = {"secretName": self.name, "description": self.description}
        if self.value is not None:
            named[_VALUE] = self.value
        return named if live is None else merge(live, named)

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse to create one without a value."""
        if live is None and self.value is None:
            yield Problem(
                "usage",
                f"Port has no secret {self.name!r} yet, and no URL was given for it.",
                str(self.key),
                "Give --notify-url-file FILE, or set FALCOPORT_NOTIFY_URL.",
            )

    def without_hidden(self) -> Secret:
        """See Resource."""
        return replace(self, value=None)
