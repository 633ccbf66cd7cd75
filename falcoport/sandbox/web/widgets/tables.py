"""Tables: entities, the audit log, users and teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.sandbox.storage.audit import Filters as AuditFilters
from falcoport.sandbox.web.moments import parse_moment as read_moment
from falcoport.sandbox.web.records import short_name
from falcoport.sandbox.web.rendering import entity_address
from falcoport.sandbox.web.rows import read_rows
from falcoport.sandbox.web.summary import severity
from falcoport.sandbox.web.widgets.scope import choose_colors, read_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.web.site import Document
    from falcoport.sandbox.web.widgets.scope import Scope

ROWS = 50
"""How many rows a table shows; the rest is counted."""

_META = {
    "$title": "Title",
    "$identifier": "Identifier",
    "$createdAt": "Created",
    "$updatedAt": "Updated",
    "$createdBy": "Created by",
    "$updatedBy": "Updated by",
    "$team": "Team",
    "$icon": "Icon",
    "$scorecards": "Scorecards",
}
_LONG = ("object",)
_MOST_COLUMNS = 8


async def build_table(scope: Scope, widget: Document) -> Document:
    """Return the entities of a dataset as a table, with the columns and the order that it says."""
    blueprint = scope.blueprints(widget)[0]
    config = (widget.get("blueprintConfig") or {}).get(blueprint.identifier) or {}
    names = _choose_columns(widget, config, blueprint)
    sorting = (config.get("sortSettings") or {}).get("sortBy") or []
    groups = (config.get("groupSettings") or {}).get("groupBy") or []
    filtered = read_query((config.get("filterSettings") or {}).get("filterBy"))
    by = [
        *[(name, "asc") for name in groups],
        *[(one["property"], one["order"]) for one in sorting],
    ]
    found = await scope.find(
        {**widget, "blueprint": blueprint.identifier}, [name for name, _ in by], others=[filtered]
    )
    ordered = _sort(found, by)
    keys = [_key_of(one) for one in ordered[:ROWS]]
    rows = read_rows(scope.site, keys)
    shown = scope.site.state.entities.shown(rows)
    if not shown:
        return {"is_empty": True}
    link = _choose_link(blueprint, names)
    return {
        "shape": "table",
        "columns": [_title_of(blueprint, name) for name in names],
        "rows": [
            [_cell(blueprint, entity, name, is_link=name == link) for name in names]
            for entity in shown
        ],
        "total": len(found),
    }


async def build_audit_log(scope: Scope, widget: Document) -> Document:
    """Return the newest entries of the audit log that match the widget's query."""
    query = widget.get("query") or {}
    names = {"entity": "entity", "blueprint": "blueprint", "status": "status", "action": "action"}
    known = {field: query[name] for name, field in names.items() if query.get(name)}
    entries = scope.site.state.audit.find(AuditFilters(**known, limit=ROWS))
    if not entries:
        return {"is_empty": True}
    return {
        "shape": "log",
        "entries": [
            {
                "at": read_moment((entry.get("trigger") or {}).get("at")),
                "action": entry.get("action"),
                "status": entry.get("status"),
                "kind": entry.get("resourceType"),
                "subject": _subject_of(entry),
                "by": _author_of(entry),
                "message": entry.get("message"),
            }
            for entry in entries
        ],
    }


async def build_teams(scope: Scope, _widget: Document) -> Document:
    """Return the teams."""
    return _list_documents(scope, "team", ("name", "description"))


async def build_users(scope: Scope, _widget: Document) -> Document:
    """Return the users."""
    return _list_documents(scope, "user", ("email", "firstName", "lastName", "status"))


def _list_documents(scope: Scope, kind: str, names: Sequence[str]) -> Document:
    documents = [one.document for one in scope.site.state.documents(kind, kind.title()).all()]
    if not documents:
        return {"is_empty": True}
    return {
        "shape": "table",
        "columns": [name.title() for name in names],
        "rows": [
            [{"texts": [str(one.get(name) or "")], "links": []} for name in names]
            for one in documents[:ROWS]
        ],
        "total": len(documents),
    }


def _choose_columns(widget: Document, config: Document, blueprint: Blueprint) -> list[str]:
    """Return the columns of a table: those that are shown, in the order that is said.

    Without any settings these are the title and what fits beside it.
    """
    settings = config.get("propertiesSettings") or {}
    hidden = {short_name(name) for name in settings.get("hidden") or ()}
    hidden |= {short_name(name) for name in widget.get("excludedFields") or ()}
    order = [short_name(name) for name in settings.get("order") or ()]
    if settings.get("shown"):
        names = [short_name(name) for name in settings["shown"]]
    else:
        schema = blueprint.document["schema"]["properties"]
        plain = [name for name, one in schema.items() if one.get("type") not in _LONG]
        names = ["$title", *plain, *blueprint.relations]
        if not order:
            names = [name for name in names if name not in hidden][:_MOST_COLUMNS]
    names = [name for name in dict.fromkeys(names) if name not in hidden]
    ranked = {name: position for position, name in enumerate(order)}
    names.sort(key=lambda name: ranked.get(name, len(ranked)))
    return names or ["$title"]


def _choose_link(blueprint: Blueprint, names: Sequence[str]) -> str:
    """Return the column that leads to the entity; in Port any part of its row does."""
    if {"$title", "$identifier"} & {*names}:
        return ""
    schema = blueprint.document["schema"]["properties"]
    plain = [
        name
        for name in names
        if schema.get(name, {}).get("type") == "string"
        and "format" not in schema[name]
        and not schema[name].get("enum")
    ]
    return next((name for name in ("rule", *plain) if name in names), names[0])


def _sort(found: Sequence[Any], by: Sequence[tuple[str, str]]) -> list[Any]:
    """Return entities in order, by the first name first; without any, the newest first."""
    ordered = [*reversed(found)]
    for name, order in reversed(by):
        ordered.sort(key=lambda one: _rank(one.value(name)), reverse=order == "desc")
    return ordered


def _rank(value: Any) -> tuple[int, Any]:
    """Return what values of any kind can be sorted by; a higher severity is a higher value."""
    if value is None or value == []:
        return -1, 0
    if isinstance(value, bool | int | float):
        return 0, value
    moment = read_moment(value) if isinstance(value, str) and value[:4].isdigit() else None
    if moment is not None:
        return 1, moment
    if isinstance(value, str) and severity(value) < severity(""):
        return 2, -severity(value)
    return 3, str(value).lower()


def _key_of(found: Any) -> int:
    return int(found.row.key) if hasattr(found, "row") else int(found.key)


def _title_of(blueprint: Blueprint, name: str) -> str:
    if name in _META:
        return _META[name]
    document = blueprint.document
    for group in (
        document["schema"]["properties"],
        document.get("relations", {}),
        document.get("mirrorProperties", {}),
        document.get("calculationProperties", {}),
        document.get("aggregationProperties", {}),
    ):
        if name in group:
            return str(group[name].get("title") or name)
    return name


def _cell(blueprint: Blueprint, entity: Document, name: str, *, is_link: bool) -> Document:
    """Return what a cell shows: texts, moments, links, or coloured values."""
    address = entity_address(blueprint.identifier, entity["identifier"])
    if name in ("$title", "$identifier"):
        text = entity.get(name[1:]) or entity["identifier"]
        return {"texts": [], "links": [(text, address)]}
    if name in blueprint.relations:
        value = entity["relations"].get(name)
        names = value if isinstance(value, list) else [] if value is None else [value]
        target = blueprint.relation(name)["target"]
        return {"texts": [], "links": [(one, entity_address(target, one)) for one in names]}
    value = entity.get(name[1:]) if name.startswith("$") else entity["properties"].get(name)
    definition = blueprint.document["schema"]["properties"].get(name, {})
    moment = read_moment(value) if name in ("$createdAt", "$updatedAt") else None
    if definition.get("format") in ("date-time", "timer"):
        moment = read_moment(value)
    if is_link:
        text = _write(value) or entity["identifier"]
        return {"texts": [], "links": [(text, address)]}
    if moment is not None:
        return {"texts": [], "links": [], "moment": moment}
    texts = [_write(one) for one in (value if isinstance(value, list) else [value])]
    colors: list[str] = []
    if definition.get("enumColors") or name == "priority":
        colors = choose_colors(definition, texts)
    return {"texts": texts, "links": [], "colors": colors}


def _write(value: Any) -> str:
    import json

    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _subject_of(entry: Document) -> str:
    context = entry.get("context") or {}
    said = [context.get("blueprint"), context.get("entity") or entry.get("identifier")]
    return " ".join(str(one) for one in said if one)


def _author_of(entry: Document) -> str:
    by = (entry.get("trigger") or {}).get("by") or {}
    return str(
        by.get("email") or by.get("userId") or (entry.get("trigger") or {}).get("origin") or ""
    )
