"""The ways in which an override file for Falco's rules is written."""

from __future__ import annotations

from enum import StrEnum


class RulesFormat(StrEnum):
    """A rules file of its own, or values of Falco's chart that hold it."""

    YAML = "yaml"
    HELM = "helm"
