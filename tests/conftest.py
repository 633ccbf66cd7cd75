"""What the tests share: a real sandbox on a free loopback port, and a client of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from falcoport.sandbox.server import RunningSandbox, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def port_client(sandbox: RunningSandbox, *, member: bool = False) -> Iterator[httpx.Client]:
    """Make a client of a sandbox's API that has a token."""
    credentials = {
        "clientId": sandbox.member_client_id if member else sandbox.client_id,
        "clientSecret": sandbox.member_client_secret if member else sandbox.client_secret,
    }
    # Without TLS certificates, whose loading takes longer than many a test.
    with httpx.Client(
        base_url=f"{sandbox.url}/v1", trust_env=False, verify=False, timeout=30
    ) as client:
        token = client.post("/auth/access_token", json=credentials).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


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
