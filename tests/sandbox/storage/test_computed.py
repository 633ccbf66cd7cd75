"""What Port computes of entities is there when they are read, and is always up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

CRITICAL = {
    "combinator": "and",
    "rules": [{"property": "priority", "operator": "in", "value": ["Critical", "Alert"]}],
}


def aggregation(**members: Any) -> dict[str, Any]:
    spec = {"calculationBy": "entities", "func": "count"}
    return {"title": "T", "target": "alert", "calculationSpec": spec, **members}


def by_property(func: str, **members: Any) -> dict[str, Any]:
    return {"calculationBy": "property", "func": func, "property": "n", **members}


BLUEPRINTS: list[dict[str, Any]] = [
    {"identifier": "cluster", "title": "C", "schema": {"properties": {}}},
    {
        "identifier": "ns",
        "title": "N",
        "schema": {"properties": {"owner": {"type": "string"}}},
        "relations": {"Cluster": {"target": "cluster"}},
    },
    {
        "identifier": "alert",
        "title": "A",
        "schema": {"properties": {"priority": {"type": "string"}, "n": {"type": "number"}}},
        "relations": {"namespace": {"target": "ns"}, "others": {"target": "ns", "many": True}},
    },
]


class Catalog:
    """A sandbox with clusters, namespaces and alerts."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api
        for body in BLUEPRINTS:
            api.post("/blueprints", json=body).raise_for_status()
        self.put("cluster", "c", title="Prod")
        for name in ("x", "y"):
            self.put(
                "ns", name, title=name.upper(), relations={"Cluster": "c"}, team=f"team-{name}"
            )
        self.alert("a1", "Critical", 1)
        self.alert("a2", "Alert", 3)
        self.alert("a3", "Debug", 5)

    def put(self, blueprint: str, identifier: str, **members: Any) -> None:
        body = {"identifier": identifier, **members}
        path = f"/blueprints/{blueprint}/entities?upsert=true&merge=true"
        self.api.post(path, json=body).raise_for_status()

    def alert(self, identifier: str, priority: str, number: int, namespace: str = "x") -> None:
        values = {"priority": priority, "n": number}
        self.put("alert", identifier, properties=values, relations={"namespace": namespace})

    def define(self, blueprint: str, **members: Any) -> None:
        self.api.patch(f"/blueprints/{blueprint}", json=members).raise_for_status()

    def entity(self, blueprint: str, identifier: str, **asked: Any) -> dict[str, Any]:
        path = f"/blueprints/{blueprint}/entities/{identifier}"
        found: dict[str, Any] = self.api.get(path, params=asked).raise_for_status().json()["entity"]
        return found

    def value(self, blueprint: str, identifier: str, name: str) -> Any:
        return self.entity(blueprint, identifier)["properties"][name]


@pytest.fixture
def catalog(api: httpx.Client) -> Catalog:
    """Make a catalog of alerts."""
    return Catalog(api)


def test_a_mirror_property_shows_what_its_path_leads_to(catalog: Catalog) -> None:
    catalog.put("alert", "a1", relations={"others": ["y", "x"]})
    paths = {
        "title": "namespace.$title",
        "cluster": "namespace.Cluster.$title",
        "owner": "namespace.owner",
        "all": "others.$identifier",
        "wrong": "none.$title",
    }
    catalog.define("alert", mirrorProperties={name: {"path": path} for name, path in paths.items()})
    catalog.put("ns", "x", properties={"owner": "me"})
    values = catalog.entity("alert", "a1")["properties"]
    shown = {name: values[name] for name in paths}
    assert shown == {
        "title": "X",
        "cluster": "Prod",
        "owner": "me",
        "all": ["y", "x"],
        "wrong": None,
    }
    catalog.put("cluster", "c", title="New")
    assert catalog.value("alert", "a1", "cluster") == "New"
    catalog.put("alert", "a1", relations={"namespace": None})
    assert catalog.value("alert", "a1", "cluster") is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (".properties.n + 1", 2),
        (".properties.up + '-' + .identifier", "X-a1"),
        (".properties.none.deep", None),
        ("test-rel.$identifier", None),
        ("[range(1e12)] | length", None),
        ("env.HOME", None),
    ],
)
def test_a_calculation_property_is_a_jq_expression_within_limits(
    catalog: Catalog, expression: str, expected: Any
) -> None:
    catalog.define(
        "alert",
        mirrorProperties={"up": {"path": "namespace.$title"}},
        calculationProperties={"made": {"calculation": expression, "type": "string"}},
    )
    assert catalog.value("alert", "a1", "made") == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"calculationBy": "entities", "func": "count"}, (3, 0)),
        (by_property("sum"), (9, None)),
        (by_property("min"), (1, None)),
        (by_property("max"), (5, None)),
        (by_property("median"), (3, None)),
        (by_property("average", averageOf="total"), (3, None)),
        (by_property("average", averageOf="day", measureTimeBy="$createdAt"), (9, None)),
        ({"calculationBy": "entities", "func": "average", "averageOf": "week"}, (3, 0)),
    ],
)
def test_an_aggregation_has_every_function(
    catalog: Catalog, spec: dict[str, Any], expected: tuple[Any, Any]
) -> None:
    path = [{"fromBlueprint": "alert", "path": ["namespace"]}]
    made = aggregation(calculationSpec=spec, pathFilter=path)
    catalog.define("ns", aggregationProperties={"made": made})
    assert (catalog.value("ns", "x", "made"), catalog.value("ns", "y", "made")) == expected


def test_an_aggregation_follows_every_change(catalog: Catalog) -> None:
    path = [{"fromBlueprint": "alert", "path": ["namespace", "Cluster"]}]
    catalog.define("ns", aggregationProperties={"bad": aggregation(query=CRITICAL)})
    catalog.define("cluster", aggregationProperties={"bad": aggregation(pathFilter=path)})

    def counts() -> tuple[int, int, int]:
        values = [catalog.value("ns", name, "bad") for name in ("x", "y")]
        return (values[0], values[1], catalog.value("cluster", "c", "bad"))

    assert counts() == (2, 0, 3)
    catalog.alert("a4", "Critical", 1, "y")
    assert counts() == (2, 1, 4)
    catalog.alert("a1", "Critical", 1, "y")
    assert counts() == (1, 2, 4)
    catalog.alert("a2", "Debug", 1)
    assert counts() == (0, 2, 4)
    catalog.api.delete("/blueprints/alert/entities/a4")
    assert counts() == (0, 1, 3)
    catalog.put("ns", "y", relations={"Cluster": None})
    assert counts() == (0, 1, 2)
    catalog.put("ns", "y", relations={"Cluster": "c"})
    assert counts() == (0, 1, 3)
    catalog.api.delete("/blueprints/ns/entities/y")
    assert catalog.value("cluster", "c", "bad") == 2


def test_an_aggregation_without_a_path_counts_over_every_way(catalog: Catalog) -> None:
    catalog.put("alert", "a1", relations={"namespace": None, "others": ["x", "y"]})
    catalog.define("cluster", aggregationProperties={"all": aggregation()})
    catalog.define("ns", aggregationProperties={"all": aggregation()})
    assert catalog.value("cluster", "c", "all") == 3
    assert catalog.value("ns", "y", "all") == 1


def test_an_aggregation_goes_the_other_way_too(catalog: Catalog) -> None:
    path = [{"path": ["namespace", "Cluster"]}]
    made = aggregation(target="cluster", pathFilter=path)
    catalog.define("alert", aggregationProperties={"clusters": made})
    assert catalog.value("alert", "a1", "clusters") == 1
    catalog.put("alert", "a1", relations={"namespace": None})
    assert catalog.value("alert", "a1", "clusters") == 0


def test_a_query_may_look_at_what_is_computed_and_at_the_time(catalog: Catalog) -> None:
    catalog.define("alert", mirrorProperties={"up": {"path": "namespace.$title"}})
    period = {"property": "$createdAt", "operator": "between", "value": {"preset": "today"}}
    for name, rule in {
        "mirrored": {"property": "up", "operator": "=", "value": "X"},
        "recent": period,
    }.items():
        query = {"combinator": "and", "rules": [rule]}
        catalog.define("ns", aggregationProperties={name: aggregation(query=query)})
        assert catalog.value("ns", "x", name) == 3
    catalog.put("ns", "x", title="Other")
    assert catalog.value("ns", "x", "mirrored") == 0


def scorecard(**members: Any) -> dict[str, Any]:
    def rule(identifier: str, level: str, value: int) -> dict[str, Any]:
        condition = {"property": "bad", "operator": "<", "value": value}
        query = {"combinator": "and", "conditions": [condition]}
        return {"identifier": identifier, "title": "R", "level": level, "query": query}

    rules = [rule("few", "Bronze", 5), rule("two", "Silver", 2), rule("none", "Gold", 1)]
    return {"identifier": "safe", "title": "Safe", "rules": rules, **members}


def test_an_entity_has_the_level_whose_rules_it_fulfils(catalog: Catalog) -> None:
    catalog.define("ns", aggregationProperties={"bad": aggregation(query=CRITICAL)})
    catalog.api.post("/blueprints/ns/scorecards", json=scorecard()).raise_for_status()
    found = catalog.entity("ns", "x")["scorecards"]["safe"]
    assert found["level"] == "Bronze"
    assert [(one["identifier"], one["status"]) for one in found["rules"]] == [
        ("few", "SUCCESS"),
        ("two", "FAILURE"),
        ("none", "FAILURE"),
    ]
    assert catalog.entity("ns", "y")["scorecards"]["safe"]["level"] == "Gold"
    catalog.alert("a1", "Debug", 1)
    assert catalog.entity("ns", "x")["scorecards"]["safe"]["level"] == "Silver"
    condition = {"property": "$identifier", "operator": "=", "value": "y"}
    only = {"combinator": "and", "conditions": [condition]}
    catalog.api.put("/blueprints/ns/scorecards/safe", json=scorecard(filter=only))
    assert "safe" not in catalog.entity("ns", "x")["scorecards"]
    catalog.api.delete("/blueprints/ns/scorecards/safe")
    assert "scorecards" not in catalog.entity("ns", "y")


def test_nobody_is_at_a_level_without_rules_but_at_the_first(catalog: Catalog) -> None:
    condition = {"property": "$identifier", "operator": "=", "value": "y"}
    query = {"combinator": "and", "conditions": [condition]}
    rule = {"identifier": "y", "title": "Y", "level": "Gold", "query": query}
    body = {"identifier": "only", "title": "O", "rules": [rule]}
    catalog.api.post("/blueprints/ns/scorecards", json=body).raise_for_status()
    levels = [catalog.entity("ns", name)["scorecards"]["only"]["level"] for name in ("x", "y")]
    assert levels == ["Basic", "Gold"]


def test_teams_are_inherited_over_relations(catalog: Catalog) -> None:
    catalog.define("alert", ownership={"type": "Inherited", "path": "namespace"})
    assert catalog.entity("alert", "a1")["team"] == ["team-x"]
    catalog.define("alert", ownership={"type": "Inherited", "path": "namespace.$team"})
    catalog.put("ns", "x", team=["one", "two"])
    assert catalog.entity("alert", "a1")["team"] == ["one", "two"]


def test_what_is_computed_can_be_searched_counted_and_left_out(catalog: Catalog) -> None:
    catalog.define("alert", mirrorProperties={"up": {"path": "namespace.Cluster.$title"}})
    catalog.define("ns", aggregationProperties={"bad": aggregation(query=CRITICAL)})
    catalog.api.post("/blueprints/ns/scorecards", json=scorecard()).raise_for_status()

    def search(blueprint: str, rule: dict[str, Any]) -> list[str]:
        body = {"query": {"combinator": "and", "rules": [rule]}}
        answer = catalog.api.post(f"/blueprints/{blueprint}/entities/search", json=body)
        return [one["identifier"] for one in answer.raise_for_status().json()["entities"]]

    assert search("alert", {"property": "up", "operator": "=", "value": "Prod"}) == [
        "a1",
        "a2",
        "a3",
    ]
    assert search("ns", {"property": "bad", "operator": ">", "value": 1}) == ["x"]
    level = {"scorecard": "safe", "operator": "=", "value": "Gold"}
    assert search("ns", level) == ["y"]
    status = {"scorecard": "safe", "scorecardRule": "none", "operator": "=", "value": "FAILURE"}
    assert search("ns", status) == ["x"]
    every = {"property": "$blueprint", "operator": "=", "value": "ns"}
    body = {"func": "countValues", "query": {"combinator": "and", "rules": [every]}}
    for subject in ({"scorecard": "safe"}, {"property": "aggregation-property#bad"}):
        answer = catalog.api.post("/entities/aggregate", json={**body, **subject})
        assert [one["count"] for one in answer.json()["result"]] == [1, 1]
    plain = catalog.entity("ns", "x", exclude_calculated_properties="true")
    assert plain["properties"] == {"owner": None}


def test_what_goes_in_circles_ends(catalog: Catalog) -> None:
    catalog.define(
        "ns",
        relations={"self": {"target": "ns"}},
        mirrorProperties={"a": {"path": "self.b"}, "b": {"path": "self.a"}},
    )
    catalog.put("ns", "x", relations={"self": "x"})
    assert catalog.value("ns", "x", "a") is None
