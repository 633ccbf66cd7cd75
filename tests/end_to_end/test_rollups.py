"""setup --with rollups,scorecard over HTTP: into blueprints of others, and out without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import falcoport

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.options import RunningSandbox

NAMES = {"falco_open_critical", "falco_open", "falco_last_day"}
THEIRS = {
    "title": "Theirs",
    "type": "number",
    "target": "namespace",
    "calculationSpec": {"calculationBy": "entities", "func": "count"},
}


@pytest.fixture
def exported(pointed: RunningSandbox, api: httpx.Client) -> httpx.Client:
    """Give a catalog with the exporter's blueprints, to which others added."""
    cluster = {"identifier": "cluster", "title": "Cluster", "schema": {"properties": {}}}
    api.post("/blueprints", json=cluster).raise_for_status()
    namespace = {
        "identifier": "namespace",
        "title": "Namespace",
        "schema": {"properties": {"own": {"type": "string"}}},
        "relations": {"Cluster": {"title": "Cluster", "target": "cluster"}},
    }
    api.post("/blueprints", json=namespace).raise_for_status()
    patch = {"aggregationProperties": {"theirs": THEIRS}}
    api.patch("/blueprints/namespace", json=patch).raise_for_status()
    return api


def aggregations(api: httpx.Client, blueprint: str) -> Any:
    return api.get(f"/blueprints/{blueprint}").json()["blueprint"].get("aggregationProperties", {})


def stripped(api: httpx.Client) -> dict[str, Any]:
    """Return both blueprints without the dates of their last change."""
    return {
        name: {
            key: value
            for key, value in api.get(f"/blueprints/{name}").json()["blueprint"].items()
            if not key.startswith("updated") and value != {}
        }
        for name in ("namespace", "cluster")
    }


def pending(*arguments: str) -> list[str]:
    data = falcoport("plan", *arguments, "-o", "json").data
    return [c["identifier"] for c in data["changes"] if c["action"] != "unchanged"]


def test_they_count_on_namespaces_and_clusters_beside_others(exported: httpx.Client) -> None:
    ran = falcoport("setup", "--with", "rollups")
    assert ran.exit_code == 0, ran.everything
    found = aggregations(exported, "namespace")
    assert {*found} == {*NAMES, "theirs"}
    assert found["theirs"]["target"] == "namespace"
    paths = {
        name: aggregations(exported, name)["falco_open"]["pathFilter"]
        for name in ("namespace", "cluster")
    }
    assert paths == {
        "namespace": [{"fromBlueprint": "falco_alert", "path": ["namespace"]}],
        "cluster": [{"fromBlueprint": "falco_alert", "path": ["namespace", "Cluster"]}],
    }
    assert pending("--with", "rollups") == []


def test_they_count_what_there_is(exported: httpx.Client) -> None:
    assert falcoport("setup", "--with", "rollups").exit_code == 0
    exported.post("/blueprints/namespace/entities", json={"identifier": "a"}).raise_for_status()
    for number, priority in enumerate(["Critical", "Notice", "Alert"]):
        body = {
            "identifier": f"x{number}",
            "properties": {"priority": priority, "time": "2020-01-01T00:00:00Z"},
            "relations": {"namespace": "a"},
        }
        exported.post("/blueprints/falco_alert/entities", json=body).raise_for_status()
    entity = exported.get("/blueprints/namespace/entities/a").json()["entity"]
    counted = {name: entity["properties"].get(name) for name in NAMES}
    assert counted == {"falco_open": 3, "falco_open_critical": 0, "falco_last_day": 0}


@pytest.mark.parametrize(
    "command",
    [("setup", "--without", "rollups,scorecard"), ("teardown", "--yes")],
    ids=lambda c: c[0],
)
def test_they_go_without_a_trace(exported: httpx.Client, command: tuple[str, ...]) -> None:
    before = stripped(exported)
    assert falcoport("setup", "--with", "scorecard").exit_code == 0
    assert stripped(exported) != before
    ran = falcoport(*command)
    assert ran.exit_code == 0, ran.everything
    assert stripped(exported) == before
    assert exported.get("/scorecards").json()["scorecards"] == []


def test_a_scorecard_brings_the_counts_that_it_looks_at(exported: httpx.Client) -> None:
    ran = falcoport("setup", "--with", "scorecard")
    assert ran.exit_code == 0, ran.everything
    [scorecard] = exported.get("/blueprints/namespace/scorecards").json()["scorecards"]
    assert [level["title"] for level in scorecard["levels"]] == ["Red", "Yellow", "Green"]
    assert all(rule["description"] for rule in scorecard["rules"])
    assert exported.get("/blueprints/falco_alert/scorecards").json()["scorecards"] == []
    assert pending("--with", "scorecard") == []


def test_rules_of_others_stay(exported: httpx.Client) -> None:
    assert falcoport("setup", "--with", "scorecard").exit_code == 0
    path = "/blueprints/namespace/scorecards/runtime_security"
    stored = exported.get(path).json()["scorecard"]
    mine = {**stored["rules"][0], "identifier": "mine", "title": "Mine"}
    body = {key: stored[key] for key in ("identifier", "title", "levels")}
    changed = [{**stored["rules"][0], "title": "Changed"}, mine]
    exported.put(path, json={**body, "rules": changed}).raise_for_status()
    assert pending("--with", "scorecard") == ["runtime_security"]
    assert falcoport("setup", "--with", "scorecard").exit_code == 0
    rules = exported.get(path).json()["scorecard"]["rules"]
    assert [rule["identifier"] for rule in rules] == ["no_open_critical", "mine", "quiet"]
    assert rules[0]["title"] == stored["rules"][0]["title"]
    assert falcoport("setup", "--without", "scorecard").exit_code == 0
    rules = exported.get(path).json()["scorecard"]["rules"]
    assert [rule["identifier"] for rule in rules] == ["mine"]


def test_rollups_stay_as_long_as_the_scorecard_looks_at_them(exported: httpx.Client) -> None:
    assert falcoport("setup", "--with", "scorecard").exit_code == 0
    ran = falcoport("setup", "--without", "rollups", "-o", "json")
    assert ran.exit_code == 2
    assert {*aggregations(exported, "namespace")} > NAMES


def test_a_count_of_somebody_else_by_our_name_is_a_conflict(exported: httpx.Client) -> None:
    patch = {"aggregationProperties": {"theirs": THEIRS, "falco_open": THEIRS}}
    exported.patch("/blueprints/namespace", json=patch).raise_for_status()
    ran = falcoport("setup", "--with", "rollups", "-o", "json")
    assert ran.exit_code == 4
    assert "counts entities of 'namespace'" in ran.errors[0]
    assert aggregations(exported, "namespace")["falco_open"]["target"] == "namespace"
    assert exported.get("/blueprints/falco_alert").status_code == 404


def test_without_a_relation_there_is_nothing_to_count_on(exported: httpx.Client) -> None:
    ran = falcoport("setup", "--no-relation", "--with", "rollups", "-o", "json")
    assert ran.exit_code == 2
    assert "related to nothing" in ran.errors[0]


def test_status_has_a_line_for_each(exported: httpx.Client) -> None:
    assert falcoport("setup", "--with", "scorecard").exit_code == 0
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert (ran.data["extras"]["rollups"], ran.data["extras"]["scorecard"]) == ("ok", "ok")
    names = [part["name"] for part in ran.data["parts"]]
    assert names.count("aggregation") == 6
    assert names.count("blueprint") == 1
