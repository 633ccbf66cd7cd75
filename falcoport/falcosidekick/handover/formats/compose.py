"""A compose.yaml with Falcosidekick as its one service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.contents import IMAGE, LISTEN
from falcoport.falcosidekick.handover.yaml_text import Tree, comment, write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset({"minimum_priority", "custom_tags", "max_concurrent"})
HOLDS_SECRET = True


def render(handover: Handover) -> str:
    """Return the file; Compose reads `$$` as a dollar sign."""
    environment: dict[str, Tree] = {
        name: value.replace("$", "$$") for name, value in handover.environment.items()
    }
    tree: dict[str, Tree] = {
        "services": {
            "falcosidekick": {
                "image": IMAGE,
                "restart": "unless-stopped",
                "ports": (LISTEN,),
                "environment": environment,
            }
        }
    }
    return comment(["compose.yaml: start with `docker compose up -d`."]) + write_yaml(tree)
