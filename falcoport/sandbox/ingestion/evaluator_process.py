"""Evaluating mappings in a separate process, for expressions that might never end.

libjq cannot be interrupted: `repeat(1)` or `[range(1e12)]` in a mapping would hold the whole
sandbox, or take its memory. Such expressions run in a child that ends itself when a batch takes
too long, and whose memory is limited. The rest, the default mapping among it, needs no child.

Messages are a length in eight bytes, big-endian, and as many bytes of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.outcomes import EventError, FieldError, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 2.0
"""How long one evaluation may take; Port's own limit is not documented."""

_MEMORY = 1 << 31
_LENGTH = 8
TOO_LONG = f"the mapping takes longer than {SECONDS:g} s, or too much memory"

Outcomes = list[Outcome] | str
"""What the mappings made of an event, or why they made nothing."""


def evaluate(evaluator: Evaluator, events: Sequence[str]) -> list[Outcomes]:
    """Return what the mappings make of each event, or why libjq cannot read it.

    The numbers of events are as JavaScript writes them.
    """
    try:
        return [*evaluator.evaluate_many(events, rounded=True)]
    except EventError:
        answers: list[Outcomes] = []
        for event in events:
            try:
                answers.append(evaluator.evaluate(event, rounded=True))
            except EventError as error:
                answers.append(f"libjq cannot read the event: {error}")
        return answers


class EvaluatorProcess:
    """The child of one sandbox, started when it is first needed."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def evaluate(self, mappings: Sequence[Any], events: Sequence[str]) -> list[Outcomes]:
        """Return what the mappings make of each event; TOO_LONG for those that do not end."""
        found = await self._ask(mappings, events)
        if found is not None:
            return found
        if len(events) == 1:
            return [TOO_LONG]
        each = [await self.evaluate(mappings, [event]) for event in events]
        return [one[0] for one in each]

    async def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, mappings: Sequence[Any], events: Sequence[str]) -> list[Outcomes] | None:
        """Return the child's answer, or None if it ended instead."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "falcoport.sandbox.ingestion.evaluator_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(_message([SECONDS, mappings, events]))
            await process.stdin.drain()
            length = int.from_bytes(await process.stdout.readexactly(_LENGTH), "big")
            answer = json.loads(await process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.close()
            return None
        except asyncio.CancelledError:
            await self.close()
            raise
        return [one if isinstance(one, str) else [*map(_outcome, one)] for one in answer]


def _message(value: Any) -> bytes:
    raw = json.dumps(value).encode()
    return len(raw).to_bytes(_LENGTH, "big") + raw


def _outcome(fields: dict[str, Any]) -> Outcome:
    errors = tuple(FieldError(**error) for error in fields.pop("errors"))
    return Outcome(**fields, errors=errors)


def main() -> None:
    """Answer the parent's messages until it is gone."""
    import resource
    import signal

    # Ctrl-C is for the parent, which ends this process with itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    known: tuple[Any, Evaluator | None] = (None, None)
    while head := sys.stdin.buffer.read(_LENGTH):
        seconds, mappings, events = json.loads(sys.stdin.buffer.read(int.from_bytes(head, "big")))
        # Nothing handles the alarm: it ends the process, even inside libjq.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        if known[0] != mappings or known[1] is None:
            known = (mappings, Evaluator(mappings))
        assert known[1] is not None
        answers = [
            one if isinstance(one, str) else [asdict(outcome) for outcome in one]
            for one in evaluate(known[1], events)
        ]
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(_message(answers))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
