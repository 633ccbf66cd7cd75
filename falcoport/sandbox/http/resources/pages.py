"""Pages: the dashboards and tables that Port shows of the catalog, and their widgets.

Success answers are those that Port's Terraform provider decodes (2026-08): a POST answers with the
identifier alone. Widgets come back exactly as they were sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from falcoport.sandbox.http.parameters import read_flag
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.http.widgets import check_widgets, find_widget, remove_widget
from falcoport.sandbox.schemas import BOOLEAN, NULLABLE, STRING, STRINGS, enum_of, object_of
from falcoport.sandbox.storage.audit import CREATE, DELETE, UPDATE, Subject
from falcoport.sandbox.storage.entities import generated_identifier
from falcoport.sandbox.storage.store import dump

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.documents import Stored

router = Router()

_ALL, _ONE = "/v1/pages", "/v1/pages/{page}"
_WIDGETS = f"{_ONE}/widgets"
_TYPES = (
    "run user team entity users-and-teams runs-history audit-log blueprint-entities dashboard home"
).split()
_PAGE = {
    "identifier": {
        "type": "string",
        "minLength": 1,
        "pattern": r"^(?:[A-Za-z0-9@_.:\/=\-]|\$team\b|\$users\b|\$user\b|\$AuditLog\b|\$run\b"
        r"|\$home)*\Z",
    },
    "title": STRING,
    "description": {"type": ["string", "null"], "maxLength": 150},
    "icon": NULLABLE,
    "blueprint": NULLABLE,
    "type": enum_of(*_TYPES),
    "sidebar": enum_of("catalog", None),
    "parent": NULLABLE,
    "after": NULLABLE,
    "locked": BOOLEAN,
    "showInSidebar": BOOLEAN,
    "section": enum_of("software_catalog", "organization"),
    "requiredQueryParams": STRINGS,
    "visibility": enum_of("org", "private"),
    "widgets": {"type": ["array", "null"], "items": {"type": "object"}},
    "pageFilters": {"type": ["array", "null"], "items": {"type": "object"}},
}
PAGE_POST = object_of(_PAGE, ("identifier",), more=True)
PAGE_PUT = object_of(_PAGE, more=True)
_WIDGET: Document = {"type": "object"}


@router.read("GET", _ALL)
def list_pages(state: State, call: Call) -> Answer:
    """List the pages, with `compact` without their widgets."""
    compact = read_flag(call.query, "compact")
    left_out = ("widgets", "pageFilters") if compact else ()
    return ok(
        pages=[
            {name: value for name, value in page.items() if name not in left_out}
            for page in state.pages.all()
        ]
    )


@router.write("POST", _ALL, PAGE_POST)
def create_page(state: State, call: Call) -> Answer:
    """Create a page."""
    body = call.body
    check_widgets(body.get("widgets"))
    identifier = body["identifier"]
    blueprint = _blueprint_key(state, body)
    state.pages.documents.create(identifier, body, call.actor.name, blueprint=blueprint)
    state.audit.record(CREATE, Subject("page", identifier), call.actor, after=body)
    return ok(201, identifier=identifier)


@router.read("GET", _ONE)
def get_page(state: State, call: Call) -> Answer:
    """Show a page."""
    return ok(page=state.pages.get(call.path["page"]))


@router.write("PUT", _ONE, PAGE_PUT)
def replace_page(state: State, call: Call) -> Answer:
    """Replace a page; it may get a new identifier."""
    old = _page(state, call)
    return _write(state, call, old, {"identifier": old.identifier, **call.body})


@router.write("PATCH", _ONE, PAGE_PUT)
def patch_page(state: State, call: Call) -> Answer:
    """Change the given fields of a page."""
    old = _page(state, call)
    return _write(state, call, old, {**old.document, **call.body})


@router.write("DELETE", _ONE)
def delete_page(state: State, call: Call) -> Answer:
    """Delete a page."""
    page = _page(state, call)
    state.pages.documents.delete(page)
    state.audit.record(DELETE, Subject("page", page.identifier), call.actor, before=page.document)
    return ok()


@router.write(
    "POST", _WIDGETS, object_of({"widget": _WIDGET, "parentWidgetId": STRING}, ("widget",))
)
def create_widget(state: State, call: Call) -> Answer:
    """Add a widget to a page, or to a widget that holds others."""
    page = _page(state, call)
    document = _copy(page)
    widget = {"id": generated_identifier(), **call.body["widget"]}
    holder = document
    if "parentWidgetId" in call.body:
        holder = find_widget(document.get("widgets"), call.body["parentWidgetId"])
    holder["widgets"] = [*(holder.get("widgets") or []), widget]
    # A dashboard's layout names each of its widgets, so a new one gets a row of its own.
    if holder.get("type") == "dashboard-widget":
        row = {"height": 400, "columns": [{"id": widget["id"], "size": 12}]}
        holder["layout"] = [*(holder.get("layout") or []), row]
    _write(state, call, page, document)
    return ok(201, identifier=widget["id"])


@router.write("PATCH", f"{_WIDGETS}/{{widget}}", _WIDGET)
def patch_widget(state: State, call: Call) -> Answer:
    """Change the given members of a widget."""
    page = _page(state, call)
    document = _copy(page)
    widget = find_widget(document.get("widgets"), call.path["widget"])
    widget |= call.body.get("widget", call.body)
    _write(state, call, page, document)
    return ok(identifier=widget["id"])


@router.write("DELETE", f"{_WIDGETS}/{{widget}}")
def delete_widget(state: State, call: Call) -> Answer:
    """Remove a widget, and its place in the layout."""
    page = _page(state, call)
    document = _copy(page)
    find_widget(document.get("widgets"), call.path["widget"])
    remove_widget(document, call.path["widget"])
    _write(state, call, page, document)
    return ok()


def _page(state: State, call: Call) -> Stored:
    return state.pages.documents.get(call.path["page"])


def _write(state: State, call: Call, old: Stored, document: Document) -> Answer:
    check_widgets(document.get("widgets"))
    identifier = document["identifier"]
    new = state.pages.documents.replace(old, document, call.actor.name, identifier=identifier)
    state.audit.record(
        UPDATE,
        Subject("page", identifier),
        call.actor,
        before=old.document,
        after=new.document,
    )
    return ok(page=state.pages.shown(new))


def _blueprint_key(state: State, body: Document) -> int | None:
    """Return the key of the blueprint that a page belongs to, and is deleted with."""
    name = body.get("blueprint")
    return None if name is None else state.blueprints.get(name).key


def _copy(page: Stored) -> Document:
    copied: Document = json.loads(dump(page.document))
    return copied
