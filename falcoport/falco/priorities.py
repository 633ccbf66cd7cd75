"""Falco's priorities: their names, their order, and how people write them.

Source: Falco's `falco_common.cpp`; an `INFO` in a rule is `Informational` in the alert.
"""

from __future__ import annotations

PRIORITIES = (
    "Emergency",
    "Alert",
    "Critical",
    "Error",
    "Warning",
    "Notice",
    "Informational",
    "Debug",
)
"""As Falco writes them, the most severe first."""

_BY_LOWER_CASE = {name.lower(): name for name in PRIORITIES} | {"info": "Informational"}


def find_priority(text: str) -> str | None:
    """Return the priority as Falco writes it that `text` names in any case; None for none."""
    return _BY_LOWER_CASE.get(text.lower())
