"""Reading requests: JSON bodies and query parameters, checked against `schemas.py`.

A error says what the checker Port uses says (ajv): `"query" must have required property
'combinator'` was seen from Port in an issue of its MCP server (port-mcp-server 57).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import regex
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from falcoport.sandbox.errors import ApiError, invalid, lone_surrogate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from falcoport.sandbox.schemas import Schema

MOMENT = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ]"
    r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)",
    re.ASCII,
)
"""RFC 3339's date-time, with any number of digits after the second: Falco gives nine."""

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S*", re.ASCII)
"""What every URL and URI is at least: a scheme, a colon, and no space."""

_SENTENCES: dict[str, str] = {
    "additionalProperties": "must NOT have additional properties",
    "anyOf": "must match a schema in anyOf",
    "const": "must be equal to constant",
    "enum": "must be equal to one of the allowed values",
    "format": 'must match format "{0}"',
    "if": 'must match "then" schema',
    "maxItems": "must NOT have more than {0} items",
    "maxLength": "must NOT have more than {0} characters",
    "maxProperties": "must NOT have more than {0} properties",
    "maximum": "must be <= {0}",
    "minItems": "must NOT have fewer than {0} items",
    "minLength": "must NOT have fewer than {0} characters",
    "minProperties": "must NOT have fewer than {0} properties",
    "minimum": "must be >= {0}",
    "oneOf": "must match exactly one schema in oneOf",
    "pattern": 'must match pattern "{0}"',
    "propertyNames": "property name must be valid",
}


_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or MOMENT.fullmatch(value) is not None


@_FORMATS.checks("url")
@_FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or ADDRESS.fullmatch(value) is not None


def _pattern(
    _validator: Any, pattern: str, instance: object, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not regex.search(pattern, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match")


_Validator: Any = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


def check(body: Any, schema: Schema, place: str = "") -> None:
    """Raise a 422 error that says where `body` is not what `schema` asks for.

    `place` is where the body stands in what was sent.
    """
    try:
        error = best_match(_Validator(schema, format_checker=_FORMATS).iter_errors(body))
    except RecursionError:
        raise invalid("body is nested too deeply") from None
    if error is not None:
        raise invalid(sentence(error, place))


def sentence(error: jsonschema.ValidationError, inside: str = "") -> str:
    """Return one error in ajv's words, with the place in quotes before it."""
    wanted: Any = error.validator_value
    if error.validator == "required":
        given: Any = error.instance
        missing = next(name for name in wanted if name not in given)
        said = f"must have required property '{missing}'"
    elif error.validator == "type":
        said = f"must be {wanted if isinstance(wanted, str) else ','.join(wanted)}"
    else:
        shown = wanted.replace(r"\Z", "$") if error.validator == "pattern" else wanted
        said = _SENTENCES.get(str(error.validator), "is invalid").format(shown)
    parts = [*([inside] if inside else []), *map(str, error.absolute_path)]
    place = ".".join(parts)
    return f'"{place}" {said}' if place else f"body {said}"


def read_json(raw: bytes) -> Any:
    """Return the value of a JSON body; raise a 422 error if it is none that can be echoed."""
    try:
        return json.loads(raw.decode(), parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise invalid("body is nested too deeply") from None
    except ValueError:
        raise invalid("body must be valid JSON") from None


def check_encodable(body: Any) -> None:
    """Raise a 422 error if a text in a body is half of a surrogate pair, which no query finds."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise lone_surrogate() from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """Return a number as JavaScript keeps it, for which `1e3` and `1000.0` are `1000`."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is out of range")
    return int(value) if value.is_integer() and abs(value) < _PLAIN else value


_PLAIN = 1e21
"""From here on JavaScript, and Go's encoder, write a number with an exponent."""


def flag(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """Return a boolean query parameter; raise a 422 error if it is neither true nor false."""
    value = query.get(name)
    if value is None:
        return default
    if value not in ("true", "false"):
        raise ApiError(422, "invalid_request", f'querystring "{name}" must be boolean')
    return value == "true"
