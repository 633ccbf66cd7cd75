"""Whether the properties of an entity are what its blueprint says, compiled once per blueprint.

Ingestion checks a thousand alerts a second, hence closures and not a JSON Schema library.
The facets are those of Port's property definitions (Port API, Create a blueprint).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

import regex

from falcoport.sandbox.errors import invalid
from falcoport.sandbox.validation import ADDRESS, MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Rule = "Callable[[Any], str]"
_MAIL = re.compile(r"[^\s@]+@[^\s@]+")
_PATTERN_SECONDS = 0.2
"""How long a blueprint's own pattern may search one value."""


class Checker:
    """The rules of one blueprint's `schema`."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._rules = {
            name: _definition_rules(definition) for name, definition in schema["properties"].items()
        }
        self._required = tuple(schema.get("required") or ())

    @property
    def has_required(self) -> bool:
        """Whether any property is required."""
        return bool(self._required)

    def check(self, properties: Mapping[str, Any]) -> None:
        """Raise a 422 error if a value is not what the blueprint says; null always passes."""
        for name, value in properties.items():
            rules = self._rules.get(name)
            if rules is None:
                raise invalid(
                    f'Property with identifier "{name}" was not found', "blueprint_schema_mismatch"
                )
            if value is None:
                continue
            for rule in rules:
                said = rule(value)
                if said:
                    raise invalid(f'"properties.{name}" {said}')

    def check_required(self, properties: Mapping[str, Any]) -> None:
        """Raise a 422 error if a required property has no value."""
        for name in self._required:
            if properties.get(name) is None:
                raise invalid(f"\"properties\" must have required property '{name}'")


def _definition_rules(definition: Mapping[str, Any]) -> list[Callable[[Any], str]]:
    rules = [_type_rule(definition["type"])]
    if definition.get("format") in _FORMATS:
        rules.append(_format_rule(definition["format"]))
    for facet, make in _FACETS.items():
        limit = definition.get(facet)
        if limit is not None:
            rule = make(limit)
            if rule is not None:
                rules.append(rule)
    items = definition.get("items")
    if definition["type"] == "array" and isinstance(items, dict) and items.get("type") in _TYPES:
        rules.append(_items_rule(items))
    return rules


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def _type_rule(name: str) -> Callable[[Any], str]:
    fits, said = _TYPES[name], f"must be {name}"
    return lambda value: "" if fits(value) else said


def _is_ip(version: int) -> Callable[[str], bool]:
    address = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address  # noqa: PLR2004

    def fits(value: str) -> bool:
        try:
            address(value)
        except ValueError:
            return False
        return True

    return fits


# The formats that are not listed are looks (markdown, yaml) or references (user, team).
_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": lambda value: MOMENT.fullmatch(value) is not None,
    "timer": lambda value: MOMENT.fullmatch(value) is not None,
    "url": lambda value: ADDRESS.fullmatch(value) is not None,
    "email": lambda value: _MAIL.fullmatch(value) is not None,
    "idn-email": lambda value: _MAIL.fullmatch(value) is not None,
    "ipv4": _is_ip(4),
    "ipv6": _is_ip(6),
}


def _format_rule(name: str) -> Callable[[Any], str]:
    fits, said = _FORMATS[name], f'must match format "{name}"'
    return lambda value: "" if not isinstance(value, str) or fits(value) else said


def _items_rule(items: Mapping[str, Any]) -> Callable[[Any], str]:
    rules = _definition_rules(items)

    def rule(value: Any) -> str:
        for position, item in enumerate(value):
            for check in rules:
                said = check(item)
                if said:
                    return f"item {position} {said}"
        return ""

    return rule


def _limit(
    kind: Callable[[Any], bool], fits: Callable[[Any, Any], bool], said: str
) -> Callable[[Any], Callable[[Any], str] | None]:
    """Return what makes a rule of a facet's limit; a limit that is no number makes none."""

    def make(limit: Any) -> Callable[[Any], str] | None:
        if not _is_number(limit):
            return None
        sentence = said.format(limit)
        return lambda value: "" if not kind(value) or fits(value, limit) else sentence

    return make


def _pattern(text: Any) -> Callable[[Any], str] | None:
    if not isinstance(text, str):
        return None
    try:
        pattern = regex.compile(text)
    except regex.error:
        return None

    def rule(value: Any) -> str:
        if not isinstance(value, str):
            return ""
        try:
            found = pattern.search(value, timeout=_PATTERN_SECONDS)
        except TimeoutError:
            return f'takes too long to match pattern "{text}"'
        return "" if found else f'must match pattern "{text}"'

    return rule


def _enum(allowed: Any) -> Callable[[Any], str] | None:
    if not isinstance(allowed, list):
        return None

    def rule(value: Any) -> str:
        if any(
            value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed
        ):
            return ""
        return "must be equal to one of the allowed values"

    return rule


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


_FACETS: dict[str, Callable[[Any], Callable[[Any], str] | None]] = {
    "enum": _enum,
    "pattern": _pattern,
    "minLength": _limit(
        _is_text, lambda v, n: len(v) >= n, "must NOT have fewer than {} characters"
    ),
    "maxLength": _limit(
        _is_text, lambda v, n: len(v) <= n, "must NOT have more than {} characters"
    ),
    "minimum": _limit(_is_number, lambda v, n: bool(v >= n), "must be >= {}"),
    "maximum": _limit(_is_number, lambda v, n: bool(v <= n), "must be <= {}"),
    "minItems": _limit(_is_list, lambda v, n: len(v) >= n, "must NOT have fewer than {} items"),
    "maxItems": _limit(_is_list, lambda v, n: len(v) <= n, "must NOT have more than {} items"),
}
