"""A sandbox that is set up for alerts, and a client that sends some and looks at pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

ROOT = Path(__file__).parents[2]


class AlertCatalog:
    """A sandbox that is set up for alerts."""

    def __init__(self, sandbox: RunningSandbox, api: httpx.Client) -> None:
        self.url = sandbox.url
        self.api = api
        namespace = {"identifier": "namespace", "title": "Namespace", "schema": {"properties": {}}}
        alert = yaml.safe_load((ROOT / "blueprints/falco_alert.yaml").read_text())
        for blueprint in (namespace, alert):
            api.post("/blueprints", json=blueprint).raise_for_status()
        api.post("/blueprints/namespace/entities", json={"identifier": "auth/x"}).raise_for_status()
        webhook = yaml.safe_load((ROOT / "webhook_configs/falco_alert_mapper.yaml").read_text())
        answer = api.post("/webhooks", json=webhook).raise_for_status()
        self.webhook = answer.json()["integration"]["url"]

    def alert(self, number: int, *, settled: bool = True, **members: Any) -> None:
        """Send an alert through the webhook."""
        body = {
            "hostname": "node",
            "time": f"2026-11-23T09:00:00.{number:09d}Z",
            "rule": f"Rule {number}",
            "priority": "Critical",
            "output": f"output {number}",
            "source": "syscall",
            "tags": ["port-auth/x"],
            "output_fields": {"evt": number},
            **members,
        }
        assert self.api.post(self.webhook, json=body).status_code == 202
        if settled:
            self.settle()

    def settle(self) -> None:
        """Return once every event is mapped."""
        self.api.get(f"{self.url}/_sandbox/events?settled=true").raise_for_status()

    def namespace(self, identifier: str) -> None:
        """Create a namespace."""
        body = {"identifier": identifier, "title": identifier}
        self.api.post("/blueprints/namespace/entities", json=body).raise_for_status()

    def page(self, path: str, status: int = 200) -> str:
        """Return a page, once its status and headers are as they must be."""
        answer = self.api.get(self.url + path, headers={"Accept": "text/html"})
        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return answer.text
