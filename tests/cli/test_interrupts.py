"""Ctrl-C and SIGTERM, sent to a real process at each of its requests."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.catalogs import Catalog, as_set_up, before_setup, drifted, state_of, without_namespaces
from support.command_line import falcoport
from support.faulty_port import FaultyPort, Request, faulty_port

from falcoport.errors import EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import httpx

    from falcoport.sandbox.server import RunningSandbox

LINE = [sys.executable, "-m", "falcoport"]


@pytest.fixture
def proxy(pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyPort]:
    with faulty_port(pointed.url) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        yield running


def started(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*LINE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def interrupted_at(
    proxy: FaultyPort,
    arguments: Sequence[str],
    which: Callable[[Request], bool],
    *,
    by: signal.Signals = signal.SIGINT,
    hook: str = "after",
) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Run a command and signal it at the first request such as `which`; tell if there was one."""
    process: subprocess.Popen[str] | None = None
    hit = False

    def signal_it(request: Request) -> None:
        nonlocal hit
        if not hit and which(request):
            hit = True
            assert process is not None
            process.send_signal(by)
            # The answer comes only after the signal did, which ends the process.
            process.wait(30)

    proxy.forget()
    setattr(proxy, hook, signal_it)
    process = started(arguments)
    stdout, stderr = process.communicate(timeout=60)
    setattr(proxy, hook, lambda _request: None)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr), hit


SCENARIOS: dict[str, tuple[tuple[str, ...], Callable[[], Catalog]]] = {
    "first setup": (("setup", "--create-namespace-blueprint"), without_namespaces),
    "setup over drift": (("setup", "--verbose"), drifted),
    "teardown": (("teardown", "--yes"), as_set_up),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_interruption_at_any_request_says_what_was_done(
    name: str, proxy: FaultyPort, pointed: RunningSandbox, api: httpx.Client
) -> None:
    arguments, catalog = SCENARIOS[name]
    catalog().seed(pointed)
    number, hit = 0, True
    while hit:
        # What was done stays done, so that each run gets further than the one before it.
        ended, hit = interrupted_at(proxy, arguments, partial(_is_beyond, proxy, number))
        wrote = any(request.writes for request in proxy.seen)
        number += not wrote
        if hit:
            _check_interruption(ended, wrote=wrote)
    assert ended.returncode == EXIT_OK, ended.stderr
    done = state_of(api)
    assert falcoport(*arguments).exit_code == EXIT_OK
    assert state_of(api) == done


def _check_interruption(ended: subprocess.CompletedProcess[str], *, wrote: bool) -> None:
    assert ended.returncode == EXIT_INTERRUPTED, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    said = ended.stderr[ended.stderr.index("error: ") :]
    assert said.startswith("error: Interrupted. ")
    assert said.count("error:") == 1
    assert "safe" in said
    assert ("Nothing was changed in Port." in said) == (not wrote), said


def _is_beyond(proxy: FaultyPort, number: int, _request: Request) -> bool:
    return len(proxy.seen) > number


def is_write(request: Request) -> bool:
    return request.writes


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_before_a_write_arrives_names_it_as_unknown(
    by: signal.Signals, proxy: FaultyPort, pointed: RunningSandbox
) -> None:
    before_setup().seed(pointed)
    ended, _hit = interrupted_at(proxy, ["setup"], is_write, by=by, hook="before")
    _check_interruption(ended, wrote=True)
    assert "Not known: blueprint falco_alert perhaps created." in ended.stderr


def test_an_interruption_in_json_is_an_envelope(proxy: FaultyPort, pointed: RunningSandbox) -> None:
    drifted().seed(pointed)
    ended, _hit = interrupted_at(proxy, ["setup", "-o", "json"], is_write)
    envelope = json.loads(ended.stdout)
    assert (ended.returncode, envelope["exit_code"]) == (EXIT_INTERRUPTED, EXIT_INTERRUPTED)
    assert [error["code"] for error in envelope["errors"]] == ["interrupted"]


def test_a_job_in_the_background_ignores_ctrl_c_as_its_shell_asked(
    proxy: FaultyPort, pointed: RunningSandbox
) -> None:
    before_setup().seed(pointed)
    # A shell without job control starts a job with `&` so.
    launcher = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    launcher += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    line = [sys.executable, "-c", launcher, *LINE[1:], "setup", "--quiet"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        proxy.before = lambda _request: process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == EXIT_OK


def test_ctrl_c_at_a_question_changes_nothing(pointed: RunningSandbox, api: httpx.Client) -> None:
    Catalog(as_set_up().blueprints, as_set_up().webhooks, alerts=2).seed(pointed)
    before = state_of(api)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*LINE, "teardown", "--delete-alerts"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 1024)
    # One that comes between Python's prompt and its waiting for a key shows with the next.
    for _ in range(60):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            break
    assert process.wait(30) == EXIT_INTERRUPTED
    said = os.read(ours, 4096)
    os.close(ours)
    assert re.search(rb"Interrupted\. Nothing was changed", said), said
    assert state_of(api) == before
