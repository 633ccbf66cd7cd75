"""Actions and automations are kept as sent, and only what Port publishes is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

WEBHOOK = {"type": "WEBHOOK", "url": "{{ .secrets.URL }}", "body": {"text": "{{ .event.diff }}"}}


def automation(**members: Any) -> dict[str, Any]:
    event = {"type": "ENTITY_CREATED", "blueprintIdentifier": "alert"}
    return {
        "identifier": "notify",
        "title": "Notify",
        "trigger": {"type": "automation", "event": event},
        "invocationMethod": WEBHOOK,
        "publish": True,
        **members,
    }


def self_service(**members: Any) -> dict[str, Any]:
    trigger = {
        "type": "self-service",
        "operation": "DAY-2",
        "blueprintIdentifier": "alert",
        "userInputs": {"properties": {}},
        **members,
    }
    return automation(identifier="ack", trigger=trigger)


@pytest.fixture
def port(api: httpx.Client) -> httpx.Client:
    """Make a client of a sandbox with a blueprint."""
    api.post(
        "/blueprints", json={"identifier": "alert", "title": "A", "schema": {"properties": {}}}
    )
    return api


@pytest.mark.parametrize("sent", [automation(), self_service()])
def test_an_action_is_kept_as_it_was_sent(port: httpx.Client, sent: dict[str, Any]) -> None:
    created = port.post("/actions", json=sent)
    assert created.status_code == 201
    path = f"/actions/{sent['identifier']}"
    action = port.get(path).json()["action"]
    assert action == created.json()["action"]
    assert action.keys() - sent.keys() == {"createdAt", "createdBy", "updatedAt", "updatedBy"}
    assert {name: action[name] for name in sent} == sent
    renamed = port.put(path, json={**sent, "identifier": "other"}).json()["action"]
    assert (renamed["identifier"], renamed["createdAt"]) == ("other", action["createdAt"])
    assert port.delete("/actions/other").json() == {"ok": True}
    assert port.delete("/actions/other").json()["ok"] is False


def test_actions_are_listed_by_what_is_asked(port: httpx.Client) -> None:
    port.post("/actions", json=automation())
    port.post("/actions", json=self_service())

    def listed(**asked: str) -> list[str]:
        found = port.get("/actions", params=asked).json()["actions"]
        return [one["identifier"] for one in found]

    assert listed(version="v2") == ["notify", "ack"]
    assert listed(trigger_type="automation") == ["notify"]
    assert listed(trigger_event="ENTITY_DELETED") == []
    assert listed(operation="DAY-2", published="true") == ["ack"]
    older = port.get("/blueprints/alert/actions").json()["actions"]
    assert [one["identifier"] for one in older] == ["ack"]
    assert port.post("/blueprints/alert/actions", json={}).status_code == 410


BAD = [
    (automation(trigger={"type": "none"}), '"trigger.type" must be equal to one of'),
    (
        automation(trigger={"type": "automation", "event": {"type": "ENTITY_CREATED"}}),
        "\"trigger.event\" must have required property 'blueprintIdentifier'",
    ),
    (automation(invocationMethod={"type": "SMOKE"}), '"invocationMethod.type" must be equal'),
    (
        automation(invocationMethod={"type": "WEBHOOK"}),
        "\"invocationMethod\" must have required property 'url'",
    ),
    (automation(unknown=1), "must NOT have additional properties"),
    (self_service(operation="NONE"), '"trigger.operation" must be equal to one of'),
    (
        self_service(userInputs={"properties": {"a": {"type": "x"}}}),
        '"trigger.userInputs.properties.a.type" must be equal to one of',
    ),
    (
        self_service(condition={"type": "SEARCH", "combinator": "and", "rules": [{"a": 1}]}),
        '"trigger.condition',
    ),
]


@pytest.mark.parametrize(("body", "reason"), BAD)
def test_what_port_would_refuse_is_refused_by_name(
    port: httpx.Client, body: dict[str, Any], reason: str
) -> None:
    answer = port.post("/actions", json=body)
    assert answer.status_code == 422
    assert reason in answer.json()["message"]


def test_the_blueprint_of_an_action_must_exist(port: httpx.Client) -> None:
    event = {"type": "ENTITY_CREATED", "blueprintIdentifier": "none"}
    body = automation(trigger={"type": "automation", "event": event})
    assert port.post("/actions", json=body).status_code == 404


def test_actions_go_with_their_blueprint_if_asked(port: httpx.Client) -> None:
    port.post("/actions", json=automation())
    port.delete("/blueprints/alert?delete_actions=true")
    assert port.get("/actions").json()["actions"] == []
