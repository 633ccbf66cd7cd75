"""Actions that a person can start, and their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.web.runs import list_runs

if TYPE_CHECKING:
    from falcoport.sandbox.web.site import Document
    from falcoport.sandbox.web.widgets.scope import Scope

ROWS = 20


async def build_cards(scope: Scope, widget: Document) -> Document:
    """Return a card for each action, with the address of its form."""
    actions = scope.site.state.documents("action", "Action")
    cards = []
    for one in widget["actions"]:
        stored = actions.find(one["action"])
        document = {} if stored is None else stored.document
        trigger = document.get("trigger", {})
        cards.append(
            {
                "identifier": one["action"],
                "title": document.get("title") or one["action"],
                "description": document.get("description"),
                "button": trigger.get("actionCardButtonText") or "Run",
                "exists": stored is not None and trigger.get("type") == "self-service",
            }
        )
    return {"shape": "cards", "cards": cards}


async def build_runs(scope: Scope, widget: Document) -> Document:
    """Return the newest runs of an action, or of all."""
    query = widget.get("query") or {}
    runs = list_runs(
        scope.site,
        action=widget.get("action"),
        entity=query.get("entity"),
        blueprint=query.get("blueprint"),
        limit=ROWS,
    )
    return {
        "shape": "runs",
        "runs": runs,
        "is_empty": not runs,
    }
