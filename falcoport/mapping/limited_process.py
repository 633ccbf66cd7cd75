"""Work that may not end, done in a process whose time and memory are limited.

libjq cannot be interrupted, and aborts when there is no memory. So what might hang or fill the
machine runs in a child, which the kernel ends when it reaches a limit, while its parent waits for
an answer and can be interrupted at any moment.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from types import TracebackType

    Watch = Callable[[Any], None]
    """Called with what is begun: starts the clock anew, and is known if this was the last."""

    Handler = Callable[[Any, Watch], Any]

_MEBIBYTE = 1 << 20
_BEGUN, _ANSWER, _RAISED, _MEMORY = "begun", "answer", "raised", "memory"
_LARGEST_ANSWER = 1 / 8  # of the memory, since the parent, which has no limit, must hold it too


@dataclass(frozen=True)
class Limits:
    """How long and how much memory one piece of work may take."""

    seconds: float = 2.0
    mebibytes: int = 512


class LimitReachedError(Exception):
    """The work took too much; `reason` says of what, `begun` what was begun last, if anything."""

    def __init__(self, reason: str, begun: Any) -> None:
        super().__init__(reason, begun)  # all arguments, so that it can be pickled
        self.reason = reason
        self.begun = begun


class LimitedProcess:
    """A child that answers requests one at a time, started with the first one.

    `build` makes the function that answers them: in the child, under the same limits. It and what
    is sent to and fro can be pickled. The child is started anew after it reached a limit.
    """

    def __init__(self, build: Callable[[], Handler], limits: Limits) -> None:
        self._build = build
        self._limits = limits
        self._process: Any = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, request: Any) -> Any:
        """Return the answer to a request. Raise LimitReachedError."""
        self.send(request)
        return self.receive()

    def send(self, request: Any) -> None:
        """Begin a request; none may be under way."""
        if self._connection is None:
            self._start()
        assert self._connection is not None
        with suppress(OSError):  # a child that has just ended: `receive` says so
            self._connection.send(request)

    def receive(self) -> Any:
        """Wait for the answer to what was sent.

        Raise LimitReachedError, and whatever the handler raised.
        """
        assert self._connection is not None
        what, value, begun = _BEGUN, None, None
        with suppress(EOFError, OSError):  # the child has ended
            while what == _BEGUN:
                begun = value
                what, value = self._connection.recv()
        if what == _ANSWER:
            return value
        if what == _RAISED and isinstance(value, Exception):
            raise value
        reason = self._reason()
        self.close()
        raise LimitReachedError(reason, begun if what == _MEMORY else value)

    def close(self) -> None:
        """End the child, whatever it is doing."""
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()

    def _start(self) -> None:
        import multiprocessing

        # A fork takes a tenth of the time of a new interpreter, but threads may hold locks then.
        can_fork = "fork" in multiprocessing.get_all_start_methods()
        alone = threading.active_count() == 1
        context: Any = multiprocessing.get_context("fork" if can_fork and alone else "spawn")
        self._connection, theirs = context.Pipe()
        # A fork has this end too: while it holds it open, it cannot see that its parent is gone.
        inherited = self._connection if can_fork and alone else None
        self._process = context.Process(
            target=_serve, args=(theirs, inherited, self._build, self._limits), daemon=True
        )
        self._process.start()
        theirs.close()

    def _reason(self) -> str:
        """Say which limit a child reached that has ended, or is about to."""
        self._process.join(1)
        if self._process.exitcode == -signal.SIGALRM:
            return f"takes longer than {self._limits.seconds:g} s"
        return f"takes more than {self._limits.mebibytes} MiB of memory"


def _serve(
    connection: Connection,
    inherited: Connection | None,
    build: Callable[[], Handler],
    limits: Limits,
) -> None:
    """Answer requests until the parent is gone."""
    if inherited is not None:
        inherited.close()
    _prepare(limits)

    def watch(begun: Any) -> None:
        # The clock stands while the parent may be busy with something else.
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send((_BEGUN, begun))
        signal.setitimer(signal.ITIMER_REAL, limits.seconds)

    with suppress(EOFError, OSError):
        try:
            watch(None)
            handler = build()
            signal.setitimer(signal.ITIMER_REAL, 0)
            while True:
                request = connection.recv()
                watch(None)
                answer = _encode_answer(handler, request, watch, limits)
                signal.setitimer(signal.ITIMER_REAL, 0)
                connection.send_bytes(answer)
        except MemoryError:
            connection.send((_MEMORY, None))


def _encode_answer(handler: Handler, request: Any, watch: Watch, limits: Limits) -> Any:
    """Return the message with the handler's answer, or with what it raised."""
    from multiprocessing.reduction import ForkingPickler

    try:
        answer = ForkingPickler.dumps((_ANSWER, handler(request, watch)))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 -- it is raised again in the parent
        answer = ForkingPickler.dumps((_RAISED, error))
    if len(answer) > limits.mebibytes * _MEBIBYTE * _LARGEST_ANSWER:
        raise MemoryError
    return answer


def _prepare(limits: Limits) -> None:
    # Ctrl-C is for the parent, which ends this process with itself; the others end it at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    # libjq complains before it aborts, and Python might show where that was.
    faulthandler.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with suppress(ImportError, ValueError, OSError):  # where a system has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        most = _address_space() + limits.mebibytes * _MEBIBYTE
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _address_space() -> int:
    """Return how much this process has already, which is not the work's."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 -- of the kernel's
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
