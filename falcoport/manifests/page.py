"""What Port accepts in a dashboard: its widgets, their layout, and what those name.

The widgets are those that falcoport's own pages use, from Port's API reference (2026-01); the rules
of the layout (rows of twelve, at most four columns, each of three or more, 400 high or more) are
those of Port's instructions for agents (port-skills, 2026-08). Port takes a property that does not
exist for an empty widget, so what a widget names is found here, to be compared with the blueprint.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from falcoport.manifests.schema import COLORS
from falcoport.manifests.validation import (
    Anything,
    Choice,
    Flag,
    ListOf,
    MapOf,
    Number,
    Object,
    Text,
    child,
    kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from falcoport.manifests.validation import Report

Json = dict[str, Any]

ROW = 12
"""What the sizes of a row's columns come to."""
SMALLEST = 3
MOST_COLUMNS = 4
LOWEST = 400
DASHBOARD = "dashboard-widget"
"""The type of the widget that holds those of a dashboard."""

_ANY_TEXT = Text()
_ID = Text(shortest=1)
_TEXTS = {
    "id": _ID,
    "type": _ANY_TEXT,
    "title": _ANY_TEXT,
    "description": _ANY_TEXT,
    "icon": _ANY_TEXT,
}
_QUERY = Object(
    {"combinator": Choice(("and", "or")), "rules": ListOf(Anything())},
    required=("combinator", "rules"),
)
_CHART = Object(
    {
        **_TEXTS,
        "blueprint": _ANY_TEXT,
        "property": _ANY_TEXT,
        "dataset": _QUERY,
        "emptyStateText": _ANY_TEXT,
    },
    required=("id", "type", "property", "dataset"),
)
_CONDITION = Object(
    {
        "operator": Choice((">", ">=", "<", "<=", "=", "!=")),
        "value": Number(),
        "message": Text(longest=50),
        "description": Text(longest=200),
        "color": Choice(COLORS),
    },
    required=("operator", "value"),
)
_NUMBER_NEEDS = {
    ("unit", "custom"): ("unitCustom",),
    ("func", "average"): ("averageOf",),
    ("calculationBy", "property"): ("property", "func"),
    ("calculationBy", "entities"): ("func",),
    ("displayFormatting", "custom"): ("decimalPlaces",),
}


def _check_number(value: dict[str, object], at: str, report: Report) -> None:
    for (key, chosen), needed in _NUMBER_NEEDS.items():
        for name in needed if value.get(key) == chosen else ():
            if name not in value:
                report(child(at, name), f"is missing: it belongs to {key} {chosen}")


_NUMBER = Object(
    {
        **_TEXTS,
        "blueprint": _ANY_TEXT,
        "dataset": _QUERY,
        "emptyStateText": _ANY_TEXT,
        "unit": Choice(("none", "$", "€", "£", "%", "custom")),
        "unitCustom": _ANY_TEXT,
        "unitAlignment": Choice(("left", "right")),
        "calculationBy": Choice(("entities", "property")),
        "chartType": Choice(("countEntities", "aggregateByProperty")),
        "property": _ANY_TEXT,
        "func": Choice(("count", "average", "sum", "min", "max", "median")),
        "averageOf": Choice(("hour", "day", "week", "month", "total")),
        "measureTimeBy": _ANY_TEXT,
        "conditionalFormatting": ListOf(_CONDITION),
        "displayFormatting": Choice(("none", "round", "custom")),
        "decimalPlaces": Choice((".0", ".00", ".000", ".0000", ".00000")),
    },
    required=("id", "type", "unit", "dataset"),
    further=_check_number,
)
_LINE = Object(
    {
        **_TEXTS,
        "chartType": Choice(("countEntities",)),
        "blueprint": _ANY_TEXT,
        "func": Choice(("count", "average")),
        "measureTimeBy": _ANY_TEXT,
        "breakdownProperty": _ANY_TEXT,
        "dataset": _QUERY,
        "emptyStateText": _ANY_TEXT,
        "timeInterval": Choice(("hour", "day", "isoWeek", "month", "quarter")),
        "timeRange": Object({"preset": _ANY_TEXT}, required=("preset",)),
        "xAxisTitle": _ANY_TEXT,
        "yAxisTitle": _ANY_TEXT,
    },
    required=("id", "type", "chartType", "blueprint", "func", "measureTimeBy"),
)
_SORT = Object(
    {"property": _ANY_TEXT, "order": Choice(("asc", "desc"))}, required=("property", "order")
)
_COLUMNS = ListOf(_ANY_TEXT)
_TABLE_CONFIG = Object(
    {
        "filterSettings": Object({"filterBy": _QUERY}, required=("filterBy",)),
        "groupSettings": Object({"groupBy": _COLUMNS}, required=("groupBy",)),
        "sortSettings": Object({"sortBy": ListOf(_SORT)}, required=("sortBy",)),
        "propertiesSettings": Object({"hidden": _COLUMNS, "shown": _COLUMNS, "order": _COLUMNS}),
        "tabIndex": Number(),
        "hidden": Flag(),
        "title": Text(longest=20),
        "description": _ANY_TEXT,
    }
)
_TABLE = Object(
    {
        **_TEXTS,
        "blueprint": _ANY_TEXT,
        "dataset": _QUERY,
        "emptyStateText": _ANY_TEXT,
        "excludedFields": _COLUMNS,
        "displayMode": Choice(("tabs", "single", "widget")),
        "blueprintConfig": MapOf(_ANY_TEXT, _TABLE_CONFIG),
    },
    required=("id", "type", "dataset"),
)
_MARKDOWN = Object(
    {**_TEXTS, "source": Choice(("custom",)), "markdown": _ANY_TEXT},
    required=("id", "type", "title", "source", "markdown"),
)
_LEAVES: Mapping[str, Object] = {
    "entities-number-chart": _NUMBER,
    "entities-pie-chart": _CHART,
    "bar-chart": _CHART,
    "line-chart": _LINE,
    "table-entities-explorer": _TABLE,
    "markdown": _MARKDOWN,
}


class _Widget:
    """A widget of a kind that falcoport uses."""

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if not isinstance(value, dict):
            report(at, f"must be a map, not {kind(value)}")
            return
        Choice(tuple(_LEAVES)).check(value.get("type"), child(at, "type"), report)
        shape = _LEAVES.get(str(value.get("type")))
        if shape is not None:
            shape.check(value, at, report)


_ROW = Object(
    {
        "height": Number(),
        "columns": ListOf(Object({"id": _ID, "size": Number()}, required=("id", "size"))),
    },
    required=("height", "columns"),
)


def _check_layout(value: dict[str, object], at: str, report: Report) -> None:
    """Report rows that Port refuses, and widgets that the layout does not name once."""
    rows, widgets = value.get("layout"), value.get("widgets")
    if not isinstance(rows, list) or not isinstance(widgets, list):
        return
    placed: list[object] = []
    for index, row in enumerate(rows):
        here = child(child(at, "layout"), index)
        columns = row.get("columns") if isinstance(row, dict) else None
        if not isinstance(columns, list) or not all(isinstance(one, dict) for one in columns):
            continue
        sizes = [one.get("size") for one in columns if isinstance(one.get("size"), int)]
        placed += [one.get("id") for one in columns]
        if len(columns) > MOST_COLUMNS:
            report(here, f"has {len(columns)} columns, Port accepts {MOST_COLUMNS}")
        elif sum(sizes) != ROW or min(sizes, default=0) < SMALLEST:
            report(here, f"has columns that are no {ROW} together, each {SMALLEST} or more")
        height = row.get("height")
        if isinstance(height, int) and height < LOWEST:
            report(child(here, "height"), f"is {height}, Port accepts {LOWEST} or more")
    named = [widget.get("id") for widget in widgets if isinstance(widget, dict)]
    if Counter(map(str, placed)) != Counter(map(str, named)):
        report(child(at, "layout"), "must name each widget once, by its id")


_DASHBOARD = Object(
    {
        "id": _ID,
        "type": Choice((DASHBOARD,)),
        "layout": ListOf(_ROW),
        "widgets": ListOf(_Widget()),
    },
    required=("id", "type", "layout", "widgets"),
    further=_check_layout,
)
PAGE = Object(
    {
        "identifier": Text(
            shortest=1,
            accepts=re.compile(r"[A-Za-z0-9@_.:/=\-]+").fullmatch,
            spelled="a page's identifier is made of letters, digits and @_.:/=-",
        ),
        "title": Text(shortest=1),
        "description": Text(longest=150),
        "icon": _ANY_TEXT,
        "type": Choice(("dashboard",)),
        "widgets": ListOf(_DASHBOARD, longest=1),
    },
    required=("identifier", "title", "type", "widgets"),
)


def find_named_fields(widget: Json) -> Iterator[tuple[str, str]]:
    """Yield the blueprint and the bare name of everything that a widget shows of entities.

    Names are those of properties and relations of any kind; Port's own fields are left out.
    """
    blueprint = _blueprint_of(widget)
    for key in ("property", "breakdownProperty", "measureTimeBy"):
        if isinstance(widget.get(key), str):
            yield from _field(blueprint, widget[key])
    for rule in _rules(widget.get("dataset")):
        yield from _field(blueprint, rule)
    for name, config in (widget.get("blueprintConfig") or {}).items():
        columns = config.get("propertiesSettings") or {}
        sorting = (config.get("sortSettings") or {}).get("sortBy") or ()
        grouping = (config.get("groupSettings") or {}).get("groupBy") or ()
        named = [*(one for names in columns.values() for one in names), *grouping]
        for one in (*named, *(sort["property"] for sort in sorting)):
            yield from _field(name, one)


def _blueprint_of(widget: Json) -> str:
    """Return the blueprint whose entities a widget shows."""
    if isinstance(widget.get("blueprint"), str):
        return str(widget["blueprint"])
    for rule in (widget.get("dataset") or {}).get("rules") or ():
        if isinstance(rule, dict) and rule.get("property") == "$blueprint":
            return str(rule.get("value"))
    return ""


def _rules(query: Any) -> Iterator[str]:
    for rule in (query or {}).get("rules") or ():
        if "rules" in rule:
            yield from _rules(rule)
        elif isinstance(rule.get("property"), str):
            yield rule["property"]


def _field(blueprint: str, name: str) -> Iterator[tuple[str, str]]:
    bare = name.rpartition("#")[2].removeprefix("properties.").removeprefix("relations.")
    if not bare.startswith("$"):
        yield blueprint, bare
