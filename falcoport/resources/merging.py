"""What a live resource becomes when a manifest is laid over it, and the difference between two.

Pure. The rule: what the manifest names is as named; what it does not name stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.resources.mappings import candidates, closest, find_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.json_types import Json


# A name in `schema.required` must be there; names that others added there stay.
_UNIONS = frozenset({("schema", "required")})
# What Port takes an absent key to mean (API reference: defaults of a relation and of a webhook).
_DEFAULTS: dict[str, Any] = {"required": False, "many": False, "enabled": True}
_MAPPINGS = "mappings"
# How far a difference is split before a value is shown whole.
_SHOWN_IN_PARTS = frozenset({"schema", "properties", "relations", _MAPPINGS, "entity"})


@dataclass(frozen=True)
class FieldChange:
    """One key path whose value differs; `before` or `after` is None where there is none."""

    field: str
    before: Any
    after: Any


def merge(live: Json, named: Json, own_mappings: Sequence[Json] | None = None) -> Json:
    """Return `live` with everything that `named` names laid over it; neither is changed.

    Maps merge key by key; `schema.required` is a union; `mappings` are matched as
    `find_similar_mapping` says and the others kept in their order; any other list, and any plain
    value, is replaced.
    A key that is absent in `live` and named with the value Port takes for absent stays absent.

    `own_mappings`, one for each of `named["mappings"]`, are what the live ones are recognised by
    where the named ones say only part of a mapping.
    """
    rest = {key: value for key, value in named.items() if key != _MAPPINGS}
    merged = _merge_map(live, rest, ())
    if named.get(_MAPPINGS):
        merged[_MAPPINGS] = _merge_mappings(
            live.get(_MAPPINGS) or [], named[_MAPPINGS], own_mappings or named[_MAPPINGS]
        )
    return merged


def _merge_map(live: Json, named: Json, path: tuple[str, ...]) -> Json:
    merged = dict(live)
    for key, value in named.items():
        here = (*path, key)
        if key not in live or live[key] is None:
            if not _means_absent(key, value, path):
                merged[key] = value
        else:
            merged[key] = _merge_value(live[key], value, here)
    return merged


def _merge_value(live: Any, named: Any, path: tuple[str, ...]) -> Any:
    if isinstance(live, dict) and isinstance(named, dict):
        return _merge_map(live, named, path)
    if isinstance(live, list) and isinstance(named, list) and path in _UNIONS:
        return [*live, *(name for name in named if name not in live)]
    return live if _same(live, named) else named


def _means_absent(key: str, value: Any, path: tuple[str, ...]) -> bool:
    if value is None or value in ({}, []):
        return True
    if key in ("required", "many"):
        return len(path) == 2 and path[0] == "relations" and value is _DEFAULTS[key]  # noqa: PLR2004 -- relations.<name>
    return key == "enabled" and not path and value is _DEFAULTS[key]


def _merge_mappings(live: list[Any], named: list[Any], own: Sequence[Json]) -> list[Any]:
    """Merge each named mapping into its own live one; put a new one before the next named one.

    Order matters to whoever names several: Port tries them one after the other.
    """
    places = find_places(live, own)
    by_place = dict(zip(places, named, strict=True))
    merged: list[Any] = []
    for index, mapping in enumerate(live):
        if index in by_place:
            merged.extend(_select_new_before(index, places, named))
            merged.append(_merge_map(mapping, by_place[index], (_MAPPINGS, "*")))
        else:
            merged.append(mapping)
    merged.extend(_select_new_before(None, places, named))
    return merged


def _select_new_before(index: int | None, places: list[int | None], named: list[Any]) -> list[Any]:
    """Return the named mappings without a place that come right before the one at `index`.

    For None, those behind the last one that has a place.
    """
    end = places.index(index) if index is not None else len(named)
    start = end
    while start > 0 and places[start - 1] is None:
        start -= 1
    return named[start:end]


def difference(before: Json, after: Json) -> tuple[FieldChange, ...]:
    """List the key paths in which `after` differs from `before`, each value whole.

    A mapping is named by its blueprint, such as `mappings[falco_alert].entity.title`.
    """
    found: list[FieldChange] = []
    _collect_changes(before, after, "", found)
    return tuple(found)


def _collect_changes(before: Any, after: Any, at: str, found: list[FieldChange]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            path = f"{at}.{key}" if at else key
            if key not in after:
                found.append(FieldChange(path, before[key], None))
            elif key not in before and not _is_shown_in_parts(key, after[key]):
                found.append(FieldChange(path, None, after[key]))
            else:
                default: Any = [] if isinstance(after[key], list) else {}
                _collect_changes(before.get(key, default), after[key], path, found)
    elif at == _MAPPINGS and isinstance(before, list) and isinstance(after, list):
        _collect_mapping_changes(before, after, found)
    elif not _same(before, after):
        found.append(FieldChange(at, before, after))


def _is_shown_in_parts(key: str, created: Any) -> bool:
    """Tell whether a value that is new is shown part by part."""
    return key in _SHOWN_IN_PARTS and isinstance(created, dict | list) and bool(created)


def _collect_mapping_changes(before: list[Any], after: list[Any], found: list[FieldChange]) -> None:
    """Compare mappings pair by pair: equal ones first, then those that belong together."""
    pairs: dict[int, int] = {}
    for index, mapping in enumerate(after):
        free = (
            i for i, old in enumerate(before) if i not in pairs.values() and _same(old, mapping)
        )
        equal = next(free, None)
        if equal is not None:
            pairs[index] = equal
    for index, mapping in enumerate(after):
        if index not in pairs and isinstance(mapping, dict):
            own = closest(candidates(before, mapping, frozenset(pairs.values())), mapping)
            if own is not None:
                pairs[index] = own
    for index, mapping in enumerate(after):
        path = f"{_MAPPINGS}[{_mapping_name(after, index)}]"
        _collect_changes(before[pairs[index]] if index in pairs else {}, mapping, path, found)
    for index, mapping in enumerate(before):
        if index not in pairs.values():
            name = _mapping_name(before, index)
            found.append(FieldChange(f"{_MAPPINGS}[{name}]", mapping, None))


def _same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal; Python alone would take True for 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _mapping_name(mappings: list[Any], index: int) -> str:
    """Name a mapping by its blueprint, and by its place too where the blueprint recurs."""
    names = [m.get("blueprint") if isinstance(m, dict) else None for m in mappings]
    name = str(names[index])
    return name if names.count(names[index]) == 1 else f"{index}:{name}"
