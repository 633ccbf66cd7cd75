"""What an expression reads: never too little, and exactly right for those of falcoport."""

from __future__ import annotations

import json
from typing import Any

import jq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line

from falcoport.falcosidekick.forward import NotForwardedError, forwarded
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.expressions import program_text
from falcoport.mapping.option_expressions import (
    Identifier,
    creating_mapping,
    identifier_expression,
    tag_expression,
    with_own_namespace,
)
from falcoport.preview.fast.evaluator import BodyEvaluator
from falcoport.preview.fast.jq_analysis import gives_one_output, members_read, plain_path

TAG = tag_expression("port-", many=False)


@pytest.mark.parametrize(
    ("expression", "members"),
    [
        (identifier_expression(Identifier.HOSTNAME_TIME), {"hostname", "time"}),
        (TAG, {"tags"}),
        (with_own_namespace(TAG, "prod", many=False), {"tags", "output_fields"}),
        ("true", set()),
        (".body.a.b?", {"a"}),
        (". | .body | .rule", {"rule"}),
        ("if .body.a == null then .body.b else 1 end", {"a", "b"}),
        (".body.tags[.body.n] // -1", {"tags", "n"}),
        ('[.body.tags[]? | select(test("x"))] | length', {"tags"}),
    ],
)
def test_what_is_read(expression: str, members: set[str]) -> None:
    found = members_read(expression)
    assert found is not None
    assert set(found) == members


@pytest.mark.parametrize(
    "expression",
    [
        ".",
        ".body",
        "..",
        ".headers.x",
        ".body | keys",
        ".body[]",
        '.body["output"]',
        '.body."output"',
        '"\\(.body)"',
        "$ENV",
        ".body as $b | 1",
        "[.body]",
        "{a: .body}",
        ".body.x // .",
        "first(.body)",
        "(.body) == null",
        ".body.x | input",
        "reduce .body.x as $y (0; 1)",
        "select(.body.a) | .body.b",
        "if .body.a then .body.b end",
        ".body.x = 1",
        ".body.x |= 1",
        "try .body.x",
        "def f: .; f",
        ".body.a # .",
        "@json",
        ".body.a |",
        "))",
        "",
    ],
)
def test_what_is_not_plain_may_read_everything(expression: str) -> None:
    assert members_read(expression) is None


def test_plain_paths() -> None:
    assert plain_path(" .body.output_fields.x ") == ("output_fields", "x")
    for expression in (".body", ".body.x?", ".body[0]", ".x", ".body.x | ."):
        assert plain_path(expression) == ()


@pytest.mark.parametrize(
    ("expression", "one"),
    [
        (TAG, True),
        ("[.body.tags[]]", True),
        (".body.tags | map(.[], 1)", True),
        (".body.tags[]", False),
        (".body.a, .body.b", False),
        (".body.a | range(3)", False),
        ('.body.a | splits("x")', False),
        (".", True),
        ("$x", False),
    ],
)
def test_how_many_outputs(expression: str, one: bool) -> None:
    assert gives_one_output(expression) is one


# Pieces of which expressions are built that jq compiles, whatever their types.
PIECES = st.sampled_from(
    [
        ".body.rule",
        ".body.tags",
        ".body.tags[]?",
        ".body.output_fields",
        ".body.output_fields.x",
        '.body.output_fields["k8s.ns.name"]',
        ".body.missing",
        ".body",
        ".",
        ".headers",
        '"text"',
        "1",
        "null",
        "empty",
        "(.body.time)",
        "[.body.hostname]",
        "-1",
    ]
)
JOINTS = st.sampled_from([" + ", " // ", " | ", " == ", ", ", " and "])
CALLS = st.sampled_from(["", " | tostring", " | length", " | map(.)?", " | .[0]", " | keys", "?"])


@st.composite
def expressions(draw: st.DrawFn) -> str:
    text = draw(PIECES)
    for _ in range(draw(st.integers(0, 3))):
        text = f"({text}{draw(JOINTS)}{draw(PIECES)})"
    return f"({text}){draw(CALLS)}"


@given(expression=expressions(), alert=ALERTS)
def test_an_expression_gives_the_same_on_what_it_may_read(
    expression: str, alert: dict[str, Any]
) -> None:
    members = members_read(expression)
    if members is None:
        return
    body = {k: v for k, v in alert.items() if k in members}
    outputs = _run(expression, {"body": alert, "headers": {"a": "b"}})
    assert outputs == _run(expression, {"body": body})
    if gives_one_output(expression) and isinstance(outputs, list):
        assert len(outputs) <= 1


def _run(expression: str, event: dict[str, Any]) -> Any:
    """Return the list of outputs, or an object with the error."""
    program = jq.compile(f"try [{program_text(expression)}] catch {{error: tostring}}")
    return program.input_text(json.dumps(event)).first()


@settings(max_examples=40)
@given(expression=expressions(), more=expressions(), lines=st.lists(ALERTS, min_size=1, max_size=3))
def test_many_bodies_at_once_give_what_each_gives_alone(
    expression: str, more: str, lines: list[dict[str, Any]]
) -> None:
    mappings = [
        creating_mapping("namespace", more, many=False),
        {
            "blueprint": "b",
            "entity": {
                "identifier": ".body.rule",
                "title": expression,
                "properties": {"a": expression, "b": more, "c": ".body.output_fields.x.y"},
                "relations": {"d": TAG, "e": ".body.missing"},
            },
        },
        {"blueprint": "c", "filter": more, "entity": {"identifier": expression}},
    ]
    bodies = []
    for alert in lines:
        try:
            bodies.append(json.loads(forwarded(as_line(alert))))
        except NotForwardedError:
            return
    headers = {"a": "b"}
    alone = Evaluator(mappings)
    events = [json.dumps({"body": b, "headers": headers, "queryParams": {}}) for b in bodies]
    many = BodyEvaluator(mappings, headers).evaluate(bodies)
    expected = [alone.evaluate(event) for event in events]
    assert [_as_double(found) for found in many] == [_as_double(found) for found in expected]


def _as_double(outcomes: list[Any]) -> str:
    """Write outcomes with every number as the double that Port keeps."""
    written = json.dumps([vars(outcome) for outcome in outcomes], default=vars)
    return json.dumps(json.loads(written, parse_int=float), sort_keys=True)


def test_a_filter_that_gives_1_is_not_true() -> None:
    mapping = {"blueprint": "b", "filter": ".body.n", "entity": {"identifier": ".body.rule"}}
    [[outcome]] = BodyEvaluator([mapping], {}).evaluate([{"n": 1, "rule": "r"}])
    assert outcome.entity is None
    assert outcome.skipped == "filter gives 1, not true"
