"""The address that Port's exporters send their logs to; they are taken and dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.routing import Router, ok

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()


@router.public("POST", "/_sandbox/logs/{ingest}")
def take_logs(_state: State, _call: Call) -> Answer:
    """Accept logs."""
    return ok(202)


@router.public("POST", "/_sandbox/logs/{ingest}/{kind}")
def take_logs_of_kind(_state: State, _call: Call) -> Answer:
    """Accept logs or figures of one kind."""
    return ok(202)
