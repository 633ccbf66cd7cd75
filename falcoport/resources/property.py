"""A property that an extra adds to a blueprint of a set-up: a fragment of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import Problem
from falcoport.resources.interface import Fragment, Key, PartStatus, make_status
from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from falcoport.json_types import Json
    from falcoport.resources.merging import FieldChange


@dataclass(frozen=True)
class Property(Fragment):
    """One property of `blueprint`; `body` is as in a manifest."""

    kind = "property"

    blueprint: str
    identifier: str
    body: Json

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.identifier, self.blueprint)

    @property
    def owner(self) -> Key:
        """See Fragment."""
        return Key("blueprint", self.blueprint)

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse another type or format: Port would drop what is stored."""
        found = self.extract(live) if live is not None else None
        for key in ("type", "format"):
            if found is not None and found.get(key) != self.body.get(key):
                yield Problem(
                    "conflict",
                    f"Property {self.identifier!r} of blueprint {self.blueprint!r} has the {key} "
                    f"{found.get(key)!r} in Port, {self.body.get(key)!r} is wanted; nothing was "
                    "written.",
                    f"blueprint {self.blueprint}: schema.properties.{self.identifier}",
                    "Rename the property in Port.",
                )
                return

    def attach(self, body: Json) -> Json:
        """See Fragment."""
        return merge(body, {"schema": {"properties": {self.identifier: self.body}}})

    def extract(self, body: Json) -> Json | None:
        """See Fragment."""
        found = ((body.get("schema") or {}).get("properties") or {}).get(self.identifier)
        return found if isinstance(found, dict) else None

    def detach(self, body: Json) -> Json:
        """See Fragment."""
        if self.extract(body) is None:
            return body
        schema = body["schema"]
        kept = {name: one for name, one in schema["properties"].items() if name != self.identifier}
        return {**body, "schema": {**schema, "properties": kept}}

    def describe_status(
        self, live: Json | None, fields: Sequence[FieldChange]
    ) -> tuple[PartStatus, ...]:
        """See Part."""
        names = [f"schema.properties.{self.identifier}.{changed.field}" for changed in fields]
        return (make_status(self.key, live, names, f"of {self.blueprint}"),)
