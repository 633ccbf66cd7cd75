"""What the two charts' values have in common (charts `falco` 9.1 and `falcosidekick` 0.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.yaml_text import Tree, comment

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover


CHARTS = "https://falcosecurity.github.io/charts"


def values_head(handover: Handover, release: str, chart: str) -> str:
    """Return the comment above a chart's values: what to do with them."""
    lines = [
        f"Values for the chart `{chart}`. Save as values.yaml, then:",
        *(f"  {line}" for line in helm_commands(handover.namespace, release, chart)),
    ]
    if chart == "falco":
        lines.append("Keep the release's name: Falco looks for Falcosidekick under it.")
    return comment(lines)


def helm_commands(namespace: str, release: str, chart: str) -> tuple[str, ...]:
    """Return the shell commands that install or upgrade `chart` with a file values.yaml.

    Falco posts to `<fullname>-falcosidekick`, the chart's Service is named after the release
    alone; they agree only for a release whose name contains `falco` but not `falcosidekick`.
    """
    return (
        f"helm repo add falcosecurity {CHARTS}",
        "helm repo update",
        (
            f"helm upgrade --install {release} falcosecurity/{chart} -n {namespace} "
            "--create-namespace -f values.yaml"
        ),
    )


def chart_config(handover: Handover) -> dict[str, Tree]:
    """Return the charts' `config`: their template needs the headers as one string, not a map."""
    webhook: dict[str, Tree] = {"address": handover.url}
    if handover.header is not None:
        webhook["customHeaders"] = handover.header.joined
    if handover.minimum_priority is not None:
        webhook["minimumpriority"] = handover.minimum_priority.lower()
    return {**chart_tags(handover), "webhook": webhook}


def chart_tags(handover: Handover) -> dict[str, Tree]:
    """Return the charts' `customtags`; without tags none at all, since an empty one is a tag."""
    return {"customtags": ",".join(handover.custom_tags)} if handover.custom_tags else {}
