"""Counts the identifiers that several alerts share, in memory that does not grow with their number.

What is seen goes to a temporary database on disk, as hashes, and is sorted there.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from array import array
    from types import TracebackType

_SHOWN = 3
_CACHE = -2048  # KiB; negative is SQLite's way of saying so


@dataclass(frozen=True)
class Collisions:
    """What collides: `alerts` share `identifiers`; `lost` of them overwrite another one.

    `examples` are, for some identifiers, where two of the alerts stand: source and line, twice.
    """

    identifiers: int = 0
    alerts: int = 0
    examples: tuple[tuple[tuple[str, int], tuple[str, int]], ...] = ()

    @property
    def lost(self) -> int:
        """How many alerts are overwritten by another one."""
        return self.alerts - self.identifiers


class CollisionCounter:
    """Takes sightings of identifiers and counts what collides."""

    def __init__(self) -> None:
        # An empty name is SQLite's own: a database in a file that is deleted when it is closed.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = {_CACHE}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (identifier, alert, source, line)")
        self._sources: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, source: str, sightings: array[int]) -> None:
        """Note sightings: triples of an identifier's hash, an alert's hash and a line."""
        if source not in self._sources:
            self._sources.append(source)
        number = self._sources.index(source)
        thirds = (sightings[0::3], sightings[1::3], sightings[2::3])
        self._database.execute("BEGIN")
        self._database.executemany(
            f"INSERT INTO seen VALUES (?, ?, {number}, ?)",  # noqa: S608 -- our own number
            zip(*thirds, strict=True),
        )
        self._database.execute("COMMIT")

    def count(self) -> Collisions:
        """Return what collides among all sightings: different alerts under one identifier."""
        rows = self._database.execute(
            "SELECT identifier, count(DISTINCT alert) AS alerts FROM seen"
            " GROUP BY identifier HAVING alerts > 1"
        )
        identifiers = alerts = 0
        shown: list[int] = []
        for identifier, number in rows:
            identifiers += 1
            alerts += number
            if len(shown) < _SHOWN:
                shown.append(identifier)
        return Collisions(identifiers, alerts, tuple(map(self._example, shown)))

    def _example(self, identifier: int) -> tuple[tuple[str, int], tuple[str, int]]:
        one, other = self._database.execute(
            "SELECT source, min(line) FROM seen WHERE identifier = ?"
            " GROUP BY alert ORDER BY source, line LIMIT 2",
            (identifier,),
        )
        return (self._sources[one[0]], one[1]), (self._sources[other[0]], other[1])
