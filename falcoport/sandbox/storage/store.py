"""The sandbox's state: one SQLite database, in memory or in a file.

One thread and one connection use it, and nothing waits inside a transaction, so that each
transaction is alone and writers never wait for one another. With a file, a transaction is in the
operating system's hands once committed: killing the process loses nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.errors import UsageError
from falcoport.sandbox.storage.clock import Clock, format_moment
from falcoport.sandbox.storage.layout import create_tables, upgrade_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def dump(value: Any) -> str:
    """Return JSON text; pure ASCII, since a lone surrogate has no UTF-8 form."""
    return _ENCODER.encode(value)


# What is written comes out of JSON, in which nothing holds itself.
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)


@dataclass
class Transaction:
    """A step under way; a trial is undone at its end."""

    is_trial: bool = False


class Store:
    """The database, and transactions on it."""

    def __init__(self, database: Path | None, clock: Clock | None = None) -> None:
        """Open `database`, or memory if None; raise UsageError if that cannot be.

        A file that is made, or is there, is readable by its owner only: alerts and the secrets of
        webhooks are in it.
        """
        self.clock = clock or Clock()
        self._deferred: dict[str, list[tuple[Any, ...]]] = {}
        self._moment = (-1, "")
        self.documents_version = 0
        """Grows when what was read of the table of resources is no longer so."""
        try:
            if database is not None:
                _restrict(database)
            self._connection = sqlite3.connect(
                ":memory:" if database is None else database,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                timeout=0,
            )
            self.execute = self._connection.execute
            self.executemany = self._connection.executemany
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            locked = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
            reason = "another sandbox uses it" if locked else getattr(error, "strerror", error)
            raise UsageError(
                f"Cannot use {database} as the sandbox's database: {reason}.",
                hint="Name a file that can be written, or leave the option out to keep "
                "everything in memory.",
            ) from None

    def _prepare(self) -> None:
        connection = self._connection
        # Another sandbox on the same file would map the same events a second time.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._check_contents()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
        self._apply_layout()

    def _check_contents(self) -> None:
        """Raise an error if the file holds anything but a sandbox."""
        tables = self._tables()
        if tables and not {"meta", "event", "entity"} <= tables:
            raise sqlite3.DatabaseError("it holds something else")

    def _apply_layout(self) -> None:
        """Make the tables, or bring those of an older version to this one."""
        self.execute("BEGIN IMMEDIATE")
        try:
            if not self._tables():
                create_tables(self._connection)
            else:
                version = self.scalar("SELECT value FROM meta WHERE key = 'layout'")
                upgrade_tables(self._connection, str(version))
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def _tables(self) -> set[str]:
        return {row[0] for row in self.execute("SELECT name FROM sqlite_schema")}

    def forget_documents(self) -> None:
        """Have the resources read anew when they are next asked for."""
        self.documents_version += 1

    def now(self) -> str:
        """Return the present moment as Port writes it."""
        milliseconds = int(self.clock.timestamp() * 1000)
        if milliseconds != self._moment[0]:
            self._moment = (milliseconds, format_moment(self.clock.now()))
        return self._moment[1]

    @property
    def version(self) -> int:
        """A number that grows with every change."""
        return self._connection.total_changes

    def close(self) -> None:
        """Close the database; what was committed stays."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Make everything inside one step that happens wholly or not at all."""
        transaction = Transaction()
        self._deferred.clear()
        self.execute("BEGIN IMMEDIATE")
        try:
            yield transaction
            for sql, rows in self._deferred.items():
                self.executemany(sql, rows)
            self.execute("ROLLBACK" if transaction.is_trial else "COMMIT")
        except BaseException:
            # SQLite itself ends a transaction that finds the disk full.
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise

    def defer(self, sql: str, values: tuple[Any, ...]) -> None:
        """Run a statement at the end of the transaction, together with others of its text.

        For rows that nothing reads before: many at once cost SQLite less than half.
        """
        self._deferred.setdefault(sql, []).append(values)

    def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row of a query, or None."""
        return self.execute(sql, values).fetchone()

    def scalar(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first value of a query's first row, or None."""
        row = self.execute(sql, values).fetchone()
        return None if row is None else row[0]


def _restrict(database: Path) -> None:
    """Make a file that only its owner may read, or take the rights of others from one."""
    descriptor = os.open(database, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
