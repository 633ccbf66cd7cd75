"""One JSON object, for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset({"minimum_priority", "custom_tags", "max_concurrent"})
HOLDS_SECRET = True


def render(handover: Handover) -> str:
    """Return every value by name, and the environment that holds them all."""
    header = handover.header
    return (
        json.dumps(
            {
                "url": handover.url,
                "header": None if header is None else {"name": header.name, "value": header.value},
                "minimum_priority": handover.webhook_environment.get("WEBHOOK_MINIMUMPRIORITY"),
                "custom_tags": list(handover.custom_tags),
                "max_concurrent": handover.concurrency,
                "environment": handover.environment,
            },
            indent=2,
        )
        + "\n"
    )
