"""What the tests share: a real sandbox on a free loopback port, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from falcoport.sandbox.server import RunningSandbox, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


def port_client(sandbox: RunningSandbox, *, member: bool = False) -> httpx.Client:
    """Return a client of a sandbox's API that has a token."""
    client = httpx.Client(base_url=f"{sandbox.url}/v1", trust_env=False, timeout=30)
    credentials = {
        "clientId": sandbox.member_client_id if member else sandbox.client_id,
        "clientSecret": sandbox.member_client_secret if member else sandbox.client_secret,
    }
    token = client.post("/auth/access_token", json=credentials).json()["accessToken"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


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
