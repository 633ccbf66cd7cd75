"""Recognising falcoport's own mapping among those of a live webhook.

A webhook's mappings have no identifiers in Port, so one is known by what it does. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.json_types import Json


_GROUPS = ("properties", "relations")


def find_places(live: list[Any], own: Sequence[Json]) -> list[int | None]:
    """Return the place of each of `own` in `live`, None where it has none.

    The closest pairs find each other first, so that no mapping takes another one's place.
    """
    pairs = [
        (_agreement(mapping, named), -place, -number)
        for number, named in enumerate(own)
        for place, mapping in candidates(live, named, frozenset())
        if _resembles(mapping, named)
    ]
    found: dict[int, int] = {}
    for _score, place, number in sorted(pairs, reverse=True):
        if -number not in found and -place not in found.values():
            found[-number] = -place
    return [found.get(number) for number in range(len(own))]


def find_similar_mapping(
    live: list[Any], named: Json, taken: frozenset[int] = frozenset()
) -> int | None:
    """Return the place of the live mapping that `named` describes; None if there is none.

    Candidates have the same blueprint and the same kind of operation, and the same identifier or
    at least half of the named expressions: anything further away is somebody else's. Among
    several, it is the one that agrees in most expressions, the identifier's and the filter's before
    any other, and the first of equals.
    """
    alike = [
        (index, mapping)
        for index, mapping in candidates(live, named, taken)
        if _resembles(mapping, named)
    ]
    return closest(alike, named)


def find_exact_mapping(
    live: list[Any], named: Json, taken: frozenset[int] = frozenset()
) -> int | None:
    """Return the place of the live mapping that surely is the one `named` once made, or None.

    Stricter than `find_similar_mapping`, for removing it: the same identifier and the same
    filter. What resembles it no more than that may be somebody's variation of it.
    """
    alike = [
        (index, mapping)
        for index, mapping in candidates(live, named, taken)
        if _agreement(mapping, named)[:2] == (True, True)
    ]
    return closest(alike, named)


def candidates(live: list[Any], named: Json, taken: frozenset[int]) -> list[tuple[int, Json]]:
    """Return the live mappings, with their places, that write to the same blueprint as `named`."""
    return [
        (index, mapping)
        for index, mapping in enumerate(live)
        if index not in taken
        and isinstance(mapping, dict)
        and mapping.get("blueprint") == named.get("blueprint")
        and _operation(mapping) == _operation(named)
    ]


def closest(found: list[tuple[int, Json]], named: Json) -> int | None:
    """Return the place of the mapping that agrees most with `named`; None among none."""
    if not found:
        return None
    return max(found, key=lambda one: (_agreement(one[1], named), -one[0]))[0]


def _resembles(live: Json, named: Json) -> bool:
    same_identifier, _same_filter, equal = _agreement(live, named)
    entity = named.get("entity")
    groups = [entity.get(group) or {} for group in _GROUPS] if isinstance(entity, dict) else []
    expressions = sum(len(group) for group in groups)
    return same_identifier or 0 < expressions <= 2 * equal


def _operation(mapping: Json) -> str:
    operation = mapping.get("operation", "create")
    if isinstance(operation, dict):
        operation = operation.get("type", "create")
    return str(operation)


def _agreement(live: Json, named: Json) -> tuple[bool, bool, int]:
    live_entity, named_entity = live.get("entity"), named.get("entity")
    if not isinstance(live_entity, dict) or not isinstance(named_entity, dict):
        return False, False, 0
    same_identifier = live_entity.get("identifier") == named_entity.get("identifier")
    same_filter = live.get("filter", "true") == named.get("filter", "true")
    equal = sum(
        1
        for group in _GROUPS
        for name, expression in (named_entity.get(group) or {}).items()
        if isinstance(live_entity.get(group), dict) and live_entity[group].get(name) == expression
    )
    return same_identifier, same_filter, equal
