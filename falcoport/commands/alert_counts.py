"""How many alerts there are, by what: asked of Port as figures, so that no alert is fetched.

Requests: Port API reference, 2026-01 (`entities/aggregate`, `aggregate-over-time`, `audit-log`).
What their answers hold is not published, so that a value with its count is read in any of the forms
that make sense; what is in none of them counts as not known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from falcoport.errors import FalcoportError
from falcoport.port.concurrency import run_concurrently
from falcoport.port.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.port.api import PortApi

Json = dict[str, Any]

_AGGREGATE = ("entities", "aggregate")
_OVER_TIME = ("entities", "aggregate-over-time")
_LATEST = 3
"""How many of the last changes to look at for the newest alert: each comes with a whole entity."""
_NONE = ""
"""What alerts without a value are counted under."""


@dataclass(frozen=True)
class AlertCounts:
    """The alerts or findings in the catalog; `newest` is the own time of the one that came last.

    `by_status` is empty where they have no status. `by_day` counts those of the last week by their
    own time. Where Port does not give a figure, `complete` is False and the figure is empty.
    """

    count: int
    newest: datetime | None = None
    by_priority: dict[str, int] = field(default_factory=dict)
    by_status: dict[str, int] = field(default_factory=dict)
    by_namespace: dict[str, int] = field(default_factory=dict)
    without_namespace: int = 0
    by_cluster: dict[str, int] = field(default_factory=dict)
    by_day: dict[str, int] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True)
class Question:
    """What is counted: a blueprint, its relation to namespaces, and the properties it has."""

    blueprint: str
    relation: str
    time: str = "time"
    has_cluster: bool = False
    has_status: bool = False


def count_alerts(api: PortApi, question: Question) -> AlertCounts | None:
    """Return the figures, asked all at the same time; None without the blueprint."""
    query = {"property": "$blueprint", "operator": "=", "value": question.blueprint}
    rules: Json = {"combinator": "and", "rules": [query]}
    priority, status, namespace, cluster, days, newest, count = run_concurrently(
        [
            partial(_count_values, api, rules, {"property": "priority"}),
            partial(_count_values, api, rules, {"property": "status"})
            if question.has_status
            else dict,
            partial(_count_values, api, rules, {"relation": question.relation})
            if question.relation
            else dict,
            partial(_count_values, api, rules, {"property": "cluster"})
            if question.has_cluster
            else dict,
            partial(_count_days, api, question),
            partial(_find_newest, api, question),
            partial(api.entities_count, question.blueprint),
        ]
    )
    if count is None:
        return None
    namespaces = dict(namespace or {})
    without = namespaces.pop(_NONE, 0) if question.relation else count
    return AlertCounts(
        count=count,
        newest=newest or _last_day(days),
        by_priority=_named(priority or {}),
        by_status=_named(status or {}),
        by_namespace=namespaces,
        without_namespace=without,
        by_cluster=_named(cluster or {}),
        by_day=days or {},
        complete=None not in (priority, status, namespace, cluster, days),
    )


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    return {name or "(none)": count for name, count in counts.items()}


def _count_values(api: PortApi, query: Json, subject: Json) -> dict[str, int] | None:
    """Return how often each value occurs, the most frequent first; None where Port says not."""
    body = {"func": "countValues", "query": query, **subject}
    try:
        result = api.ask(_AGGREGATE, body=body).get("result")
    except NotFoundError:
        return {}
    except FalcoportError:
        return None
    counts = read_counts(result)
    if counts is None:
        return None
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def read_counts(result: object) -> dict[str, int] | None:
    """Return values with their counts from a map of them, or from a list of pairs or of objects.

    None for anything else. An absent value is the empty text.
    """
    if isinstance(result, dict):
        pairs = list(result.items())
    elif isinstance(result, list):
        found = [_read_pair(one) for one in result]
        pairs = [pair for pair in found if pair is not None]
        if len(pairs) < len(found):
            return None
    else:
        return None
    if not all(isinstance(count, int) and not isinstance(count, bool) for _, count in pairs):
        return None
    counts: dict[str, int] = {}
    for value, count in pairs:
        name = _NONE if value is None else str(value)
        counts[name] = counts.get(name, 0) + count
    return counts


def _read_pair(entry: object) -> tuple[Any, Any] | None:
    if not isinstance(entry, dict) or "count" not in entry:
        return None
    names = [key for key in entry if key != "count"]
    return (entry[names[0]], entry["count"]) if len(names) == 1 else None


def _count_days(api: PortApi, question: Question) -> dict[str, int] | None:
    """Return how many alerts each day of the last week had; None where Port does not say."""
    body = {
        "blueprint": question.blueprint,
        "timeRange": {"preset": "lastWeek"},
        "timeInterval": "day",
        "measureTimeBy": question.time,
        "aggregationType": "countEntities",
        "func": "count",
        "query": {"combinator": "and", "rules": []},
    }
    try:
        result = api.ask(_OVER_TIME, body=body).get("result")
    except NotFoundError:
        return {}
    except FalcoportError:
        return None
    data = result.get("data") if isinstance(result, dict) else None
    if not isinstance(data, list):
        return None
    days: dict[str, int] = {}
    for point in data:
        day = read_moment(point.get("date")) if isinstance(point, dict) else None
        count = point.get("value") if isinstance(point, dict) else None
        if day is None or not isinstance(count, int):
            return None
        name = day.date().isoformat()
        days[name] = days.get(name, 0) + count
    return days


def _last_day(days: Mapping[str, int] | None) -> datetime | None:
    """Return the last day with alerts, where nothing more exact is known."""
    named = [day for day, count in (days or {}).items() if count]
    return datetime.fromisoformat(max(named)).replace(tzinfo=UTC) if named else None


def _find_newest(api: PortApi, question: Question) -> datetime | None:
    """Return the own time of the alert that came last, as the audit log has it."""
    query = {
        "blueprint": question.blueprint,
        "resources": "entity",
        "status": "SUCCESS",
        "includes": "diff",
        "limit": _LATEST,
    }
    try:
        answer = api.ask(("audit-log",), query=query)
    except FalcoportError:
        return None  # only an administrator may ask
    times = [
        read_moment(_own_time(entry, question.time))
        for found in answer.values()
        if isinstance(found, list)
        for entry in found
    ]
    return max((time for time in times if time is not None), default=None)


def _own_time(entry: object, name: str) -> object:
    found = entry
    for key in ("diff", "after", "properties", name):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def read_moment(value: object) -> datetime | None:
    """Read a time as Falco writes it (nine digits of a second) or in milliseconds; else None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, UTC)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
