"""Names that a set-up has unless options say otherwise; apart from what takes time to load."""

from __future__ import annotations

DEFAULT_RELATION = "namespace"
"""The relation of an alert to the namespace it belongs to."""
WORKLOAD_RELATION = "workload"
"""The relation of an alert to the workload it happened in."""
DEFAULT_TAG_PREFIX = "port-"
"""A tag that begins so names the entity of an alert's namespace (Port's guide)."""
