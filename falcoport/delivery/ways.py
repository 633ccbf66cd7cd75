"""The ways from a stored alert into the catalog."""

from __future__ import annotations

from enum import StrEnum


class Through(StrEnum):
    """Which way alerts go: posted to the webhook, or mapped here and written by Port's API."""

    WEBHOOK = "webhook"
    API = "api"
