"""The sandbox answers to this machine only, in bounds, and says so when it cannot store."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.hooks import Hook, mapping
from support.port_client import port_client

from falcoport.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from pathlib import Path

    import httpx


def ask(sandbox: RunningSandbox, method: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=names)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8010", 200),
        ("127.0.0.1", 200),
        ("[::1]:8010", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8010", 421),
        ("localhost@evil.example", 421),
        ("[", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(
    sandbox: RunningSandbox, host: str, status: int
) -> None:
    assert ask(sandbox, "GET", "/", Host=host) == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1:8010", 202),
        ("http://localhost", 202),
    ],
)
def test_a_page_of_another_site_changes_nothing(
    sandbox: RunningSandbox, api: httpx.Client, origin: str, status: int
) -> None:
    hook = Hook(sandbox, api)
    hook.create(mapping())
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    assert hook.send({"id": "a"}, headers=headers).status_code == status
    assert len(hook.events()) == (status == 202)
    assert api.get(f"{sandbox.url}/", headers={"Origin": origin}).status_code == 200


def raw_answer(sandbox: RunningSandbox, *chunks: bytes) -> bytes:
    port = int(sandbox.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        answer = b""
        try:
            for chunk in chunks:
                connection.sendall(chunk)
            while chunk := connection.recv(4096):
                answer += chunk
        except ConnectionError:
            pass
        return answer


START = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "chunks",
    [
        (START, b"X: " + b"a" * 70_000 + b"\r\n\r\n"),
        (START, b"X: ", *[b"a" * 40_000] * 40),
        (START, b"".join(b"X-%d: a\r\n" % n for n in range(300)), b"\r\n"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",),
    ],
)
def test_the_head_of_a_request_has_a_limit(
    sandbox: RunningSandbox, api: httpx.Client, chunks: tuple[bytes, ...]
) -> None:
    answer = raw_answer(sandbox, *chunks)
    assert not answer or answer.startswith(b"HTTP/1.1 431 ")
    assert api.get("/blueprints").status_code == 200


def test_a_small_head_with_a_large_body_is_read(sandbox: RunningSandbox) -> None:
    with port_client(sandbox) as api:
        schema = {"properties": {"text": {"type": "string"}}}
        api.post("/blueprints", json={"identifier": "alert", "title": "A", "schema": schema})
        entity = {"identifier": "a", "properties": {"text": "x" * 900_000}}
        assert api.post("/blueprints/alert/entities", json=entity).status_code == 201


def rule(value: Any) -> dict[str, Any]:
    rules = [{"property": "$identifier", "operator": "=", "value": value}]
    return {"combinator": "and", "rules": rules}


def test_half_a_surrogate_pair_in_a_query_is_422(api: httpx.Client) -> None:
    api.post(
        "/blueprints", json={"identifier": "alert", "title": "A", "schema": {"properties": {}}}
    )
    paths = {
        "/entities/search": rule("\ud800"),
        "/blueprints/alert/entities/search": {"query": rule("\ud800")},
        "/blueprints/alert/entities": {"identifier": rule("\ud800")},
        "/entities/aggregate": {"func": "count", "query": rule("\ud800")},
    }
    for path, asked in paths.items():
        answer = api.post(path, content=json.dumps(asked))
        assert (path, answer.status_code) == (path, 422)


SMALL_DISK = """
import resource, signal, sys
from pathlib import Path
from falcoport.sandbox.server import SandboxOptions, serve
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
serve(SandboxOptions(port=0, database=Path(sys.argv[1])), lambda r: print(r.url, flush=True))
"""


def test_a_full_disk_is_one_clear_answer_and_no_waiting(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SMALL_DISK, str(tmp_path / "state.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            sandbox = RunningSandbox(process.stdout.readline().strip())
            with port_client(sandbox) as api:
                hook = Hook(sandbox, api)
                hook.create(mapping(title=".body.text"))
                statuses = set()
                for number in range(40):
                    answer = hook.send({"id": f"a{number}", "text": "x" * 60_000})
                    statuses.add(answer.status_code)
                    last = answer.json()
                assert statuses == {202, 503}
                assert last["error"] == "storage_unavailable"
                settled = api.get(f"{sandbox.url}/_sandbox/events?settled=true")
                assert settled.status_code in {200, 503}
                assert api.get("/blueprints").status_code == 200
        finally:
            process.send_signal(signal.SIGKILL)
