"""What a person gives an action: checked against its `userInputs`, defaults filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.expressions.limited import JqError
from falcoport.sandbox.storage.values import Checker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.sandbox.expressions.limited import LimitedJq

Document = dict[str, Any]


def check_inputs(inputs: Mapping[str, Any], given: Document, jq: LimitedJq) -> Document:
    """Return the values of an action's inputs; raise a 422 error for one that does not fit.

    A JQ query in a definition sees `.form`, the values that are given.
    """
    definitions: Mapping[str, Any] = inputs["properties"]
    values = dict(given)
    for name, definition in definitions.items():
        default = _resolve(definition.get("default"), given, jq)
        if name not in values and default is not None:
            values[name] = default
    for name in values:
        if name not in definitions:
            raise errors.invalid(f'"properties" must NOT have additional properties: "{name}"')
    required = _resolve(inputs.get("required") or [], given, jq)
    for name in required if isinstance(required, list) else ():
        if values.get(name) is None:
            raise errors.invalid(f"\"properties\" must have required property '{name}'")
    plain = {
        name: {
            facet: value
            for facet, value in definition.items()
            if not _is_query(value) or facet == "type"
        }
        for name, definition in definitions.items()
    }
    Checker({"properties": plain}).check(values)
    return values


def _is_query(value: Any) -> bool:
    return isinstance(value, dict) and "jqQuery" in value


def _resolve(value: Any, form: Document, jq: LimitedJq) -> Any:
    """Return a value, or what its JQ query gives; null if that fails."""
    if not _is_query(value):
        return value
    try:
        return jq.evaluate(value["jqQuery"], {"form": form})
    except JqError:
        return None
