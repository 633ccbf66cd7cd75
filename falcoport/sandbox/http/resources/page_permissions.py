"""Who may see and change a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.permissions import (
    ADMIN,
    MEMBER,
    completed,
    load_permissions,
    save_permissions,
    who,
    who_schema,
)
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import object_of

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State

router = Router()

_PATH = "/v1/pages/{page}/permissions"
_KIND = "page-permissions"
_DEFAULTS = {"read": who(ADMIN, MEMBER), "update": who(ADMIN)}


@router.read("GET", _PATH)
def get_permissions(state: State, call: Call) -> Answer:
    """Show who may do what."""
    page = state.pages.documents.get(call.path["page"])
    return ok(permissions=_answer(load_permissions(state, _KIND, page.key)))


@router.write(
    "PATCH", _PATH, object_of({"read": who_schema(), "update": who_schema()}), needs_admin=True
)
def patch_permissions(state: State, call: Call) -> Answer:
    """Set who may do what; a block that is given replaces the old one."""
    page = state.pages.documents.get(call.path["page"])
    stored = {**load_permissions(state, _KIND, page.key), **call.body}
    save_permissions(state, call, _KIND, page.key, stored, blueprint=page.blueprint)
    return ok(permissions=_answer(stored))


def _answer(stored: Document) -> Document:
    return {name: completed(stored.get(name), default) for name, default in _DEFAULTS.items()}
