"""The sandbox starts, says what keeps it from starting, and stops."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest
from support.port_client import port_client

from falcoport.errors import UsageError
from falcoport.sandbox.server import RunningSandbox, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_a_busy_port_is_one_clear_error(sandbox: RunningSandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with (
        pytest.raises(UsageError, match=f"Cannot listen on 127.0.0.1:{port}") as error,
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
        pytest.raises(UsageError, match=r"Cannot use .*state\.db as the sandbox's database"),
        running_sandbox(SandboxOptions(port=0, database=file)),
    ):
        pass
    if content is not None:
        assert file.read_bytes() == content


def test_a_database_in_use_is_one_clear_error(tmp_path: Path) -> None:
    options = SandboxOptions(port=0, database=tmp_path / "state.db")
    with (
        running_sandbox(options),
        pytest.raises(UsageError, match=r"Cannot use .*state\.db .*: another sandbox uses it"),
        running_sandbox(options),
    ):
        pass


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    options = SandboxOptions(port=0, database=tmp_path / "none" / "state.db")
    with pytest.raises(UsageError, match="unable to open") as error, running_sandbox(options):
        pass
    assert "can be written" in error.value.problems[0].hint


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE entity(x)")
    before = file.read_bytes()
    options = SandboxOptions(port=0, database=file)
    with pytest.raises(UsageError, match="it holds something else"), running_sandbox(options):
        pass
    assert file.read_bytes() == before


def test_without_its_extra_it_says_what_to_install() -> None:
    script = """
import sys
sys.modules["starlette"] = None
from falcoport.errors import UsageError
from falcoport.sandbox.server import SandboxOptions, running_sandbox
try:
    with running_sandbox(SandboxOptions(port=0)):
        pass
except UsageError as error:
    print(error.problems[0].message, error.problems[0].hint)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("The sandbox needs its extra (starlette is not installed).")
    assert "pip install 'falcoport[sandbox]'" in ran.stdout


def test_what_is_written_is_there_after_a_restart(tmp_path: Path) -> None:
    options = SandboxOptions(port=0, database=tmp_path / "state.db")
    blueprint = {"identifier": "b", "title": "B", "schema": {"properties": {}}}
    with running_sandbox(options) as running, port_client(running) as api:
        api.post("/blueprints", json=blueprint).raise_for_status()
        api.post("/blueprints/b/entities", json={"identifier": "e"}).raise_for_status()
        body = {"title": "W", "enabled": True, "mappings": []}
        url = api.post("/webhooks", json=body).json()["integration"]["url"]
    with running_sandbox(options) as running, port_client(running) as api:
        assert api.get("/blueprints/b/entities/e").status_code == 200
        assert api.post(running.url + "/" + url.rpartition("/")[2], json={}).status_code == 202


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
