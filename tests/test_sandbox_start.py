"""The sandbox starts, says what keeps it from starting, and stops."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from falcoport.errors import UsageError
from falcoport.sandbox.server import RunningSandbox, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_a_busy_port_is_one_clear_error(sandbox: RunningSandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with (
        pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}") as error,
        running_sandbox(SandboxOptions(port=port)),
    ):
        pass
    assert "--port" in error.value.problems[0].hint


@pytest.mark.parametrize("content", [b"this is no database, is it?" * 100, None])
def test_a_file_that_is_no_database_is_one_clear_error(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "state.db"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with (
        pytest.raises(UsageError, match=r"cannot use .*state\.db as the sandbox's database"),
        running_sandbox(SandboxOptions(port=0, database=file)),
    ):
        pass
    if content is not None:
        assert file.read_bytes() == content


def test_it_listens_on_loopback_only(sandbox: RunningSandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    own_address = socket.gethostbyname(socket.gethostname())
    if own_address.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((own_address, port), timeout=5)


def test_it_stops_when_the_block_ends() -> None:
    with running_sandbox(SandboxOptions(port=0)) as running:
        assert httpx.get(f"{running.url}/v1/nothing", trust_env=False).status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/v1/nothing", trust_env=False)
