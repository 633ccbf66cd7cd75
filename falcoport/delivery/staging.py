"""Alerts in order of time, however many: sorted on disk, a part of them in memory at a time.

A replay goes by the alerts' own times, not by files or keys, so everything is read before the
first is sent. Equal alerts, which a store may hold twice, come out once.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

PART_BYTES = 32 * 1024 * 1024
"""How many bytes of alerts are sorted in memory at a time."""

_MOST_PARTS = 64  # files that are open at a time
_HEAD = struct.Struct(">q16sI")


class StagedAlert(NamedTuple):
    """An alert to send: its instant in nanoseconds, the hash of its uuid, its body."""

    instant: int
    key: bytes
    body: bytes


def key_of(uuid: str) -> bytes:
    """Return 16 bytes that stand for a uuid, whatever text that is."""
    return blake2b(uuid.encode(errors="replace"), digest_size=16).digest()


def shard_of(key: bytes, shards: int) -> int:
    """Return which of `shards` shards an alert belongs to: the same one each time."""
    return int.from_bytes(key[:8], "big") % shards


@dataclass
class _Part:
    """A sorted file."""

    path: Path

    def write(self, alerts: Iterable[StagedAlert]) -> None:
        with self.path.open("wb", buffering=1024 * 1024) as file:
            for alert in alerts:
                file.write(_HEAD.pack(alert.instant, alert.key, len(alert.body)))
                file.write(alert.body)

    def read(self) -> Iterator[StagedAlert]:
        with self.path.open("rb", buffering=256 * 1024) as file:
            while (alert := _read_one(file)) is not None:
                yield alert


def _read_one(file: BinaryIO) -> StagedAlert | None:
    head = file.read(_HEAD.size)
    if not head:
        return None
    instant, key, length = _HEAD.unpack(head)
    return StagedAlert(instant, key, file.read(length))


class Staging:
    """Takes alerts in any order and gives them back in order of time; a context manager.

    `add` and iterating raise UsageError where the disk cannot take them.
    """

    def __init__(self, part_bytes: int = PART_BYTES) -> None:
        self._part_bytes = part_bytes
        self._folder = tempfile.TemporaryDirectory(prefix="falcoport-replay-")
        self._parts: list[_Part] = []
        self._named = 0
        self._waiting: list[StagedAlert] = []
        self._size = 0
        self.count = 0
        """How many alerts were added."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def add(self, alert: StagedAlert) -> None:
        """Take an alert."""
        self._waiting.append(alert)
        self._size += len(alert.body) + 200  # what Python needs around it
        self.count += 1
        if self._size >= self._part_bytes:
            self._store()

    def __iter__(self) -> Iterator[StagedAlert]:
        """Give every alert, the oldest first; of equal ones the first."""
        self._waiting.sort()
        sources = [iter(self._waiting), *(part.read() for part in self._parts)]
        last = None
        for alert in heapq.merge(*sources):
            if last is None or (alert.instant, alert.key) != last:
                yield alert
            last = (alert.instant, alert.key)

    def _store(self) -> None:
        self._waiting.sort()
        self._write(self._waiting)
        self._waiting, self._size = [], 0
        if len(self._parts) >= _MOST_PARTS:
            parts, self._parts = self._parts, []
            self._write(heapq.merge(*(part.read() for part in parts)))
            for part in parts:
                part.path.unlink()

    def _write(self, alerts: Iterable[StagedAlert]) -> None:
        part = _Part(Path(self._folder.name) / str(self._named))
        self._named += 1
        try:
            part.write(alerts)
        except OSError as error:
            raise UsageError(
                f"The alerts cannot be sorted in {self._folder.name}: {error.strerror}.",
                where="TMPDIR",
                hint="Set TMPDIR to a folder with room for all of them, or give --since.",
            ) from None
        self._parts.append(part)
