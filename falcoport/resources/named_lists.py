"""Lists whose elements have names of their own: ours among others'. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]


def merge_by_name(live: Sequence[Any], named: Sequence[Json], key: str) -> list[Any]:
    """Return a live list with each named element laid over its own, or added behind the others."""
    own = {element[key]: element for element in named}
    merged = [
        merge(element, own[element[key]])
        if isinstance(element, dict) and element.get(key) in own
        else element
        for element in live
    ]
    there = {element.get(key) for element in live if isinstance(element, dict)}
    return [*merged, *(element for element in named if element[key] not in there)]


def without_names(live: Sequence[Any], named: Sequence[Json], key: str) -> list[Any]:
    """Return a live list without the named elements."""
    own = {element[key] for element in named}
    return [one for one in live if not (isinstance(one, dict) and one.get(key) in own)]
