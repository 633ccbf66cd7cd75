"""The sandbox's state: one SQLite database, in memory or in a file.

One thread and one connection use it, and nothing waits inside a transaction, so that each
transaction is alone and writers never wait for one another. With a file, a transaction is in the
operating system's hands once committed: killing the process loses nothing.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LAYOUT = "2"
"""The version of the tables below; a file of another one is refused."""

_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE token(client TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE, expires REAL NOT NULL);
CREATE TABLE blueprint(
    key INTEGER PRIMARY KEY AUTOINCREMENT, identifier TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL, slots TEXT NOT NULL);
CREATE TABLE page(
    identifier TEXT PRIMARY KEY, blueprint INTEGER NOT NULL, document TEXT NOT NULL);
CREATE TABLE migration(
    key INTEGER PRIMARY KEY AUTOINCREMENT, identifier TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL);
CREATE TABLE entity(
    key INTEGER PRIMARY KEY AUTOINCREMENT, blueprint INTEGER NOT NULL, identifier TEXT NOT NULL,
    document TEXT NOT NULL, UNIQUE(blueprint, identifier));
CREATE INDEX entity_by_age ON entity(blueprint, key);
CREATE TABLE relation(
    source INTEGER NOT NULL, slot TEXT NOT NULL, position INTEGER NOT NULL,
    target INTEGER NOT NULL, PRIMARY KEY(source, slot, position)) WITHOUT ROWID;
CREATE INDEX relation_by_target ON relation(target);
CREATE TABLE webhook(
    key INTEGER PRIMARY KEY AUTOINCREMENT, identifier TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
CREATE TABLE event(
    key INTEGER PRIMARY KEY AUTOINCREMENT, webhook INTEGER NOT NULL, received TEXT NOT NULL,
    state TEXT NOT NULL, payload TEXT, result TEXT);
CREATE INDEX event_by_state ON event(state);
CREATE TABLE handled(
    webhook INTEGER NOT NULL, request TEXT NOT NULL, PRIMARY KEY(webhook, request)) WITHOUT ROWID;
"""


def now() -> str:
    """Return the present moment as Port writes it: RFC 3339, milliseconds, `Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dump(value: Any) -> str:
    """Return JSON text; pure ASCII, since a lone surrogate has no UTF-8 form."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass
class Transaction:
    """A step under way; a trial is undone at its end."""

    is_trial: bool = False


class Store:
    """The database, and transactions on it."""

    def __init__(self, database: Path | None) -> None:
        """Open `database`, or memory if None; raise UsageError if that cannot be."""
        try:
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
        except sqlite3.Error as error:
            locked = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
            reason = "another sandbox uses it" if locked else error
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
        if not self._tables():
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO meta VALUES ('layout', ?)", (LAYOUT,))
            connection.execute("COMMIT")

    def _check_contents(self) -> None:
        """Raise an error if the file holds anything but a sandbox of this version."""
        tables = self._tables()
        if not tables:
            return
        if not {"meta", "event", "entity"} <= tables:
            raise sqlite3.DatabaseError("it holds something else")
        if self.scalar("SELECT value FROM meta WHERE key = 'layout'") != LAYOUT:
            raise sqlite3.DatabaseError("it was written by another version of falcoport")

    def _tables(self) -> set[str]:
        return {row[0] for row in self.execute("SELECT name FROM sqlite_schema")}

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
        self.execute("BEGIN IMMEDIATE")
        try:
            yield transaction
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("ROLLBACK" if transaction.is_trial else "COMMIT")

    def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row of a query, or None."""
        return self.execute(sql, values).fetchone()

    def scalar(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first value of a query's first row, or None."""
        row = self.execute(sql, values).fetchone()
        return None if row is None else row[0]
