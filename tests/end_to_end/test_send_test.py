"""Test alerts over real HTTP: sent as Falcosidekick does, looked for, compared, explained."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.command_line import Ran, falcoport

from falcoport.delivery.test_alert import TEST_TAG, make_test_alert
from falcoport.falco.samples import sample
from falcoport.falcosidekick.forward import forwarded

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.sandbox.server import RunningSandbox

NOW = datetime(2026, 8, 17, 9, 46, 12, 318204, tzinfo=UTC)


@pytest.fixture
def catalog(pointed: RunningSandbox, api: httpx.Client) -> httpx.Client:
    """Give a catalog that is set up, with the namespace of the default sample."""
    del pointed
    ran = falcoport("setup", "--create-namespace-blueprint")
    assert ran.exit_code == 0, ran.stderr
    add_namespace(api, "auth-namespace")
    return api


def add_namespace(api: httpx.Client, identifier: str) -> None:
    """Put a namespace's entity into the catalog."""
    body = {"identifier": identifier}
    api.post("/blueprints/namespace/entities", json=body).raise_for_status()


def alerts(api: httpx.Client) -> list[dict[str, Any]]:
    """Return the alerts in the catalog."""
    found: list[dict[str, Any]] = api.get("/blueprints/falco_alert/entities").json()["entities"]
    return found


def change_webhook(api: httpx.Client, **changes: Any) -> None:
    """Change the webhook in Port behind falcoport's back."""
    api.patch("/webhooks/falco_alert_mapper", json=changes).raise_for_status()


def mappings(api: httpx.Client) -> list[dict[str, Any]]:
    """Return the webhook's mappings as Port has them."""
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    found: list[dict[str, Any]] = webhook["mappings"]
    return found


def send(*arguments: str, seconds: str = "0.3") -> Ran:
    """Send a test alert that is not waited for long."""
    return falcoport("send-test", "--wait", seconds, *arguments)


def test_an_alert_arrives_marked_and_as_the_mapping_says(catalog: httpx.Client) -> None:
    ran = falcoport("send-test", "--sample", "fileless-execution")
    assert ran.exit_code == 0, ran.stderr
    [alert] = alerts(catalog)
    assert ran.stdout == f"{alert['identifier']}\n"
    assert TEST_TAG in alert["properties"]["tags"]
    assert alert["relations"]["namespace"] == "auth-namespace"
    assert "as the mapping says" in ran.stderr


def test_the_first_test_needs_nothing_that_may_be_missing(catalog: httpx.Client) -> None:
    catalog.delete("/blueprints/namespace/all-entities").raise_for_status()
    ran = falcoport("send-test")
    assert ran.exit_code == 0, ran.stderr
    assert "Sent; waiting" in ran.stderr
    [alert] = alerts(catalog)
    assert alert["relations"]["namespace"] is None


def test_each_option_shows_in_the_alert(catalog: httpx.Client) -> None:
    add_namespace(catalog, "shop")
    ran = falcoport(
        "send-test", "--sample", "exec-into-pod", "--namespace", "shop", "--priority", "info",
        "-o", "json",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.stdout
    entity = ran.data["entity"]
    assert ran.data["differences"] == []
    assert ran.data["seconds"] >= 0
    assert entity["properties"]["rule"] == "Attach/Exec Pod"
    assert entity["properties"]["priority"] == "Informational"
    assert entity["relations"]["namespace"] == "shop"


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_first_alert_of_a_file_is_sent(
    wrapped: bool, catalog: httpx.Client, tmp_path: Path
) -> None:
    line = sample("sensitive-file-on-host").line
    text = forwarded(line).decode() if wrapped else f"log text\n{line}\n"
    file = tmp_path / "alert.json"
    file.write_text(text, encoding="utf-8")
    assert send(str(file), seconds="10").exit_code == 0
    [alert] = alerts(catalog)
    assert alert["properties"]["rule"] == "Read sensitive file untrusted"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["none.json"], 4, "cannot be read"),
        (["--sample", "nothing"], 2, "There is no sample"),
        (["--priority", "urgent"], 2, "Falco has Emergency"),
        (["--wait", "0"], 2, "more than 0 seconds"),
        (["x", "--sample", "exec-into-pod"], 2, "not both"),
    ],
)
def test_what_cannot_be_sent_is_told(arguments: list[str], code: int, told: str) -> None:
    ran = falcoport("send-test", *arguments)
    assert ran.exit_code == code
    assert told in ran.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"text\n", "There is no alert"),
        (b"{broken\n", "There is no alert"),
        (b'{"rule":"r","priority":"Urgent","output_fields":{"a":1}}', "would not pass this alert"),
    ],
)
def test_a_file_without_an_alert_ends_with_4(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "alert.json"
    file.write_bytes(content)
    ran = falcoport("send-test", str(file))
    assert ran.exit_code == 4
    assert told in ran.stderr


def test_nothing_set_up_says_to_run_setup(pointed: RunningSandbox) -> None:
    del pointed
    ran = send()
    assert ran.exit_code == 3
    assert "falcoport setup" in ran.stderr


def test_a_disabled_webhook_is_the_cause(catalog: httpx.Client) -> None:
    change_webhook(catalog, enabled=False)
    ran = send("-o", "json")
    assert ran.exit_code == 3
    assert [problem["code"] for problem in ran.envelope["errors"]] == ["disabled"]


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"filter": '.body.priority == "Debug"'}, "not_mapped", "filter is false"),
        ({"filter": ".tags[0]"}, "not_mapped", "Cannot index|filter gives null"),
        ({"entity": {"identifier": ".body.none"}}, "not_mapped", "identifier is null"),
        ({"entity": {"identifier": ".body.tags + 1"}}, "not_mapped", "cannot be added"),
        ({"blueprint": "namespace"}, "no_mapping", "no mapping for the blueprint falco_alert"),
    ],
)
def test_a_mapping_that_stores_nothing_is_the_cause(
    change: dict[str, Any], code: str, told: str, catalog: httpx.Client
) -> None:
    [mapping] = mappings(catalog)
    change_webhook(catalog, mappings=[{**mapping, **change}])
    ran = send("-o", "json")
    assert ran.exit_code == 3
    [problem] = ran.envelope["errors"]
    assert problem["code"] == code
    assert any(word in problem["message"] for word in told.split("|"))


def causes(ran: Ran) -> list[str]:
    """Return the codes of the causes behind "not arrived"."""
    first, *rest = [problem["code"] for problem in ran.envelope["errors"]]
    assert first == "not_arrived"
    return rest


def test_a_missing_relation_target_is_the_likely_cause(catalog: httpx.Client) -> None:
    ran = send("--namespace", "nowhere", "-o", "json")
    assert ran.exit_code == 3
    assert causes(ran) == ["audit_log", "missing_target"]
    assert "nowhere" in ran.errors[2]
    assert alerts(catalog) == []


def test_a_value_that_port_refuses_is_the_likely_cause(catalog: httpx.Client) -> None:
    [mapping] = mappings(catalog)
    entity = mapping["entity"]
    broken = {**entity, "properties": {**entity["properties"], "time": ".body.rule"}}
    change_webhook(catalog, mappings=[{**mapping, "entity": broken}])
    ran = send("-o", "json")
    assert causes(ran) == ["audit_log", "refused_value"]


def test_a_secret_that_is_another_is_the_likely_cause(
    catalog: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    del catalog
    secret = falcoport("setup", "--secure", "-o", "json").data["webhook_secret"]
    ran = send("-o", "json")
    assert ran.exit_code == 2
    assert ran.envelope["errors"][0]["code"] == "no_webhook_secret"
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", "another-secret-altogether")
    ran = send("-o", "json")
    assert causes(ran) == ["audit_log", "secret"]
    assert "another-secret-altogether" not in ran.everything
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", secret)
    assert send(seconds="10").exit_code == 0


def test_a_difference_from_the_mapping_ends_with_3(
    catalog: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes the entity between its arrival and the look at it."""
    from falcoport.port.api import PortApi

    look = PortApi.entity

    def changed(self: PortApi, blueprint: str, identifier: str) -> Any:
        found = look(self, blueprint, identifier)
        if found is not None and blueprint == "falco_alert":
            found["properties"]["rule"] = "another"
        return found

    monkeypatch.setattr(PortApi, "entity", changed)
    del catalog
    ran = send(seconds="10")
    assert ran.exit_code == 3
    assert 'properties.rule is "another"' in ran.stderr


def test_cleanup_removes_this_test_and_earlier_ones_and_no_real_alert(
    catalog: httpx.Client, pointed: RunningSandbox
) -> None:
    url = falcoport("show-url").stdout.strip()
    del pointed
    httpx.post(url, content=forwarded(sample("exec-into-pod").line), trust_env=False)
    for _ in range(2):
        assert send(seconds="10").exit_code == 0
    ran = send("--cleanup", "-o", "json", seconds="10")
    assert ran.exit_code == 0
    assert ran.data["removed"] == 3
    assert [alert["properties"]["rule"] for alert in alerts(catalog)] == ["Attach/Exec Pod"]


def test_via_falcosidekick_a_uuid_cannot_be_told_before(catalog: httpx.Client) -> None:
    del catalog
    assert falcoport("setup", "--identifier", "uuid").exit_code == 0
    ran = send("--via", "http://127.0.0.1:9")
    assert ran.exit_code == 2
    assert "--identifier" in ran.stderr
    assert send(seconds="10").exit_code == 0


def test_a_marked_alert_is_of_now_and_what_was_asked_for() -> None:
    made = make_test_alert(
        sample("fileless-execution").alert,
        NOW,
        namespace="shop",
        priority="alert",
        tag_prefix="port-",
    )
    found = json.loads(made.body())
    assert found["time"] == "2026-08-17T09:46:12.318204Z"
    assert found["output"].startswith("09:46:12.318204000: ")
    assert found["output_fields"]["evt.time"] == 1786959972318204000
    assert found["priority"] == "Alert"
    assert [tag for tag in found["tags"] if tag.startswith("port-")] == ["port-shop"]
    assert TEST_TAG in found["tags"]
