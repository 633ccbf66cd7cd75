"""The plug point for ways to hand a webhook over to Falcosidekick.

A new format is one file in `formats/` and one line in `Format`: the member's name in lower case is
the file's, and the file has a function `render` as `HandoverFormat` declares it. What a format
cannot carry unchanged it refuses with the reason, and never alters.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, Self, cast

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
    JSON = "json"

    @classmethod
    def describe_all(cls) -> str:
        """Return one line that names every format, with its summary where it has one."""
        return " · ".join(f"{form}: {form.summary}" if form.summary else form for form in cls)


class HandoverFormat(Protocol):
    """What a module in `formats/` offers."""

    def render(self, handover: Handover) -> str:
        """Return the handover as complete, pasteable text that ends with a line end.

        Raises UsageError if the format cannot carry one of the values.
        """


def render(handover: Handover, form: Format | str) -> str:
    """Return the handover in a format, as text that ends with a line end; see `HandoverFormat`."""
    # Loaded when it is wanted: every command imports this module for its options' choices.
    module = import_module(f"{__package__}.formats.{Format(form).name.lower()}")
    return cast("HandoverFormat", module).render(handover)
