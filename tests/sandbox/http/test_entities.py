"""Entities in the sandbox live as they do in Port."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from support.port_client import port_client

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

PROPERTIES = {
    "text": {"type": "string", "minLength": 2, "pattern": "^a"},
    "level": {"type": "number", "enum": [1, 2.5]},
    "count": {"type": "number", "maximum": 2},
    "on": {"type": "boolean"},
    "data": {"type": "object"},
    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    "time": {"type": "string", "format": "date-time"},
    "link": {"type": "string", "format": "url"},
    "address": {"type": "string", "format": "ipv4"},
}
PATH = "/blueprints/alert/entities"


@pytest.fixture
def port(api: httpx.Client) -> httpx.Client:
    """Make a client of a sandbox with two blueprints and two services."""
    service = {"identifier": "service", "title": "Service", "schema": {"properties": {}}}
    relations = {
        "one": {"target": "service", "required": False, "many": False},
        "some": {"target": "service", "required": False, "many": True},
    }
    schema = {"properties": PROPERTIES}
    alert = {"identifier": "alert", "title": "A", "schema": schema, "relations": relations}
    for blueprint in (service, alert):
        assert api.post("/blueprints", json=blueprint).status_code == 201
    for identifier in ("s1", "s2"):
        api.post("/blueprints/service/entities", json={"identifier": identifier, "title": "S"})
    return api


def error(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["ok"] is False
    return answer.status_code, body["error"]


EMPTY = dict.fromkeys(PROPERTIES)


def test_an_entity_comes_back_with_null_for_what_is_unset(port: httpx.Client) -> None:
    body = {
        "identifier": "a/b:c=1",
        "title": "",
        "icon": "Alert",
        "team": "core",
        "blueprint": "alert",
        "properties": {"text": "abc", "level": 2.5, "data": {"x": [1, None, "<é>"]}, "on": None},
        "relations": {"one": "s1", "some": ["s2", "s1"]},
    }
    created = port.post(PATH, json=body, params={"run_id": ""})
    assert created.status_code == 201
    entity = created.json()["entity"]
    moments = {name: entity.pop(name) for name in ("createdAt", "updatedAt")}
    assert moments["createdAt"] == moments["updatedAt"]
    assert entity == {
        "identifier": "a/b:c=1",
        "title": "",
        "icon": "Alert",
        "blueprint": "alert",
        "team": ["core"],
        "properties": {
            **EMPTY,
            "text": "abc",
            "level": 2.5,
            "data": {"x": [1, None, "<é>"]},
        },
        "relations": {"one": "s1", "some": ["s2", "s1"]},
        "createdBy": "sandbox",
        "updatedBy": "sandbox",
    }
    assert port.get(f"{PATH}/a%2Fb%3Ac%3D1").json() == created.json()
    assert port.get(PATH).json()["entities"] == [created.json()["entity"]]


def test_post_creates_replaces_or_merges(port: httpx.Client) -> None:
    first = {
        "identifier": "a",
        "title": "T",
        "properties": {"text": "abc", "on": True},
        "relations": {"one": "s1"},
    }
    second = {"identifier": "a", "properties": {"on": False}}
    created = port.post(PATH, json=first).json()["entity"]
    assert error(port.post(PATH, json=second)) == (409, "identifier_taken")
    assert error(port.post(PATH, json=second, params={"merge": "true"})) == (
        409,
        "identifier_taken",
    )
    merged = port.post(PATH, json=second, params={"upsert": "true", "merge": "true"})
    assert merged.status_code == 201
    entity = merged.json()["entity"]
    assert entity["title"] == "T"
    assert entity["properties"] == {**EMPTY, "text": "abc", "on": False}
    assert entity["relations"] == {"one": "s1", "some": []}
    assert entity["createdAt"] == created["createdAt"]
    entity = port.post(PATH, json=second, params={"upsert": "true"}).json()["entity"]
    assert "title" not in entity
    assert entity["properties"] == {**EMPTY, "on": False}
    assert entity["relations"] == {"one": None, "some": []}


def test_put_replaces_what_is_there_and_patch_changes_it(port: httpx.Client) -> None:
    assert error(port.put(f"{PATH}/a", json={"identifier": "a"})) == (404, "not_found")
    assert error(port.patch(f"{PATH}/a", json={})) == (404, "not_found")
    port.post(PATH, json={"identifier": "a", "title": "T", "relations": {"one": "s1"}})
    patched = port.patch(f"{PATH}/a", json={"relations": {"one": None, "some": ["s1"]}})
    assert patched.status_code == 200
    assert patched.json()["entity"]["title"] == "T"
    assert patched.json()["entity"]["relations"] == {"one": None, "some": ["s1"]}
    put = port.put(f"{PATH}/a", json={"identifier": "b", "properties": {"on": True}})
    assert put.json()["entity"]["identifier"] == "b"
    assert put.json()["entity"]["relations"] == {"one": None, "some": []}
    assert error(port.get(f"{PATH}/a")) == (404, "not_found")


def test_without_an_identifier_it_gets_one(port: httpx.Client) -> None:
    identifier = port.post(PATH, json={"properties": {}}).json()["entity"]["identifier"]
    assert port.get(f"{PATH}/{identifier}").status_code == 200


@pytest.mark.parametrize(
    ("body", "wanted", "message"),
    [
        ({"identifier": "a b"}, (422, "invalid_request"), '"identifier" must match pattern'),
        ({"identifier": "é" * 1001}, (422, "invalid_request"), "more than 1000 characters"),
        ({"properties": {"text": 1}}, (422, "invalid_request"), '"properties.text" must be string'),
        ({"properties": {"text": "a"}}, (422, "invalid_request"), "fewer than 2 characters"),
        ({"properties": {"text": "bb"}}, (422, "invalid_request"), 'match pattern "^a"'),
        ({"properties": {"level": True}}, (422, "invalid_request"), "must be number"),
        ({"properties": {"level": 2}}, (422, "invalid_request"), "one of the allowed values"),
        ({"properties": {"count": 2.5}}, (422, "invalid_request"), "must be <= 2"),
        ({"properties": {"tags": "x"}}, (422, "invalid_request"), "must be array"),
        ({"properties": {"tags": ["x", 1]}}, (422, "invalid_request"), "item 1 must be string"),
        ({"properties": {"tags": ["", "", ""]}}, (422, "invalid_request"), "more than 2 items"),
        ({"properties": {"time": "now"}}, (422, "invalid_request"), 'format "date-time"'),
        ({"properties": {"link": "no"}}, (422, "invalid_request"), 'format "url"'),
        ({"properties": {"address": "1.2.3"}}, (422, "invalid_request"), 'format "ipv4"'),
        ({"properties": {"none": 1}}, (422, "blueprint_schema_mismatch"), '"none" was not found'),
        ({"relations": {"none": "s1"}}, (422, "blueprint_schema_mismatch"), '"none" was not'),
        ({"relations": {"one": ["s1"]}}, (422, "relation_many_violation"), "cannot be a list"),
        (
            {"relations": {"one": "s9"}},
            (404, "not_found"),
            'Entity "s9" does not exist in blueprint "service"',
        ),
    ],
)
def test_what_does_not_fit_the_blueprint_is_refused_with_its_reason(
    port: httpx.Client, body: dict[str, Any], wanted: tuple[int, str], message: str
) -> None:
    answer = port.post(PATH, json={"identifier": "a", **body})
    assert error(answer) == wanted
    assert message in answer.json()["message"]
    assert port.get(f"{PATH}-count").json()["count"] == 0


def test_required_members_are_required_of_the_whole_entity(port: httpx.Client) -> None:
    blueprint = {
        "identifier": "strict",
        "title": "S",
        "schema": {"properties": {"p": {"type": "string"}}, "required": ["p"]},
        "relations": {"of": {"target": "service", "required": True, "many": False}},
    }
    port.post("/blueprints", json=blueprint)
    path = "/blueprints/strict/entities"
    whole = {"identifier": "a", "properties": {"p": "x"}, "relations": {"of": "s1"}}
    assert error(port.post(path, json={**whole, "properties": {}})) == (422, "invalid_request")
    assert error(port.post(path, json={**whole, "relations": {}})) == (422, "required_relation")
    assert port.post(path, json=whole).status_code == 201
    assert port.patch(f"{path}/a", json={"title": "T"}).status_code == 200
    assert error(port.patch(f"{path}/a", json={"relations": {"of": None}})) == (
        422,
        "required_relation",
    )


def test_missing_targets_are_made_if_asked(port: httpx.Client) -> None:
    body = {"identifier": "a", "relations": {"one": "new", "some": ["s1", "newer", "new"]}}
    asked = {"create_missing_related_entities": "true"}
    entity = port.post(PATH, json=body, params=asked).json()["entity"]
    assert entity["relations"]["one"] == "new"
    assert set(entity["relations"]["some"]) == {"s1", "newer", "new"}
    made = port.get("/blueprints/service/entities/newer").json()["entity"]
    assert (made["identifier"], made["properties"]) == ("newer", {})


def test_validation_only_changes_nothing(port: httpx.Client) -> None:
    answer = port.post(PATH, json={"identifier": "a"}, params={"validation_only": "true"})
    assert answer.status_code == 201
    assert port.get(f"{PATH}-count").json()["count"] == 0


def test_a_target_is_deleted_with_its_dependents_or_not_at_all(port: httpx.Client) -> None:
    blueprint = {
        "identifier": "strict",
        "title": "S",
        "schema": {"properties": {}},
        "relations": {"of": {"target": "service", "required": True, "many": False}},
    }
    port.post("/blueprints", json=blueprint)
    port.post("/blueprints/strict/entities", json={"identifier": "x", "relations": {"of": "s1"}})
    port.post(PATH, json={"identifier": "a", "relations": {"one": "s1", "some": ["s1", "s2"]}})
    assert error(port.delete("/blueprints/service/entities/s1")) == (403, "has_dependents")
    everything = {"entities": ["s2", "s1"]}
    path = "/blueprints/service/bulk/entities/delete"
    assert error(port.post(path, json=everything)) == (403, "has_dependents")
    assert port.get("/blueprints/service/entities-count").json()["count"] == 2
    deleted = port.post(path, json={"entities": ["s1"]}, params={"delete_dependents": "true"})
    assert deleted.json() == {"ok": True, "deletedEntities": ["s1"]}
    assert port.get("/blueprints/strict/entities-count").json()["count"] == 0
    assert port.get(f"{PATH}/a").json()["entity"]["relations"] == {"one": None, "some": ["s2"]}
    assert error(port.post(path, json={"entities": ["s2", "s1"]})) == (404, "not_found")
    assert port.get("/blueprints/service/entities-count").json()["count"] == 1


def test_bulk_creation_says_for_each_what_became_of_it(port: httpx.Client) -> None:
    good, bad = {"identifier": "a"}, {"identifier": "b", "properties": {"text": 1}}
    path = f"{PATH}/bulk"
    answer = port.post(path, json={"entities": [good]})
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "ok": True,
            "entities": [{"created": True, "identifier": "a", "index": 0, "additionalData": {}}],
            "errors": [],
        },
    )
    answer = port.post(path, json={"entities": [bad, good]}, params={"upsert": "true"})
    assert answer.status_code == 207
    assert answer.json()["entities"] == [
        {"created": False, "identifier": "a", "index": 1, "additionalData": {}}
    ]
    assert answer.json()["errors"] == [
        {
            "identifier": "b",
            "index": 0,
            "statusCode": 422,
            "error": "invalid_request",
            "message": '"properties.text" must be string',
        }
    ]
    assert error(port.post(path, json={"entities": [good] * 21})) == (422, "invalid_request")


def test_an_identifier_query_must_hit_one_entity(port: httpx.Client) -> None:
    for identifier, text in (("a", "ax"), ("b", "ay"), ("c", "ay")):
        port.post(PATH, json={"identifier": identifier, "properties": {"text": text}})

    def written(value: str) -> httpx.Response:
        rule = {"property": "text", "operator": "=", "value": value}
        query = {"combinator": "and", "rules": [rule]}
        body = {"identifier": query, "properties": {"on": True}}
        return port.post(PATH, json=body, params={"upsert": "true", "merge": "true"})

    assert written("ax").json()["entity"]["identifier"] == "a"
    assert error(written("az")) == (404, "not_found")
    assert error(written("ay")) == (422, "invalid_request")
    assert port.get(f"{PATH}-count").json()["count"] == 3


def test_a_relation_query_relates_to_what_it_finds(port: httpx.Client) -> None:
    rule = {"property": "$title", "operator": "=", "value": "S"}
    query = {"combinator": "and", "rules": [rule]}
    entity = port.post(PATH, json={"identifier": "a", "relations": {"some": query}}).json()
    assert entity["entity"]["relations"]["some"] == ["s1", "s2"]
    one = {"combinator": "and", "rules": [rule, {**rule, "property": "$identifier", "value": "s2"}]}
    entity = port.patch(f"{PATH}/a", json={"relations": {"one": one}}).json()
    assert entity["entity"]["relations"]["one"] == "s2"


def test_fields_can_be_included_and_excluded(port: httpx.Client) -> None:
    port.post(PATH, json={"identifier": "a", "title": "T", "properties": {"text": "abc"}})
    asked = {"include": ["$title", "text", "one"]}
    assert port.get(PATH, params=asked).json()["entities"] == [
        {
            "identifier": "a",
            "title": "T",
            "blueprint": "alert",
            "properties": {"text": "abc"},
            "relations": {"one": None},
        }
    ]
    entity = port.get(f"{PATH}/a", params={"exclude": ["properties", "$createdAt"]}).json()
    assert entity["entity"]["properties"] == {}
    assert "createdAt" not in entity["entity"]


def test_ten_clients_at_once_lose_no_write(sandbox: RunningSandbox, port: httpx.Client) -> None:
    port.post(PATH, json={"identifier": "shared"})

    def write(number: int) -> None:
        with port_client(sandbox) as client:
            for step in range(20):
                client.post(PATH, json={"identifier": f"e{number}-{step}"}).raise_for_status()
            properties = {f"p{number}": {"type": "string"}}
            change = {"schema": {"properties": properties}}
            client.patch("/blueprints/alert", json=change).raise_for_status()
            values = {"properties": {f"p{number}": str(number)}}
            client.patch(f"{PATH}/shared", json=values).raise_for_status()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(10)))
    assert port.get(f"{PATH}-count").json()["count"] == 201
    entity = port.get(f"{PATH}/shared").json()["entity"]["properties"]
    assert {name: entity[name] for name in entity if name.startswith("p")} == {
        f"p{number}": str(number) for number in range(10)
    }


def test_integrations_find_what_came_from_them(port: httpx.Client) -> None:
    agent = {"User-Agent": "port-ocean/k8s/main/1.0"}
    for identifier in ("a", "b"):
        port.post(PATH, json={"identifier": identifier}, headers=agent)
    port.post(PATH, json={"identifier": "c"})
    ask = {"datasource_prefix": "port-ocean/k8s", "datasource_suffix": "/1.0", "limit": 1}
    path = "/blueprints/entities/datasource-entities"
    first = port.post(path, json=ask).json()
    assert first["entities"] == [{"identifier": "a", "blueprint": "alert"}]
    second = port.post(path, json={**ask, "limit": 5, "from": first["next"]}).json()
    assert second == {"ok": True, "entities": [{"identifier": "b", "blueprint": "alert"}]}


def test_integrations_get_all_at_once_or_those_last_changed_before(port: httpx.Client) -> None:
    agent = {"User-Agent": "port-k8s-exporter/1.0"}
    for start in range(0, 260, 20):
        some = [{"identifier": f"e{number}"} for number in range(start, start + 20)]
        port.post(f"{PATH}/bulk", json={"entities": some}, headers=agent)
    path = "/blueprints/entities/datasource-entities"
    ask = {"datasource_prefix": "port-k8s-exporter", "datasource_suffix": ""}
    everything = port.post(path, json=ask).json()
    assert len(everything["entities"]) == 260
    assert "next" not in everything
    assert port.post(path, json={**ask, "limit": 5000}).json() == everything
    assert error(port.post(path, json={**ask, "limit": 5001})) == (422, "invalid_request")
    for before, count in (("2020-01-01T00:00:00Z", 0), ("2100-01-01T00:00:00Z", 260)):
        found = port.post(path, json={**ask, "before": before}).json()["entities"]
        assert len(found) == count


def test_a_bulk_error_names_its_entity_by_a_string(port: httpx.Client) -> None:
    query = {
        "combinator": "and",
        "rules": [{"property": "$title", "operator": "=", "value": "none"}],
    }
    some = [{"identifier": query}, {"identifier": "b", "properties": {"level": 9}}]
    answer = port.post(f"{PATH}/bulk", json={"entities": some})
    assert answer.status_code == 207
    assert [one["identifier"] for one in answer.json()["errors"]] == ["unknown", "b"]


def test_a_default_is_applied_when_an_entity_is_created_and_never_again(api: httpx.Client) -> None:
    properties = {
        "status": {"type": "string", "default": "Open"},
        "note": {"type": "string", "default": "none"},
    }
    schema = {"properties": properties, "required": ["status"]}
    api.post("/blueprints", json={"identifier": "alert", "title": "A", "schema": schema})
    created = api.post(PATH, json={"identifier": "a", "properties": {"note": None}})
    assert created.json()["entity"]["properties"] == {"status": "Open", "note": None}
    api.patch(f"{PATH}/a", json={"properties": {"status": "Closed"}})
    for path, asked in (("", {"upsert": "true", "merge": "true"}), ("/a", {})):
        send = api.patch if path else api.post
        send(PATH + path, params=asked, json={"identifier": "a", "title": "T"})
        assert api.get(f"{PATH}/a").json()["entity"]["properties"]["status"] == "Closed"


@pytest.mark.parametrize(
    ("text", "kept"), [("1e3", "1000"), ("1000.0", "1000"), ("1.5", "1.5"), ("1e-7", "1e-07")]
)
def test_a_number_is_kept_as_javascript_writes_it(api: httpx.Client, text: str, kept: str) -> None:
    schema = {"properties": {"n": {"type": "number"}}}
    api.post("/blueprints", json={"identifier": "alert", "title": "A", "schema": schema})
    content = f'{{"identifier":"a","properties":{{"n":{text}}}}}'
    assert f'"n":{kept}}}' in api.post(PATH, content=content).text
