"""From Falcosidekick into the catalog and on to a channel: the standard profile and findings."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from support.command_line import falcoport
from support.receiver import Receiver, running_receiver
from support.sidekick import KINDS, run_sidekick

from falcoport.delivery.sidekick import Sidekick
from falcoport.falco.samples import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from falcoport.sandbox.options import RunningSandbox

SECONDS = 30.0
PATIENCE = 60.0
SETUP = ("setup", "--create-namespace-blueprint", "--profile", "standard", "--cluster", "prod")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """Run something that takes what Slack takes; its URL is in the file `slack.url`."""
    with running_receiver() as found:
        found.answer = b"ok"
        (tmp_path / "slack.url").write_text(f"{found.url}/services/T0/B0/x\n")
        yield found


def post(sidekick: str, api: httpx.Client, alerts: list[dict[str, Any]]) -> None:
    """Send alerts as Falco does; return once Port has mapped them and every automation has run."""
    peer = Sidekick(sidekick, SECONDS)
    before = peer.read_counters()
    assert before is not None
    for alert in alerts:
        peer.post(json.dumps(alert).encode())
    until = time.monotonic() + PATIENCE
    while (now := peer.read_counters()) is not None and now.since(before).posted < len(alerts):
        assert time.monotonic() < until, now
    assert now is not None
    assert now.since(before).failed == 0
    api.get(str(api.base_url.copy_with(path="/_sandbox/settled"))).raise_for_status()


def entities(api: httpx.Client, blueprint: str) -> dict[str, Any]:
    found = api.get(f"/blueprints/{blueprint}/entities").raise_for_status().json()["entities"]
    return {one["identifier"]: one for one in found}


@pytest.mark.parametrize("kind", KINDS)
def test_alerts_become_alerts_and_findings_in_ports_own_style(
    kind: str, pointed: RunningSandbox, api: httpx.Client
) -> None:
    assert pointed.url
    ran = falcoport(*SETUP, "--findings", "--ensure-namespaces")
    assert ran.exit_code == 0, ran.stderr
    with run_sidekick(kind, {"WEBHOOK_ADDRESS": ran.stdout.strip()}) as url:
        post(url, api, [one.alert for one in samples()])
    alerts, findings = entities(api, "falco_alert"), entities(api, "falco_finding")
    assert len(alerts) == len(samples())
    assert {one["relations"]["finding"] for one in alerts.values()} == findings.keys()
    by_rule = {one["title"]: one["properties"] for one in alerts.values()}
    for sample in samples():
        stored = by_rule[sample.alert["rule"]]
        assert stored["priority"].lower() == sample.alert["priority"].lower()
        assert (stored["status"], stored["cluster"]) == ("Open", "prod")
        assert "<NA>" not in str(
            {k: v for k, v in stored.items() if k not in ("output", "output_field")}
        )
    # What `preview` says of the same alerts is what is stored.
    foretold = falcoport("preview", "--profile", "standard", "--findings", "--cluster", "prod",
                         "--ensure-namespaces", "-o", "json").data  # fmt: skip
    expected = {
        one["entity"]["identifier"]
        for one in foretold["entities"]
        if one["entity"] and one["blueprint"] == "falco_finding"
    }
    assert findings.keys() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_critical_alert_is_told_and_so_is_a_resolved_finding_that_comes_back(
    kind: str, pointed: RunningSandbox, api: httpx.Client, receiver: Receiver, tmp_path: Path
) -> None:
    assert pointed.url
    notify = ("--notify", "slack", "--notify-url-file", str(tmp_path / "slack.url"))
    ran = falcoport(*SETUP, "--findings", *notify)
    assert ran.exit_code == 0, ran.stderr
    ordinary = samples()[0].alert
    critical = {**ordinary, "rule": "Critical rule", "priority": "Critical"}
    with run_sidekick(kind, {"WEBHOOK_ADDRESS": ran.stdout.strip()}) as url:
        post(url, api, [{**ordinary, "rule": "Debug rule", "priority": "Debug"}, critical])
        first = receiver.next()
        assert [*first.body] == ["text"]
        assert "*Critical*" in first.body["text"]
        assert "Critical rule" in first.body["text"]
        assert receiver.is_empty()
        name = next(one for one in entities(api, "falco_finding") if "Critical+rule" in one)
        path = f"/blueprints/falco_finding/entities/{quote(name, safe='')}"
        api.patch(path, json={"properties": {"status": "Resolved"}}).raise_for_status()
        post(url, api, [{**critical, "time": "2126-08-17T09:46:12.123456789Z"}])
        assert "Critical rule" in receiver.next().body["text"]
        post(url, api, [{**critical, "time": "2126-08-17T09:46:13.123456789Z"}])
    assert receiver.is_empty()
