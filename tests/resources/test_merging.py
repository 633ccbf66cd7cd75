"""Laying a manifest over what is live: nothing unnamed changes, everything named is as named."""

from __future__ import annotations

import copy
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.catalogs import drifted, extended

from falcoport.manifests.loading import load
from falcoport.reconcile.writes import make_update
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import Key
from falcoport.resources.mappings import find_exact_mapping, find_similar_mapping
from falcoport.resources.merging import (
    FieldChange,
    difference,
    merge,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcoport.json_types import Json


# --- what is generated ------------------------------------------------------------------------

_KEYS = st.sampled_from(
    ["title", "schema", "required", "properties", "relations", "many", "enabled", "entity", "a"]
)
_PLAIN = st.sampled_from([None, True, False, 0, 1, 1.5, "", "x", "y"])
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_EXPRESSIONS = st.sampled_from([".body.a", ".body.b", ".body.c"])
_MAPPINGS = st.fixed_dictionaries(
    {
        "blueprint": st.sampled_from(["falco_alert", "service"]),
        "entity": st.fixed_dictionaries(
            {"identifier": _EXPRESSIONS},
            optional={
                "title": _EXPRESSIONS,
                "properties": st.dictionaries(st.sampled_from("pqr"), _EXPRESSIONS, max_size=3),
                "relations": st.dictionaries(st.sampled_from("st"), _EXPRESSIONS, max_size=2),
            },
        ),
    },
    optional={
        "filter": st.sampled_from(["true", ".body.a == 1"]),
        "operation": st.sampled_from(["create", {"type": "create"}, "delete"]),
        "itemsToParse": _EXPRESSIONS,
    },
)
_DOCUMENTS = st.dictionaries(_KEYS, _VALUES, max_size=5)
_LIVE = st.builds(
    lambda document, mappings: document if mappings is None else {**document, "mappings": mappings},
    _DOCUMENTS,
    st.none() | st.lists(_MAPPINGS, max_size=4),
)
_NAMED = st.builds(
    lambda document, mappings: {**document, "mappings": mappings} if mappings else document,
    _DOCUMENTS,
    st.lists(_MAPPINGS, max_size=2, unique_by=repr),
)


@st.composite
def _edits(draw: st.DrawFn, document: Json) -> Json:
    """Change a realistic document here and there: keys removed, values replaced, keys added."""
    edited = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 5))):
        holder: Any = edited
        while True:
            children = (
                [key for key, value in holder.items() if isinstance(value, dict | list) and value]
                if isinstance(holder, dict)
                else [i for i, value in enumerate(holder) if isinstance(value, dict)]
            )
            if not children or draw(st.booleans()):
                break
            holder = holder[draw(st.sampled_from(children))]
        if isinstance(holder, list):
            continue
        plain = [key for key, value in holder.items() if isinstance(value, str | bool)]
        kind = draw(st.sampled_from(["remove", "replace", "add"]))
        if kind == "add":
            holder[draw(st.sampled_from(["extra", "more"]))] = draw(_PLAIN)
        elif plain and kind == "replace":
            holder[draw(st.sampled_from(plain))] = draw(st.sampled_from(["other", ".body.other"]))
        elif plain and plain != ["blueprint"]:
            holder.pop(draw(st.sampled_from(plain)), None)
    return edited


_SHIPPED = load(None, None)
_CATALOGS = [catalog() for catalog in (extended, drifted)]
_REALISTIC = st.sampled_from(
    [
        *((catalog.blueprints[-1], _SHIPPED.blueprint.body) for catalog in _CATALOGS),
        *((catalog.webhooks[-1], _SHIPPED.webhook.body) for catalog in _CATALOGS),
    ]
).flatmap(lambda pair: st.tuples(_edits(pair[0]), st.just(pair[1])))
_PAIRS = st.tuples(_LIVE, _NAMED) | _REALISTIC


# --- what must hold ---------------------------------------------------------------------------


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON; null and absent are the same to Port."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same(one.get(key), other.get(key)) for key in {*one, *other})
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _keeps(live: Any, named: Any, merged: Any, at: tuple[str, ...] = ()) -> bool:
    """Tell whether `merged` has all of `live` that `named` does not name."""
    if not isinstance(live, dict) or not isinstance(named, dict):
        return True
    if not isinstance(merged, dict):
        return not live
    for key, value in live.items():
        here = (*at, key)
        if here == ("mappings",):
            continue
        if key not in named:
            kept = _same(value, merged.get(key))
        elif here == ("schema", "required") and isinstance(value, list):
            kept = not isinstance(named[key], list) or merged[key][: len(value)] == value
        else:
            kept = _keeps(value, named[key], merged.get(key), here)
        if not kept:
            return False
    return True


_ABSENT: tuple[tuple[Any, Any], ...] = (("required", False), ("many", False), ("enabled", True))


def _is_as_named(named: Any, merged: Any, at: tuple[str, ...] = ()) -> bool:
    """Tell whether everything that `named` names is so in `merged`."""
    if isinstance(named, dict) and isinstance(merged, dict):
        return all(
            _is_as_named(value, merged.get(key), (*at, key))
            for key, value in named.items()
            if (*at, key) != ("mappings",)
        )
    if at == ("schema", "required") and isinstance(named, list) and isinstance(merged, list):
        return all(name in merged for name in named)
    if merged is None:
        is_default = any(at[-1:] == (key,) and named is value for key, value in _ABSENT)
        return named in (None, {}, []) or is_default
    return _same(named, merged)


def _mappings_are_kept(live: list[Json], named: list[Json], merged: list[Json]) -> bool:
    """Tell whether some way to tell the new mappings from the live ones keeps all of those."""
    new = len(merged) - len(live)
    return new >= 0 and any(
        all(
            _same(before, after) or any(_keeps(before, one, after, ("mappings",)) for one in named)
            for before, after in zip(
                live, [m for place, m in enumerate(merged) if place not in places], strict=True
            )
        )
        and _changed(live, [m for p, m in enumerate(merged) if p not in places]) + new <= len(named)
        for places in combinations(range(len(merged)), new)
    )


def _changed(before: list[Json], after: list[Json]) -> int:
    return sum(not _same(one, other) for one, other in zip(before, after, strict=True))


def _each_has_its_own(named: list[Json], merged: list[Json]) -> bool:
    return any(
        all(
            _is_as_named(one, other, ("mappings",))
            for one, other in zip(named, chosen, strict=True)
        )
        for chosen in permutations(merged, len(named))
    )


@given(_PAIRS)
def test_what_the_manifest_does_not_name_is_unchanged(pair: tuple[Json, Json]) -> None:
    live, named = pair
    merged = merge(live, named)
    assert _keeps(live, named, merged)
    mappings = live.get("mappings") or []
    assert _mappings_are_kept(mappings, named.get("mappings", []), merged.get("mappings") or [])


@given(_PAIRS)
def test_what_the_manifest_names_is_as_named(pair: tuple[Json, Json]) -> None:
    live, named = pair
    merged = merge(live, named)
    assert _is_as_named(named, merged)
    assert _each_has_its_own(named.get("mappings", []), merged.get("mappings") or [])


@given(_PAIRS)
def test_merging_twice_equals_merging_once(pair: tuple[Json, Json]) -> None:
    live, named = pair
    once = merge(live, named)
    assert _same(merge(once, named), once)


@given(_PAIRS)
def test_merging_leaves_its_arguments_alone(pair: tuple[Json, Json]) -> None:
    before = copy.deepcopy(pair)
    merge(*pair)
    assert pair == before


@given(_PAIRS)
def test_the_difference_is_empty_exactly_where_nothing_changed(pair: tuple[Json, Json]) -> None:
    live, named = pair
    merged = merge(live, named)
    assert (difference(live, merged) == ()) == _same(live, merged)


@given(_PAIRS)
def test_the_difference_holds_exactly_the_fields_that_changed(pair: tuple[Json, Json]) -> None:
    live, named = pair
    merged = merge(live, named)
    undone = _undone(merged, difference(live, merged))
    assert _same(_bare(undone), _bare(live))


def _undone(after: Json, fields: Iterable[FieldChange]) -> Json:
    """Return a document with each changed field as it was before."""
    document = copy.deepcopy(after)
    for field in fields:
        *path, last = _steps(after, field.field)
        holder: Any = document
        for step in path:
            holder = holder[step]
        if field.before is None:
            holder.pop(last)
        else:
            holder[last] = field.before
    return document


def _steps(document: Json, field: str) -> list[Any]:
    """Return the keys and places of a field's path, such as `mappings[1:service].entity.title`."""
    if not field.startswith("mappings["):
        return list(field.split("."))
    name, rest = field.removeprefix("mappings[").split("]", 1)
    if ":" in name:
        place = int(name.split(":")[0])
    else:
        place = next(
            i for i, mapping in enumerate(document["mappings"]) if mapping.get("blueprint") == name
        )
    return ["mappings", place, *rest.removeprefix(".").split(".")]


def _bare(value: Any) -> Any:
    """Return a value without what a created resource is shown without: maps that hold nothing."""
    if isinstance(value, dict):
        members = {key: _bare(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in (None, {}, [])}
    if isinstance(value, list):
        return [member for member in map(_bare, value) if member != {}]
    return value


# --- single rules -----------------------------------------------------------------------------

_OWN: Json = {
    "blueprint": "falco_alert",
    "filter": "true",
    "entity": {"identifier": ".id", "properties": {"rule": ".rule", "output": ".output"}},
}


def _like(**changes: Any) -> Json:
    """Return falcoport's mapping with parts of its entity, or its filter, changed."""
    mapping = copy.deepcopy(_OWN)
    if "filter" in changes:
        mapping["filter"] = changes.pop("filter")
    mapping["entity"].update(changes)
    return mapping


@pytest.mark.parametrize(
    ("live", "place"),
    [
        ([], None),
        ([_OWN], 0),
        ([_like(filter="x"), _OWN], 1),
        ([_like(identifier=".other"), _like(properties={})], 1),
        ([_like(identifier=".other", properties={"rule": ".rule"})], 0),
        ([_like(identifier=".other", properties={"rule": ".r", "output": ".o"})], None),
        ([{**_OWN, "blueprint": "service"}], None),
        ([{**_OWN, "operation": "delete"}], None),
        ([{**_OWN, "operation": {"type": "create"}}], 0),
        (["text", None, _OWN], 2),
    ],
)
def test_the_own_mapping_is_the_one_that_agrees_most(live: list[Any], place: int | None) -> None:
    assert find_similar_mapping(live, _OWN) == place


@pytest.mark.parametrize(
    ("live", "place"),
    [
        ([_OWN], 0),
        ([_like(properties={"rule": ".changed"})], 0),
        ([_like(filter="x")], None),
        ([_like(identifier=".other")], None),
        ([_like(filter="x"), _OWN], 1),
    ],
)
def test_a_mapping_is_removed_only_if_it_is_surely_falcoports(
    live: list[Any], place: int | None
) -> None:
    assert find_exact_mapping(live, _OWN) == place


def test_a_mapping_never_takes_the_place_of_another_that_is_named_as_well() -> None:
    first, second = _like(filter="a"), _like(filter="b")
    assert merge({"mappings": [second]}, {"mappings": [first, second]}) == {
        "mappings": [first, second]
    }


def test_what_port_takes_for_absent_is_so_in_a_relation_alone() -> None:
    absent = {"required": False, "many": False}
    relation = {"target": "namespace"}
    named = {"relations": {"namespace": {**relation, **absent}}, "schema": {"x": absent}}
    merged = merge({"relations": {"namespace": relation}, "schema": {"x": {}}}, named)
    assert merged == {"relations": {"namespace": relation}, "schema": {"x": absent}}


def test_a_true_is_not_a_one() -> None:
    assert merge({"a": [True]}, {"a": [1]})["a"] == [1]
    assert difference({"a": [True]}, {"a": [1]}) == (FieldChange("a", [True], [1]),)


def test_what_is_shown_as_changed_is_sent() -> None:
    live = {"title": "same", "schema": {"properties": {"p": {"type": "number", "default": 1}}}}
    named = {"title": "same", "schema": {"properties": {"p": {"default": True}}}}
    merged = merge(live, named)
    write = make_update(Blueprint, Key("blueprint", "b"), live, merged)
    assert difference(live, merged)
    assert write.body == {"schema": merged["schema"]}
