"""The audit log tells every change, and why an event became nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.hooks import Hook, mapping
from support.port_client import port_client

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox


@pytest.fixture
def hook(sandbox: RunningSandbox, api: httpx.Client) -> Hook:
    """Make a webhook's surroundings; the test creates the webhook itself."""
    return Hook(sandbox, api)


def audits(api: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = api.get("/audit-log", params=asked)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["audits"]
    return found


def test_an_entity_has_an_entry_per_change_with_what_it_was_and_became(api: httpx.Client) -> None:
    schema = {"properties": {"n": {"type": "number"}}}
    api.post("/blueprints", json={"identifier": "thing", "title": "T", "schema": schema})
    for number in (1, 2):
        body = {"identifier": "a", "properties": {"n": number}}
        api.post("/blueprints/thing/entities?upsert=true", json=body)
    api.delete("/blueprints/thing/entities/a")
    found = audits(api, resources="entity", entity="a", blueprint="thing")
    seen = [
        (one["action"], *(side and side["properties"]["n"] for side in one["diff"].values()))
        for one in found
    ]
    assert seen == [("DELETE", 2, None), ("UPDATE", 1, 2), ("CREATE", None, 1)]
    assert {one["trigger"]["by"]["byId"] for one in found} == {"sandbox"}
    assert {one["trigger"]["origin"] for one in found} == {"API"}


def test_blueprints_and_webhooks_are_in_it_and_no_secret(hook: Hook) -> None:
    hook.create(mapping(), security={"secret": "hidden"})
    hook.api.patch("/webhooks/hook", json={"title": "New", "security": {"secret": "other"}})
    hook.api.delete("/webhooks/hook")
    found = audits(hook.api, resources="webhook")
    assert [one["action"] for one in found] == ["DELETE", "UPDATE", "CREATE"]
    assert found[1]["diff"]["after"]["title"] == "New"
    assert not {"hidden", "other"} & set(str(found).replace("'", " ").split())
    assert {one["identifier"] for one in audits(hook.api, resources="blueprint")} == {
        "alert",
        "service",
    }


@pytest.mark.parametrize("name", ["hook", "key"])
def test_failures_are_found_by_the_webhook_with_their_reason(hook: Hook, name: str) -> None:
    hook.create(mapping(properties={"none": "1"}), mapping())
    hook.send({"id": "a"})
    hook.events()
    hook.send(content=b"{")
    webhook = "hook" if name == "hook" else hook.url.rpartition("/")[2]
    found = audits(hook.api, webhookId=webhook, status="FAILURE")
    assert [(one["resourceType"], one["action"], one["identifier"]) for one in found] == [
        ("webhook", "INGEST", "hook"),
        ("entity", "CREATE", "a"),
    ]
    assert found[0]["message"] == "the body is not JSON"
    assert 'Property with identifier "none"' in found[1]["message"]
    assert found[1]["context"]["webhookId"] == "hook"
    event = found[1]["context"]["webhookEventId"]
    by_event = audits(hook.api, webhookId=webhook, webhookEventId=event)
    assert [one["status"] for one in by_event] == ["SUCCESS", "FAILURE"]
    assert audits(hook.api, webhookId="none") == []


def test_it_is_paged_and_narrowed_by_time(hook: Hook) -> None:
    for number in range(5):
        hook.api.post("/blueprints/service/entities", json={"identifier": f"n{number}"})
    asked: dict[str, Any] = {"resources": "entity", "limit": 2}
    seen: list[str] = []
    page = hook.api.get("/audit-log", params=asked).json()
    while True:
        seen += [one["identifier"] for one in page["audits"]]
        if page["next"] is None:
            break
        page = hook.api.get("/audit-log", params={**asked, "from_id": page["next"]}).json()
    assert seen[:5] == ["n4", "n3", "n2", "n1", "n0"]
    assert len(seen) == len(set(seen))
    assert audits(hook.api, to="2020-01-01T00:00:00Z") == []
    assert len(audits(hook.api, **{"from": "2020-01-01T00:00:00Z"})) >= 5
    fields = audits(hook.api, includes=["action", "status"], limit=1)[0]
    assert set(fields) == {"id", "action", "status"}


@pytest.mark.parametrize(
    "asked", [{"limit": "x"}, {"limit": "0"}, {"status": "none"}, {"from": "yesterday"}]
)
def test_a_parameter_that_cannot_be_read_is_422(api: httpx.Client, asked: dict[str, str]) -> None:
    assert api.get("/audit-log", params=asked).status_code == 422


def test_a_member_may_not_read_it(sandbox: RunningSandbox) -> None:
    with port_client(sandbox, member=True) as member:
        assert member.get("/audit-log").status_code == 403
