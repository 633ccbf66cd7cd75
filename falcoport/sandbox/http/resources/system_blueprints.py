"""System blueprints: what Port's own blueprints have by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.routing import Router, ok

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()


@router.read("GET", "/v1/blueprints/system/{blueprint}/structure")
def get_structure(state: State, call: Call) -> Answer:
    """Show what one of Port's own blueprints has by itself."""
    return ok(blueprint=state.blueprints.structure(call.path["blueprint"]))
