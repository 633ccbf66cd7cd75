"""A client of a sandbox's API that has a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from falcoport.sandbox.server import RunningSandbox


def port_client(sandbox: RunningSandbox, *, member: bool = False) -> httpx.Client:
    """Return a client of a sandbox's API that has a token."""
    credentials = {
        "clientId": sandbox.member_client_id if member else sandbox.client_id,
        "clientSecret": sandbox.member_client_secret if member else sandbox.client_secret,
    }
    base = f"{sandbox.url}/v1"
    # Without TLS certificates, whose loading takes longer than many a test.
    answer = httpx.post(
        f"{base}/auth/access_token", json=credentials, trust_env=False, verify=False
    )
    headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    return httpx.Client(base_url=base, headers=headers, trust_env=False, verify=False, timeout=30)
