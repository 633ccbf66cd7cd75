"""What can be added to a set-up, and how people write it: names, channels, days. Pure."""

from __future__ import annotations

import re
from enum import StrEnum


class Extra(StrEnum):
    """What can be added to a set-up, in the order in which it is shown."""

    DASHBOARD = "dashboard"
    ROLLUPS = "rollups"
    SCORECARD = "scorecard"
    TRIAGE = "triage"
    NOTIFY = "notify"
    RETENTION = "retention"


class ChannelKind(StrEnum):
    """Where people can be told."""

    SLACK = "slack"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"


MOST_DAYS = 3650
_DAYS = re.compile(r"([0-9]{1,4})d?")


def read_days(text: str) -> int | None:
    """Return the days that a text such as `30d` names; None if it names none that are possible."""
    found = _DAYS.fullmatch(text)
    return int(found[1]) if found and 1 <= int(found[1]) <= MOST_DAYS else None
