"""What the tests share: a real sandbox on a free loopback port, and a client of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest
import stamina
from support.port_client import port_client

from falcoport.sandbox.server import RunningSandbox, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


# How long a test may take is not what it is about, and this machine may be busy. The same examples
# each time: a run judges the change, not luck. The few of `quick` keep `pytest` alone short;
# `.ci/run` asks for those of `thorough`, and `pytest --hypothesis-profile explore` looks for new
# ones.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=20)
hypothesis.settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("quick")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what this machine's user has set out of the tests."""
    for name in list(os.environ):
        if name.startswith(("PORT_", "FALCOPORT_")) or name in (
            "NO_COLOR",
            "FORCE_COLOR",
            "COLUMNS",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retry without pauses: what a pause is for cannot be seen on loopback."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Run a sandbox with nothing in it."""
    with running_sandbox(SandboxOptions(port=0)) as running:
        yield running


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    """Make a client of the sandbox's API, as an admin; its paths begin behind `/v1`."""
    with port_client(sandbox) as client:
        yield client


@pytest.fixture
def pointed(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> RunningSandbox:
    """Point falcoport's environment to the sandbox, as its `export` lines do."""
    monkeypatch.setenv("PORT_API_URL", sandbox.url)
    monkeypatch.setenv("PORT_CLIENT_ID", sandbox.client_id)
    monkeypatch.setenv("PORT_CLIENT_SECRET", sandbox.client_secret)
    return sandbox
