"""Where Port's exporters send their logs and figures of a resync; all is taken and dropped.

Paths of the figures: Port Ocean 0.56, `clients/port/mixins/integrations.py`.
"""

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


@router.public("POST", "/_sandbox/metrics/{ingest}/{kind}")
def take_figures(_state: State, _call: Call) -> Answer:
    """Accept the figures of a resync, or that it goes on."""
    return ok(202)


@router.public("PUT", "/_sandbox/metrics/{ingest}/syncMetrics/resync/{resync}/kind/{kind}")
def take_figures_of_kind(_state: State, _call: Call) -> Answer:
    """Accept the figures of one kind in a resync."""
    return ok(202)
