"""A Secret for the charts' `existingSecret`."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover import kubernetes
from falcoport.falcosidekick.handover.helm_values import existing_secret_config
from falcoport.falcosidekick.handover.kubernetes_objects import metadata
from falcoport.falcosidekick.handover.yaml_text import Tree, comment, write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset(
    {"minimum_priority", "custom_tags", "max_concurrent", "secret_name", "labels", "annotations"}
)
HOLDS_SECRET = True


def render(handover: Handover) -> str:
    """Return a Secret, with the values that refer to it as a comment so that kubectl takes it.

    Its values are in `data`, as the API server gives them back: with `stringData`, which it never
    returns, every `kubectl apply` would say that something changed. Custom tags are in those
    values: the charts always set CUSTOMTAGS themselves, and a Secret's key loses against that.
    """
    head = (
        f"Apply with `kubectl apply -f -`; the namespace {handover.namespace} must exist.",
        *kubernetes.restart_lines(handover.namespace),
        "",
        "Values for the chart `falco` that refer to it",
        "(for the chart `falcosidekick` alone: what is under `falcosidekick`, without `enabled`):",
        "",
        *write_yaml(values(handover)).splitlines(),
        "",
    )
    variables: dict[str, Tree] = {
        name: base64.b64encode(value.encode()).decode()
        for name, value in handover.webhook_environment.items()
    }
    tree: dict[str, Tree] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(handover, handover.secret_name),
        "type": "Opaque",
        "data": variables,
    }
    return comment(head) + write_yaml(tree)


def values(handover: Handover) -> dict[str, Tree]:
    """Return the values of the chart `falco` that refer to the Secret, which holds all the rest."""
    from dataclasses import replace

    only_tags = replace(handover, max_concurrent=None, minimum_priority=None)
    config = existing_secret_config(only_tags, handover.secret_name)
    return {"falcosidekick": {"enabled": True, "config": config}}
