"""What a person asks about alerts: how many, how bad, where, since when. No effects.

Counts of a filter's values are of the alerts that all *other* filters let through, so that a
second value can be chosen beside the first.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from falcoport.sandbox.web.filters import FACETS, PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from falcoport.sandbox.web.alert_table import AlertTable, Place
    from falcoport.sandbox.web.filters import Filters

NO_PLACE = "-"
"""How a filter names the alerts that have no namespace, workload or cluster."""

DAY = 86_400.0
_URGENT = 3
_STEPS = (
    60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600,
    2_592_000, 7_776_000, 31_536_000,
)  # fmt: skip
_MOST_COLUMNS = 48
_SEVERITY = {name.lower(): position for position, name in enumerate(PRIORITIES)}


@dataclass(frozen=True)
class Entity:
    """An entity that alerts are related to: how it is found, and its cluster if it has one."""

    blueprint: str
    identifier: str
    title: str
    cluster: Place = None


@dataclass(frozen=True)
class Count:
    """How many alerts have one value; `name` is what a filter takes, `entity` what it is."""

    name: str
    label: str
    count: int
    is_chosen: bool = False
    entity: Entity | None = None


@dataclass(frozen=True)
class Timeline:
    """Alerts over time: columns of equal width from `start` on, each a count per series.

    `series` are the names of the counts, in the order in which they are stacked.
    """

    start: float
    width: float
    series: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]

    @property
    def end(self) -> float:
        """The end of the last column."""
        return self.start + self.width * len(self.columns)


@dataclass(frozen=True)
class Summary:
    """The answer to a person's questions, for the alerts that the filters let through."""

    total: int
    matching: int
    urgent: int
    last_day: int
    oldest: float | None
    newest: float | None
    counts: Mapping[str, tuple[Count, ...]]
    timeline: Timeline | None
    keys: tuple[int, ...]
    pages: int

    @property
    def worst(self) -> Count | None:
        """The most severe priority that any of the alerts has."""
        return next((one for one in self.counts["priority"] if one.count), None)

    @property
    def busiest(self) -> Count | None:
        """The namespace with the most alerts."""
        named = [one for one in self.counts["namespace"] if one.name != NO_PLACE]
        return named[0] if named else None


def severity(priority: str) -> int:
    """Return the position of a priority among Falco's, 0 the most severe; unknown ones last."""
    return _SEVERITY.get(priority.lower(), len(PRIORITIES))


def summarize(
    table: AlertTable,
    entities: Mapping[int, Entity],
    filters: Filters,
    now: float,
    length: int,
    found: Collection[int] | None = None,
) -> Summary:
    """Return the summary of a table of alerts; `length` is how many keys a page has.

    `found` are the keys of the alerts that hold the text searched for; None if none is.
    """
    view = _View(table, entities, found)
    chosen = view.select(filters)
    times = cast("list[float]", view.values("time", chosen))
    priorities = cast("list[str]", view.values("priority", chosen))
    pages = max(1, math.ceil(len(times) / length))
    return Summary(
        total=len(table),
        matching=len(times),
        urgent=sum(n for name, n in Counter(priorities).items() if severity(name) < _URGENT),
        last_day=_count_since(times, now - DAY),
        oldest=min(times, default=None),
        newest=max(times, default=None),
        counts={facet: view.count(facet, filters) for facet in FACETS},
        timeline=build_timeline(times, priorities, filters.start, filters.end),
        keys=view.page(chosen, filters, length),
        pages=pages,
    )


def find_newest(table: AlertTable, facet: str, value: object, number: int) -> list[int]:
    """Return the keys of the newest alerts that have a value in a column."""
    times = cast("list[float]", table.column("time"))
    keys = cast("list[int]", table.column("key"))
    positions = [at for at, one in enumerate(table.column(facet)) if one == value]
    return [keys[at] for at in heapq.nlargest(number, positions, key=times.__getitem__)]


def build_timeline(
    times: Sequence[float],
    priorities: Sequence[str],
    start: float | None = None,
    end: float | None = None,
) -> Timeline | None:
    """Return alerts over time by priority; None if there are none.

    The columns cover the period asked for where one is, and the alerts themselves elsewhere.
    """
    if not times:
        return None
    first = min(times) if start is None else max(start, min(times) - DAY)
    last = max(times) if end is None else min(end, max(times) + DAY)
    width = _find_width(max(last - first, 1.0))
    origin = math.floor(first / width) * width
    number = max(1, math.floor((last - origin) / width) + 1)
    cells = Counter(zip([int((time - origin) // width) for time in times], priorities, strict=True))
    series = tuple(sorted({name for _, name in cells}, key=lambda name: (severity(name), name)))
    return Timeline(
        origin,
        width,
        series,
        tuple(tuple(cells[column, name] for name in series) for column in range(number)),
    )


def _find_width(length: float) -> float:
    for step in _STEPS:
        if length / step < _MOST_COLUMNS:
            return float(step)
    return math.ceil(length / _MOST_COLUMNS / DAY) * DAY


def _count_since(times: Iterable[float], moment: float) -> int:
    return sum(map(moment.__le__, times))


class _View:
    """One look at a table: which positions pass, and what they count up to."""

    def __init__(
        self, table: AlertTable, entities: Mapping[int, Entity], found: Collection[int] | None
    ) -> None:
        self._table = table
        self._entities = entities
        self._found = found

    def select(self, filters: Filters, besides: str = "") -> Sequence[int] | None:
        """Return the positions that pass every filter but one; None if all do."""
        chosen: Sequence[int] | None = None
        if self._found is not None:
            keys = self._table.column("key")
            chosen = [at for at in range(len(self._table)) if keys[at] in self._found]
        for facet in FACETS:
            if facet != besides and getattr(filters, facet):
                chosen = self._select_named(facet, filters, chosen)
        if filters.start is not None or filters.end is not None:
            first = -math.inf if filters.start is None else filters.start
            last = math.inf if filters.end is None else filters.end
            times = cast("list[float]", self._table.column("time"))
            chosen = [at for at in self._positions(chosen) if first <= times[at] <= last]
        return chosen

    def values(self, name: str, chosen: Sequence[int] | None) -> list[Any]:
        """Return the values of a column at the positions chosen."""
        column = self._table.column(name)
        return column if chosen is None else [*map(column.__getitem__, chosen)]

    def count(self, facet: str, filters: Filters) -> tuple[Count, ...]:
        """Return the values of a filter with their counts, in the order that is shown."""
        chosen = self.select(filters, facet)
        merged: Counter[str] = Counter()
        entities: dict[str, Entity | None] = {}
        for value, number in self._count_values(facet, chosen).items():
            name, entity = self._name(facet, value)
            merged[name] += number
            entities[name] = entity
        for name in getattr(filters, facet):
            if not any(filters.has(facet, one) for one in merged):
                merged[name] += 0
        found = [
            Count(name, _label(facet, name), number, filters.has(facet, name), entities.get(name))
            for name, number in merged.items()
        ]
        return tuple(sorted(found, key=_priority_order if facet == "priority" else _count_order))

    def page(self, chosen: Sequence[int] | None, filters: Filters, length: int) -> tuple[int, ...]:
        """Return the keys of one page of alerts in the order asked for."""
        positions = self._positions(chosen)
        first = (filters.page - 1) * length
        keys = cast("list[int]", self._table.column("key"))
        ordered = self._order(positions, filters, first + length)
        return tuple(keys[at] for at in ordered[first : first + length])

    def _order(self, positions: Sequence[int], filters: Filters, number: int) -> list[int]:
        """Return at least the first `number` positions in order; equal ones newest first."""
        times = cast("list[float]", self._table.column("time"))
        if filters.sort_column == "time":
            if not filters.is_descending:
                return heapq.nsmallest(number, positions, key=times.__getitem__)
            return heapq.nlargest(number, reversed(positions), key=times.__getitem__)
        # Of those of one moment the last that came is the newest: sorting upwards keeps them in
        # the order in which they came, and turning the whole round puts the last first.
        newest_first = sorted(positions, key=times.__getitem__)
        newest_first.reverse()
        rank = self._ranks(filters.sort_column)
        column = self._table.column(filters.sort_column)
        # A second sort keeps the order of those that are equal, also when it is reversed.
        newest_first.sort(key=lambda at: rank[column[at]], reverse=filters.is_descending)
        return newest_first

    def _ranks(self, name: str) -> dict[object, Any]:
        """Return what each value of a column is sorted by; a name that is missing comes last."""
        values = {*self._table.column(name)}
        if name == "priority":
            return {value: -severity(str(value)) for value in values}
        labels = {value: self._name(name, value)[0] for value in values}
        return {value: (label == NO_PLACE, label.lower()) for value, label in labels.items()}

    def _select_named(
        self, facet: str, filters: Filters, chosen: Sequence[int] | None
    ) -> Sequence[int]:
        positions = self._positions(chosen)
        if facet == "cluster":
            return [at for at, one in zip(positions, self._clusters(chosen), strict=True)
                    if filters.has(facet, self._name(facet, one)[0])]  # fmt: skip
        column = self._table.column(facet)
        wanted = {
            value
            for value in self._table.count(facet)
            if filters.has(facet, self._name(facet, value)[0])
        }
        return [at for at in positions if column[at] in wanted]

    def _count_values(self, facet: str, chosen: Sequence[int] | None) -> Mapping[object, int]:
        if facet == "cluster":
            return Counter(self._clusters(chosen))
        if chosen is None:
            return self._table.count(facet)
        return Counter(map(self._table.column(facet).__getitem__, chosen))

    def _clusters(self, chosen: Sequence[int] | None) -> list[Place]:
        """Return each alert's cluster: its own, or else that of its namespace."""
        own = cast("list[Place]", self.values("cluster", chosen))
        by_namespace = {key: entity.cluster for key, entity in self._entities.items()}
        if not any(one is not None for one in by_namespace.values()):
            return own
        namespaces = cast("list[Place]", self.values("namespace", chosen))
        return [
            by_namespace.get(namespace) if one is None else one  # type: ignore[arg-type]  # texts have none
            for one, namespace in zip(own, namespaces, strict=True)
        ]

    def _name(self, facet: str, value: object) -> tuple[str, Entity | None]:
        """Return how a filter names a value, and the entity that it is."""
        if facet in ("priority", "rule", "host"):
            return str(value) or NO_PLACE, None
        if isinstance(value, int):
            entity = self._entities.get(value)
            return (NO_PLACE if entity is None else entity.identifier), entity
        return (str(value) if value else NO_PLACE), None

    def _positions(self, chosen: Sequence[int] | None) -> Sequence[int]:
        return range(len(self._table)) if chosen is None else chosen


def _label(facet: str, name: str) -> str:
    return f"no {facet}" if name == NO_PLACE else name


def _priority_order(count: Count) -> tuple[int, str]:
    return severity(count.name), count.name


def _count_order(count: Count) -> tuple[int, str]:
    return -count.count, count.name
