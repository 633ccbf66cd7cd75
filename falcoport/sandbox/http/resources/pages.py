"""Pages: the views that Port shows of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.routing import Router, ok

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()


@router.read("GET", "/v1/pages/{page}")
def get_page(state: State, call: Call) -> Answer:
    """Show a catalog page."""
    return ok(page=state.pages.get(call.path["page"]))


@router.write("DELETE", "/v1/pages/{page}")
def delete_page(state: State, call: Call) -> Answer:
    """Delete a catalog page."""
    state.pages.documents.delete(state.pages.documents.get(call.path["page"]))
    return ok()
