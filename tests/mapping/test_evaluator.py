"""The mapping's evaluation: Port's rules for expressions, one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from falcoport.mapping import evaluator
from falcoport.mapping.evaluator import MAX_ITEMS, Evaluator
from falcoport.mapping.event import build_event_text
from falcoport.mapping.expressions import compile_error, expressions, program_text
from falcoport.mapping.outcomes import EventError, Outcome


def mapped(entity: dict[str, Any], body: Any = None, **mapping: Any) -> Outcome:
    """Return the single outcome of one mapping on one event."""
    event = json.dumps({"body": body, "headers": {}, "queryParams": {}})
    [outcome] = Evaluator([{"blueprint": "b", "entity": entity, **mapping}]).evaluate(event)
    return outcome


def properties(**named: str) -> dict[str, Any]:
    """Return an entity's mapping with these properties."""
    return {"identifier": '"id"', "properties": named}


def test_values_of_every_json_type_arrive() -> None:
    body = {"t": "x", "n": 1.5, "b": False, "o": {"k": [None]}, "l": [1, "a"]}
    outcome = mapped(properties(**{key: f".body.{key}" for key in body}), body)
    assert outcome.entity == {"identifier": "id", "properties": body}
    assert outcome.errors == ()


def test_failing_property_is_null_and_named_with_jqs_words() -> None:
    outcome = mapped(properties(tags=".tags | map(.)", rule=".body"), "r")
    assert outcome.entity == {"identifier": "id", "properties": {"tags": None, "rule": "r"}}
    [error] = outcome.errors
    assert (error.field, error.expression) == ("entity.properties.tags", ".tags | map(.)")
    assert error.message == "Cannot iterate over null (null)"


def test_expression_that_does_not_compile_is_null_too() -> None:
    outcome = mapped(properties(a=".body |", b='"b"'))
    assert outcome.entity == {"identifier": "id", "properties": {"a": None, "b": "b"}}
    assert outcome.errors[0].message.startswith("does not compile: syntax error")


def test_no_output_leaves_the_property_out() -> None:
    assert mapped(properties(a="empty", b="null")).entity == {
        "identifier": "id",
        "properties": {"b": None},
    }


def test_only_the_first_output_counts() -> None:
    assert mapped(properties(a="1, 2, error")).entity == {
        "identifier": "id",
        "properties": {"a": 1},
    }


@pytest.mark.parametrize(
    ("identifier", "skipped"),
    [
        ("null", "the identifier is null"),
        ('""', "the identifier is empty"),
        ("empty", "the identifier is null"),
        ("5", "the identifier is 5"),
        ("error", "the identifier is null"),
    ],
)
def test_entity_without_identifier_is_dropped(identifier: str, skipped: str) -> None:
    outcome = mapped({"identifier": identifier})
    assert (outcome.entity, outcome.skipped) == (None, skipped)


@pytest.mark.parametrize(
    ("condition", "skipped"),
    [
        ("true", ""),
        (".body == 1", ""),
        ("false", "filter is false"),
        ("null", "filter gives null, not true"),
        ('"true"', 'filter gives "true", not true'),
        ("empty", "filter gives nothing, not true"),
        ("error", "filter failed"),
    ],
)
def test_only_true_passes_the_filter(condition: str, skipped: str) -> None:
    outcome = mapped({"identifier": '"id"'}, 1, filter=condition)
    assert outcome.skipped == skipped
    assert (outcome.entity is None) == bool(skipped)


def test_quotes_at_word_edges_are_double_quotes() -> None:
    assert mapped(properties(a="'x y'", b='"it\'s"')).entity == {
        "identifier": "id",
        "properties": {"a": "x y", "b": "it's"},
    }


def test_environment_is_hidden() -> None:
    outcome = mapped(properties(a="env | length", b="$ENV | length", c="env.PATH"))
    assert outcome.entity == {"identifier": "id", "properties": {"a": 0, "b": 0, "c": None}}


@pytest.mark.parametrize("odd", [".body # comment", ".body # \\", ".body #)", "def f: .body; f"])
def test_expressions_do_not_leak_into_each_other(odd: str) -> None:
    assert mapped(properties(a=odd, b=".body"), 1).entity == {
        "identifier": "id",
        "properties": {"a": 1, "b": 1},
    }


@pytest.mark.parametrize("ending", ["halt", "input", "[limit(3; inputs)] | halt_error"])
def test_expression_that_ends_the_program_harms_only_itself(ending: str) -> None:
    outcome = mapped(properties(a=ending, b=".body"), 1)
    assert outcome.entity is not None
    assert outcome.entity["properties"]["b"] == 1


def test_items_are_mapped_one_by_one_up_to_ports_limit() -> None:
    mapping = {
        "blueprint": "b",
        "itemsToParse": ".body",
        "filter": ".item.keep",
        "entity": {"identifier": ".item.name"},
    }
    body = [{"name": f"n{i}", "keep": i % 2 == 0} for i in range(MAX_ITEMS + 5)]
    outcomes = Evaluator([mapping]).evaluate(json.dumps({"body": body}))
    assert len(outcomes) == MAX_ITEMS
    kept = [outcome for outcome in outcomes if outcome.entity]
    assert [o.item for o in kept] == list(range(0, MAX_ITEMS, 2))
    assert kept[1].entity == {"identifier": "n2"}


@pytest.mark.parametrize("items", ["null", "{}", '"a"', "error", "empty"])
def test_items_that_are_no_list_map_nothing(items: str) -> None:
    outcome = mapped({"identifier": '"id"'}, itemsToParse=items)
    assert outcome.entity is None
    assert outcome.skipped.startswith("itemsToParse ")


def test_search_query_keeps_its_form_with_its_expressions_evaluated() -> None:
    query = {
        "combinator": "'and'",
        "rules": [{"property": "'$title'", "operator": "'='", "value": ".body.team"}],
    }
    outcome = mapped({"identifier": '"id"', "relations": {"owner": query}}, {"team": "auth"})
    assert outcome.entity == {
        "identifier": "id",
        "relations": {
            "owner": {
                "combinator": "and",
                "rules": [{"property": "$title", "operator": "=", "value": "auth"}],
            }
        },
    }


@pytest.mark.parametrize(
    ("operation", "kind", "dependents"),
    [
        ("create", "create", True),
        ({"type": "create"}, "create", True),
        ("delete", "delete", True),
        ({"type": "delete", "deleteDependents": False}, "delete", False),
    ],
)
def test_operation_in_both_spellings(operation: Any, kind: str, dependents: bool) -> None:
    outcome = mapped({"identifier": '"id"'}, operation=operation)
    assert (outcome.operation, outcome.delete_dependents) == (kind, dependents)


def test_many_events_give_what_single_ones_give() -> None:
    evaluator = Evaluator([{"blueprint": "b", "entity": properties(a=".body.x | tonumber")}])
    events = [json.dumps({"body": {"x": value}}) for value in ("1", "nope", None, "3")]
    assert evaluator.evaluate_many(events) == [evaluator.evaluate(event) for event in events]


@pytest.mark.parametrize("event", ["{", "", "[" * 20000 + "]" * 20000])
def test_what_is_not_json_is_refused(event: str) -> None:
    with pytest.raises(EventError):
        Evaluator([{"blueprint": "b", "entity": {"identifier": "."}}]).evaluate(event)


def test_compile_error_speaks_jqs_words_and_knows_good_expressions() -> None:
    assert compile_error(".body.rule") == ""
    assert "syntax error" in compile_error(".body |")
    assert compile_error(".a\0")
    assert compile_error("no_such_function") == "no_such_function/0 is not defined"


def test_expressions_lists_all_of_them_with_their_place() -> None:
    mapping = {
        "filter": "true",
        "itemsToParse": ".body",
        "entity": {"identifier": ".a", "properties": {"p": ".b"}, "relations": {"r": ".c"}},
    }
    assert [(e.field, e.text) for e in expressions(mapping)] == [
        ("itemsToParse", ".body"),
        ("filter", "true"),
        ("entity.identifier", ".a"),
        ("entity.properties.p", ".b"),
        ("entity.relations.r", ".c"),
    ]


def test_program_text_hides_the_environment_first() -> None:
    assert program_text(".x").startswith("def env: {}; {} as $ENV | ")


def test_items_are_capped_where_an_expression_ends_the_whole_program_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each item is evaluated alone then, which takes seconds for as many as Port allows.
    monkeypatch.setattr(evaluator, "MAX_ITEMS", 20)
    mapping = {
        "blueprint": "b",
        "itemsToParse": ".body",
        "entity": {"identifier": ".item | tostring", "properties": {"a": "halt"}},
    }
    event = build_event_text(json.dumps(list(range(25))), {})
    outcomes = Evaluator([mapping]).evaluate(event)
    assert [outcome.item for outcome in outcomes] == list(range(20))
    assert outcomes[-1].entity == {"identifier": "19", "properties": {}}
