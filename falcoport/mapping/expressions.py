"""The JQ expressions of a mapping: where they stand, and what Port makes of their text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_QUOTE_AT_WORD_EDGE = re.compile(r"(^|\s)'(?!\s|\")|(?<![\s\"])'(\s|$)")
HIDE_ENVIRONMENT = "def env: {}; {} as $ENV | "
# A comment at an expression's end must not swallow the bracket behind it; two line ends, since a
# backslash at a comment's end continues it on the next line.
END = "\n\n)"
GROUPS = ("properties", "relations")


@dataclass(frozen=True)
class Expression:
    """A JQ expression and its place in a mapping, such as `entity.properties.rule`."""

    field: str
    text: str


def requoted(expression: str) -> str:
    """Return an expression with the quotes that Port's binding reads as double ones made so."""
    return _QUOTE_AT_WORD_EDGE.sub(_double_quote, expression)


def program_text(expression: str) -> str:
    """Return the jq program that Port runs for a mapping's expression."""
    return HIDE_ENVIRONMENT + requoted(expression)


def _double_quote(match: re.Match[str]) -> str:
    return f'{match[1] or ""}"{match[2] or ""}'


@lru_cache(maxsize=1024)
def compile_error(expression: str) -> str:
    """Return what jq says against an expression's syntax; empty if it compiles."""
    if "\0" in expression:
        return "holds a NUL character"
    # Imported here: who only asks where expressions stand does without libjq.
    import jq

    try:
        jq.compile(program_text(expression))
    except (ValueError, UnicodeEncodeError) as error:
        return first_message(str(error))
    return ""


def first_message(text: str) -> str:
    """Return the first of jq's messages, without the words that say nothing to a user."""
    line = text.strip().splitlines()[0] if text.strip() else "jq cannot compile it"
    line = line.removeprefix("jq: error: ")
    return re.sub(r" at <top-level>, line \d+(, column \d+)?:?$", "", line)


def is_delete(operation: object) -> bool:
    """Tell whether a mapping's `operation` is the delete one, in either of its two spellings."""
    if isinstance(operation, dict):
        operation = operation.get("type")
    return operation == "delete"


def expressions(mapping: Mapping[str, Any]) -> list[Expression]:
    """List every JQ expression of one mapping, with its place, in the order Port reads them.

    Things of a wrong type are passed over: saying so is the manifest check's part.
    """
    found = [
        Expression(key, mapping[key])
        for key in ("itemsToParse", "filter")
        if isinstance(mapping.get(key), str)
    ]
    entity = mapping.get("entity")
    if isinstance(entity, dict):
        for key in ("identifier", "title", "icon", "team"):
            found.extend(_leaves(f"entity.{key}", entity.get(key)))
        for group in GROUPS:
            members = entity.get(group)
            if isinstance(members, dict):
                for name, value in members.items():
                    found.extend(_leaves(f"entity.{group}.{name}", value))
    return found


def _leaves(field: str, value: object) -> Iterable[Expression]:
    """Yield the expressions of a field: itself, or the JQ texts inside a search query."""
    if isinstance(value, str):
        yield Expression(field, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{field}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(f"{field}[{index}]", inner)


def is_always_true(expression: Expression) -> bool:
    """Tell whether an expression is the filter that lets everything through."""
    return expression.field == "filter" and expression.text.strip() == "true"
