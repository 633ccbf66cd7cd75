"""What Port accepts in a scorecard (API reference, 2026-01).

Its rules have `conditions` where everything else in Port has `rules`; no rule may use the first
level, which is where every entity begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.manifests.schema import COLORS, SUB_IDENTIFIER
from falcoport.manifests.validation import Anything, Choice, ListOf, Object, Text, child

if TYPE_CHECKING:
    from falcoport.manifests.validation import Report

OPERATORS = (
    "=", "!=", ">", "<", ">=", "<=", "contains", "doesNotContains", "beginsWith",
    "doesNotBeginsWith", "endsWith", "doesNotEndsWith", "isEmpty", "isNotEmpty", "containsAny",
    "in", "between", "notBetween",
)  # fmt: skip
_ANY_TEXT = Text()
_CONDITION = Object(
    {
        "property": _ANY_TEXT,
        "relation": _ANY_TEXT,
        "operator": Choice(OPERATORS),
        "value": Anything(),
    },
    required=("operator",),
)
_QUERY = Object(
    {"combinator": Choice(("and", "or")), "conditions": ListOf(_CONDITION)},
    required=("combinator", "conditions"),
)
_RULE = Object(
    {
        "identifier": SUB_IDENTIFIER,
        "title": Text(shortest=1),
        "description": _ANY_TEXT,
        "level": _ANY_TEXT,
        "query": _QUERY,
    },
    required=("identifier", "title", "level", "query"),
)


def _check_levels(value: dict[str, object], at: str, report: Report) -> None:
    levels, rules = value.get("levels"), value.get("rules")
    if not isinstance(levels, list) or not isinstance(rules, list):
        return
    usable = [one.get("title") for one in levels[1:] if isinstance(one, dict)]
    for index, rule in enumerate(rules):
        if isinstance(rule, dict) and rule.get("level") not in usable:
            where = child(child(child(at, "rules"), index), "level")
            report(where, f"is {rule.get('level')!r}, but must be a level above the first")


SCORECARD = Object(
    {
        "identifier": Text(longest=100, shortest=1),
        "title": Text(shortest=1),
        "levels": ListOf(
            Object({"title": _ANY_TEXT, "color": Choice(COLORS)}, required=("title", "color"))
        ),
        "rules": ListOf(_RULE),
        "filter": _QUERY,
    },
    required=("identifier", "title", "levels", "rules"),
    further=_check_levels,
)
