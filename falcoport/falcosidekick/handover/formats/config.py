"""Falcosidekick's own config.yaml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.yaml_text import Tree, comment, write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset({"minimum_priority", "custom_tags", "max_concurrent"})
HOLDS_SECRET = True


def render(handover: Handover) -> str:
    """Return the file, without the keys that have no value: an empty one means something."""
    webhook: dict[str, Tree] = {"address": handover.url}
    if handover.header is not None:
        webhook["customheaders"] = {json.dumps(handover.header.name): handover.header.value}
    if handover.minimum_priority is not None:
        webhook["minimumpriority"] = handover.minimum_priority.lower()
    webhook["maxconcurrentrequests"] = handover.concurrency
    tree: dict[str, Tree] = {"webhook": webhook}
    if handover.custom_tags:
        tree["customtags"] = handover.custom_tags
    head = (
        "Falcosidekick's own configuration: start with `falcosidekick -c config.yaml`.",
        "No config.json or config.toml may lie beside it: Falcosidekick would read that instead.",
    )
    return comment(head) + write_yaml(tree)
