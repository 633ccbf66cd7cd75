"""How many outputs an expression gives: one at most only where that is certain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from support.alerts import ALERTS
from support.jq_expressions import expressions, run_jq

from falcoport.mapping.jq_analysis import gives_one_output


@pytest.mark.parametrize(
    ("expression", "one"),
    [
        ('.body.tags // [] | map(select(startswith("port-"))) | .[0]', True),
        ("[.body.tags[]]", True),
        (".body.tags | map(.[], 1)", True),
        ("[[.body.tags[]] | .[0], 1]", True),
        ("any(.body.tags[]; .)", True),
        ("if .body.a then [1, 2] else 3 end", True),
        (".", True),
        (".body.tags[]", False),
        (".body.tags[]?", False),
        (".body.tags[1, 2]", False),
        (".body.a, .body.b", False),
        ("if .body.a then 1 else 2, 3 end", False),
        ("any(.body.tags; true, false)", False),
        ("(.body.tags | .[])", False),
        ("if true then [1] else [2] end[]", False),
        (".body.a | range(3)", False),
        ('.body.a | splits("x")', False),
        (".body | recurse", False),
        ("..", False),
        ("$x", False),
        ('"\\(1, 2)"', False),
        ("{a: (1, 2)}", False),
        (".body.a as [$x] | 1", False),
    ],
)
def test_how_many_outputs(expression: str, one: bool) -> None:
    assert gives_one_output(expression) is one


@given(expression=expressions(), alert=ALERTS)
def test_one_output_is_never_claimed_of_more(expression: str, alert: dict[str, Any]) -> None:
    if gives_one_output(expression):
        outputs = run_jq(expression, {"body": alert, "headers": {"a": "b"}})
        assert isinstance(outputs, dict) or len(outputs) <= 1
