"""Searching the sandbox gives what Port's operators say."""

from __future__ import annotations

from datetime import datetime
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

import pytest
from support.port_client import port_client

from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from falcoport.sandbox.server import RunningSandbox

SCHEMA = {
    "properties": {
        "text": {"type": "string"},
        "level": {"type": "number"},
        "on": {"type": "boolean"},
        "tags": {"type": "array"},
        "time": {"type": "string", "format": "date-time"},
        "ends": {"type": "string", "format": "timer"},
        "link": {"type": "string", "format": "url"},
    }
}
RELATIONS = {
    "up": {"target": "node", "required": False, "many": False},
    "needs": {"target": "node", "required": False, "many": True},
}
NODES: list[dict[str, Any]] = [
    {
        "identifier": "a",
        "title": "Alpha",
        "team": ["core"],
        "properties": {
            "text": "hello world",
            "level": 1,
            "on": True,
            "tags": ["x", "y"],
            "time": "2024-06-09T09:57:52.931123456Z",
            "ends": "2000-01-01T00:00:00Z",
            "link": "https://example.com",
        },
    },
    {
        "identifier": "b",
        "title": "Beta",
        "properties": {"text": "hello", "level": 2, "on": False, "tags": ["y"]},
        "relations": {"up": "a"},
    },
    {
        "identifier": "c",
        "properties": {"level": 3, "ends": "2999-01-01T00:00:00Z"},
        "relations": {"up": "b", "needs": ["a"]},
    },
]


@pytest.fixture(scope="module")
def nodes() -> Iterator[httpx.Client]:
    """Make a client of a sandbox with three nodes in a row; no test here writes."""
    with running_sandbox(SandboxOptions(port=0)) as sandbox, port_client(sandbox) as api:
        blueprint = {"identifier": "node", "title": "N", "schema": SCHEMA, "relations": RELATIONS}
        api.post("/blueprints", json=blueprint).raise_for_status()
        other = {"identifier": "other", "title": "O", "schema": {"properties": {}}}
        api.post("/blueprints", json=other).raise_for_status()
        api.post("/blueprints/other/entities", json={"identifier": "a"}).raise_for_status()
        for node in NODES:
            api.post("/blueprints/node/entities", json=node).raise_for_status()
        yield api


def found(nodes: httpx.Client, *rules: dict[str, Any], combinator: str = "and") -> str:
    """Return the identifiers of the nodes that match."""
    body = {"query": {"combinator": combinator, "rules": rules}}
    answer = nodes.post("/blueprints/node/entities/search", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json().get("message") is None
    return "".join(entity["identifier"] for entity in answer.json()["entities"])


def rule(name: str, operator: str, value: Any = ...) -> dict[str, Any]:
    made = {"property": name, "operator": operator}
    return made if value is ... else {**made, "value": value}


@pytest.mark.parametrize(
    ("name", "operator", "value", "wanted"),
    [
        ("$identifier", "=", "b", "b"),
        ("$identifier", "in", ["a", "c", "z"], "ac"),
        ("$title", "=", "Alpha", "a"),
        ("$title", "beginsWith", "Be", "b"),
        ("$blueprint", "=", "node", "abc"),
        ("$blueprint", "=", "other", ""),
        ("$team", "containsAny", ["core", "x"], "a"),
        ("$datasource", "contains", "httpx", "abc"),
        ("$createdBy", "=", "sandbox", "abc"),
        ("$createdAt", "between", {"preset": "today"}, "abc"),
        ("$createdAt", "notBetween", {"preset": "lastWeek"}, ""),
        ("$createdAt", ">", "2020-01-01T00:00:00Z", "abc"),
        ("text", "=", "hello", "b"),
        ("tags", "=", "x", "a"),
        ("text", "=", 'say "é"', ""),
        ("text", "!=", "hello", "ac"),
        ("text", "contains", "world", "a"),
        ("text", "doesNotContains", "world", "bc"),
        ("text", "beginsWith", "hello", "ab"),
        ("text", "doesNotBeginsWith", "hello", "c"),
        ("text", "endsWith", "world", "a"),
        ("text", "doesNotEndsWith", "world", "bc"),
        ("text", "in", ["hello", "x"], "b"),
        ("text", "notIn", ["hello", "x"], "ac"),
        ("text", "isEmpty", ..., "c"),
        ("text", "isNotEmpty", ..., "ab"),
        ("text", "=", None, "c"),
        ("level", "=", 2, "b"),
        ("level", ">", 1, "bc"),
        ("level", ">=", 2, "bc"),
        ("level", "<", 2, "a"),
        ("level", "<=", 2, "ab"),
        ("on", "=", True, "a"),
        ("on", "=", False, "b"),
        ("level", "=", True, ""),
        ("tags", "contains", "x", "a"),
        ("tags", "containsAny", ["x", "y"], "ab"),
        ("tags", "doesNotContains", "x", "bc"),
        ("time", "between", {"from": "2024-06-09T00:00:00Z", "to": "2024-06-10T00:00:00Z"}, "a"),
        ("time", ">", "2024-06-09T09:57:52.931123Z", ""),
        ("time", ">=", "2024-06-09T09:57:52.931123Z", "a"),
        ("ends", "isExpired", ..., "a"),
        ("ends", "isNotExpired", ..., "bc"),
        ("up", "=", "a", "b"),
        ("needs", "contains", "a", "c"),
        ("none", "=", "x", ""),
        ("text", "matchAny", ["hello", "x"], "b"),
        ("text", "=", {"context": "user", "property": "$identifier"}, ""),
    ],
)
def test_an_operator_finds_what_it_says(
    nodes: httpx.Client, name: str, operator: str, value: Any, wanted: str
) -> None:
    assert found(nodes, rule(name, operator, value)) == wanted


def test_rules_combine(nodes: httpx.Client) -> None:
    a, b = rule("$identifier", "=", "a"), rule("$identifier", "=", "b")
    assert found(nodes, a, b) == ""
    assert found(nodes, a, b, combinator="or") == "ab"
    either = {"combinator": "or", "rules": [a, b]}
    assert found(nodes, either, rule("level", ">", 1)) == "b"
    assert found(nodes, {"combinator": "and", "rules": [either, a]}) == "a"
    assert found(nodes) == "abc"
    assert found(nodes, combinator="or") == ""


def test_the_graph_is_walked(nodes: httpx.Client) -> None:
    def related(value: Any, **members: Any) -> str:
        members = {"operator": "relatedTo", "blueprint": "node", "value": value, **members}
        return found(nodes, members)

    assert related("a", direction="downstream") == "bc"
    assert related("c", direction="upstream") == "ab"
    assert related("b") == "ac"
    assert related(["a", "b"], direction="downstream") == "c"
    assert related("a", direction="downstream", required=True) == ""
    assert related("a", blueprint="other") == ""

    def path(value: Any, *steps: Any, **members: Any) -> str:
        subject = {"path": steps, **members}
        return found(nodes, {"property": subject, "operator": "matchAny", "value": value})

    assert path("a", "up") == "b"
    assert path("a", "up", "up") == "c"
    assert path(["a", "b"], "up") == "bc"
    assert path("c", "up", fromBlueprint="node") == "b"
    assert path("c", "up", "up", fromBlueprint="node") == "a"
    assert path("c", {"relation": "up", "maxHops": 5}, fromBlueprint="node") == "ab"


def test_other_subjects(nodes: httpx.Client) -> None:
    string = {"propertySchema": {"type": "string"}, "operator": "contains", "value": "hello"}
    assert found(nodes, string) == "ab"
    url = {"type": "string", "format": "url"}
    assert found(nodes, {**string, "propertySchema": url, "value": "example"}) == "a"
    assert found(nodes, {"relation": "up", "operator": "=", "value": "a"}) == "b"
    title = {"relation": "up", "targetProperty": "$title", "operator": "=", "value": "Beta"}
    assert found(nodes, title) == "c"
    assert found(nodes, {"relation": "up", "operator": "isEmpty"}) == "a"
    assert found(nodes, {"scorecard": "gold", "operator": "=", "value": "x"}) == ""
    assert found(nodes, {"scorecard": "gold", "operator": "isEmpty"}) == "abc"


def test_pages_follow_one_another(nodes: httpx.Client) -> None:
    path = "/blueprints/node/entities/search"
    seen, body = [], {"limit": 2, "include": ["$title"]}
    while True:
        answer = nodes.post(path, json=body).json()
        seen += [entity["identifier"] for entity in answer["entities"]]
        assert set(answer["entities"][0]) <= {
            "identifier",
            "blueprint",
            "title",
            "properties",
            "relations",
        }
        if "next" not in answer:
            break
        body = {**body, "from": answer["next"]}
    assert seen == ["a", "b", "c"]
    assert nodes.post(path, json={"from": "nonsense"}).status_code == 422
    assert nodes.post(path, json={"limit": 1001}).json()["message"] == '"limit" must be <= 1000'


def test_all_blueprints_are_searched(nodes: httpx.Client) -> None:
    rules = [rule("$identifier", "=", "a")]
    query = {"combinator": "and", "rules": rules}
    answer = nodes.post("/entities/search", json=query)
    assert answer.status_code == 200
    body = answer.json()
    assert body["ok"] is True
    assert body["matchingBlueprints"] == ["node", "other"]
    assert [entity["blueprint"] for entity in body["entities"]] == ["node", "other"]
    rules.append(rule("$blueprint", "=", "other"))
    assert nodes.post("/entities/search", json=query).json()["matchingBlueprints"] == ["other"]
    assert nodes.post("/entities/search", json={"rules": []}).json()["message"] == (
        "body must have required property 'combinator'"
    )
    answer = nodes.post("/blueprints/node/entities/search", json={"query": {"rules": []}})
    assert answer.json()["message"] == "\"query\" must have required property 'combinator'"


def test_titles_of_related_entities_are_attached_where_asked(api: httpx.Client) -> None:
    api.post(
        "/blueprints", json={"identifier": "team", "title": "T", "schema": {"properties": {}}}
    ).raise_for_status()
    relations = {
        "one": {"target": "team", "required": False, "many": False},
        "all": {"target": "team", "required": False, "many": True},
    }
    body = {"identifier": "thing", "title": "T", "schema": {"properties": {}}}
    api.post("/blueprints", json={**body, "relations": relations}).raise_for_status()
    for team in ({"identifier": "a", "title": "Team A"}, {"identifier": "b"}):
        api.post("/blueprints/team/entities", json=team).raise_for_status()
    thing = {"identifier": "x", "relations": {"one": "a", "all": ["a", "b"]}}
    api.post("/blueprints/thing/entities", json=thing).raise_for_status()
    api.post("/blueprints/thing/entities", json={"identifier": "y"}).raise_for_status()
    team_a, team_b = {"identifier": "a", "title": "Team A"}, {"identifier": "b", "title": None}
    expected = {
        "x": {"one": team_a, "all": [team_a, team_b]},
        "y": {"one": None, "all": []},
    }
    asked = "?attach_title_to_relation=true"
    rule = {"property": "$blueprint", "operator": "=", "value": "thing"}
    answers = (
        api.get(f"/blueprints/thing/entities{asked}"),
        api.post(f"/entities/search{asked}", json={"combinator": "and", "rules": [rule]}),
    )
    for answer in answers:
        found = {e["identifier"]: e["relations"] for e in answer.json()["entities"]}
        assert found == expected
    plain = api.get("/blueprints/thing/entities/x").json()["entity"]
    assert plain["relations"] == thing["relations"]


def test_a_wrong_flag_is_refused_before_the_answer_begins(api: httpx.Client) -> None:
    api.post(
        "/blueprints", json={"identifier": "alert", "title": "A", "schema": {"properties": {}}}
    )
    api.post("/blueprints/alert/entities", json={"identifier": "a"})
    everything = {"combinator": "and", "rules": []}
    flags = {"attach_title_to_relation": "x"}
    assert api.post("/entities/search", params=flags, json=everything).status_code == 422
    assert api.get("/blueprints/alert/entities", params=flags).status_code == 422


NAME = "at\\x@"
MOMENTS = [
    "2024-06-09T09:57:52Z",
    "2024-06-09T09:57:52.5Z",
    "2024-06-09t09:57:53z",
    "2024-06-09T11:57:52.25+02:00",
    "2024-06-08T23:57:52-10:00",
    "2024-06-09T09:57:51.999999999Z",
    "2023-12-31T23:59:59Z",
    "2024-06-10T00:00:00+23:00",
    "not a moment at all",
    "2024-13-45T99:99:99Z",
    "",
]


def as_instant(text: str) -> datetime | None:
    head, dot, rest = text.upper().partition(".")
    try:
        return datetime.fromisoformat(head + (dot and dot + rest.replace("99Z", "Z")))
    except ValueError:
        return None


@pytest.mark.parametrize("wanted", ["2024-06-09T09:57:52.3Z", "2024-06-09T11:57:52+02:00"])
@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_moments_compare_as_instants_however_they_are_written(
    sandbox: RunningSandbox, api: httpx.Client, operator: str, wanted: str
) -> None:
    schema = {"properties": {NAME: {"type": "string"}}}
    blueprint = {"identifier": "m", "title": "M", "schema": schema}
    assert api.post("/blueprints", json=blueprint).json().get("message") is None
    for number, text in enumerate([*MOMENTS, None]):
        body = {"identifier": f"{number}", "properties": {NAME: text}}
        api.post("/blueprints/m/entities", json=body).raise_for_status()
    rule = {"property": NAME, "operator": operator, "value": wanted}
    body = {"query": {"combinator": "and", "rules": [rule]}, "include": ["$identifier"]}
    answer = api.post("/blueprints/m/entities/search", json=body).raise_for_status().json()
    compare = {"<": lt, "<=": le, ">": gt, ">=": ge}[operator]
    limit = datetime.fromisoformat(wanted)
    instants = [as_instant(text) for text in MOMENTS]
    expected = [str(n) for n, one in enumerate(instants) if one and compare(one, limit)]
    assert [entity["identifier"] for entity in answer["entities"]] == expected
    assert set(answer["entities"][0]) == {"identifier", "blueprint", "properties", "relations"}


def test_a_page_says_that_there_is_a_next_one_only_if_there_is(
    sandbox: RunningSandbox, api: httpx.Client
) -> None:
    api.post("/blueprints", json={"identifier": "m", "title": "M", "schema": {"properties": {}}})
    for number in range(4):
        api.post("/blueprints/m/entities", json={"identifier": f"{number}"}).raise_for_status()
    first = api.post("/blueprints/m/entities/search", json={"limit": 2}).json()
    second = api.post(
        "/blueprints/m/entities/search", json={"limit": 2, "from": first["next"]}
    ).json()
    assert [one["identifier"] for one in first["entities"] + second["entities"]] == list("0123")
    assert "next" not in second
