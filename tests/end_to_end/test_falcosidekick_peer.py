"""The forwarded form against a real Falcosidekick, where one is on PATH."""

from __future__ import annotations

import json
import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line
from support.sidekick import REAL, run_sidekick

from falcoport.delivery.sidekick import Counters, Sidekick
from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import HEADERS, NotForwardedError, forwarded
from falcoport.falcosidekick.handover.contents import Handover

if TYPE_CHECKING:
    from collections.abc import Iterator

TAGS = ("", "cluster-x")
SECONDS = 20.0

pytestmark = pytest.mark.skipif(REAL is None, reason="needs the falcosidekick program")


class Peer:
    """A running Falcosidekick, and what it posts to its webhook."""

    def __init__(
        self, client: httpx.Client, received: queue.Queue[tuple[dict[str, str], bytes]]
    ) -> None:
        self._client = client
        self._received = received

    def forwarded(self, line: bytes) -> tuple[dict[str, str], bytes] | None:
        """Return the headers and the body that it posts for a line; None if it refuses it."""
        try:
            status = self._client.post("/", content=line).status_code
        except httpx.TransportError:
            return None  # it fails on the alert and closes the connection
        if status != 200:
            return None
        headers, body = self._received.get(timeout=SECONDS)
        # It answers 200 to an alert that it then fails to encode, and posts an empty body.
        return (headers, body) if body else None


@contextmanager
def webhook() -> Iterator[tuple[int, queue.Queue[tuple[dict[str, str], bytes]]]]:
    received: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put((dict(self.headers), body))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """Run Falcosidekick on loopback with two custom tags, one of them empty."""
    with webhook() as (webhook_port, received):
        environment = {
            "WEBHOOK_ADDRESS": f"http://127.0.0.1:{webhook_port}/",
            "CUSTOMTAGS": ",".join(TAGS),
        }
        with (
            run_sidekick("real", environment) as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            yield Peer(client, received)


def ours(line: bytes) -> dict[str, Any] | None:
    try:
        return without_uuid(forwarded(line, custom_tags=TAGS))
    except NotForwardedError:
        return None


def without_uuid(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body, parse_float=str, parse_int=str)
    assert found.pop("uuid")
    return found


def same(peer: Peer, line: bytes) -> None:
    theirs = peer.forwarded(line)
    assert ours(line) == (None if theirs is None else without_uuid(theirs[1]))


@pytest.mark.parametrize("one", samples(), ids=lambda one: one.name)
def test_samples(one: Any, peer: Peer) -> None:
    same(peer, one.line.encode())


def test_headers(peer: Peer) -> None:
    found = peer.forwarded(samples()[0].line.encode())
    assert found is not None
    headers = {name.lower(): value for name, value in found[0].items()}
    assert {name: headers[name.lower()] for name in HEADERS} == HEADERS


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ALERTS)
def test_generated_alerts(peer: Peer, alert: dict[str, Any]) -> None:
    same(peer, as_line(alert).encode())


# What `forward` names as left out is not among these.
ODD = st.sampled_from(
    [
        b'"priority":"INFO"',
        b'"priority":null',
        b'"Rule":"other"',
        b'"rule":null',
        b'"tags":null',
        b'"tags":[1]',
        b'"output_fields":{"b":1.50}',
        b'"output_fields":{"k8s.ns.name":1}',
        b'"OUTPUT_FIELDS":{"c":[1e3,{"z":1,"a":2}]}',
        b'"time":"2026-08-17T9:47:21,5+00:00"',
        b'"time":"2026-08-17T09:47:21+24:00"',
        b'"time":"2026-02-30T09:47:21Z"',
        b'"ti\\u006de":"2026-08-17T09:47:22Z"',
        b'"output_fields":{"time":"2026-08-17T09:47:2\\u0034Z"}',
        b'"output_fields":{"n":1786960041123456789,"f":0.12345678901234567890,"e":1e400}',
        b'"source":""',
        b'"hostname":""',
        b'"output":"\\ud800 <&> \xe2\x80\xa8 \xff"',
        b'"uuid":"mine"',
        b'"message":1',
    ]
)


BEHIND = st.sampled_from(
    [b"", b"\n", b" garbage", b'"time":"2026-08-17T09:47:23Z"', b"\xff\\ud800", b"{", b"\\"]
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ODD, max_size=5), BEHIND)
def test_odd_members_and_bytes_behind_the_object(
    peer: Peer, members: list[bytes], behind: bytes
) -> None:
    ordinary = [
        b'"priority":"Debug"',
        b'"rule":"r"',
        b'"tags":["z","a"]',
        b'"time":"2026-08-17T09:47:21.500000000Z"',
        b'"output_fields":{"a":1}',
    ]
    same(peer, b"{" + b",".join([*ordinary, *members]) + b"}" + behind)


BURST = 5000


@pytest.mark.slow
def test_a_burst_loses_nothing_with_the_concurrency_that_is_handed_over() -> None:
    """Every alert of a burst is posted, and Falcosidekick counts no error."""
    line = samples()[0].line.encode()
    with webhook() as (webhook_port, received):
        handover = Handover(f"http://127.0.0.1:{webhook_port}/key")
        with (
            run_sidekick("real", handover.environment) as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            for _ in range(BURST):
                client.post("/", content=line).raise_for_status()
            for _ in range(BURST):
                received.get(timeout=SECONDS)
            counters = Sidekick(url, SECONDS).read_counters()
            while counters is not None and counters.posted < BURST and not counters.failed:
                counters = Sidekick(url, SECONDS).read_counters()
    assert counters == Counters(accepted=BURST, posted=BURST, failed=0)
