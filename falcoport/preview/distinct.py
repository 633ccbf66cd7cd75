"""How many different things a stream holds, in memory that does not grow with their number.

Exact for the first ones, then HyperLogLog with the estimator of O. Ertl, "New cardinality
estimation algorithms for HyperLogLog sketches" (arXiv 1702.01284, algorithm 6), which has no bias
at any size.

Pure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXACT_UP_TO = 50_000
_INDEX_BITS = 16
_REGISTERS = 1 << _INDEX_BITS
_REST_BITS = 64 - _INDEX_BITS
_REST_MASK = (1 << _REST_BITS) - 1

RELATIVE_ERROR = 2 * 1.04 / math.sqrt(_REGISTERS)
"""How far an estimate may be off, as a part of it: two standard errors, so 19 times out of 20."""


class DistinctCounter:
    """Counts the different ones among 64-bit hashes."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._registers: bytearray | None = None

    @property
    def is_exact(self) -> bool:
        """Whether `count` is exact (but for collisions of 64-bit hashes), not an estimate."""
        return self._registers is None

    def add(self, hashes: Iterable[int]) -> None:
        """Note hashes: integers from 0 up to 2**64, evenly distributed."""
        if self._registers is None:
            self._seen.update(hashes)
            if len(self._seen) > _EXACT_UP_TO:
                self._registers = bytearray(_REGISTERS)
                self._note(self._registers, self._seen)
                self._seen = set()
        else:
            self._note(self._registers, hashes)

    @staticmethod
    def _note(registers: bytearray, hashes: Iterable[int]) -> None:
        for value in hashes:
            rank = _REST_BITS + 1 - (value & _REST_MASK).bit_length()
            index = value >> _REST_BITS
            registers[index] = max(registers[index], rank)

    def count(self) -> int:
        """Return how many different hashes there were."""
        if self._registers is None:
            return len(self._seen)
        histogram = [self._registers.count(rank) for rank in range(_REST_BITS + 2)]
        z = _REGISTERS * _tau(1 - histogram[_REST_BITS + 1] / _REGISTERS)
        for rank in range(_REST_BITS, 0, -1):
            z = 0.5 * (z + histogram[rank])
        z += _REGISTERS * _sigma(histogram[0] / _REGISTERS)
        return round(_REGISTERS * _REGISTERS / (2 * math.log(2) * z))


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0, 1):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
    return z / 3
