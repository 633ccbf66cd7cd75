"""Automations run when something happens, actions when somebody starts them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.port_client import port_client
from support.receiver import Receiver, running_receiver

from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from falcoport.sandbox.server import RunningSandbox

PATH = "/blueprints/alert/entities"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a web server that keeps what it is sent."""
    with running_receiver() as running:
        yield running


class Automations:
    """A sandbox with alerts, and what automations do there."""

    def __init__(self, sandbox: RunningSandbox, api: httpx.Client) -> None:
        self.root = sandbox.url
        self.api = api
        properties = {
            "priority": {"type": "string"},
            "status": {"type": "string", "enum": ["Open", "Acknowledged"]},
            "note": {"type": "string"},
            "expires": {"type": "string", "format": "timer"},
        }
        schema = {"properties": properties}
        api.post("/blueprints", json={"identifier": "alert", "title": "A", "schema": schema})

    def settle(self) -> None:
        self.api.get(f"{self.root}/_sandbox/settled").raise_for_status()

    def create(
        self,
        identifier: str,
        event: dict[str, Any] | str,
        invocation: dict[str, Any],
        *expressions: str,
        **members: Any,
    ) -> None:
        if isinstance(event, str):
            event = {"type": event, "blueprintIdentifier": "alert"}
        trigger: dict[str, Any] = {"type": "automation", "event": event}
        if expressions:
            trigger["condition"] = {
                "type": "JQ",
                "expressions": [*expressions],
                "combinator": members.pop("combinator", "and"),
            }
        body = {"identifier": identifier, "trigger": trigger, "invocationMethod": invocation}
        self.api.post("/actions", json={"publish": True, **body, **members}).raise_for_status()

    def put(self, identifier: str, **properties: Any) -> None:
        body = {"identifier": identifier, "properties": properties}
        self.api.post(f"{PATH}?upsert=true&merge=true", json=body).raise_for_status()

    def runs(self, **asked: str) -> list[dict[str, Any]]:
        self.settle()
        found: list[dict[str, Any]] = self.api.get("/actions/runs", params=asked).json()["runs"]
        return found

    def logs(self, run: dict[str, Any]) -> list[str]:
        found = self.api.get(f"/actions/runs/{run['id']}/logs").json()["runLogs"]
        return [line["message"] for line in found]

    def entity(self, identifier: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"{PATH}/{identifier}").json()["entity"]
        return found


@pytest.fixture
def automations(sandbox: RunningSandbox, api: httpx.Client) -> Automations:
    """Make a sandbox with alerts."""
    return Automations(sandbox, api)


def test_a_webhook_is_called_with_secrets_and_none_is_kept(
    automations: Automations, receiver: Receiver
) -> None:
    api = automations.api
    for name, value in (("URL", f"{receiver.url}/hidden-path"), ("KEY", "hidden-key")):
        api.post("/organization/secrets", json={"secretName": name, "secretValue": value})
    receiver.answer = b'{"echo":"hidden-key"}'
    invocation = {
        "type": "WEBHOOK",
        "url": "{{ .secrets.URL }}",
        "headers": {"X-Key": "{{ .secrets.KEY }}", "RUN_ID": "{{ .run.id }}"},
        "synchronized": True,
        "body": {
            "text": "*{{ .event.diff.after.properties.priority }}* {{ .event.context.entity }}",
            "all": "{{ .event.diff.after.properties }}",
            "before": "{{ .event.diff.before }}",
        },
    }
    automations.create("notify", "ENTITY_CREATED", invocation)
    automations.put("a", priority="Critical")
    got = receiver.next()
    (run,) = automations.runs()
    assert (got.method, got.path) == ("POST", "/hidden-path")
    assert (got.headers["x-key"], got.headers["run_id"]) == ("hidden-key", run["id"])
    assert got.body["text"] == "*Critical* a"
    assert got.body["all"]["priority"] == "Critical"
    assert got.body["before"] is None
    signed = f"{got.headers['x-port-timestamp']}.".encode() + got.raw
    digest = hmac.new(b"sandbox-secret-not-for-port", signed, hashlib.sha256).digest()
    assert got.headers["x-port-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert (run["status"], run["source"], run["response"]["status"]) == (
        "SUCCESS",
        "AUTOMATION",
        200,
    )
    assert run["response"]["body"] == {"echo": "********"}
    kept = [api.get("/actions/runs"), api.get(f"/actions/runs/{run['id']}/logs")]
    kept.append(api.get("/audit-log"))
    assert all("hidden" not in answer.text for answer in kept)


CHANGES = {
    "ENTITY_CREATED": ["a"],
    "ENTITY_UPDATED": ["a"],
    "ENTITY_DELETED": ["a"],
    "ANY_ENTITY_CHANGE": ["a", "a", "a"],
}


@pytest.mark.parametrize(("event", "expected"), CHANGES.items())
def test_each_event_starts_what_listens_to_it(
    automations: Automations, event: str, expected: list[str]
) -> None:
    body = {"identifier": "b-{{ .run.id }}", "title": "{{ .event.action }}"}
    other = {"identifier": "log", "title": "L", "schema": {"properties": {}}}
    automations.api.post("/blueprints", json=other)
    invocation = {"type": "UPSERT_ENTITY", "blueprintIdentifier": "log", "mapping": body}
    automations.create("any", event, invocation)
    automations.create("off", event, invocation, publish=False)
    automations.put("a", priority="Critical")
    automations.put("a", priority="Error")
    automations.api.delete(f"{PATH}/a")
    assert [run["entity"]["identifier"] for run in automations.runs()] == expected
    assert {run["status"] for run in automations.runs()} == {"SUCCESS"}
    made = automations.api.get("/blueprints/log/entities").json()["entities"]
    assert len(made) == len(expected)
    assert all(entity["createdBy"] == "automation" for entity in made)


CRITICAL = '.diff.after.properties.priority == "Critical"'
CONDITIONS = [
    ((CRITICAL,), "and", 1),
    ((CRITICAL, "false"), "and", 0),
    ((CRITICAL, "false"), "or", 1),
    ((".none.deep",), "and", 0),
    (("syntax error",), "and", 0),
    (("[repeat(1)] | length > 1",), "and", 0),
    ((".diff.before == null", ".context.blueprintIdentifier == 'alert'"), "and", 1),
]


@pytest.mark.parametrize(("expressions", "combinator", "count"), CONDITIONS)
def test_a_run_starts_only_if_its_condition_holds(
    automations: Automations, expressions: tuple[str, ...], combinator: str, count: int
) -> None:
    invocation = {"type": "KAFKA", "payload": {}}
    automations.create("c", "ENTITY_CREATED", invocation, *expressions, combinator=combinator)
    automations.put("a", priority="Critical")
    assert len(automations.runs()) == count


@pytest.mark.parametrize(
    "invocation",
    [
        {"type": "GITHUB", "org": "o", "repo": "r", "workflow": "w"},
        {"type": "WEBHOOK", "url": "https://hooks.slack.com/services/x"},
        {"type": "WEBHOOK", "url": "http://10.0.0.1/"},
        {"type": "WEBHOOK", "url": "file:///etc/passwd"},
    ],
)
def test_what_is_not_on_this_machine_is_a_run_that_was_not_sent(
    automations: Automations, invocation: dict[str, Any]
) -> None:
    automations.create("n", "ENTITY_CREATED", invocation)
    automations.put("a")
    (run,) = automations.runs()
    assert (run["statusLabel"], run["status"]) == ("Not sent", "IN_PROGRESS")
    assert len(automations.logs(run)) == 1


def test_a_call_that_fails_is_a_run_that_failed(
    automations: Automations, receiver: Receiver
) -> None:
    receiver.status = 500
    for name, url in (("refused", receiver.url), ("dead", "http://127.0.0.1:9/")):
        automations.create(name, "ENTITY_CREATED", {"type": "WEBHOOK", "url": url})
    automations.put("a")
    found = {run["action"]["identifier"]: run for run in automations.runs()}
    assert {run["status"] for run in found.values()} == {"FAILURE"}
    assert found["refused"]["response"]["status"] == 500
    assert "The answer has the status 500." in automations.logs(found["refused"])
    assert any("Nobody answered" in line for line in automations.logs(found["dead"]))


def test_a_call_of_ports_own_api_reaches_the_sandbox(automations: Automations) -> None:
    url = "https://api.port.io/v1/blueprints/alert/entities/{{ .event.context.entity | @uri }}"
    invocation = {"type": "WEBHOOK", "url": url, "method": "DELETE", "synchronized": True}
    automations.create("clean", "ENTITY_CREATED", invocation)
    automations.put("a:b/c")
    (run,) = automations.runs()
    assert (run["status"], run["response"]["body"]) == ("SUCCESS", {"ok": True})
    assert automations.api.get("/blueprints/alert/entities-count").json()["count"] == 0


def test_automations_that_start_one_another_end(automations: Automations) -> None:
    mapping = {"identifier": "a", "properties": {"note": "{{ .run.id }}"}}
    invocation = {"type": "UPSERT_ENTITY", "blueprintIdentifier": "alert", "mapping": mapping}
    automations.create("loop", "ANY_ENTITY_CHANGE", invocation)
    automations.put("a")
    assert len(automations.runs()) == 10


def test_runs_start_automations_too(automations: Automations, receiver: Receiver) -> None:
    automations.create("first", "ENTITY_CREATED", {"type": "KAFKA"})
    event = {"type": "RUN_CREATED", "actionIdentifier": "first"}
    body = {"id": "{{ .event.diff.after.id }}"}
    automations.create("second", event, {"type": "WEBHOOK", "url": receiver.url, "body": body})
    automations.put("a")
    runs = {run["action"]["identifier"]: run["id"] for run in automations.runs()}
    assert receiver.next().body == {"id": runs["first"]}
    assert receiver.is_empty()


def test_a_timer_expires_and_starts_what_listens_to_it(receiver: Receiver) -> None:
    options = SandboxOptions(port=0, clock_speed=100_000)
    with running_sandbox(options) as sandbox, port_client(sandbox) as api:
        automations = Automations(sandbox, api)
        event = {
            "type": "TIMER_PROPERTY_EXPIRED",
            "blueprintIdentifier": "alert",
            "propertyIdentifier": "expires",
        }
        body = {"entity": "{{ .event.context.entityIdentifier }}"}
        invocation = {"type": "WEBHOOK", "url": receiver.url, "body": body}
        automations.create("expired", event, invocation)
        created = datetime.now(UTC) + timedelta(days=3)
        automations.put("far", expires=(created + timedelta(days=36_500)).isoformat())
        automations.put("a", expires=created.isoformat())
        assert receiver.next().body == {"entity": "a"}
        automations.put("a", note="an update that leaves the timer as it is")
        automations.settle()
        assert receiver.is_empty()
        entries = api.get("/audit-log", params={"action": "TIMER_PROPERTY_EXPIRED"}).json()
        assert [entry["identifier"] for entry in entries["audits"]] == ["a"]


ACKNOWLEDGE: dict[str, Any] = {
    "identifier": "ack",
    "trigger": {
        "type": "self-service",
        "operation": "DAY-2",
        "blueprintIdentifier": "alert",
        "userInputs": {
            "properties": {
                "reason": {"type": "string", "minLength": 3},
                "level": {"type": "number", "enum": [1, 2], "default": 1},
                "who": {"type": "string"},
            },
            "required": {
                "jqQuery": 'if .form.level == 2 then ["reason","who"] else ["reason"] end'
            },
        },
        "condition": {
            "type": "SEARCH",
            "combinator": "and",
            "rules": [{"property": "status", "operator": "=", "value": "Open"}],
        },
    },
    "invocationMethod": {
        "type": "UPSERT_ENTITY",
        "blueprintIdentifier": "alert",
        "mapping": {
            "identifier": "{{ .entity.identifier }}",
            "properties": {"status": "Acknowledged", "note": "{{ .inputs.reason }}"},
        },
    },
}


def start(automations: Automations, **body: Any) -> httpx.Response:
    return automations.api.post("/actions/ack/runs", json=body)


def test_an_action_runs_on_an_entity(automations: Automations) -> None:
    automations.api.post("/actions", json=ACKNOWLEDGE).raise_for_status()
    automations.put("a", status="Open", priority="Error")
    answer = start(automations, entity="a", properties={"reason": "known"})
    assert answer.status_code == 202
    run = answer.json()["run"]
    assert (run["status"], run["source"], run["properties"]) == (
        "IN_PROGRESS",
        "API",
        {"reason": "known", "level": 1},
    )
    (done,) = automations.runs(action="ack", entity="a")
    assert done["status"] == "SUCCESS"
    values = automations.entity("a")["properties"]
    assert (values["status"], values["note"], values["priority"]) == (
        "Acknowledged",
        "known",
        "Error",
    )
    assert start(automations, entity="a", properties={"reason": "known"}).status_code == 422


BAD = [
    ({"properties": {"reason": "known"}}, 422, "required property 'entity'"),
    ({"entity": "none", "properties": {"reason": "known"}}, 404, "not found"),
    ({"entity": "a"}, 422, "required property 'reason'"),
    ({"entity": "a", "properties": {"reason": "no"}}, 422, "fewer than 3 characters"),
    ({"entity": "a", "properties": {"reason": 7}}, 422, '"properties.reason" must be string'),
    (
        {"entity": "a", "properties": {"reason": "known", "level": 3}},
        422,
        '"properties.level" must be equal to one of the allowed values',
    ),
    (
        {"entity": "a", "properties": {"reason": "known", "level": 2}},
        422,
        "required property 'who'",
    ),
    ({"entity": "a", "properties": {"reason": "known", "x": 1}}, 422, "additional properties"),
]


@pytest.mark.parametrize(("body", "status", "reason"), BAD)
def test_what_a_person_gives_is_checked(
    automations: Automations, body: dict[str, Any], status: int, reason: str
) -> None:
    automations.api.post("/actions", json=ACKNOWLEDGE).raise_for_status()
    automations.put("a", status="Open")
    answer = start(automations, **body)
    assert answer.status_code == status
    assert reason in answer.json()["message"]
    assert automations.runs() == []


def test_a_run_waits_for_its_approval(automations: Automations) -> None:
    automations.api.post("/actions", json={**ACKNOWLEDGE, "requiredApproval": True})
    automations.put("a", status="Open")
    for decision, status, state in (
        ("DECLINE", "DECLINED", "Open"),
        ("APPROVE", "SUCCESS", "Acknowledged"),
    ):
        run = start(automations, entity="a", properties={"reason": "known"}).json()["run"]
        assert run["status"] == "WAITING_FOR_APPROVAL"
        path = f"/actions/runs/{run['id']}"
        assert automations.api.patch(path, json={"status": "SUCCESS"}).status_code == 422
        automations.api.patch(f"{path}/approval", json={"status": decision}).raise_for_status()
        automations.settle()
        assert automations.api.get(path).json()["run"]["status"] == status
        assert automations.entity("a")["properties"]["status"] == state


def test_a_backend_reports_on_a_run(automations: Automations) -> None:
    automations.api.post("/actions", json={**ACKNOWLEDGE, "invocationMethod": {"type": "KAFKA"}})
    automations.put("a", status="Open")
    run = start(automations, entity="a", properties={"reason": "known"}).json()["run"]
    automations.settle()
    path = f"/actions/runs/{run['id']}"
    line = automations.api.post(f"{path}/logs", json={"message": "working"})
    assert (line.status_code, line.json()["runLog"]["message"]) == (201, "working")
    assert automations.logs(run)[-1] == "working"
    done = automations.api.patch(path, json={"status": "SUCCESS", "link": "https://x"})
    assert done.json()["run"]["link"] == "https://x"
    assert "endedAt" in done.json()["run"]
    assert automations.api.get(f"{path}/approvers").json()["approvers"] == []
    assert automations.api.get("/actions/runs/none").status_code == 404


def test_an_automation_cannot_be_started_by_hand(automations: Automations) -> None:
    automations.create("auto", "ENTITY_CREATED", {"type": "KAFKA"})
    assert automations.api.post("/actions/auto/runs", json={}).status_code == 422
