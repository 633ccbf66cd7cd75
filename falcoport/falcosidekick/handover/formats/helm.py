"""Values of the chart `falco`, which brings Falcosidekick along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.helm_values import CARRIES, chart_config, values_head
from falcoport.falcosidekick.handover.yaml_text import write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover


__all__ = ["CARRIES", "HOLDS_SECRET", "render"]

HOLDS_SECRET = True


def render(handover: Handover) -> str:
    """Return the values file, with the commands that install it as a comment."""
    head = values_head(handover, "falco")
    return head + write_yaml({"falcosidekick": {"enabled": True, "config": chart_config(handover)}})
