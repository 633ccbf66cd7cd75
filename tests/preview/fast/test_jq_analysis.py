"""What an expression reads: never too little, and exactly right for those of falcoport."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from support.alerts import ALERTS
from support.jq_expressions import expressions, run_jq

from falcoport.mapping.namespace_expressions import Clusters, with_own_namespace
from falcoport.mapping.option_expressions import (
    Identifier,
    identifier_expression,
    tag_expression,
)
from falcoport.preview.fast.jq_analysis import fields_read, plain_path

TAG = tag_expression("port-", many=False)


@pytest.mark.parametrize(
    ("expression", "members"),
    [
        (identifier_expression(Identifier.HOSTNAME_TIME), {"hostname", "time"}),
        (TAG, {"tags"}),
        (with_own_namespace(TAG, Clusters(("prod",)), many=False), {"tags", "output_fields"}),
        ("true", set()),
        (".body.a.b?", {"a"}),
        (". | .body | .rule", {"rule"}),
        ("if .body.a == null then .body.b else 1 end", {"a", "b"}),
        (".body.tags[.body.n] // -1", {"tags", "n"}),
        ('[.body.tags[]? | select(test("x"))] | length', {"tags"}),
    ],
)
def test_what_is_read(expression: str, members: set[str]) -> None:
    found = fields_read(expression)
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
    assert fields_read(expression) is None


def test_plain_paths() -> None:
    assert plain_path(" .body.output_fields.x ") == ("output_fields", "x")
    for expression in (".body", ".body.x?", ".body[0]", ".x", ".body.x | ."):
        assert plain_path(expression) == ()


@given(expression=expressions(), alert=ALERTS)
def test_an_expression_gives_the_same_on_what_it_may_read(
    expression: str, alert: dict[str, Any]
) -> None:
    members = fields_read(expression)
    if members is None:
        return
    body = {k: v for k, v in alert.items() if k in members}
    outputs = run_jq(expression, {"body": alert, "headers": {"a": "b"}})
    assert outputs == run_jq(expression, {"body": body})
