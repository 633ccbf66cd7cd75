"""Whoever wrote a mapping: its evaluation ends within its limits, and names what reached them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.jq_bombs import BOMBS, GIVEN_UP, HARMLESS, build_webhook

from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import HEADERS, forwarded
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.evaluator_process import (
    LimitedEvaluator,
    MappingLimitError,
    _find_slowest,
    are_bounded,
    find_compile_error,
)
from falcoport.mapping.event import build_event_text
from falcoport.mapping.jq_analysis import is_bounded
from falcoport.mapping.limited_process import Limits
from falcoport.mapping.sample_check import mapping_problems

SHORT = Limits(seconds=0.3, mebibytes=128)
EVENTS = [build_event_text(forwarded(sample.line).decode(), HEADERS) for sample in samples()]


def limit_of(mappings: list[dict[str, Any]], limits: Limits = SHORT) -> MappingLimitError:
    with (
        LimitedEvaluator(mappings, limits) as evaluator,
        pytest.raises(MappingLimitError) as caught,
    ):
        evaluator.evaluate(EVENTS[0])
    return caught.value


@pytest.mark.parametrize("expression", [*BOMBS, *HARMLESS])
def test_no_bomb_counts_as_bounded(expression: str) -> None:
    assert not is_bounded(expression)


@pytest.mark.parametrize(
    "expression",
    [
        ".a | " + " | ".join([". + ."] * 7),
        "[.,.] | " * 7 + "1",
        " | ".join(["tojson"] * 4),
        ".a[] + .b[]",
        ".a - .b",
        ".a | join(.b)",
        ".a | contains(.b)",
        '.a | split("x"; "g")',
        ".a * 3",
        " | ".join(["."] * 300),
    ],
)
def test_what_multiplies_is_not_bounded(expression: str) -> None:
    assert not is_bounded(expression)


def test_the_default_mapping_is_bounded_and_costs_no_process() -> None:
    mappings = build_webhook(".body.rule")["mappings"]
    assert are_bounded(mappings)
    with LimitedEvaluator(mappings) as evaluator:
        assert evaluator.evaluate(EVENTS[0]) == Evaluator(mappings).evaluate(EVENTS[0])
        assert evaluator._process._process is None


@pytest.mark.parametrize(
    "expression", [*HARMLESS, '.body.rule | gsub(" "; "-")', "{a: .body.rule}.a"]
)
def test_what_ends_gives_what_it_gives_without_limits(expression: str) -> None:
    mappings = build_webhook(expression)["mappings"]
    plain = Evaluator(mappings)
    with LimitedEvaluator(mappings) as evaluator:
        for event in EVENTS:
            assert evaluator.evaluate(event) == plain.evaluate(event)


@pytest.mark.parametrize(
    "field",
    ["filter", "itemsToParse", "identifier", "title", "properties.rule", "relations.namespace"],
)
def test_the_field_is_named(field: str) -> None:
    error = limit_of(build_webhook("[range(1e12)]", field)["mappings"])
    place = field if field in ("filter", "itemsToParse") else f"entity.{field}"
    assert error.exit_code == 4
    assert error.where == f"mappings[0].{place}"
    assert "[range(1e12)]" in error.message
    assert "0.3 s" in error.message or "128 MiB" in error.message


def test_the_second_mapping_of_a_webhook_is_named() -> None:
    [first] = build_webhook(".body.rule")["mappings"]
    [second] = build_webhook("until(false; .)")["mappings"]
    # A busy machine may take a third of a second for what is harmless.
    assert limit_of([first, second], Limits(seconds=2.0)).where == "mappings[1].entity.title"


def test_memory_is_limited() -> None:
    error = limit_of(build_webhook(".body.rule | " + " | ".join([". + ."] * 30))["mappings"])
    assert "128 MiB" in error.message or "0.3 s" in error.message


def test_a_regular_expression_that_jq_gives_up_is_given_up() -> None:
    mappings = build_webhook(GIVEN_UP)["mappings"]
    limits = Limits(seconds=60)
    with (
        LimitedEvaluator(mappings, limits) as evaluator,
        pytest.raises(MappingLimitError) as caught,
    ):
        evaluator.evaluate(EVENTS[0])
    error = caught.value
    assert error.where == "mappings[0].entity.title"
    assert "more steps in a regular expression than jq allows" in error.message
    assert "--jq-timeout" not in error.hint


def test_where_none_alone_reaches_a_limit_the_slowest_is_named() -> None:
    webhook = build_webhook(".body.rule")
    entity = webhook["mappings"][0]["entity"]
    entity["properties"] = {f"p{n}": f"[range({1_000 + n})] | length" for n in range(5)}
    entity["properties"]["slow"] = "[range(70000)] | length"
    found = _find_slowest(webhook["mappings"], EVENTS[:3], lambda _begun: None, seconds=60)
    assert found == (0, "entity.properties.slow")


def test_the_sample_check_gives_up_an_expression_that_reached_a_limit() -> None:
    mappings = build_webhook("until(false; .)", "properties.rule")["mappings"]
    mappings[0]["entity"]["title"] = ".body.rule | error"
    began = time.monotonic()
    problems = mapping_problems(mappings, "file.yaml", SHORT)
    assert time.monotonic() - began < 7
    assert problems[-1].where == "file.yaml: mappings[0].entity.properties.rule"
    assert problems[-1].code == "mapping_limit"


def test_samples_that_are_each_just_slow_enough_are_given_up_as_well() -> None:
    regex = '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("^(a+)+$")'
    mappings = build_webhook(regex, "properties.rule")["mappings"]
    problems = mapping_problems(mappings, "f", Limits(seconds=2.0))
    assert any("properties.rule" in problem.where for problem in problems)


def test_compiling_is_limited_where_jq_computes_while_it_compiles() -> None:
    assert "MiB" in find_compile_error('"a" * 1e9')
    assert find_compile_error("2 * 3") == ""
    assert "syntax error" in find_compile_error("2 * ")
    assert "syntax error" in find_compile_error(".body |")


@pytest.mark.slow
@pytest.mark.parametrize("expression", BOMBS)
def test_every_bomb_is_named_within_eight_seconds(expression: str) -> None:
    began = time.monotonic()
    problems = mapping_problems(build_webhook(expression)["mappings"], "f")
    assert time.monotonic() - began < 8
    assert {problem.where for problem in problems} == {"f: mappings[0].entity.title"}
