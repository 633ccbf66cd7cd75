"""A child has limits, says what it was at, and is gone when its parent is done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from falcoport.mapping.limited_process import LimitedProcess, LimitReachedError, Limits

if TYPE_CHECKING:
    from falcoport.mapping.limited_process import Handler, Watch

SHORT = Limits(seconds=0.3, mebibytes=64)


def handle(request: Any, watch: Watch) -> Any:
    kind, value = request
    if kind == "echo":
        return value
    if kind == "raise":
        raise ValueError(value)
    if kind == "large":
        return "x" * value
    watch(value)
    if kind == "grow":
        grown = [b""]
        while True:
            grown.append(bytes(1 << 20))
    if kind == "steps":
        for step in range(4):
            watch(step)
            time.sleep(SHORT.seconds / 2)
        return os.getpid()
    while True:
        pass


def build() -> Handler:
    return handle


def build_nothing() -> Handler:
    while True:
        pass


def test_answers_come_one_after_the_other_from_one_child() -> None:
    with LimitedProcess(build, SHORT) as process:
        assert [process.ask(("echo", one)) for one in (1, None, [2])] == [1, None, [2]]


def test_what_the_handler_raises_is_raised_here_and_the_child_goes_on() -> None:
    with LimitedProcess(build, SHORT) as process:
        with pytest.raises(ValueError, match="why"):
            process.ask(("raise", "why"))
        assert process.ask(("echo", 1)) == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("loop", "takes longer than 0.3 s"), ("grow", "takes more than 64 MiB of memory")],
)
def test_a_limit_names_what_was_begun_and_a_new_child_answers_next(kind: str, reason: str) -> None:
    with LimitedProcess(build, SHORT) as process:
        with pytest.raises(LimitReachedError) as caught:
            process.ask((kind, "place"))
        assert (caught.value.reason, caught.value.begun) == (reason, "place")
        assert process.ask(("echo", 1)) == 1


def test_an_answer_that_would_fill_the_parent_is_a_limit_too() -> None:
    with LimitedProcess(build, SHORT) as process, pytest.raises(LimitReachedError, match="64 MiB"):
        process.ask(("large", 10 << 20))


def test_each_thing_begun_has_the_whole_time() -> None:
    with LimitedProcess(build, SHORT) as process:
        assert isinstance(process.ask(("steps", None)), int)


def test_making_the_handler_is_limited_as_well() -> None:
    with LimitedProcess(build_nothing, SHORT) as process, pytest.raises(LimitReachedError):
        process.ask(("echo", 1))


def test_the_clock_stands_between_requests() -> None:
    with LimitedProcess(build, SHORT) as process:
        process._start()
        time.sleep(2 * SHORT.seconds)
        process.send(("echo", 1))
        time.sleep(2 * SHORT.seconds)
        assert process.receive() == 1
        assert process.ask(("echo", 2)) == 2


def test_closing_ends_a_child_that_is_busy() -> None:
    process = LimitedProcess(build, Limits(seconds=60))
    pid = process.ask(("echo", 0)) or process._process.pid
    process.send(("loop", None))
    process.close()
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """\
import sys, time
from falcoport.mapping.limited_process import LimitedProcess, Limits

def build():
    return lambda request, watch: request

with LimitedProcess(build, Limits()) as process:
    process.ask(1)
    print(process._process.pid, flush=True)
    sys.stdin.read()
"""


def test_a_child_whose_parent_was_killed_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        parent.kill()
        # The child has inherited this end, which closes once both are gone.
        assert parent.communicate(timeout=20)[0] == b""
