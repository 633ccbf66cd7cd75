"""The one name for JSON objects, which are loose by nature: bodies, manifests, entities."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""A JSON object."""
