"""status: whether it is wired, and whether alerts arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import falcoport

from falcoport.commands.alert_counts import read_counts, read_moment

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from falcoport.sandbox.options import RunningSandbox


@pytest.fixture
def wired(pointed: RunningSandbox, api: httpx.Client) -> httpx.Client:
    """Give a catalog with a whole set-up."""
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    return api


def states(data: dict[str, Any]) -> dict[str, str]:
    """Return each part's state by its name."""
    return {part["name"]: part["state"] for part in data["parts"]}


def add_alert(api: httpx.Client, number: int, priority: str, namespace: str | None) -> None:
    """Put an alert into the catalog."""
    if namespace:
        api.post(
            "/blueprints/namespace/entities?upsert=true", json={"identifier": namespace}
        ).raise_for_status()
    body = {
        "identifier": f"alert-{number}",
        "properties": {"priority": priority, "time": f"2026-11-23T09:00:{number:02}.123456789Z"},
        "relations": {"namespace": namespace},
    }
    api.post("/blueprints/falco_alert/entities", json=body).raise_for_status()


def test_whole_setup_is_ok_with_its_alerts_counted(wired: httpx.Client) -> None:
    add_alert(wired, 1, "Critical", "auth")
    add_alert(wired, 2, "Notice", "auth")
    add_alert(wired, 3, "Notice", None)
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert set(states(ran.data).values()) == {"ok"}
    assert ran.data["alerts"] == {
        "count": 3,
        "newest": "2026-11-23T09:00:03.123456+00:00",
        "by_priority": {"Notice": 2, "Critical": 1},
        "by_status": {},
        "by_namespace": {"auth": 2},
        "without_namespace": 1,
        "by_cluster": {},
        "by_day": ran.data["alerts"]["by_day"],
        "complete": True,
    }
    assert ran.data["port"]["region"] == {"value": "custom", "source": "PORT_API_URL"}
    assert "secret" not in str(ran.data["port"]).replace("client_secret", "").lower().replace(
        "port_client_secret", ""
    )


def test_screen_tells_it_on_stdout(wired: httpx.Client) -> None:
    add_alert(wired, 1, "Critical", "auth")
    ran = falcoport("status")
    assert ran.exit_code == 0
    for words in ("PORT_CLIENT_ID", "→ namespace", "Critical 1", "auth 1", "newest 2026-11-23"):
        assert words in ran.stdout


@pytest.mark.usefixtures("pointed")
def test_nothing_set_up_is_a_failed_check() -> None:
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 3
    assert set(states(ran.data).values()) == {"missing"}
    assert ran.data["alerts"] is None
    assert {error["code"] for error in ran.envelope["errors"]} == {"missing"}


def test_drift_is_told_part_by_part(wired: httpx.Client) -> None:
    hook = wired.get("/webhooks/falco_alert_mapper").json()["integration"]
    hook["mappings"][0]["entity"]["properties"]["rule"] = ".body.other"
    wired.patch(
        "/webhooks/falco_alert_mapper", json={"mappings": hook["mappings"]}
    ).raise_for_status()
    wired.patch("/blueprints/falco_alert", json={"title": "Mine"}).raise_for_status()
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 3
    found = {part["name"]: (part["state"], part["detail"]) for part in ran.data["parts"]}
    assert found["blueprint"] == ("drifted", "title")
    assert found["mapping"] == ("drifted", "mappings[falco_alert].entity.properties.rule")
    assert found["relation"][0] == found["webhook"][0] == "ok"


def test_a_webhook_without_the_mapping_lacks_it(wired: httpx.Client) -> None:
    other = {"blueprint": "namespace", "filter": "false", "entity": {"identifier": ".body.id"}}
    wired.patch("/webhooks/falco_alert_mapper", json={"mappings": [other]}).raise_for_status()
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 3
    found = {part["name"]: (part["state"], part["detail"]) for part in ran.data["parts"]}
    assert found["mapping"] == ("missing", "none for blueprint falco_alert")
    assert found["webhook"][0] == "ok"


def test_disabled_webhook_is_a_failed_check(wired: httpx.Client) -> None:
    wired.patch("/webhooks/falco_alert_mapper", json={"enabled": False}).raise_for_status()
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 3
    assert states(ran.data)["webhook"] == "disabled"
    assert states(ran.data)["mapping"] == "ok"


def test_more_alerts_than_a_page_are_all_counted(wired: httpx.Client) -> None:
    for start in range(0, 1005, 20):
        entities = [
            {"identifier": f"alert-{n}", "properties": {"priority": "Debug"}}
            for n in range(start, min(start + 20, 1005))
        ]
        wired.post(
            "/blueprints/falco_alert/entities/bulk", json={"entities": entities}
        ).raise_for_status()
    ran = falcoport("status", "-o", "json", "--verbose")
    assert ran.exit_code == 0
    assert ran.data["alerts"]["by_priority"] == {"Debug": 1005}
    assert ran.data["alerts"]["complete"] is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-17T09:47:21.123456789Z", "2026-08-17T09:47:21.123456+00:00"),
        ("2026-08-17T09:47:21+02:00", "2026-08-17T09:47:21+02:00"),
        ("2026-08-17T09:47:21", "2026-08-17T09:47:21+00:00"),
        ("yesterday", None),
        (None, None),
        (True, None),
        (1500, "1970-01-01T00:00:01.500000+00:00"),
    ],
)
def test_times_are_read_as_falco_writes_them(text: object, expected: str | None) -> None:
    found = read_moment(text)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([{"value": "a", "count": 2}, {"value": None, "count": 1}], {"a": 2, "": 1}),
        ([{"priority": "a", "count": 2}], {"a": 2}),
        ({"a": 2, "b": 1}, {"a": 2, "b": 1}),
        ([], {}),
        ([{"value": "a"}], None),
        ({"a": "many"}, None),
        (3, None),
        (None, None),
    ],
)
def test_counts_are_read_in_every_form_that_makes_sense(
    result: object, expected: dict[str, int] | None
) -> None:
    assert read_counts(result) == expected


def test_alerts_are_counted_by_the_day_they_happened(wired: httpx.Client) -> None:
    now = datetime.now(UTC)
    for number, age in enumerate([1, 1, 25, 24 * 30]):
        body = {
            "identifier": f"alert-{number}",
            "properties": {"time": (now - timedelta(hours=age)).isoformat()},
        }
        wired.post("/blueprints/falco_alert/entities", json=body).raise_for_status()
    counted = falcoport("status", "-o", "json").data["alerts"]
    assert counted["count"] == 4
    assert sum(counted["by_day"].values()) == 3


def test_no_alert_is_fetched(wired: httpx.Client) -> None:
    add_alert(wired, 1, "Critical", "auth")
    ran = falcoport("status", "--verbose")
    assert "/v1/entities/aggregate" in ran.stderr
    assert "/falco_alert/entities " not in ran.stderr
    assert "/entities/search" not in ran.stderr


def test_findings_are_counted_beside_alerts(pointed: RunningSandbox, api: httpx.Client) -> None:
    assert pointed.url
    options = ("--create-namespace-blueprint", "--profile", "standard", "--findings")
    assert falcoport("setup", *options).exit_code == 0
    for number, status in enumerate(["Open", "Open", "Resolved"]):
        body = {
            "identifier": f"finding-{number}",
            "properties": {"priority": "Notice", "status": status, "cluster": "prod"},
        }
        api.post("/blueprints/falco_finding/entities", json=body).raise_for_status()
    add_alert(api, 1, "Critical", "auth")
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    findings = ran.data["findings"]
    assert findings["count"] == 3
    assert findings["by_status"] == {"Open": 2, "Resolved": 1}
    assert findings["by_cluster"] == {"prod": 3}
    assert ran.data["alerts"]["by_priority"] == {"Critical": 1}
    assert ran.data["alerts"]["by_status"] == {"Open": 1}
    assert "Open 2 · Resolved 1" in falcoport("status").stdout


@pytest.mark.usefixtures("pointed")
def test_without_alerts_only_findings_are_counted() -> None:
    assert falcoport("setup", "--create-namespace-blueprint", "--findings-only").exit_code == 0
    ran = falcoport("status", "-o", "json")
    assert (ran.exit_code, ran.data["alerts"]) == (0, None)
    assert ran.data["findings"]["count"] == 0


def test_what_is_not_on_offer_says_why(pointed: RunningSandbox) -> None:
    assert pointed.url
    assert falcoport("setup", "--create-namespace-blueprint", "--no-relation").exit_code == 0
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 0
    refused = ran.data["extras_not_on_offer"]
    assert {*refused} == {"triage", "rollups", "scorecard"}
    assert "no status" in refused["triage"]
    assert "--profile standard" in refused["triage"]
    shown = falcoport("status").stdout
    assert "not on offer" in shown
    assert "dashboard, notify, retention: `falcoport setup --with" in shown


def test_an_extra_of_the_file_that_is_not_there_is_missing(
    wired: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "falcoport.yaml").write_text("with: [dashboard]\nnotify: [{channel: slack}]\n")
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 3
    missing = {
        (one["name"], one["identifier"]) for one in ran.data["parts"] if one["state"] != "ok"
    }
    assert ("page", "falco_security") in missing
    assert ("action", "falco_notify_slack") in missing
    assert wired.get("/pages/falco_security").status_code == 404
