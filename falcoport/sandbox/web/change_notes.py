"""Notes that the database takes of entities that change, for tables that are kept beside it.

They are triggers on tables of this connection alone: nothing of it is in the file, and a change
that is undone takes its note back. Nothing is noted until somebody looks at a page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from falcoport.sandbox.storage.store import Store

# New entities have keys above all others, so that only what happens to old ones is noted.
_NOTES = """
CREATE TEMP TABLE {0}(key INTEGER PRIMARY KEY);
CREATE TEMP TRIGGER {0}_updated AFTER UPDATE ON main.entity
BEGIN INSERT OR IGNORE INTO {0} VALUES (old.key); END;
CREATE TEMP TRIGGER {0}_deleted AFTER DELETE ON main.entity
BEGIN INSERT OR IGNORE INTO {0} VALUES (old.key); END;
CREATE TEMP TRIGGER {0}_unrelated AFTER DELETE ON main.relation
BEGIN INSERT OR IGNORE INTO {0} VALUES (old.source); END
"""


class ChangeNotes:
    """The keys of the entities that were written or deleted since they were last taken."""

    def __init__(self, store: Store, name: str) -> None:
        """Take notes in `store`; `name` tells them from others'."""
        self._store = store
        self._table = f"changed_{name}"
        self._is_started = False

    def start(self) -> None:
        """Take notes from now on."""
        if self._is_started:
            return
        for statement in re.split(r";\n(?=CREATE)", _NOTES.format(self._table)):
            self._store.execute(statement)
        self._is_started = True

    def take(self) -> list[int]:
        """Return what was noted, and forget it."""
        noted = self._store.execute(f"SELECT key FROM {self._table}")  # noqa: S608 - our own name
        keys = [row[0] for row in noted]
        if keys:
            self._store.execute(f"DELETE FROM {self._table}")  # noqa: S608 - our own name
        return keys


def slices(values: Iterable[int], length: int) -> Iterator[list[int]]:
    """Yield values in lists of at most some length, for SQL that takes so many."""
    every = list(values)
    for start in range(0, len(every), length):
        yield every[start : start + length]
