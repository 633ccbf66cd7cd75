"""What became of each webhook event; Port itself has nothing like it, hence the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors
from falcoport.sandbox.http.requests import read_key
from falcoport.sandbox.http.routing import Router, ok

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()

_EVENTS, _MAX_EVENTS = 50, 1000


@router.public("GET", "/_sandbox/events")
async def list_events(state: State, call: Call) -> Answer:
    """List events, newest first; with `settled=true` once none waits to be mapped."""
    query = call.query
    if query.get("settled") == "true":
        await state.ingest.settled()
    before, asked = read_key(query.get("before")), read_key(query.get("limit"))
    if ("before" in query and before is None) or ("limit" in query and asked is None):
        raise errors.invalid("querystring must hold numbers")
    limit = max(1, min(asked or _EVENTS, _MAX_EVENTS))
    events = state.ingest.events(before, limit, query.get("state"))
    return ok(events=events, next=events[-1]["id"] if len(events) == limit else None)


@router.public("GET", "/_sandbox/settled")
async def wait_until_settled(state: State, _call: Call) -> Answer:
    """Answer once every event is mapped and every run that it led to was sent."""
    await state.ingest.settled()
    await state.engine.settled()
    return ok()
