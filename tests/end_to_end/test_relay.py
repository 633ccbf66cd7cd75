"""`falcoport relay` as a process of its own, between a real NATS server and the sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.command_line import falcoport
from support.queues import count_in_stream, free_port, nats_server, publish, stored_alert
from support.relays import here_until
from support.webhooks import receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from falcoport.sandbox.server import RunningSandbox


class Process:
    """A relay, its lines on stderr and where it serves its health."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.lines: list[str] = []
        self.stdout = ""
        self._port = port
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self._port}{path}", trust_env=False, verify=False)

    def wait_until_ready(self) -> None:
        here_until(self._is_ready)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join()
        assert self.process.stdout is not None
        self.stdout += self.process.stdout.read()
        return code

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.lines
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))


@contextmanager
def relay_process(*arguments: str, **environment: str) -> Iterator[Process]:
    port = free_port()
    command = [sys.executable, "-m", "falcoport", "relay", f"--listen=127.0.0.1:{port}"]
    process = subprocess.Popen(
        [*command, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Process(process, port)
    try:
        yield running
    finally:
        if process.poll() is None:
            running.end(signal.SIGKILL)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    with nats_server(tmp_path / "nats") as found:
        yield found


def alerts_in(api: httpx.Client) -> list[str]:
    found = api.get("/blueprints/falco_alert/entities").raise_for_status().json()["entities"]
    return sorted(one["identifier"] for one in found)


@pytest.mark.slow  # what the killed one held comes again after JetStream's 30 seconds
def test_alerts_from_the_queue_are_in_the_catalog_once_though_a_replica_is_killed(
    servers: str, pointed: RunningSandbox, api: httpx.Client
) -> None:
    assert falcoport("setup", "--no-relation").exit_code == 0
    source = f"--from=nats://{servers}"
    with relay_process(source) as killed, relay_process(source) as other:
        killed.wait_until_ready()
        other.wait_until_ready()
        publish(servers, "falco.warning", *(stored_alert(n) for n in range(50)))
        killed.end(signal.SIGKILL)
        publish(servers, "falco.warning", *(stored_alert(n) for n in range(50, 100)))
        with relay_process(source) as again:
            again.wait_until_ready()
            here_until(lambda: count_in_stream(servers, "FALCO") == 0, 60)
            here_until(lambda: "falcoport_relay_lag 0.0" in again.get("/metrics").text)
            assert again.end(signal.SIGTERM) == 0
        assert other.end(signal.SIGTERM) == 0
    here_until(lambda: len(alerts_in(api)) == 100)
    expected = [json.loads(stored_alert(n)) for n in range(100)]
    assert alerts_in(api) == sorted(f"{one['hostname']}-{one['time']}" for one in expected)


def test_a_url_is_enough_and_is_shown_nowhere(servers: str) -> None:
    with receiver() as here:
        url = f"{here.url}-4711-of-the-webhook"
        secret = {"FALCOPORT_WEBHOOK_URL": url, "FALCOPORT_WEBHOOK_SECRET": "s3cret-of-it-4711"}
        with relay_process(f"--from=nats://{servers}", "--verbose", **secret) as running:
            running.wait_until_ready()
            publish(servers, "falco.warning", stored_alert(1))
            here.wait_for(1)
            assert running.end(signal.SIGTERM) == 0
        assert here.headers[0]["X-Falcoport-Secret"] == "s3cret-of-it-4711"
    assert "4711" not in "\n".join(running.lines)
    assert running.lines[-1] == "Stopped. 1 alert posted, 0 tries failed, 0 dead letters."


def test_the_envelope_counts_what_became_of_alerts(servers: str) -> None:
    with receiver() as here:
        source = f"--from=nats://{servers}"
        with relay_process(source, "-o", "json", FALCOPORT_WEBHOOK_URL=here.url) as running:
            running.wait_until_ready()
            publish(servers, "falco.warning", stored_alert(1), b"none")
            here_until(lambda: "dead_lettered_total 1.0" in running.get("/metrics").text)
            here.wait_for(1)
            running.end(signal.SIGTERM)
            envelope = json.loads(running.stdout)
    assert envelope["data"] == {"posted": 1, "retried": 0, "redelivered": 0, "dead_lettered": 1}


def test_without_a_set_up_it_says_so_before_it_connects(pointed: RunningSandbox) -> None:
    ran = falcoport("relay", "--from", "nats://127.0.0.1:1")
    assert ran.exit_code == 3
    assert ran.errors == ["There is no webhook 'falco_alert_mapper' in Port."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "redis://x"], "begins with nats://, tls://, kafka://"),
        (["--from", "nats://user:pw-4711@x"], "must hold no user and no password"),
        (["--from", "kafka://x:9092"], "ends with the topic"),
        (["--from", "nats://x/falco.>.y"], "is not a NATS subject"),
        (["--from", "nats://x", "--dead-letter", "falco.x"], "read its own dead letters"),
        (["--from", "nats://x", "--group", "a.b"], "cannot be the group's name"),
        (["--from", "nats://x", "--listen", "9280"], "not HOST:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_URL", "http://127.0.0.1:1/key")
    ran = falcoport("relay", *arguments)
    assert ran.exit_code == 2
    assert message in ran.everything
    assert "pw-4711" not in ran.everything


def test_alerts_are_not_posted_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_URL", "http://ingest.example/key-4711")
    ran = falcoport("relay", "--from", "nats://127.0.0.1:1")
    assert ran.exit_code == 2
    assert "https://" in ran.everything
    assert "key-4711" not in ran.everything


def test_a_queue_configuration_with_what_is_unknown_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_URL", "http://127.0.0.1:1/key")
    config = tmp_path / "queue.conf"
    config.write_text("# NATS\nuser=x\npasswort=pw-4711\n")
    arguments: Any = ("relay", "--from", f"nats://{servers}", "--queue-config", str(config))
    ran = falcoport(*arguments, "--listen", "127.0.0.1:0")
    assert ran.exit_code == 2
    assert "holds passwort, which" in ran.everything
    assert "pw-4711" not in ran.everything
