"""Runs a preview over whole sources: on all processors where there is much to do, in order.

Memory stays bounded: a few chunks are on their way at any time, however long a source is.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from falcoport.falco.inputs.interface import split_source
from falcoport.preview.engine import Mapper, MapperOptions, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future

    from falcoport.falco.inputs.interface import Chunk

BLOCK = 256 * 1024
"""How many bytes of a source are read and mapped at a time."""

_SMALL = 64 * 1024  # bytes of a chunk
_AT_ONCE = 3  # chunks on their way for each process
_MOST_PROCESSES = 8
_GARBAGE = 200_000  # objects made between two looks for cycles


@dataclass(frozen=True)
class Source:
    """Something that holds alerts: its name, and its bytes in blocks."""

    name: str
    blocks: Iterable[bytes]


def pages(
    options: MapperOptions, sources: Iterable[Source]
) -> Generator[tuple[str, Page], None, None]:
    """Map every source; yield its name and a page per chunk, in input order.

    The first chunk, and any small one, is mapped right here: what is small needs no other process,
    and what trickles in through a pipe is shown at once.
    """
    work = ((source.name, chunk) for source in sources for chunk in split_source(source.blocks))
    mapper = Mapper(options)
    processes = min(_processors(), _MOST_PROCESSES)
    for name, chunk in islice(work, 1):
        yield name, mapper.page(name, chunk)
    waiting: deque[tuple[str, Future[Page]]] = deque()
    with _pool(options, processes) as submit:
        for name, chunk in work:
            if processes == 1 or len(chunk.text) < _SMALL:
                yield from _finished(waiting, 0)
                yield name, mapper.page(name, chunk)
            else:
                waiting.append((name, submit(name, chunk)))
                yield from _finished(waiting, processes * _AT_ONCE)
        yield from _finished(waiting, 0)


def _finished(
    waiting: deque[tuple[str, Future[Page]]], remaining: int
) -> Iterator[tuple[str, Page]]:
    while len(waiting) > remaining:
        name, page = waiting.popleft()
        yield name, page.result()


@contextmanager
def _pool(options: MapperOptions, processes: int) -> Iterator[Callable[[str, Chunk], Future[Page]]]:
    """Give a function that maps a chunk in another process; those start with the first chunk."""
    from concurrent.futures import ProcessPoolExecutor

    pool = ProcessPoolExecutor(processes, initializer=_start, initargs=(options,))
    try:
        yield lambda name, chunk: pool.submit(_map, name, chunk)
    finally:
        pool.shutdown(cancel_futures=True)


_mapper: list[Mapper] = []
"""The mapper of this process, where it is one of a pool's."""


def _start(options: MapperOptions) -> None:
    # Ctrl-C reaches every process of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Alerts make many objects and no cycles: looking for those takes a tenth of the time.
    gc.set_threshold(_GARBAGE)
    _mapper.append(Mapper(options))


def _map(name: str, chunk: Chunk) -> Page:
    return _mapper[0].page(name, chunk)


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
