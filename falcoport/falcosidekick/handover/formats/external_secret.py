"""An ExternalSecret: the External Secrets operator makes the Secret, from a store of secrets.

Nothing in it is secret, so it can lie in a repository (external-secrets.io/v1, operator 0.16+).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import UsageError
from falcoport.falcosidekick.handover import kubernetes
from falcoport.falcosidekick.handover.formats.k8s_secret import values
from falcoport.falcosidekick.handover.kubernetes_objects import metadata
from falcoport.falcosidekick.handover.yaml_text import Tree, comment, write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset(
    {
        "minimum_priority",
        "custom_tags",
        "max_concurrent",
        "secret_name",
        "labels",
        "annotations",
        "store",
    }
)
HOLDS_SECRET = False
"""The store has it."""

_REFRESH = "1h"
_CREDENTIALS = ("WEBHOOK_ADDRESS", "WEBHOOK_CUSTOMHEADERS")


def render(handover: Handover) -> str:
    """Return the ExternalSecret. Raise UsageError where no store was named."""
    store = handover.store
    if store is None:
        raise UsageError(
            "An ExternalSecret refers to a store, and none was named.",
            where="--secret-store",
            hint="Give the name of a ClusterSecretStore, such as --secret-store vault.",
        )
    variables = handover.webhook_environment
    head = (
        f"Apply with `kubectl apply -f -`; the namespace {handover.namespace} must exist.",
        f"Under {store.key}, the store has to hold one JSON object with the keys",
        f"{' and '.join(name for name in _CREDENTIALS if name in variables)}, as printed by:",
        "  falcoport show-url --format json | jq .environment",
        *kubernetes.restart_lines(handover.namespace),
        "",
        "Values for the chart `falco` that refer to the Secret",
        "(for the chart `falcosidekick` alone: what is under `falcosidekick`, without `enabled`):",
        "",
        *write_yaml(values(handover)).splitlines(),
        "",
    )
    data: tuple[Tree, ...] = tuple(
        {"secretKey": name, "remoteRef": {"key": store.key, "property": name}}
        for name in _CREDENTIALS
        if name in variables
    )
    plain: dict[str, Tree] = {k: v for k, v in variables.items() if k not in _CREDENTIALS}
    tree: dict[str, Tree] = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": metadata(handover, handover.secret_name),
        "spec": {
            "refreshInterval": _REFRESH,
            "secretStoreRef": {"name": store.name, "kind": store.kind},
            "target": {
                "name": handover.secret_name,
                # Without Merge, the template would replace what comes from the store.
                "template": {"mergePolicy": "Merge", "data": plain},
            },
            "data": data,
        },
    }
    return comment(head) + write_yaml(tree)
