"""A Kubernetes Secret, and the chart values that refer to it with `existingSecret`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.helm_values import chart_tags
from falcoport.falcosidekick.handover.yaml_text import Tree, comment, write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover


SECRET_NAME = "falcosidekick-webhook"  # noqa: S105 - the name of a Kubernetes object


def render(handover: Handover) -> str:
    """Return a Secret, with the values that refer to it as a comment so that kubectl takes it.

    Custom tags are in those values: the charts always set CUSTOMTAGS themselves, and a Secret's
    key loses against that.
    """
    config: dict[str, Tree] = {"existingSecret": SECRET_NAME, **chart_tags(handover)}
    restart = f"kubectl -n {handover.namespace} rollout restart deployment/falco-falcosidekick"
    head = (
        f"Apply with `kubectl apply -f -`; the namespace {handover.namespace} must exist.",
        f"Restart after a change: {restart}",
        "",
        "Values for the chart `falco` that refer to it",
        "(for the chart `falcosidekick` alone: what is under `falcosidekick`, without `enabled`):",
        "",
        *write_yaml({"falcosidekick": {"enabled": True, "config": config}}).splitlines(),
        "",
    )
    variables: dict[str, Tree] = {**handover.webhook_environment}
    tree: dict[str, Tree] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET_NAME, "namespace": handover.namespace},
        "type": "Opaque",
        "stringData": variables,
    }
    return comment(head) + write_yaml(tree)
