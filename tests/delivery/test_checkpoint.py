"""What is noted in a checkpoint counts, and nothing else's file is taken for one."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from falcoport.delivery.checkpoint import Checkpoint
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_noted_is_done_in_the_next_run(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path / "c.db", "there")
    first.note([b"a", b"b"])
    # Not closed: a process that is killed closes nothing.
    second = Checkpoint(tmp_path / "c.db", "there")
    assert [second.is_done(key) for key in (b"a", b"b", b"c")] == [True, True, False]
    second.close()
    first.close()


def test_what_was_sent_elsewhere_is_not_done_here(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "c.db", "there").close()
    with pytest.raises(UsageError, match="another webhook"):
        Checkpoint(tmp_path / "c.db", "here")


def test_other_databases_are_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "own.db")
    database.execute("CREATE TABLE precious (x)")
    database.commit()
    database.close()
    before = (tmp_path / "own.db").read_bytes()
    with pytest.raises(UsageError, match="not a checkpoint of falcoport"):
        Checkpoint(tmp_path / "own.db", "here")
    assert (tmp_path / "own.db").read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("my notes, which are long enough to be read as a header")
    with pytest.raises(UsageError, match="cannot be used as a checkpoint"):
        Checkpoint(tmp_path / "notes.txt", "here")
    assert (tmp_path / "notes.txt").read_text().startswith("my notes")


def test_a_look_creates_no_file(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "c.db", None).close()
    assert list(tmp_path.iterdir()) == []
