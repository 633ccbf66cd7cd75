"""Which fields of an entity a call asks for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

Document = dict[str, Any]

_GROUPS = ("properties", "relations")


class Fields:
    """The fields included, without those excluded; everything where neither names any.

    Names are those of properties and relations, alone or behind `properties.` and `relations.`,
    and of the other fields, alone or behind `$`. The identifier and the blueprint always stay.
    """

    def __init__(self, include: Collection[str] = (), exclude: Collection[str] = ()) -> None:
        included, excluded = frozenset(include), frozenset(exclude)
        self.is_everything = not included and not excluded

        @cache  # entities of one blueprint have the same fields
        def has(group: str, name: str) -> bool:
            names = {name, f"{group}.{name}", group} if group else {name, f"${name}"}
            if not group and name in ("identifier", "blueprint"):
                return True
            return (not included or not included.isdisjoint(names)) and excluded.isdisjoint(names)

        self.has: Callable[[str, str], bool] = has
        """Tells whether a property or relation is one of them, or with "" another field."""

    def select(self, entity: Document) -> Document:
        """Return an entity with these fields alone."""
        if self.is_everything:
            return entity
        has = self.has
        return {
            field: {name: one for name, one in value.items() if has(field, name)}
            if field in _GROUPS
            else value
            for field, value in entity.items()
            if field in _GROUPS or has("", field)
        }


EVERYTHING = Fields()
