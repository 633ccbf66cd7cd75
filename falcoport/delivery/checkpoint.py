"""Which alerts of a replay are done: kept in a file that survives whatever ends the process.

Each alert is noted as soon as its answer is there, by its uuid, so that files which come later,
or another order, change nothing. The operating system has what is noted: only its own crash, not
ours, could lose the last entries, and then those alerts are sent once more.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_APPLICATION = 0x46504350  # "FPCP": tells our file from other people's databases


class Checkpoint:
    """The alerts that are done, in a SQLite file; in memory where there is no path.

    `target` names where the alerts go, as a hash: what was sent elsewhere is not done here. Without
    one, which is only to look, no file is created.
    Raises UsageError for a file that is none of ours, or of another target.
    """

    def __init__(self, path: Path | None, target: str | None) -> None:
        self._path = path
        if target is None and path is not None and not path.exists():
            path = None
        try:
            self._database = sqlite3.connect(path or ":memory:", isolation_level=None)
            self._open(target)
        except sqlite3.Error as error:
            raise UsageError(
                f"{path} cannot be used as a checkpoint: {error}.", where="--checkpoint"
            ) from None

    def _open(self, target: str | None) -> None:
        run = self._database.execute
        found = run("PRAGMA application_id").fetchone()[0]
        tables = run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and found != _APPLICATION:
            raise UsageError(
                f"{self._path} is a database, but not a checkpoint of falcoport.",
                where="--checkpoint",
                hint="Name another file, or one that does not exist yet.",
            )
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = OFF")
        run(f"PRAGMA application_id = {_APPLICATION}")
        run("CREATE TABLE IF NOT EXISTS target (name TEXT NOT NULL)")
        run("CREATE TABLE IF NOT EXISTS done (key BLOB PRIMARY KEY) WITHOUT ROWID")
        if target is None:
            return
        known = run("SELECT name FROM target").fetchone()
        if known is None:
            run("INSERT INTO target VALUES (?)", (target,))
        elif known[0] != target:
            raise UsageError(
                f"{self._path} is the checkpoint of a replay to another webhook.",
                where="--checkpoint",
                hint="Name another file for this one.",
            )

    def is_done(self, key: bytes) -> bool:
        """Tell whether an alert was done before."""
        found = self._database.execute("SELECT 1 FROM done WHERE key = ?", (key,)).fetchone()
        return found is not None

    def note(self, keys: Iterable[bytes]) -> None:
        """Note that alerts are done. Raise UsageError where the file cannot take it."""
        try:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR IGNORE INTO done VALUES (?)", [(key,) for key in keys]
            )
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise UsageError(
                f"The checkpoint {self._path} cannot be written: {error}.",
                where="--checkpoint",
                hint="Free some disk space and run the same command again: it continues.",
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._database.close()
