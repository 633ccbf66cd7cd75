"""The webhook URL alone, for a shell's variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import UsageError

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover


def render(handover: Handover) -> str:
    """Return the URL. Raise UsageError for values that it has no place for."""
    if handover.minimum_priority is not None or handover.custom_tags:
        raise UsageError(
            "A URL alone has no place for a minimum priority or custom tags.",
            hint="Choose another --format, such as env or helm.",
            code="format_cannot_carry",
        )
    return handover.url + "\n"
