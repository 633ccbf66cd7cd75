"""Filling in what shipped files leave open. Pure."""

from __future__ import annotations

from typing import Any


def replace_text(value: Any, before: str, after: str) -> Any:
    """Return a JSON value with a text replaced inside all of its strings."""
    if isinstance(value, dict):
        return {key: replace_text(one, before, after) for key, one in value.items()}
    if isinstance(value, list):
        return [replace_text(one, before, after) for one in value]
    return value.replace(before, after) if isinstance(value, str) else value
