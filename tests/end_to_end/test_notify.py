"""setup --notify and --retention: Port tells people, and deletes what is old; no secret shown."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import falcoport

from falcoport.commands.extras.retention import expiry_expression, read_expiry_expression

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx


SETUP = ("setup", "--create-namespace-blueprint")


class Receiver:
    """Something that takes messages as Slack does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages: list[dict[str, Any]] = []
        self.came = Event()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.messages.append(json.loads(body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")
            found.came.set()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Receiver(f"http://127.0.0.1:{server.server_address[1]}/services/T0/B0/secretpath")
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def url_file(receiver: Receiver, tmp_path: Path) -> str:
    file = tmp_path / "slack.url"
    file.write_text(f"{receiver.url}\n")
    return str(file)


def alert(priority: str, number: int = 1, output: str = "a & <b>") -> dict[str, Any]:
    return {
        "identifier": f"x{number}",
        "properties": {"priority": priority, "rule": "Shell in a container", "output": output},
    }


def add(api: httpx.Client, body: dict[str, Any]) -> None:
    api.post("/blueprints/falco_alert/entities", json=body).raise_for_status()


def actions(api: httpx.Client) -> list[str]:
    return [one["identifier"] for one in api.get("/actions").json()["actions"]]


@pytest.mark.usefixtures("pointed")
def test_a_critical_alert_reaches_slack_and_a_debug_one_does_not(
    api: httpx.Client, receiver: Receiver, url_file: str
) -> None:
    ran = falcoport(*SETUP, "--notify", "slack", "--notify-url-file", url_file)
    assert ran.exit_code == 0, ran.everything
    assert "secretpath" not in ran.everything
    assert "Port counts a run" in ran.stderr
    assert "falco_notify_slack acts" in ran.stderr
    assert "Port counts a run" not in falcoport("setup").stderr
    add(api, alert("Debug", 1))
    add(api, alert("Critical", 2))
    assert receiver.came.wait(20)
    [message] = receiver.messages
    assert [*message] == ["text"]
    assert "*Critical*" in message["text"]
    assert "Shell in a container" in message["text"]
    assert "a &amp; &lt;b&gt;" in message["text"]
    assert "/falco_alertEntity?identifier=x2|Open in Port>" in message["text"]


@pytest.mark.usefixtures("pointed")
def test_send_test_shows_it_working(receiver: Receiver, url_file: str) -> None:
    ran = falcoport(*SETUP, "--notify", "slack", "--notify-url-file", url_file)
    assert ran.exit_code == 0, ran.everything
    ran = falcoport("send-test", "--priority", "critical")
    assert ran.exit_code == 0, ran.everything
    assert receiver.came.wait(20)
    assert "*Critical*" in receiver.messages[0]["text"]


@pytest.mark.usefixtures("pointed")
def test_the_secret_is_written_once_given_and_otherwise_left(
    api: httpx.Client, url_file: str
) -> None:
    assert falcoport(*SETUP, "--notify", "slack", "--notify-url-file", url_file).exit_code == 0
    [secret] = api.get("/organization/secrets").json()["secrets"]
    assert secret["secretName"] == "FALCO_NOTIFY_SLACK"
    again = falcoport("plan", "--with", "notify", "--exit-code")
    assert again.exit_code == 0, again.everything
    given = falcoport("plan", "--notify", "slack", "--notify-url-file", url_file)
    assert "***" in given.stdout
    assert "secretpath" not in given.everything


@pytest.mark.usefixtures("pointed")
def test_the_priority_is_remembered(api: httpx.Client, url_file: str) -> None:
    options = ("--notify", "slack", "--notify-url-file", url_file, "--notify-priority", "error")
    assert falcoport(*SETUP, *options).exit_code == 0
    assert falcoport("setup", "--notify", "slack").exit_code == 0
    [action] = api.get("/actions").json()["actions"]
    [expression] = action["trigger"]["condition"]["expressions"]
    assert '"Error")' in expression


@pytest.mark.usefixtures("pointed")
def test_without_a_url_there_is_nothing_to_send_to(api: httpx.Client) -> None:
    ran = falcoport(*SETUP, "--notify", "teams", "-o", "json")
    assert ran.exit_code == 2, ran.stdout
    assert "--notify-url-file" in ran.envelope["errors"][0]["hint"]
    assert api.get("/blueprints/falco_alert").status_code == 404


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize(
    ("options", "where"),
    [
        (("--notify", "irc"), "--notify"),
        (("--notify-priority", "critical"), "--notify"),
        (("--notify", "slack", "--notify-priority", "loud"), "--notify-priority"),
        (("--retention", "soon"), "--retention"),
        (("--retention", "0d"), "--retention"),
        (("--with", "dashboard", "--without", "dashboard"), "--without"),
    ],
)
def test_what_cannot_be_meant_is_said(options: tuple[str, ...], where: str) -> None:
    ran = falcoport(*SETUP, *options, "-o", "json")
    assert ran.exit_code == 2
    assert ran.envelope["errors"][0]["where"] == where


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("kind", ["teams", "pagerduty", "webhook"])
def test_every_channel_can_be_set_up_and_taken_away(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("FALCOPORT_NOTIFY_URL", "https://hooks.example/very-secret")
    assert falcoport(*SETUP, "--notify", kind).exit_code == 0
    assert actions(api) == [f"falco_notify_{kind}"]
    assert falcoport("status", "-o", "json").data["extras"]["notify"] == "ok"
    assert falcoport("setup", "--without", "notify").exit_code == 0
    assert actions(api) == []
    assert api.get("/organization/secrets").json()["secrets"] == []


@pytest.mark.usefixtures("pointed")
def test_a_secret_that_others_send_along_stays(api: httpx.Client, url_file: str) -> None:
    assert falcoport(*SETUP, "--notify", "slack", "--notify-url-file", url_file).exit_code == 0
    theirs = {
        "identifier": "theirs",
        "trigger": {
            "type": "self-service",
            "operation": "CREATE",
            "userInputs": {"properties": {}},
        },
        "invocationMethod": {"type": "WEBHOOK", "url": "{{ .secrets.FALCO_NOTIFY_SLACK }}"},
    }
    api.post("/actions", json=theirs).raise_for_status()
    ran = falcoport("setup", "--without", "notify", "-o", "json")
    assert ran.exit_code == 4
    assert "Action 'theirs' sends it along" in ran.errors[0]
    assert "falco_notify_slack" in actions(api)


# --- retention ------------------------------------------------------------------------------


def blueprint(api: httpx.Client) -> Any:
    return api.get("/blueprints/falco_alert").json()["blueprint"]


def line(api: httpx.Client) -> Any:
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    return webhook["mappings"][0]["entity"]["properties"].get("expiresAt")


@pytest.mark.usefixtures("pointed")
def test_retention_is_a_timer_what_fills_it_and_what_deletes(api: httpx.Client) -> None:
    ran = falcoport(*SETUP, "--retention", "7d")
    assert ran.exit_code == 0, ran.everything
    assert blueprint(api)["schema"]["properties"]["expiresAt"]["format"] == "timer"
    assert line(api) == expiry_expression(7)
    assert actions(api) == ["falco_expire"]
    assert falcoport("plan", "--with", "retention", "--exit-code").exit_code == 0
    assert falcoport("plan", "--exit-code").exit_code == 0
    assert falcoport("setup", "--retention", "9d").exit_code == 0
    assert line(api) == expiry_expression(9)


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("command", [("setup", "--without", "retention"), ("teardown", "--yes")])
def test_retention_is_taken_away(api: httpx.Client, command: tuple[str, ...]) -> None:
    assert falcoport(*SETUP, "--retention", "7d").exit_code == 0
    ran = falcoport(*command)
    assert ran.exit_code == 0, ran.everything
    assert actions(api) == []
    if command[0] == "setup":
        assert "expiresAt" not in blueprint(api)["schema"]["properties"]
        assert line(api) is None


@pytest.mark.usefixtures("pointed")
def test_findings_and_alerts_are_kept_for_as_long_as_is_said(api: httpx.Client) -> None:
    ran = falcoport(*SETUP, "--findings", "--retention", "7d")
    assert ran.exit_code == 0, ran.everything
    assert falcoport("plan", "--with", "retention", "--exit-code").exit_code == 0
    assert {*actions(api)} == {"falco_expire", "falco_expire_findings", "falco_finding_resolved"}
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    lines = [one["entity"]["properties"]["expiresAt"] for one in webhook["mappings"]]
    assert lines == [expiry_expression(7)] * 2
    assert falcoport("setup", "--no-findings").exit_code == 0
    assert falcoport("setup", "--without", "retention").exit_code == 0
    assert actions(api) == []
    for name in ("falco_alert", "falco_finding"):
        found = api.get(f"/blueprints/{name}").json()["blueprint"]
        assert "expiresAt" not in found["schema"]["properties"]


def test_an_expression_is_read_back_as_the_days_it_was_made_of() -> None:
    for days in (1, 30, 3650):
        assert read_expiry_expression(expiry_expression(days)) == days
    assert read_expiry_expression(".body.time | fromdate + 10 | todate") is None
    assert read_expiry_expression(None) is None


# --- what comes again -------------------------------------------------------------------------


@pytest.mark.usefixtures("pointed")
def test_a_finding_is_told_once_when_new_and_once_when_seen_after_resolution(
    api: httpx.Client, receiver: Receiver, url_file: str
) -> None:
    options = ("--findings-only", "--notify", "slack", "--notify-url-file", url_file)
    assert falcoport(*SETUP, *options).exit_code == 0
    path = "/blueprints/falco_finding/entities"
    settled = str(api.base_url.copy_with(path="/_sandbox/settled"))

    def change(**properties: str) -> int:
        body = {"identifier": "f", "properties": {"rule": "R", **properties}}
        answer = api.post(path, params={"upsert": "true", "merge": "true"}, json=body)
        answer.raise_for_status()
        api.get(settled).raise_for_status()
        return len(receiver.messages)

    assert change(priority="Critical", lastSeen="2026-08-17T00:00:00Z") == 1
    assert change(lastSeen="2026-08-17T00:00:01Z") == 1
    assert change(status="Resolved", resolvedAt="2026-08-17T01:00:00.000Z") == 1
    assert change(lastSeen="2026-08-17T00:59:00Z") == 1  # an alert that came late
    assert change(lastSeen="2026-08-17T01:00:01.123456789Z") == 2
    assert change(lastSeen="2026-08-17T02:00:00Z") == 2
    assert change(status="Open") == 2
    assert change(status="Resolved", resolvedAt="2026-08-17T03:00:00.000Z") == 2
    assert change(lastSeen="2026-08-17T04:00:00Z") == 3
