"""The pages of webhook events: what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.http.requests import read_key

if TYPE_CHECKING:
    from falcoport.sandbox.web.site import Document, Site, View

_ON_PAGE = 50


async def show_events(site: Site, view: View) -> str:
    """Return a page of events, newest first."""
    before, state = read_key(view.last("before")), view.last("state") or None
    rows = site.state.ingest.events(before, _ON_PAGE + 1, state)
    return site.render(
        "events.html",
        view,
        here="events",
        is_live=before is None,
        rows=[complete_event(event) for event in rows[:_ON_PAGE]],
        totals=site.state.ingest.totals(),
        state=state,
        older=rows[_ON_PAGE - 1]["id"] if len(rows) > _ON_PAGE else None,
    )


async def show_event(site: Site, view: View) -> str:
    """Return one event with what its mappings saw."""
    key = read_key(view.path["event"])
    event = None if key is None else site.state.ingest.event(key)
    if event is None:
        raise ApiError(404, "not_found", f"There is no event {view.path['event']}.")
    return site.render(
        "event.html",
        view,
        here="events",
        is_live=False,
        event={"event": None, **complete_event(event)},
    )


def complete_event(event: Document) -> Document:
    """Return an event with every key that the templates ask for."""
    outcomes = [
        {"entity": None, "reason": None, "ignored": (), "errors": (), **outcome}
        for outcome in event["outcomes"]
    ]
    return {"reason": None, "skipped": None, "errors": (), **event, "outcomes": outcomes}
