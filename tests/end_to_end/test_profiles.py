"""The standard profile, findings and filters against the sandbox: nothing is lost on the way."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from support.alert_filters import make_predicate
from support.command_line import falcoport
from support.port_client import port_client
from support.weeks import as_blocks, week

from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import HEADERS, forwarded
from falcoport.mapping.filter_expressions import AlertFilter
from falcoport.sandbox.options import Catalog, OnMissingRelation, SandboxOptions
from falcoport.sandbox.server import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from falcoport.json_types import Json

ALERTS = "/blueprints/falco_alert/entities"
FINDINGS = "/blueprints/falco_finding/entities"
NOTES = "falco_finding_resolved"


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Run a sandbox with the blueprints of today's exporter, which accepts a missing target."""
    chosen = SandboxOptions(
        port=0, catalog=Catalog.EXPORTER, on_missing_relation=OnMissingRelation.IGNORE
    )
    with running_sandbox(chosen) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        monkeypatch.setenv("PORT_CLIENT_ID", running.client_id)
        monkeypatch.setenv("PORT_CLIENT_SECRET", running.client_secret)
        with closing(port_client(running)) as client:
            yield client


def set_up(*arguments: str) -> str:
    ran = falcoport("setup", *arguments)
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout.strip()


def unchanged(*arguments: str) -> bool:
    ran = falcoport("plan", "--exit-code", *arguments)
    assert ran.exit_code in (0, 3), ran.stderr
    return ran.exit_code == 0


def send(port: httpx.Client, url: str, alerts: Iterable[Json]) -> None:
    """Send alerts as Falcosidekick does, and wait until all were processed."""
    with httpx.Client(trust_env=False, verify=False) as client:
        for alert in alerts:
            body = forwarded(json.dumps(alert))
            client.post(url, content=body, headers=HEADERS).raise_for_status()
    settle(port)


def settle(port: httpx.Client) -> None:
    """Wait until every alert is mapped and every automation has run."""
    port.get(
        f"{port.base_url.copy_with(path='/_sandbox/settled')}", timeout=None
    ).raise_for_status()


def entities(port: httpx.Client, path: str) -> dict[str, Json]:
    found = port.get(path).raise_for_status().json()["entities"]
    return {one["identifier"]: one for one in found}


def mappings(port: httpx.Client) -> list[Json]:
    found: list[Json] = port.get("/webhooks/falco_alert_mapper").json()["integration"]["mappings"]
    return found


def blueprint(port: httpx.Client, name: str) -> Json:
    found: Json = port.get(f"/blueprints/{name}").raise_for_status().json()["blueprint"]
    return found


def test_every_sample_becomes_an_alert_in_ports_own_style(port: httpx.Client) -> None:
    url = set_up("--profile", "standard", "--cluster", "prod")
    assert unchanged()
    assert unchanged("--profile", "standard", "--cluster", "prod")
    assert falcoport("status").exit_code == 0
    send(port, url, (one.alert for one in samples()))
    stored = entities(port, ALERTS)
    assert len(stored) == len(samples())
    for one in stored.values():
        assert one["title"] == one["properties"]["rule"]
        assert one["properties"]["status"] == "Open"
        assert one["properties"]["cluster"] == "prod"


def test_alerts_belong_to_the_workload_of_todays_exporter(port: httpx.Client) -> None:
    url = set_up("--profile", "standard", "--cluster", "prod", "--ensure-namespaces")
    relations = blueprint(port, "falco_alert")["relations"]
    assert relations["workload"]["target"] == "k8s_workload"
    send(port, url, [one.alert for one in samples() if one.name == "default-helm-install"])
    [alert] = entities(port, ALERTS).values()
    assert alert["relations"]["namespace"] == "shop-prod"
    assert alert["relations"]["workload"] == "checkout-Deployment-shop-prod"
    assert "shop-prod" in entities(port, "/blueprints/k8s_namespace/entities")
    assert unchanged()


def test_an_alert_is_owned_by_who_owns_its_workload(port: httpx.Client) -> None:
    owned = {"ownership": {"type": "Direct"}}
    port.patch("/blueprints/k8s_namespace", json=owned).raise_for_status()
    set_up("--profile", "standard", "--cluster", "prod")
    expected = {"type": "Inherited", "path": "namespace"}
    assert blueprint(port, "falco_alert")["ownership"]["path"] == expected["path"]
    assert unchanged()


def test_there_and_back_again_nothing_is_lost(port: httpx.Client) -> None:
    """A person's status, a property and an expression of others, and every alert stay."""
    url = set_up()
    before = mappings(port)
    send(port, url, [*week(0.001, days=1)])
    old = entities(port, ALERTS)
    added = blueprint(port, "falco_alert")["schema"]
    added["properties"]["ticket"] = {"type": "string"}
    port.patch("/blueprints/falco_alert", json={"schema": added}).raise_for_status()
    changed = mappings(port)
    changed[0]["entity"]["properties"]["ticket"] = ".body.uuid"
    path = "/webhooks/falco_alert_mapper"
    port.patch(path, json={"mappings": changed}).raise_for_status()
    ran = falcoport("plan", "--profile", "standard")
    assert "kubeWorkload" in ran.stdout + ran.stderr
    assert set_up("--profile", "standard") == url
    assert unchanged()
    chosen = next(iter(old))
    status = {"properties": {"status": "Acknowledged", "ticket": "SEC-1"}}
    port.patch(f"{ALERTS}/{chosen}", json=status).raise_for_status()
    send(port, url, [*week(0.002, days=1, seed=2)])
    assert mappings(port)[0]["entity"]["properties"]["ticket"] == ".body.uuid"
    assert len(mappings(port)) == 1
    assert set_up("--profile", "guide") == url
    assert unchanged()
    now = mappings(port)
    assert now[0]["entity"]["properties"].pop("ticket") == ".body.uuid"
    assert now == before
    stored = entities(port, ALERTS)
    assert old.keys() <= stored.keys()
    assert stored[chosen]["properties"]["status"] == "Acknowledged"
    assert stored[chosen]["properties"]["ticket"] == "SEC-1"
    assert "ticket" in blueprint(port, "falco_alert")["schema"]["properties"]


@pytest.mark.parametrize("profile", ["guide", "standard"])
def test_alerts_of_one_rule_in_one_place_are_one_finding(port: httpx.Client, profile: str) -> None:
    url = set_up("--profile", profile, "--findings", "--cluster", "prod")
    assert unchanged()
    assert [one["blueprint"] for one in mappings(port)] == ["falco_finding", "falco_alert"]
    assert set(blueprint(port, "falco_finding")["aggregationProperties"]) == {
        "alerts",
        "alertsToday",
    }
    alerts = [*week(0.001, days=1)]
    send(port, url, alerts)
    found = entities(port, FINDINGS)
    assert 0 < len(found) < len(alerts)
    stored = entities(port, ALERTS)
    assert {one["relations"]["finding"] for one in stored.values()} == found.keys()
    assert all(one["properties"]["status"] == "Open" for one in found.values())
    assert falcoport("status").exit_code == 0


@pytest.fixture
def resolved(port: httpx.Client) -> Resolved:
    """Give a finding of which a person said that it is resolved, and nothing else."""
    url = set_up("--findings-only")
    [alert] = [*week(0.001, days=1)][:1]
    send(port, url, [alert])
    [name] = entities(port, FINDINGS)
    path = f"{FINDINGS}/{quote(name, safe='')}"
    port.patch(path, json={"properties": {"status": "Resolved"}}).raise_for_status()
    settle(port)
    return Resolved(url, path, alert)


@dataclass(frozen=True)
class Resolved:
    url: str
    path: str
    alert: Json

    def properties(self, port: httpx.Client) -> Json:
        found: Json = port.get(self.path).raise_for_status().json()["entity"]["properties"]
        return found

    def see_again(self, port: httpx.Client, time: str) -> Json:
        send(port, self.url, [{**self.alert, "time": time}])
        return self.properties(port)


def test_a_finding_that_was_resolved_and_is_seen_again_shows_it(
    port: httpx.Client, resolved: Resolved
) -> None:
    """Whoever sets the status need not set the time as well."""
    noted = resolved.properties(port)["resolvedAt"]
    assert resolved.properties(port)["seenAfterResolution"] is False
    assert resolved.see_again(port, "2026-08-17T00:00:01Z")["seenAfterResolution"] is False
    again = resolved.see_again(port, "2126-08-18T12:00:00.123456789Z")
    assert again["status"] == "Resolved"
    assert again["lastSeen"] > noted == again["resolvedAt"]
    assert again["seenAfterResolution"] is True


def test_a_finding_resolved_once_more_is_seen_after_the_last_time_only(
    port: httpx.Client, resolved: Resolved
) -> None:
    port.patch(resolved.path, json={"properties": {"status": "Open"}}).raise_for_status()
    given = "2026-08-17T00:00:00.000Z"
    closed = {"status": "Resolved", "resolvedAt": given}
    port.patch(resolved.path, json={"properties": closed}).raise_for_status()
    settle(port)
    assert resolved.properties(port)["resolvedAt"] == given


@pytest.mark.usefixtures("resolved")
def test_what_notes_the_resolution_goes_with_the_findings(port: httpx.Client) -> None:
    assert [one["identifier"] for one in port.get("/actions").json()["actions"]] == [NOTES]
    set_up("--no-findings")
    assert unchanged()
    assert port.get("/actions").json()["actions"] == []


def test_findings_alone_are_bounded_and_remembered(port: httpx.Client) -> None:
    url = set_up("--findings-only", "--findings-by", "rule,namespace")
    assert unchanged()
    assert port.get("/blueprints/falco_alert").status_code == 404
    send(port, url, week(0.001, days=1))
    names = {(one["rule"], one["output_fields"]["k8s.ns.name"]) for one in week(0.001, days=1)}
    assert len(entities(port, FINDINGS)) == len(names)
    assert falcoport("status").exit_code == 0
    assert set_up("--findings") == url
    assert unchanged()
    assert [one["blueprint"] for one in mappings(port)] == ["falco_finding", "falco_alert"]
    set_up("--findings-only")
    assert [one["blueprint"] for one in mappings(port)] == ["falco_finding"]
    assert unchanged()


def test_findings_turned_off_stay_in_the_catalog(port: httpx.Client) -> None:
    url = set_up()
    before = mappings(port)
    set_up("--findings")
    send(port, url, week(0.001, days=1))
    count = len(entities(port, FINDINGS))
    set_up("--no-findings")
    assert mappings(port) == before
    assert "finding" not in blueprint(port, "falco_alert")["relations"]
    assert len(entities(port, FINDINGS)) == count
    assert unchanged()


FILTER = ("--min-priority", "warning", "--skip-namespaces", "app-1", "--skip-rules", "Clear*")


def test_a_filter_drops_alerts_at_the_door_and_is_remembered(port: httpx.Client) -> None:
    url = set_up(*FILTER)
    assert unchanged()
    assert unchanged(*FILTER)
    chosen = AlertFilter("Warning", skip_rules=("Clear*",), skip_namespaces=("app-1",))
    alerts = [*week(0.003, days=1)]
    send(port, url, alerts)
    passing = [*filter(make_predicate(chosen), alerts)]
    assert 0 < len(passing) < len(alerts)
    assert len(entities(port, ALERTS)) == len(passing)
    # One filter more is added to the others; another value replaces its own.
    set_up("--min-priority", "critical")
    assert '"Warning"' not in mappings(port)[0]["filter"]
    assert "app-1" in mappings(port)[0]["filter"]
    set_up("--no-filter")
    assert mappings(port)[0]["filter"] == "true"
    assert unchanged()


def test_the_filter_holds_for_findings_and_for_namespaces_too(port: httpx.Client) -> None:
    set_up("--findings", "--cluster", "prod", "--ensure-namespaces", *FILTER)
    assert unchanged()
    assert all('"Warning"' in one["filter"] for one in mappings(port))
    set_up("--no-filter", "--no-ensure-namespaces")
    assert [one["filter"] for one in mappings(port)] == ["true", "true"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--profile", "standard", "--cluster", "prod", *FILTER),
        ("--profile", "standard", "--findings", "--ensure-namespaces"),
        ("--findings-only", "--findings-by", "rule,host"),
        ("--findings", "--identifier", "uuid", "--cluster", "prod"),
    ],
)
def test_teardown_takes_all_of_it_away(port: httpx.Client, arguments: tuple[str, ...]) -> None:
    blueprints = {one["identifier"] for one in port.get("/blueprints").json()["blueprints"]}
    url = set_up(*arguments)
    send(port, url, week(0.0005, days=1))
    ran = falcoport("teardown", "--delete-alerts", "--yes")
    assert ran.exit_code == 0, ran.stderr
    assert port.get("/webhooks/falco_alert_mapper").status_code == 404
    left = {one["identifier"] for one in port.get("/blueprints").json()["blueprints"]}
    assert left == blueprints


def test_teardown_after_going_back_to_the_guide_knows_its_own_properties(
    port: httpx.Client,
) -> None:
    set_up("--profile", "standard")
    set_up("--profile", "guide")
    ran = falcoport("teardown", "--yes")
    assert ran.exit_code == 0, ran.stderr
    assert port.get("/blueprints/falco_alert").status_code == 404


@pytest.mark.parametrize(
    "arguments",
    [
        ("--profile", "fancy"),
        ("--min-priority", "urgent"),
        ("--findings-by", "colour"),
        ("--only-rules", ""),
        ("--findings-only", "--no-findings"),
    ],
)
@pytest.mark.usefixtures("port")
def test_what_cannot_be_meant_ends_with_2(arguments: tuple[str, ...]) -> None:
    ran = falcoport("setup", *arguments)
    assert ran.exit_code == 2
    assert arguments[0] in ran.stderr or arguments[-1] in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--identifier", "hostname-time-rule"), "hostname-time-rule"),
        (("--findings", "--identifier", "hostname-time-rule"), "findings"),
        (("--findings-only",), "findings-only"),
        (("--findings-only", "--min-priority", "warning"), "findings-only"),
        (("--skip-rules", "Contact*", "--identifier", "uuid"), "uuid"),
    ],
)
def test_what_preview_foretells_is_what_is_stored(
    port: httpx.Client, tmp_path: Path, arguments: tuple[str, ...], name: str
) -> None:
    alerts = [*week(0.002)]
    path = tmp_path / "week.json"
    path.write_bytes(b"".join(as_blocks(alerts)))
    ran = falcoport("preview", str(path), *arguments, "-o", "json")
    assert ran.exit_code == 0, ran.stderr
    [foretold] = [one for one in ran.data["forecast"]["entities"] if one["name"] == name]
    mapped = sum(one["total"] for one in ran.data["forecast"]["mapped"])
    url = set_up(*arguments)
    send(port, url, alerts)
    paths = {f"/blueprints/{one['blueprint']}/entities" for one in mappings(port)}
    stored = sum(len(entities(port, path)) for path in paths)
    assert mapped == stored
    assert foretold["total"] == pytest.approx(stored, rel=0.02)


def test_preview_ends_with_what_it_would_mean(tmp_path: Path) -> None:
    path = tmp_path / "week.json"
    path.write_bytes(b"".join(as_blocks(week(0.002))))
    ran = falcoport("preview", str(path), "--entity-limit", "500")
    assert ran.exit_code == 0
    for text in ("Alerts per day", "2026-08-23", "Until 500", "--min-priority", "--findings-only"):
        assert text in ran.stdout
    # Samples foretell nothing, and a stream of records ends with its last one.
    assert "Until" not in falcoport("preview").stdout
    assert "Until" not in falcoport("preview", str(path), "-o", "jsonl").stdout


@pytest.mark.slow
def test_a_persons_status_survives_ten_thousand_alerts(port: httpx.Client) -> None:
    """And a property of somebody's own, a change of profile and back, and a second setup."""
    url = set_up("--profile", "standard", "--findings")
    added = blueprint(port, "falco_finding")["schema"]
    added["properties"]["ticket"] = {"type": "string"}
    port.patch("/blueprints/falco_finding", json={"schema": added}).raise_for_status()
    alerts = [*week(0.31, days=1)][:10_000]
    assert len(alerts) == 10_000
    send(port, url, alerts[:50])
    chosen = {path: next(iter(entities(port, path))) for path in (ALERTS, FINDINGS)}
    status = {"properties": {"status": "False positive"}}
    for path, name in chosen.items():
        port.patch(f"{path}/{quote(name, safe='')}", json=status).raise_for_status()
    path = f"{FINDINGS}/{quote(chosen[FINDINGS], safe='')}"
    port.patch(path, json={"properties": {"ticket": "SEC-1"}}).raise_for_status()
    send(port, url, alerts)
    set_up("--profile", "guide")
    set_up("--profile", "standard")
    assert unchanged()
    for path, name in chosen.items():
        stored = port.get(f"{path}/{quote(name, safe='')}").json()["entity"]
        assert stored["properties"]["status"] == "False positive"
    assert entities(port, FINDINGS)[chosen[FINDINGS]]["properties"]["ticket"] == "SEC-1"


def test_no_workload_is_remembered_and_workload_takes_it_back(port: httpx.Client) -> None:
    standard = ("--profile", "standard", "--findings", "--cluster", "prod")
    set_up(*standard, "--no-workload")
    assert unchanged()
    assert unchanged(*standard)
    assert all("workload" not in one["entity"]["relations"] for one in mappings(port))
    set_up("--workload")
    assert unchanged()
    for name in ("falco_alert", "falco_finding"):
        assert "workload" in blueprint(port, name)["relations"]
    set_up("--no-workload")
    assert unchanged()
    for name in ("falco_alert", "falco_finding"):
        assert "workload" not in blueprint(port, name)["relations"]
    assert all("workload" not in one["entity"]["relations"] for one in mappings(port))


def test_without_workloads_alerts_are_owned_by_the_namespace(port: httpx.Client) -> None:
    for name in ("k8s_namespace", "k8s_workload"):
        owned = {"ownership": {"type": "Direct"}}
        port.patch(f"/blueprints/{name}", json=owned).raise_for_status()
    set_up("--profile", "standard", "--cluster", "prod")
    assert blueprint(port, "falco_alert")["ownership"]["path"] == "workload"
    set_up("--no-workload")
    assert blueprint(port, "falco_alert")["ownership"]["path"] == "namespace"
    assert unchanged()


def test_findings_alone_remember_their_relations(port: httpx.Client) -> None:
    set_up("--profile", "standard", "--findings-only")
    before = blueprint(port, "falco_finding")["relations"]
    assert unchanged()
    assert "workload" in before
    assert falcoport("status").exit_code == 0
