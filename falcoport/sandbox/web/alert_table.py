"""Alerts in columns: what counting, filtering and sorting 100,000 of them needs, and no more.

A column holds one value per alert. A namespace, workload or cluster is the database key of the
related entity, or a text where an alert has no relation, or None. Counts per value are kept as
alerts come and go, so that the whole is never counted anew.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Place = int | str | None
"""The key of a related entity, or the name in the alert itself, or nothing."""

_REPEATED = ("priority", "rule", "namespace", "workload", "cluster", "host")
COUNTED = ("priority", "rule", "namespace", "workload", "cluster")


class Alert(NamedTuple):
    """What is kept of one alert; `key` is its key in the database."""

    key: int
    time: float
    priority: str
    rule: str
    namespace: Place
    workload: Place
    cluster: Place
    host: str


class AlertTable:
    """Alerts by their keys; a position is good until the next change."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self._columns: tuple[list[object], ...] = tuple([] for _ in Alert._fields)
        self._counts: dict[str, Counter[object]] = {name: Counter() for name in COUNTED}
        # Few values are repeated often: one object for each saves most of the memory.
        self._shared: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._positions)

    def __contains__(self, key: int) -> bool:
        return key in self._positions

    def get(self, key: int) -> Alert:
        """Return the alert with a key, which must be there."""
        position = self._positions[key]
        return Alert._make(column[position] for column in self._columns)

    def column(self, name: str) -> list[object]:
        """Return a column, in the order of positions; it must not be changed."""
        return self._columns[Alert._fields.index(name)]

    def count(self, name: str) -> Counter[object]:
        """Return how many alerts have each value of a column; it must not be changed."""
        return self._counts[name]

    def put(self, alert: Alert) -> None:
        """Add an alert, or put it in the place of the one with its key."""
        alert = Alert._make(self._share(value) for value in alert)
        position = self._positions.get(alert.key)
        if position is None:
            self._positions[alert.key] = len(self._positions)
            for column, value in zip(self._columns, alert, strict=True):
                column.append(value)
        else:
            self._subtract(position)
            for column, value in zip(self._columns, alert, strict=True):
                column[position] = value
        for name, counter in self._counts.items():
            counter[getattr(alert, name)] += 1

    def remove(self, key: int) -> None:
        """Remove the alert with a key, if there is one; the last one takes its place."""
        position = self._positions.pop(key, None)
        if position is None:
            return
        self._subtract(position)
        for column in self._columns:
            last = column.pop()
            if position < len(column):
                column[position] = last
        if position < len(self._positions):
            moved = self._columns[0][position]
            assert isinstance(moved, int)
            self._positions[moved] = position

    def places(self) -> Iterator[int]:
        """Yield the key of each entity that an alert is related to."""
        for name in ("namespace", "workload", "cluster"):
            yield from (value for value in self._counts[name] if isinstance(value, int))

    def put_all(self, alerts: Sequence[Alert]) -> None:
        """Add many alerts; new ones are added column by column, which is much quicker."""
        if any(alert.key in self._positions for alert in alerts) or len(
            {alert.key for alert in alerts}
        ) < len(alerts):
            for alert in alerts:
                self.put(alert)
            return
        first = len(self._positions)
        for name, column, values in zip(
            Alert._fields, self._columns, zip(*alerts, strict=True), strict=False
        ):
            shared = [self._share(one) for one in values] if name in _REPEATED else values
            column.extend(shared)
            if name in self._counts:
                self._counts[name].update(shared)
        self._positions.update((alert.key, first + at) for at, alert in enumerate(alerts))

    def _share(self, value: object) -> object:
        return self._shared.setdefault(value, value) if isinstance(value, str) else value

    def _subtract(self, position: int) -> None:
        for name, counter in self._counts.items():
            value = self.column(name)[position]
            counter[value] -= 1
            if not counter[value]:
                del counter[value]
