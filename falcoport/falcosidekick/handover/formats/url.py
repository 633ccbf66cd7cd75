"""The webhook URL alone, for a shell's variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset[str]()
HOLDS_SECRET = False
"""The header is no part of the URL."""


def render(handover: Handover) -> str:
    """Return the URL."""
    return handover.url + "\n"
