"""Sending alerts until each has come to an end: accepted, or refused for good.

What the relay and a replay share: so many posts at a time, so many a second, one gate that all go
through, and an end for the alert that can never succeed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.delivery.pacing import Gate, Pacer, Pauses
from falcoport.delivery.posting import Answer, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcoport.delivery.posting import Poster


@dataclass(frozen=True)
class SendingOptions:
    """How alerts are sent.

    `max_in_flight` posts run at once, at most `rate` begin each second. An alert that failed
    `give_up_after` times while others were accepted is refused.
    """

    max_in_flight: int = 16
    rate: float | None = None
    give_up_after: int = 10
    pauses: Pauses = field(default_factory=Pauses)


class Sender:
    """Sends bodies; `observe` gets every answer, the gate's state already being right."""

    def __init__(
        self, poster: Poster, options: SendingOptions, observe: Callable[[Answer], None]
    ) -> None:
        self._poster = poster
        self._options = options
        self._observe = observe
        self._pacer = Pacer(options.rate)
        self._slots = asyncio.Semaphore(options.max_in_flight)
        self.gate = Gate(options.pauses)
        """Whether the webhook takes alerts."""

    async def send(self, body: bytes) -> Answer:
        """Post a body until it is accepted or refused for good, and return that answer."""
        failures = faults = accepted_before = 0
        while True:
            answer = await self._post(body, failures)
            if answer.verdict in (Verdict.ACCEPTED, Verdict.REFUSED):
                return answer
            failures += 1
            if answer.verdict is Verdict.UNAVAILABLE and not answer.is_shared:
                # The alert's own fault only if others are accepted in the meantime.
                faults += self.gate.accepted > accepted_before
                accepted_before = self.gate.accepted
                if faults >= self._options.give_up_after:
                    reason = f"Port fails on it ({answer.reason}), and not on others"
                    return Answer(Verdict.REFUSED, reason, answer.status)
                if self.gate.is_open:
                    await asyncio.sleep(self._options.pauses.after(failures))

    async def _post(self, body: bytes, failures: int) -> Answer:
        while True:
            is_trying = await self.gate.enter(failures)
            async with self._slots:
                if not is_trying and not self.gate.is_open:
                    continue  # it was shut while this one waited for its turn
                await self._pacer.turn()
                answer = await self._poster.post(body)
                break
        if answer.verdict in (Verdict.ACCEPTED, Verdict.REFUSED):
            self.gate.succeed()
        else:
            self.gate.fail(_explain(answer), wait=answer.wait, shared=answer.is_shared)
        self._observe(answer)
        return answer


def _explain(answer: Answer) -> str:
    if answer.verdict is Verdict.MISDIRECTED:
        return f"{answer.reason}, so the URL or the secret may be wrong"
    return answer.reason
