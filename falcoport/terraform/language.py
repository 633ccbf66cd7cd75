"""The languages that `export` writes; apart from what writes them, which takes time to load."""

from __future__ import annotations

from enum import StrEnum


class ExportLanguage(StrEnum):
    """What `export` writes."""

    TERRAFORM = "terraform"
    JSON = "json"
