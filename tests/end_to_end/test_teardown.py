"""teardown: what falcoport made goes, what others made stays and is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.command_line import falcoport

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.options import RunningSandbox


@pytest.fixture
def wired(pointed: RunningSandbox, api: httpx.Client) -> httpx.Client:
    """Give a catalog with a whole set-up."""
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    return api


def has_blueprint(api: httpx.Client) -> bool:
    """Tell whether the alert's blueprint is there."""
    return api.get("/blueprints/falco_alert").status_code == 200


def has_webhook(api: httpx.Client) -> bool:
    """Tell whether the webhook is there."""
    return api.get("/webhooks/falco_alert_mapper").status_code == 200


def add_alert(api: httpx.Client, identifier: str = "alert") -> None:
    """Put an alert into the catalog."""
    api.post("/blueprints/falco_alert/entities", json={"identifier": identifier}).raise_for_status()


def test_everything_that_setup_made_goes(wired: httpx.Client) -> None:
    ran = falcoport("teardown", "--yes", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert [(c["resource"], c["action"]) for c in ran.data["changes"]] == [
        ("webhook", "delete"),
        ("relation", "delete"),
        ("blueprint", "delete"),
    ]
    assert not has_blueprint(wired)
    assert not has_webhook(wired)
    assert wired.get("/blueprints/namespace").status_code == 200


@pytest.mark.usefixtures("pointed")
def test_gone_already_is_done() -> None:
    ran = falcoport("teardown", "--yes")
    assert ran.exit_code == 0
    assert ran.stderr.count("already absent") == 2


def test_dry_run_removes_nothing(wired: httpx.Client) -> None:
    ran = falcoport("teardown", "--dry-run")
    assert ran.exit_code == 0
    assert "- webhook falco_alert_mapper: delete" in ran.stdout
    assert has_blueprint(wired)
    assert has_webhook(wired)


def test_alerts_are_kept_and_the_blueprint_with_them(wired: httpx.Client) -> None:
    add_alert(wired)
    ran = falcoport("teardown", "--yes")
    assert ran.exit_code == 0
    assert not has_webhook(wired)
    entity = wired.get("/blueprints/falco_alert/entities/alert")
    assert entity.status_code == 200
    assert falcoport("teardown", "--yes").exit_code == 0


def test_deleting_alerts_needs_yes_where_nobody_can_answer(wired: httpx.Client) -> None:
    add_alert(wired, "one")
    add_alert(wired, "two")
    ran = falcoport("teardown", "--delete-alerts")
    assert ran.exit_code == 2
    assert "2 alerts will be deleted" in ran.stderr
    assert "can no longer deliver" in ran.stderr
    assert "--yes" in ran.stderr
    assert has_webhook(wired)
    ran = falcoport("teardown", "--delete-alerts", "--yes")
    assert ran.exit_code == 0, ran.stderr
    assert not has_blueprint(wired)


def test_shared_webhook_loses_only_its_mapping(wired: httpx.Client) -> None:
    hook = wired.get("/webhooks/falco_alert_mapper").json()["integration"]
    other = {"blueprint": "namespace", "entity": {"identifier": ".body.namespace"}}
    wired.patch(
        "/webhooks/falco_alert_mapper", json={"mappings": [other, *hook["mappings"]]}
    ).raise_for_status()
    assert falcoport("teardown", "--yes").exit_code == 0
    after = wired.get("/webhooks/falco_alert_mapper").json()["integration"]
    assert after["mappings"] == [other]
    assert after["webhookKey"] == hook["webhookKey"]
    assert not has_blueprint(wired)


def test_what_others_built_on_it_is_named_and_stops_everything(wired: httpx.Client) -> None:
    relations = {"worst": {"target": "falco_alert", "required": False, "many": False}}
    wired.post(
        "/blueprints",
        json={
            "identifier": "incident",
            "title": "Incident",
            "schema": {"properties": {}},
            "relations": relations,
        },
    ).raise_for_status()
    blueprint = wired.get("/blueprints/falco_alert").json()["blueprint"]
    blueprint["schema"]["properties"]["owner"] = {"type": "string"}
    wired.patch("/blueprints/falco_alert", json={"schema": blueprint["schema"]}).raise_for_status()
    wired.post(
        "/webhooks",
        json={
            "identifier": "second",
            "title": "Second",
            "enabled": True,
            "mappings": [{"blueprint": "falco_alert", "entity": {"identifier": ".body.id"}}],
        },
    ).raise_for_status()
    ran = falcoport("teardown", "--yes", "-o", "json")
    assert ran.exit_code == 4
    messages = " ".join(error["message"] for error in ran.envelope["errors"])
    for name in ("'worst'", "'incident'", "'owner'", "'second'"):
        assert name in messages
    assert has_blueprint(wired)
    assert has_webhook(wired)


def test_keep_blueprint_removes_only_the_webhook(wired: httpx.Client) -> None:
    assert falcoport("teardown", "--yes", "--keep-blueprint").exit_code == 0
    assert has_blueprint(wired)
    assert not has_webhook(wired)


def test_relation_made_by_add_relation_goes_too(wired: httpx.Client) -> None:
    arguments = ("--relation", "second", "--target", "namespace", "--tag-prefix", "x-")
    assert falcoport("add-relation", *arguments).exit_code == 0
    assert falcoport("teardown", "--yes").exit_code == 0
    assert not has_blueprint(wired)


def test_mapping_that_creates_namespaces_goes_too(wired: httpx.Client) -> None:
    options = ("--cluster", "prod", "--ensure-namespaces", "--identifier", "uuid")
    assert falcoport("setup", *options).exit_code == 0
    hook = wired.get("/webhooks/falco_alert_mapper").json()["integration"]
    assert len(hook["mappings"]) == 2
    assert falcoport("teardown", "--yes").exit_code == 0
    assert not has_webhook(wired)
    assert not has_blueprint(wired)


def test_nothing_goes_without_a_yes(wired: httpx.Client) -> None:
    ran = falcoport("teardown")
    assert ran.exit_code == 2
    assert "This deletes webhook falco_alert_mapper and blueprint falco_alert" in ran.stderr
    assert "--yes" in ran.stderr
    assert has_webhook(wired)


@pytest.mark.usefixtures("pointed")
def test_nothing_to_delete_needs_no_yes() -> None:
    assert falcoport("teardown").exit_code == 0
