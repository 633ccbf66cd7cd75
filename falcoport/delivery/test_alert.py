"""Test alerts: realistic, and distinguishable from real ones.

Pure: the time comes from the caller.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.errors import UsageError
from falcoport.falco.priorities import PRIORITIES, find_priority
from falcoport.falcosidekick.forward import forwarded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

TEST_TAG = "falcoport-test"
"""The tag that every test alert has, and no rule of Falco's."""


_SHORT_TIME = re.compile(r"^\d{2}:\d{2}:\d{2}\.\d{9}")  # as Falco begins a text by default


@dataclass(frozen=True)
class TestAlert:
    """An alert as Falco would print it, and what Falcosidekick's settings add to its tags."""

    __test__ = False  # not a test of pytest's

    alert: dict[str, Any]
    custom_tags: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The one line of JSON that Falco would print."""
        return json.dumps(self.alert, ensure_ascii=False, separators=(",", ":"))

    def body(self, uuid: str = "", further_tags: Sequence[str] = ()) -> bytes:
        """Return what Falcosidekick posts for it; raises NotForwardedError."""
        return forwarded(self.line, uuid=uuid, custom_tags=(*self.custom_tags, *further_tags))


def make_test_alert(
    alert: dict[str, Any],
    now: datetime,
    *,
    namespace: str | None,
    priority: str | None,
    tag_prefix: str,
    custom_tags: Sequence[str] = (),
) -> TestAlert:
    """Return an alert of this moment with the test tag, and what the options ask for.

    `now` is in UTC; `namespace` replaces the tags that begin with `tag_prefix`; `priority` is one
    of Falco's in any case. What Falcosidekick added to an alert that it sent once is taken off.
    Raises UsageError for an unknown priority.
    """
    fresh = {key: value for key, value in alert.items() if key != "uuid"}
    fresh["time"] = now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    nanoseconds = int(now.timestamp()) * 10**9 + now.microsecond * 1000
    if isinstance(fresh.get("output"), str):
        fresh["output"] = _SHORT_TIME.sub(now.strftime("%H:%M:%S.%f000"), fresh["output"])
    fields = dict(fields) if isinstance(fields := fresh.get("output_fields"), dict) else {}
    for name in ("evt.time", "evt.time.iso8601"):
        if name in fields:
            fields[name] = nanoseconds
    fresh["output_fields"] = fields
    given = fresh.get("tags")
    tags = [t for t in given if isinstance(t, str)] if isinstance(given, list) else []
    if namespace is not None:
        tags = [tag for tag in tags if not tag.startswith(tag_prefix)]
        tags.append(f"{tag_prefix}{namespace}")
    fresh["tags"] = sorted({*tags, TEST_TAG})
    if priority is not None:
        fresh["priority"] = known_priority(priority)
    return TestAlert(fresh, tuple(custom_tags))


def known_priority(text: str) -> str:
    """Return a priority as Falco writes it; raises UsageError."""
    found = find_priority(text)
    if found is None:
        raise UsageError(
            f"--priority is {text!r}; Falco has {', '.join(PRIORITIES)}.", where="--priority"
        )
    return found
