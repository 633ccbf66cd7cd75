"""What the two charts' values have in common (charts `falco` 9.1 and `falcosidekick` 0.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover import kubernetes
from falcoport.falcosidekick.handover.yaml_text import Tree, comment

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover


CHARTS = "https://falcosecurity.github.io/charts"
VERSIONS = {"falco": "9.1.0", "falcosidekick": "0.14.0"}
"""The charts' versions that these values were tried with."""

VALUES_FILE = "falcoport-values.yaml"
"""A name of our own: nobody's values.yaml is overwritten."""

CARRIES = frozenset({"minimum_priority", "custom_tags", "max_concurrent", "existing_secret"})
"""What the charts' values have a place for."""


def values_head(handover: Handover, chart: str) -> str:
    """Return the comment above a chart's values: what to do with them."""
    lines = [
        f"Values for the chart `{chart}`. Save as {VALUES_FILE}, then:",
        *(f"  {line}" for line in helm_commands(handover.namespace, chart)),
        "--reset-then-reuse-values (Helm 3.14 or newer) keeps the values that an existing release",
        "was given before; for --version, take what `helm list` says of such a release.",
    ]
    if "extraEnv" in chart_config(handover):
        lines.append(
            "Helm replaces lists: entries that its extraEnv has already belong in here too."
        )
    if chart == "falco":
        lines.append("Keep the release's name: Falco looks for Falcosidekick under it.")
    if handover.existing_secret is not None:
        lines += [
            f"The Secret {handover.existing_secret} holds the URL, the header and how many alerts",
            "are sent at once; --format k8s-secret and external-secret write it.",
            *kubernetes.restart_lines(handover.namespace),
        ]
    return comment(lines)


def helm_commands(namespace: str, chart: str) -> tuple[str, ...]:
    """Return the shell commands that install or upgrade `chart` with VALUES_FILE.

    Falco posts to `<fullname>-falcosidekick`, the chart's Service is named after the release
    alone; they agree only for a release whose name contains `falco` but not `falcosidekick`.
    """
    return (
        f"helm repo add falcosecurity {CHARTS}",
        "helm repo update",
        (
            f"helm upgrade --install {chart} falcosecurity/{chart} --version {VERSIONS[chart]} "
            f"-n {namespace} --create-namespace --reset-then-reuse-values -f {VALUES_FILE}"
        ),
    )


def chart_config(handover: Handover) -> dict[str, Tree]:
    """Return the charts' `config`: their template needs the headers as one string, not a map.

    The charts have no key for the number of alerts that are sent at once; `extraEnv` wins over
    every other place. With an existing Secret it is written only where it was asked for, since it
    would hide what the Secret says.
    """
    if handover.existing_secret is not None:
        return existing_secret_config(handover, handover.existing_secret)
    webhook: dict[str, Tree] = {"address": handover.url}
    if handover.header is not None:
        webhook["customHeaders"] = handover.header.joined
    if handover.minimum_priority is not None:
        webhook["minimumpriority"] = handover.minimum_priority.lower()
    return {**chart_tags(handover), **_extra_env(_concurrency(handover)), "webhook": webhook}


def existing_secret_config(handover: Handover, secret: str) -> dict[str, Tree]:
    """Return the charts' `config` with nothing in it that is secret: a reference to a Secret."""
    variables = {} if handover.max_concurrent is None else _concurrency(handover)
    if handover.minimum_priority is not None:
        variables["WEBHOOK_MINIMUMPRIORITY"] = handover.minimum_priority.lower()
    return {"existingSecret": secret, **chart_tags(handover), **_extra_env(variables)}


def _concurrency(handover: Handover) -> dict[str, str]:
    return {"WEBHOOK_MAXCONCURRENTREQUESTS": str(handover.concurrency)}


def _extra_env(variables: dict[str, str]) -> dict[str, Tree]:
    items: tuple[Tree, ...] = tuple({"name": k, "value": v} for k, v in variables.items())
    return {"extraEnv": items} if items else {}


def chart_tags(handover: Handover) -> dict[str, Tree]:
    """Return the charts' `customtags`; without tags none at all, since an empty one is a tag."""
    return {"customtags": ",".join(handover.custom_tags)} if handover.custom_tags else {}
