"""How fast alerts are posted, and when to stop and wait: one gate that all posts go through."""

from __future__ import annotations

import asyncio
import heapq
import random
from dataclasses import dataclass
from itertools import count

STREAK = 3
"""How many failures in a row, of any alerts, mean that the webhook itself is away."""


class Pacer:
    """Spaces things evenly, at most `rate` a second; None does not hold anything up."""

    def __init__(self, rate: float | None) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Return when the next one may go."""
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        slot = max(self._next, now)
        self._next = slot + self._interval
        if slot > now:
            await asyncio.sleep(slot - now)


@dataclass(frozen=True)
class Pauses:
    """How long to wait between tries: from `first` seconds, doubled each time, to `longest`."""

    first: float = 0.5
    longest: float = 30.0

    def after(self, failures: int) -> float:
        """Return the pause after that many failures, varied so that replicas do not agree."""
        whole = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return whole * random.uniform(0.8, 1.2)  # noqa: S311 -- spreads load, guards nothing


class Gate:
    """Open while posts succeed; shut, for a growing pause, while the webhook is away.

    After each pause one waiting post goes through to try, the one with the fewest failures of its
    own: an alert that can never succeed does not keep the others waiting. Success opens the gate.
    """

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self._shut = 0  # how often in a row it was shut
        self._streak = 0
        self._waiting: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._probing = False
        self.reason = ""
        self.accepted = 0
        """How many posts have succeeded so far."""

    @property
    def is_open(self) -> bool:
        """Whether posts go through."""
        return not self._shut

    async def enter(self, failures: int) -> bool:
        """Return when an alert that failed so often may be posted; True for the one that tries.

        The others must see again that the gate is open, should they be held up before they post.
        """
        if self.is_open:
            return False
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (failures, next(self._order), future))
        if self._timer is None and not self._probing:
            self._send_probe()
        return await future

    def succeed(self) -> None:
        """Note a success: the webhook is there."""
        self.accepted += 1
        self._streak = 0
        if self._shut:
            self._open()

    def fail(self, reason: str, *, wait: float | None = None, shared: bool = False) -> None:
        """Note a failure; `shared` says that every alert would meet it, `wait` what Port asks."""
        self._streak += 1
        if self.is_open and not shared and self._streak < STREAK:
            return
        if self.is_open or self._probing:
            self._shut += 1
            self._probing = False
            self.reason = reason
            self._pause(max(wait or 0.0, self._pauses.after(self._shut)))

    def close(self) -> None:
        """Let nobody wait any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _open(self) -> None:
        self._shut, self._probing, self.reason = 0, False, ""
        self.close()
        waiting, self._waiting = self._waiting, []
        for _failures, _order, future in waiting:
            if not future.done():
                future.set_result(False)

    def _pause(self, seconds: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_pause)

    def _end_pause(self) -> None:
        self._timer = None
        self._send_probe()

    def _send_probe(self) -> None:
        while self._waiting:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                self._probing = True
                future.set_result(True)
                return
