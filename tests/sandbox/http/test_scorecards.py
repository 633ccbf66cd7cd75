"""Scorecards are kept as Port keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

PATH = "/blueprints/ns/scorecards"
CONDITION = {"property": "n", "operator": "=", "value": 0}
LEVELS = [
    {"color": "paleBlue", "title": "Basic"},
    {"color": "bronze", "title": "Bronze"},
    {"color": "silver", "title": "Silver"},
    {"color": "gold", "title": "Gold"},
]


def scorecard(identifier: str = "s", **members: Any) -> dict[str, Any]:
    query = {"combinator": "and", "conditions": [CONDITION]}
    rule = {"identifier": "r", "title": "R", "level": "Gold", "query": query}
    return {"identifier": identifier, "title": "S", "rules": [rule], **members}


@pytest.fixture
def port(api: httpx.Client) -> httpx.Client:
    """Make a client of a sandbox with a blueprint."""
    schema = {"properties": {"n": {"type": "number"}}}
    api.post("/blueprints", json={"identifier": "ns", "title": "N", "schema": schema})
    return api


def test_a_scorecard_is_kept_with_the_default_levels(port: httpx.Client) -> None:
    created = port.post(PATH, json=scorecard())
    assert created.status_code == 201
    found = port.get(f"{PATH}/s").json()["scorecard"]
    assert created.json()["scorecard"] == found
    assert (found["blueprint"], found["levels"]) == ("ns", LEVELS)
    assert "filter" not in found
    changed = port.put(f"{PATH}/s", json=scorecard("t")).json()["scorecard"]
    assert (changed["identifier"], changed["createdAt"]) == ("t", found["createdAt"])
    assert port.get("/scorecards").json()["scorecards"] == [changed]
    assert port.delete(f"{PATH}/t").json() == {"ok": True}
    assert port.delete(f"{PATH}/t").json()["ok"] is False


def test_a_list_replaces_all_of_a_blueprint(port: httpx.Client) -> None:
    for identifier in ("a", "b"):
        port.post(PATH, json=scorecard(identifier))
    port.put(PATH, json=[scorecard("b", title="New"), scorecard("c")])
    found = port.get(PATH).json()["scorecards"]
    assert [(one["identifier"], one["title"]) for one in found] == [("b", "New"), ("c", "S")]


def rule(**members: Any) -> dict[str, Any]:
    return {"rules": [{**scorecard()["rules"][0], **members}]}


BAD = [
    (rule(level="Basic"), '"rules.0.level" must be the title of a level above the first'),
    (rule(level="None"), '"rules.0.level" must be the title'),
    (rule(query={"combinator": "and", "rules": [CONDITION]}), "required property 'conditions'"),
    (rule(query={"combinator": "and", "conditions": []}), "must NOT have fewer than 1 items"),
    (rule(identifier="a b"), '"rules.0.identifier" must match pattern'),
    ({"rules": scorecard()["rules"] * 2}, '"rules" must have different identifiers'),
    ({"levels": [{"title": "x", "color": "none"}]}, "allowed values"),
    ({"unknown": 1}, "must NOT have additional properties"),
]


@pytest.mark.parametrize(("members", "reason"), BAD)
def test_what_port_would_refuse_is_refused_by_name(
    port: httpx.Client, members: dict[str, Any], reason: str
) -> None:
    answer = port.post(PATH, json=scorecard(**members))
    assert answer.status_code == 422
    assert reason in answer.json()["message"]


def test_scorecards_go_with_their_blueprint(port: httpx.Client) -> None:
    port.post(PATH, json=scorecard())
    port.delete("/blueprints/ns")
    assert port.get("/scorecards").json()["scorecards"] == []
    assert port.get(PATH).status_code == 404
