"""What Kubernetes takes as names, labels and annotations, and how to restart Falcosidekick there.

The rules are those of apimachinery's `validation` package (Kubernetes 1.32). Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

SELECTOR = "app.kubernetes.io/name=falcosidekick,app.kubernetes.io/component=core"
"""The labels of Falcosidekick's Deployment in both charts, whatever the release is called."""

DEPLOYMENTS = (("falco", "falco-falcosidekick"), ("falcosidekick", "falcosidekick"))
"""The Deployment of each chart whose release is called as the chart is."""

# Compiled when first used: every command imports this module, few need it.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*"
_NAME = r"[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?"
MAX_ANNOTATIONS = 256 * 1024


def restart_command(namespace: str) -> str:
    """Return the command that restarts Falcosidekick of either chart in a namespace."""
    return f"kubectl -n {namespace} rollout restart deployment -l {SELECTOR}"


def restart_lines(namespace: str) -> tuple[str, ...]:
    """Return comment lines that say how to restart Falcosidekick after its Secret has changed."""
    names = ", ".join(f"{name} of the chart `{chart}`" for chart, name in DEPLOYMENTS)
    return (
        "Falcosidekick reads it when it starts. Restart it after a change:",
        f"  {restart_command(namespace)}",
        f"Its Deployment is {names}, where the release is called as the chart is.",
    )


def parse_pairs(texts: Iterable[str], option: str) -> tuple[tuple[str, str], ...]:
    """Return labels or annotations written as KEY=VALUE; raise UsageError for other texts."""
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"{text!r} has no value.",
                where=option,
                hint=f"Write it as KEY=VALUE, such as {option} team=security.",
            )
        pairs[key] = value
    return tuple(pairs.items())


def check_namespace(name: str) -> None:
    """Raise UsageError unless `name` can be a Kubernetes namespace."""
    if not re.fullmatch(_LABEL, name):
        raise UsageError(
            f"{name!r} is not a Kubernetes namespace.",
            hint="Lower-case letters, digits and hyphens, at most 63.",
            code="bad_namespace",
        )


def check_object_name(name: str) -> None:
    """Raise UsageError unless `name` can be the name of a Secret or a store."""
    if not re.fullmatch(_SUBDOMAIN, name):
        raise UsageError(
            f"{name!r} cannot be the name of a Kubernetes object.",
            hint="Lower-case letters, digits, hyphens and dots, at most 253.",
            code="bad_kubernetes_name",
        )


def check_labels(labels: tuple[tuple[str, str], ...]) -> None:
    """Raise UsageError unless Kubernetes takes the labels."""
    for key, value in labels:
        _check_key(key, "label")
        if value and not re.fullmatch(_NAME, value, re.ASCII):
            raise UsageError(
                f"{value!r} cannot be the value of the label {key}.",
                hint="Letters, digits and - _ . are fine, at most 63.",
                code="bad_label",
            )


def check_annotations(annotations: tuple[tuple[str, str], ...]) -> None:
    """Raise UsageError unless Kubernetes takes the annotations."""
    for key, value in annotations:
        _check_key(key, "annotation")
        if not value.isprintable():
            raise UsageError(
                f"The annotation {key} holds a character that cannot be printed.",
                code="bad_annotation",
            )
    if sum(len(key) + len(value.encode()) for key, value in annotations) > MAX_ANNOTATIONS:
        raise UsageError(
            "The annotations are longer than Kubernetes takes together (256 KiB).",
            code="bad_annotation",
        )


def _check_key(key: str, what: str) -> None:
    prefix, slash, name = key.rpartition("/")
    is_right = re.fullmatch(_NAME, name, re.ASCII) is not None
    if slash:
        is_right = is_right and re.fullmatch(_SUBDOMAIN, prefix) is not None
    if not is_right:
        raise UsageError(
            f"{key!r} cannot be the key of a Kubernetes {what}.",
            hint="Such as team, or example.com/team: at most 63 letters, digits and - _ . behind "
            "the slash.",
            code=f"bad_{what}",
        )
