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
from falcoport.sandbox.options import Catalog
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
    with pytest.raises(UsageError, match="No such file") as error, running_sandbox(options):
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
    assert "extra sandbox" in ran.stdout


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


def test_a_database_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    database.touch(0o644)
    with running_sandbox(SandboxOptions(port=0, database=database)):
        modes = {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_database_of_the_older_layout_is_brought_up_to_date(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    options = SandboxOptions(port=0, database=database)
    with running_sandbox(options) as running, port_client(running) as api:
        body = {"identifier": "alert", "title": "Alert", "schema": {"properties": {}}}
        api.post("/blueprints", json=body).raise_for_status()
    make_older_layout(database)
    with running_sandbox(options) as running, port_client(running) as api:
        assert api.get("/pages/alerts").json()["page"]["blueprint"] == "alert"
        assert api.get("/blueprints/alert").status_code == 200


def make_older_layout(database: Path) -> None:
    """Turn a database into what the version before the resources left behind."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(
            "CREATE TABLE page(identifier TEXT PRIMARY KEY, blueprint INTEGER NOT NULL, "
            "document TEXT NOT NULL)"
        )
        connection.execute(
            "INSERT INTO page SELECT identifier, blueprint, document FROM resource "
            "WHERE kind = 'page' AND identifier = 'alerts'"
        )
        for table in ("resource", "audit", "run", "run_log", "trigger_event", "timer"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'layout'")


def test_a_database_of_a_newer_layout_is_refused_by_name(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    options = SandboxOptions(port=0, database=database)
    with running_sandbox(options):
        pass
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'layout'")
    with (
        pytest.raises(UsageError, match="layout 99 is of another version"),
        running_sandbox(options),
    ):
        pass


@pytest.mark.parametrize(
    ("catalog", "namespace", "relations"),
    [
        (Catalog.EXPORTER, "k8s_namespace", {"Cluster": "k8s_cluster"}),
        (Catalog.EXPORTER_LEGACY, "namespace", {"Cluster": "cluster"}),
    ],
)
def test_a_catalog_is_there_from_the_start(
    catalog: Catalog, namespace: str, relations: dict[str, str]
) -> None:
    options = SandboxOptions(port=0, catalog=catalog)
    with running_sandbox(options) as running, port_client(running) as api:
        found = api.get(f"/blueprints/{namespace}").json()["blueprint"]
        pages = api.get(f"/pages/{namespace}s")
    assert {name: one["target"] for name, one in found["relations"].items()} == relations
    assert set(found["schema"]["properties"]) == {"creationTimestamp", "labels"}
    assert pages.status_code == 200


def test_a_catalog_keeps_what_is_there_already(tmp_path: Path) -> None:
    options = SandboxOptions(port=0, database=tmp_path / "s.db", catalog=Catalog.EXPORTER)
    with running_sandbox(options) as running, port_client(running) as api:
        api.patch("/blueprints/k8s_node", json={"title": "Mine"}).raise_for_status()
    with running_sandbox(options) as running, port_client(running) as api:
        assert api.get("/blueprints/k8s_node").json()["blueprint"]["title"] == "Mine"
