"""What `relay` says when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.render.text import pluralize

if TYPE_CHECKING:
    from falcoport.commands.relay import RelayResult


def describe_relay(result: RelayResult) -> str:
    """Return one line with what became of the alerts."""
    return (
        f"Stopped. {pluralize(result.posted, 'alert')} posted, {result.retried:,} tries failed, "
        f"{pluralize(result.dead_lettered, 'dead letter')}."
    )
