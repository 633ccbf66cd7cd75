"""Generated JQ expressions, and jq itself to say what they give."""

from __future__ import annotations

import json
from typing import Any

import jq
from hypothesis import strategies as st

from falcoport.mapping.expressions import program_text

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


def run_jq(expression: str, event: dict[str, Any]) -> Any:
    """Return the list of outputs, or an object with the error."""
    program = jq.compile(f"try [{program_text(expression)}] catch {{error: tostring}}")
    return program.input_text(json.dumps(event)).first()
