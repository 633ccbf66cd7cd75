"""What the Kubernetes objects of a hand-over have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover, Pairs
    from falcoport.falcosidekick.handover.yaml_text import Tree


def metadata(handover: Handover, name: str) -> dict[str, Tree]:
    """Return the metadata of an object: its name, its namespace and what was asked for."""
    tree: dict[str, Tree] = {"name": name, "namespace": handover.namespace}
    for key, pairs in (("labels", handover.labels), ("annotations", handover.annotations)):
        if pairs:
            tree[key] = _tree_of(pairs)
    return tree


def _tree_of(pairs: Pairs) -> dict[str, Tree]:
    # Quoted: a key such as `true` or `1e5` would not be read as text.
    return {json.dumps(key): value for key, value in pairs}
