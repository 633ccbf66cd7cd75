"""Runs a preview over whole sources: on all processors where there is much to do, in order.

Mappings that surely end soon run here too; any other only in processes with a limit on time and
memory (see `mapping.limited_process`).

Memory stays bounded: a few chunks are on their way at any time, however long a source is.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from falcoport.errors import InterruptedRunError
from falcoport.falco.inputs.interface import find_alerts, split_source
from falcoport.falcosidekick.forward import HEADERS
from falcoport.mapping.evaluator_process import (
    are_bounded,
    check_regular_expressions,
    explain_limit,
)
from falcoport.mapping.event import build_event_text
from falcoport.mapping.limited_process import LimitedProcess, LimitReachedError, Limits
from falcoport.preview.engine import TOGETHER, Mapper, MapperOptions, Page
from falcoport.preview.interface import NotAnAlertError
from falcoport.preview.plain import AlertReader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from falcoport.falco.inputs.interface import Chunk, InputFormat
    from falcoport.mapping.limited_process import Handler, Watch

_SMALL = 64 * 1024  # bytes of a chunk
_AMPLE = Limits(seconds=86_400, mebibytes=16_384)  # for what surely ends soon
_MOST_PROCESSES = 8
_GARBAGE = 200_000  # objects made between two looks for cycles


@dataclass(frozen=True)
class Source:
    """Something that holds alerts: its name, its bytes in blocks, its format if that is known."""

    name: str
    blocks: Iterable[bytes]
    form: InputFormat | None = None


def pages(
    options: MapperOptions, sources: Iterable[Source]
) -> Generator[tuple[str, Page], None, None]:
    """Map every source; yield its name and a page per chunk, in input order.

    What trickles in through a pipe is shown at once. Raise MappingLimitError.
    """
    work = (
        (source.name, chunk)
        for source in sources
        for chunk in split_source(source.blocks, source.form)
    )
    processes = min(_count_processors(), _MOST_PROCESSES)
    if are_bounded(options.mappings, options.trusted):
        return _pages_in_pool(options, work, processes)
    return _pages_within_limits(options, work, processes)


def _pages_in_pool(
    options: MapperOptions, work: Iterator[tuple[str, Chunk]], processes: int
) -> Generator[tuple[str, Page], None, None]:
    """Map the first chunk, and any small one, right here: what is small needs no other process.

    Raise InterruptedRunError where one of the others is ended.
    """
    mapper = Mapper(options)
    for name, chunk in islice(work, 1):
        yield name, mapper.page(name, chunk)
    build = partial(_build_plain_handler, options)
    with ExitStack() as stack:
        # One more than there are processors: it has work while an answer waits for its turn.
        idle = deque(
            stack.enter_context(LimitedProcess(build, _AMPLE)) for _ in range(processes + 1)
        )
        waiting: deque[tuple[LimitedProcess, str]] = deque()
        for name, chunk in work:
            if processes == 1 or len(chunk.text) < _SMALL:
                while waiting:
                    yield _receive_plain(waiting, idle)
                yield name, mapper.page(name, chunk)
                continue
            if not idle:
                yield _receive_plain(waiting, idle)
            process = idle.popleft()
            process.send((name, chunk))
            waiting.append((process, name))
        while waiting:
            yield _receive_plain(waiting, idle)


def _receive_plain(
    waiting: deque[tuple[LimitedProcess, str]], idle: deque[LimitedProcess]
) -> tuple[str, Page]:
    """Return the page of the chunk that waits longest. Raise InterruptedRunError."""
    process, name = waiting.popleft()
    try:
        page: Page = process.receive()
    except LimitReachedError:
        raise InterruptedRunError(
            "A process that maps alerts was ended from outside.",
            hint="Memory may be short. Run the same command again.",
        ) from None
    idle.append(process)
    return name, page


def _build_plain_handler(options: MapperOptions) -> Handler:
    # Alerts make many objects and no cycles: looking for those takes a tenth of the time.
    gc.set_threshold(_GARBAGE)
    mapper = Mapper(options)
    return lambda request, _watch: mapper.page(*request)


def _pages_within_limits(
    options: MapperOptions, work: Iterator[tuple[str, Chunk]], processes: int
) -> Generator[tuple[str, Page], None, None]:
    """Map every chunk in one of several limited processes, each with one chunk at a time."""
    build = partial(_build_handler, options)
    with ExitStack() as stack:
        idle = deque(
            stack.enter_context(LimitedProcess(build, options.limits)) for _ in range(processes)
        )
        waiting: deque[tuple[LimitedProcess, str, Chunk]] = deque()
        for name, chunk in work:
            if not idle:
                yield _receive(options, waiting, idle)
            process = idle.popleft()
            process.send((name, chunk))
            waiting.append((process, name, chunk))
            if len(chunk.text) < _SMALL:
                while waiting:
                    yield _receive(options, waiting, idle)
        while waiting:
            yield _receive(options, waiting, idle)


def _receive(
    options: MapperOptions,
    waiting: deque[tuple[LimitedProcess, str, Chunk]],
    idle: deque[LimitedProcess],
) -> tuple[str, Page]:
    """Return the page of the chunk that waits longest. Raise MappingLimitError."""
    process, name, chunk = waiting.popleft()
    try:
        page: Page = process.receive()
    except LimitReachedError as error:
        first, last = error.begun or (0, 0)
        events = _read_events(options, chunk, first, last)
        at = f" (at {name}:{first})" if first else ""
        raise explain_limit(options.mappings, events, options.limits, error.reason, at) from None
    idle.append(process)
    return name, page


def _read_events(options: MapperOptions, chunk: Chunk, first: int, last: int) -> list[str]:
    """Return the events of the alerts in some lines of a chunk."""
    reader = AlertReader(options.custom_tags)
    events = []
    for found in find_alerts(chunk):
        if found.text and first <= found.line <= last:
            with suppress(NotAnAlertError):
                body = json.dumps(reader.read(found.text))
                events.append(build_event_text(body, HEADERS))
    return events


def _build_handler(options: MapperOptions) -> Handler:
    gc.set_threshold(_GARBAGE)
    mapper = Mapper(options)
    spent, alerts = 0.0, 0

    def handle(request: tuple[str, Chunk], watch: Watch) -> Page:
        nonlocal spent, alerts
        began = time.monotonic()
        page = mapper.page(*request, watch)
        spent += time.monotonic() - began
        alerts += page.alerts
        for failure in page.failed:
            check_regular_expressions([failure.message], (failure.line, failure.line))
        # Many small chunks of alerts that are slow, each within the limit, would take for ever.
        if spent > options.limits.seconds and spent * TOGETHER > options.limits.seconds * alerts:
            reason = f"takes {spent:.1f} s for {alerts} alerts"
            raise LimitReachedError(reason, (request[1].line, sys.maxsize))
        return page

    return handle


def _count_processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
