"""What fills one property in our mapping of a webhook: a fragment of the webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.resources.interface import Fragment, Key, PartStatus, make_status
from falcoport.resources.mappings import find_similar_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.json_types import Json
    from falcoport.resources.merging import FieldChange

_MAPPINGS = "mappings"


@dataclass(frozen=True)
class MappingLine(Fragment):
    """The expression of one property; `mapping` is ours, by which the live one is recognised."""

    kind = "mapping line"

    webhook: str
    identifier: str
    expression: str
    mapping: Json

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.identifier, f"{self.webhook}/{self.mapping['blueprint']}")

    @property
    def owner(self) -> Key:
        """See Fragment."""
        return Key("webhook", self.webhook)

    @property
    def needs(self) -> tuple[Key, ...]:
        """The blueprint that has the property."""
        return (Key("blueprint", self.mapping["blueprint"]),)

    def attach(self, body: Json) -> Json:
        """See Fragment."""
        return self._with(body, {self.identifier: self.expression})

    def extract(self, body: Json) -> Json | None:
        """See Fragment."""
        mappings = list(body.get(_MAPPINGS) or [])
        place = find_similar_mapping(mappings, self.mapping)
        if place is None:
            return None
        found = (mappings[place]["entity"].get("properties") or {}).get(self.identifier)
        return None if found is None else {"expression": found}

    def detach(self, body: Json) -> Json:
        """See Fragment."""
        return body if self.extract(body) is None else self._with(body, {})

    def describe_status(
        self, live: Json | None, fields: Sequence[FieldChange]
    ) -> tuple[PartStatus, ...]:
        """See Part."""
        names = [f"{self.identifier}.{changed.field}" for changed in fields]
        return (make_status(self.key, live, names, f"of {self.mapping['blueprint']}"),)

    def _with(self, body: Json, line: Json) -> Json:
        """Return the webhook whose mapping has `line` in the place of this one."""
        mappings = list(body.get(_MAPPINGS) or [])
        place = find_similar_mapping(mappings, self.mapping)
        if place is None:
            return body
        entity = mappings[place]["entity"]
        properties = {
            name: one
            for name, one in (entity.get("properties") or {}).items()
            if name != self.identifier
        }
        if self.identifier in (entity.get("properties") or {}) and line:
            properties = {**entity["properties"], **line}
        else:
            properties |= line
        mappings[place] = {**mappings[place], "entity": {**entity, "properties": properties}}
        return {**body, _MAPPINGS: mappings}
