"""The plug point for ways to hand a webhook over to Falcosidekick.

A new format is one file in `formats/` and one line in `Format`: the member's name in lower case is
the file's, and the file has what `HandoverFormat` declares. What a format cannot carry unchanged it
refuses with the reason, and never alters; an option that it has no place for is refused here.
"""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, Self, cast

from falcoport.errors import UsageError

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover


class Format(StrEnum):
    """The ways to hand a webhook over, as `--format` names them; `summary` is for its help."""

    summary: str

    def __new__(cls, value: str, summary: str = "") -> Self:
        """Take the name and the summary of a member."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.summary = summary
        return member

    URL = "url"
    ENV = "env", "KEY=value for docker, compose, kubectl, systemd"
    DOCKER = "docker", "a line to run"
    COMPOSE = "compose", "compose.yaml"
    CONFIG = "config", "Falcosidekick's config.yaml"
    HELM = "helm", "values for the chart falco"
    HELM_SIDEKICK = "helm-sidekick", "values for the chart falcosidekick"
    K8S_SECRET = "k8s-secret", "a Secret for existingSecret"
    EXTERNAL_SECRET = "external-secret", "the same, from a store by the External Secrets operator"
    PROMETHEUS_RULE = "prometheus-rule", "an alert on lost alerts"
    JSON = "json"
    RELAY_NATS = "relay-nats", "values for the chart falco with NATS between, for `relay`"
    RELAY_KAFKA = "relay-kafka", "the same with Kafka"

    @classmethod
    def describe_all(cls) -> str:
        """Return one line that names every format, with its summary where it has one."""
        return " · ".join(f"{form}: {form.summary}" if form.summary else form for form in cls)


OPTIONS = {
    "minimum_priority": "--min-priority",
    "custom_tags": "--custom-tag",
    "max_concurrent": "--max-concurrent",
    "existing_secret": "--existing-secret",
    "secret_name": "--secret-name",
    "labels": "--label",
    "annotations": "--annotation",
    "store": "--secret-store",
    "queue": "--queue",
}
"""The fields of a `Handover` that not every format has a place for, with their options."""


class HandoverFormat(Protocol):
    """What a module in `formats/` offers."""

    CARRIES: frozenset[str]
    """Which fields of OPTIONS the format has a place for."""

    HOLDS_SECRET: bool
    """Whether the text holds the value of the header, unless it refers to an existing Secret."""

    def render(self, handover: Handover) -> str:
        """Return the handover as complete, pasteable text that ends with a line end.

        Raise UsageError if the format cannot carry one of the values.
        """


def render(handover: Handover, form: Format | str) -> str:
    """Return the handover in a format, as text that ends with a line end; see `HandoverFormat`.

    Raise UsageError for an option that the format has no place for, and InputError for a value
    that it would change.
    """
    check_options(handover, form)
    return _load(form).render(handover)


def holds_secret(handover: Handover, form: Format | str) -> bool:
    """Return whether a format writes the value of the header, and so has to know it."""
    return _load(form).HOLDS_SECRET and handover.existing_secret is None


def check_options(handover: Handover, form: Format | str) -> None:
    """Raise UsageError for an option that the format has no place for."""
    carried = _load(form).CARRIES
    for item in fields(handover):
        given = getattr(handover, item.name) != item.default
        if given and item.name in OPTIONS and item.name not in carried:
            others = [str(other) for other in Format if item.name in _load(other).CARRIES]
            raise UsageError(
                f"--format {Format(form)} has no place for {OPTIONS[item.name]}.",
                where=OPTIONS[item.name],
                hint=f"These have: {', '.join(others)}.",
                code="format_cannot_carry",
            )


def _load(form: Format | str) -> HandoverFormat:
    # Loaded when it is wanted: every command imports this module for its options' choices.
    module = import_module(f"{__package__}.formats.{Format(form).name.lower()}")
    return cast("HandoverFormat", module)
