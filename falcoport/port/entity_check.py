"""What Port would refuse in an entity, as far as a blueprint and Port's rules say.

Source: Port's API reference, property types.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from falcoport.port.identifiers import ENTITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import UnionType

_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


def property_problem(value: Any, definition: Mapping[str, Any]) -> str:
    """Say why Port would refuse a property's value; empty if it would not, as far as is known."""
    wanted = str(definition.get("type"))
    if value is None or wanted not in _TYPES:
        return ""
    if not _is_a(value, wanted):
        given = next(name for name in _TYPES if _is_a(value, name))
        return (
            f"gives {_ARTICLE[given]} {given}, and the blueprint wants {_ARTICLE[wanted]} {wanted}"
        )
    if definition.get("format") == "date-time" and not _DATE_TIME.fullmatch(str(value)):
        return "gives no date-time"
    return ""


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


_TYPES: dict[str, type | UnionType] = {
    "string": str,
    "boolean": bool,
    "number": int | float,
    "object": dict,
    "array": list,
}
_ARTICLE = {"string": "a", "number": "a", "boolean": "a", "object": "an", "array": "an"}


class EntityCheck:
    """Compares entities with the blueprints they are for."""

    def __init__(self, blueprints: Mapping[str, Mapping[str, Any]]) -> None:
        self._properties = {
            name: blueprint.get("schema", {}).get("properties", {})
            for name, blueprint in blueprints.items()
        }
        # Most values are of the one type that is all a property asks for.
        self._plain = {
            blueprint: {
                name: _TYPES.get(definition.get("type"))
                for name, definition in properties.items()
                if "format" not in definition
            }
            for blueprint, properties in self._properties.items()
        }

    def problems(self, blueprint: str, entity: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the field and the message of everything that Port would refuse."""
        identifier = entity["identifier"]
        problem = ENTITY.problem(identifier) if isinstance(identifier, str) else ""
        if problem:
            yield "entity.identifier", problem
        properties = self._properties.get(blueprint)
        if properties is None:
            return
        plain = self._plain[blueprint]
        for name, value in entity.get("properties", {}).items():
            if value is None or type(value) is plain.get(name):
                continue
            if name not in properties:
                problem = f"is not a property of the blueprint {blueprint}"
            else:
                problem = property_problem(value, properties[name])
            if problem:
                yield f"entity.properties.{name}", problem
