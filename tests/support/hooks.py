"""A webhook in a sandbox, and what comes of events sent to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

PROPERTIES = {
    "text": {"type": "string"},
    "data": {"type": "object"},
    "tags": {"type": "array"},
    "level": {"type": "number"},
}


def set_up(api: httpx.Client) -> None:
    """Create a blueprint of services and one of alerts that relate to them."""
    for body in (
        {"identifier": "service", "title": "S", "schema": {"properties": {}}},
        {
            "identifier": "alert",
            "title": "A",
            "schema": {"properties": PROPERTIES},
            "relations": {
                "of": {"target": "service", "required": False, "many": False},
                "all": {"target": "service", "required": False, "many": True},
            },
        },
    ):
        api.post("/blueprints", json=body).raise_for_status()
    for identifier in ("s1", "s2"):
        body = {"identifier": identifier, "title": identifier.upper()}
        api.post("/blueprints/service/entities", json=body).raise_for_status()


class Hook:
    """A webhook in a sandbox, and what comes of events sent to it."""

    def __init__(self, sandbox: RunningSandbox, api: httpx.Client) -> None:
        self.root = sandbox.url
        self.api = api
        self.url = ""
        set_up(api)

    def create(self, *mappings: dict[str, Any], **members: Any) -> None:
        body = {"identifier": "hook", "title": "Hook", "enabled": True, "mappings": mappings}
        answer = self.api.post("/webhooks", json={**body, **members})
        self.url = answer.raise_for_status().json()["integration"]["url"]

    def send(self, body: Any = None, **asked: Any) -> httpx.Response:
        if "content" not in asked:
            asked["content"] = json.dumps(body)
        return self.api.post(self.url, **asked)

    def events(self, **asked: Any) -> list[dict[str, Any]]:
        """Return the events, newest first, once none waits to be mapped."""
        answer = self.api.get(f"{self.root}/_sandbox/events", params={"settled": "true", **asked})
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    def last(self) -> dict[str, Any]:
        return self.events()[0]

    def outcome(self, body: Any, **asked: Any) -> dict[str, Any]:
        """Send an event and return what its only mapping made of it."""
        assert self.send(body, **asked).status_code == 202
        outcomes = self.last()["outcomes"]
        assert len(outcomes) == 1, outcomes
        found: dict[str, Any] = outcomes[0]
        return found

    def entity(self, identifier: str, blueprint: str = "alert") -> dict[str, Any]:
        answer = self.api.get(f"/blueprints/{blueprint}/entities/{identifier}")
        found: dict[str, Any] = answer.raise_for_status().json()["entity"]
        return found

    def count(self, blueprint: str = "alert") -> int:
        count: int = self.api.get(f"/blueprints/{blueprint}/entities-count").json()["count"]
        return count


def mapping(**entity: Any) -> dict[str, Any]:
    return {"blueprint": "alert", "entity": {"identifier": ".body.id", **entity}}
