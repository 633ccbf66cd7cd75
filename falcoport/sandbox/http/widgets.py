"""The widgets of a page: what Port publishes about each kind, and finding one in a page.

The schemas are our model of Port's published one (API description 2026-01); `multi-line-chart` is
newer than it and is described in Port's docs (2026-08). The rules of a dashboard's layout are
those of Port's own instructions for agents (port-skills 2026-08).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.schemas import (
    BOOLEAN,
    COLOURS,
    NULLABLE,
    QUERY,
    STRING,
    STRINGS,
    enum_of,
    object_of,
    with_queries,
)
from falcoport.sandbox.validation import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.sandbox.schemas import Schema

Document = dict[str, Any]

_ROW, _SMALLEST, _LOWEST, _COLUMNS = 12, 3, 400, 4
_DEPTH = 8
"""How deep widgets may hold widgets; Port's editor makes three levels."""

_METADATA: Schema = dict.fromkeys(
    ("id", "createdAt", "createdBy", "updatedAt", "updatedBy"), STRING
)
_TEXTS: Schema = {"title": STRING, "description": STRING, "icon": STRING}
_TABLE: Schema = {
    "filterSettings": object_of({"filterBy": QUERY}, ("filterBy",)),
    "groupSettings": object_of({"groupBy": STRINGS}, ("groupBy",)),
    "sortSettings": object_of(
        {
            "sortBy": {
                "type": "array",
                "items": object_of(
                    {"property": STRING, "order": enum_of("asc", "desc")}, ("property", "order")
                ),
            }
        }
    ),
    "propertiesSettings": object_of({"hidden": STRINGS, "shown": STRINGS, "order": STRINGS}),
}
_TABLE_CONFIG = object_of(_TABLE, more=True)
_TABS = {
    **_TABLE,
    "tabIndex": {"type": "number"},
    "hidden": BOOLEAN,
    "title": {"type": "string", "maxLength": 20},
    "description": STRING,
}
_RANGES = (
    "today yesterday lastDay lastWeek last2Weeks lastMonth last3Months last6Months last12Months "
    "last2Years last3Years"
).split()
_INTERVALS = ("hour", "day", "isoWeek", "month", "quarter")
_TIME: Schema = {
    "timeInterval": enum_of(*_INTERVALS),
    "timeRange": object_of({"preset": enum_of(*_RANGES)}, ("preset",), more=True),
}
_LINE: Schema = {**_TEXTS, **_TIME, "xAxisTitle": STRING, "yAxisTitle": STRING}
_SOME_PROPERTIES: Schema = {"type": "array", "items": STRING, "minItems": 1}
_AUDIT_QUERY = object_of(
    {
        **dict.fromkeys(
            "identifier entity blueprint run_id webhookId webhookEventId InstallationId from to "
            "action".split(),
            STRING,
        ),
        "include_deleted_entities": BOOLEAN,
        "origin": STRINGS,
        "resources": {"anyOf": [STRING, STRINGS]},
        "includes": STRINGS,
        "status": enum_of("SUCCESS", "FAILURE"),
        "limit": {"type": "number"},
        "actionType": enum_of("automation", "self-service"),
    }
)


def _widget(members: Schema, required: tuple[str, ...] = (), *, more: bool = False) -> Schema:
    """Return the schema of one kind, which may have an id and Port's metadata beside `members`."""
    properties = {"type": STRING, **_METADATA, **members}
    return with_queries(object_of(properties, required, more=more))


def _list_of(members: Schema, required: tuple[str, ...]) -> Schema:
    return {"type": "array", "items": object_of(members, required)}


_CHART: Schema = {
    **_TEXTS,
    "blueprint": STRING,
    "property": STRING,
    "dataset": QUERY,
    "emptyStateText": STRING,
}
_DETAILS: Schema = {
    **_TEXTS,
    "entity": STRING,
    "blueprint": STRING,
    "hiddenQuery": STRINGS,
    "order": STRINGS,
    "showEmptyValues": BOOLEAN,
}
_DATASET: Schema = {"anyOf": [QUERY, {"type": "array", "items": {"type": "object"}}]}
_NUMBER: Schema = {
    **_TEXTS,
    "emptyStateText": STRING,
    "blueprint": STRING,
    "dataset": _DATASET,
    "unit": enum_of("none", "$", "€", "£", "%", "custom"),
    "unitCustom": STRING,
    "unitAlignment": enum_of("left", "right"),
    "calculationBy": enum_of("entities", "property"),
    "chartType": enum_of("countEntities", "aggregateByProperty", "displaySingleProperty"),
    "property": STRING,
    "entity": STRING,
    "func": enum_of("count", "average", "sum", "min", "max", "median"),
    "averageOf": enum_of("hour", "day", "week", "month", "total"),
    "measureTimeBy": STRING,
    "conditionalFormatting": {
        "type": "array",
        "items": object_of(
            {
                "operator": enum_of(">", ">=", "<", "<=", "=", "!="),
                "value": {"type": "number"},
                "message": {"type": "string", "maxLength": 50},
                "description": {"type": "string", "maxLength": 200},
                "color": enum_of(*COLOURS),
            },
            ("operator", "value"),
            more=True,
        ),
    },
    "displayFormatting": enum_of("none", "round", "custom"),
    "decimalPlaces": enum_of(".0", ".00", ".000", ".0000", ".00000"),
}
_LINE_CHARTS: dict[str, Schema] = {
    "propertiesValueHistory": _widget(
        {
            **_LINE,
            "chartType": STRING,
            "blueprint": STRING,
            "entity": STRING,
            "properties": _SOME_PROPERTIES,
            "emptyStateText": STRING,
        },
        ("blueprint", "entity", "properties"),
    ),
    "aggregatePropertiesValues": _widget(
        {
            **_LINE,
            "chartType": STRING,
            "blueprint": STRING,
            "func": enum_of("sum", "average", "min", "max", "median", "last"),
            "properties": _SOME_PROPERTIES,
            "measureTimeBy": STRING,
            "dataset": QUERY,
            "emptyStateText": STRING,
        },
        ("blueprint", "func", "properties", "measureTimeBy"),
    ),
    "countEntities": _widget(
        {
            **_LINE,
            "chartType": STRING,
            "blueprint": STRING,
            "func": enum_of("count", "average"),
            "breakdownProperty": STRING,
            "measureTimeBy": STRING,
            "dataset": QUERY,
            "emptyStateText": STRING,
        },
        ("blueprint", "func", "measureTimeBy"),
    ),
}
_RUNS_QUERY: Schema = {"type": "object"}
KINDS: dict[str, Schema] = {
    "ai-agent": _widget(
        {**_TEXTS, "agentIdentifier": STRING, "useMCP": BOOLEAN}, ("agentIdentifier",)
    ),
    "entity-info": _widget(_DETAILS, ("entity", "blueprint")),
    "entity-details": _widget(_DETAILS, ("entity", "blueprint")),
    "action-runs-table-widget": _widget(
        {
            **_TEXTS,
            "displayMode": enum_of("single", "widget"),
            "action": STRING,
            "tableConfig": _TABLE_CONFIG,
        },
        ("action",),
    ),
    "action-card-widget": _widget(
        {
            **_TEXTS,
            "actions": {
                "type": "array",
                "minItems": 1,
                "items": object_of({"action": STRING}, ("action",), more=True),
            },
        },
        ("actions",),
    ),
    "links-widget": _widget(
        {
            **_TEXTS,
            "links": _list_of(
                {
                    "title": {"type": "string", "minLength": 1},
                    "description": STRING,
                    "url": STRING,
                    "icon": STRING,
                },
                ("title", "url"),
            ),
        },
        ("links",),
    ),
    "table-entities-explorer": _widget(
        {
            **_TEXTS,
            "emptyStateText": STRING,
            "blueprint": STRING,
            "dataset": QUERY,
            "excludedFields": STRINGS,
            "displayMode": enum_of("tabs", "single", "widget"),
            "blueprintConfig": {
                "type": "object",
                "additionalProperties": object_of(_TABS),
            },
        },
        ("dataset",),
    ),
    "table-entities-explorer-by-direction": _widget(
        {
            "title": STRING,
            "blueprintConfig": {
                "type": "object",
                "additionalProperties": object_of(
                    {
                        **_TABS,
                        "dataset": QUERY,
                        "targetBlueprint": STRING,
                        "relatedProperty": STRING,
                    }
                ),
            },
        }
    ),
    "table-audit-log": _widget(
        {
            "title": STRING,
            "description": STRING,
            "query": _AUDIT_QUERY,
            "tableConfig": _TABLE_CONFIG,
        },
        ("query",),
    ),
    "users-table": _widget({"title": STRING, "query": _RUNS_QUERY, "tableConfig": _TABLE_CONFIG}),
    "teams-table": _widget({"title": STRING, "query": _RUNS_QUERY, "tableConfig": _TABLE_CONFIG}),
    "runs-table": _widget({"title": STRING, "query": _RUNS_QUERY, "tableConfig": _TABLE_CONFIG}),
    "workflow-runs-history-table": _widget({"query": _RUNS_QUERY, "tableConfig": _TABLE_CONFIG}),
    "run-info": _widget({"title": STRING, "runId": STRING}, ("runId",)),
    "user-info": _widget({"title": STRING, "user_email": STRING}, ("user_email",)),
    "team-info": _widget({"title": STRING, "team_name": STRING}, ("team_name",)),
    "graph-entities-explorer": _widget(
        {"title": STRING, "dataset": QUERY, "hiddenBlueprints": STRINGS}, ("dataset",)
    ),
    "bar-chart": _widget(_CHART, ("property", "dataset")),
    "entities-pie-chart": _widget(_CHART, ("property", "dataset")),
    "entities-number-chart": _widget(_NUMBER, ("unit",), more=True),
    "multi-line-chart": _widget(
        {
            **_LINE,
            "lines": {
                "type": "array",
                "minItems": 1,
                "items": object_of({"title": STRING, "dataset": QUERY}, more=True),
            },
        },
        ("title", "timeInterval", "timeRange", "lines"),
        more=True,
    ),
    "iframe-widget": _widget(
        {
            **_TEXTS,
            "url": {"type": "string", "format": "url"},
            "urlType": enum_of("public", "protected"),
        },
        ("title", "url", "urlType"),
        more=True,
    ),
    "markdown": _widget(
        {
            "title": STRING,
            "icon": STRING,
            "source": enum_of("custom", "property"),
            "markdown": STRING,
        },
        ("title",),
        more=True,
    ),
    "recently-viewed-entities": _widget({"title": STRING, "icon": STRING}, ("title",), more=True),
    "recently-used-actions": _widget({"title": STRING, "icon": STRING}, ("title",), more=True),
    "my-entities": _widget({"title": STRING, "icon": STRING}, ("title",), more=True),
    "dashboard-widget": _widget(
        {
            **_TEXTS,
            "layout": _list_of(
                {
                    "height": {"type": "number"},
                    "columns": _list_of({"size": {"type": "number"}, "id": STRING}, ("size", "id")),
                },
                ("height", "columns"),
            ),
            "widgets": {"type": "array", "items": {"type": "object"}},
        },
        ("layout", "widgets"),
    ),
    "grouper": _widget(
        {
            **_TEXTS,
            "displayMode": enum_of("tabs", "switch"),
            "activeGroupUrlParam": STRING,
            "groupsOrder": STRINGS,
            "groups": {
                "type": "array",
                "items": object_of(
                    {
                        "title": STRING,
                        "icon": NULLABLE,
                        "widgets": {"type": "array", "items": {"type": "object"}},
                    },
                    ("title", "widgets"),
                    more=True,
                ),
            },
        },
        ("groups", "displayMode"),
    ),
}
_NEEDED_BY_NUMBER = {
    ("calculationBy", "property"): ("property", "func"),
    ("calculationBy", "entities"): ("func",),
    ("chartType", "aggregateByProperty"): ("dataset",),
    ("chartType", "countEntities"): ("dataset",),
    ("chartType", "displaySingleProperty"): ("property",),
    ("func", "average"): ("averageOf",),
    ("unit", "custom"): ("unitCustom",),
    ("displayFormatting", "custom"): ("decimalPlaces",),
}


def check_widgets(widgets: list[Document] | None, place: str = "widgets", depth: int = 0) -> None:
    """Raise a 422 error that says which widget is not as its kind is published."""
    if depth > _DEPTH:
        raise errors.invalid(f'"{place}" is nested too deeply')
    for position, widget in enumerate(widgets or ()):
        here = f"{place}.{position}"
        kind = widget.get("type")
        if kind is None:
            raise errors.invalid(f"\"{here}\" must have required property 'type'")
        schema = KINDS.get(kind) if isinstance(kind, str) else None
        if kind == "line-chart":
            chart = widget.get("chartType")
            schema = _LINE_CHARTS.get(chart) if isinstance(chart, str) else None
            kind = "chartType"
        if schema is None:
            raise errors.invalid(
                f'"{here}.{"chartType" if kind == "chartType" else "type"}" must be equal to one '
                "of the allowed values"
            )
        check(widget, schema, here)
        _check_number(widget, here)
        _check_layout(widget, here)
        for name, inner in _children(widget):
            check_widgets(inner, f"{here}.{name}", depth + 1)


def _children(widget: Document) -> Iterator[tuple[str, list[Document]]]:
    """Yield the lists of widgets that a widget holds, each with the place it is at."""
    if widget.get("type") == "dashboard-widget":
        yield "widgets", widget.get("widgets") or []
    elif widget.get("type") == "grouper":
        for position, group in enumerate(widget.get("groups") or ()):
            yield f"groups.{position}.widgets", group.get("widgets") or []


def _check_number(widget: Document, place: str) -> None:
    if widget["type"] != "entities-number-chart":
        return
    for (name, value), needed in _NEEDED_BY_NUMBER.items():
        for one in needed if widget.get(name) == value else ():
            if one not in widget:
                raise errors.invalid(f"\"{place}\" must have required property '{one}'")


def _check_layout(widget: Document, place: str) -> None:
    """Raise a 422 error if the rows of a dashboard do not fit its widgets."""
    if widget["type"] != "dashboard-widget":
        return
    placed: list[str] = []
    for position, row in enumerate(widget["layout"]):
        here = f"{place}.layout.{position}"
        sizes = [column["size"] for column in row["columns"]]
        if sum(sizes) != _ROW:
            raise errors.invalid(f'"{here}.columns" must have sizes that sum to {_ROW}')
        if len(sizes) > _COLUMNS or min(sizes) < _SMALLEST:
            raise errors.invalid(
                f'"{here}.columns" must be at most {_COLUMNS}, each of size {_SMALLEST} or more'
            )
        if row["height"] < _LOWEST:
            raise errors.invalid(f'"{here}.height" must be >= {_LOWEST}')
        placed += [column["id"] for column in row["columns"]]
    named = [str(inner.get("id")) for inner in widget["widgets"]]
    if Counter(placed) != Counter(named):
        raise errors.invalid(
            f'"{place}.layout" must name each widget of the dashboard once, by its id'
        )


def find_widget(widgets: list[Document] | None, identifier: str) -> Document:
    """Return a widget of a page, however deep; raise a 404 error if there is none."""
    waiting = list(widgets or ())
    while waiting:
        widget = waiting.pop()
        if widget.get("id") == identifier:
            return widget
        for _, inner in _children(widget):
            waiting += inner
    raise errors.not_found("Widget", identifier)


def remove_widget(holder: Document, identifier: str) -> None:
    """Take a widget out of a page or widget, and out of the layout that places it."""
    for name in ("widgets", "groups"):
        for inner in holder.get(name) or ():
            remove_widget(inner, identifier)
    if holder.get("widgets") is None:
        return
    holder["widgets"] = [one for one in holder["widgets"] if one.get("id") != identifier]
    if "layout" in holder:
        rows = [
            {**row, "columns": [one for one in row["columns"] if one["id"] != identifier]}
            for row in holder["layout"]
        ]
        holder["layout"] = [_fill(row) for row in rows if row["columns"]]


def _fill(row: Document) -> Document:
    """Return a row whose last column takes the room that another one left."""
    *first, last = row["columns"]
    rest = _ROW - sum(column["size"] for column in first)
    return {**row, "columns": [*first, {**last, "size": rest}]}
