"""Blueprints in the sandbox live as they do in Port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.port_client import port_client

from falcoport.sandbox.options import OnTargetedBlueprint, SandboxOptions
from falcoport.sandbox.server import running_sandbox

if TYPE_CHECKING:
    import httpx

METADATA = {"createdAt", "createdBy", "updatedAt", "updatedBy"}


def blueprint(identifier: str = "alert", **members: Any) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "title": "Alert",
        "schema": {"properties": {}, "required": []},
        **members,
    }


MAPS = dict[str, Any](
    relations={}, mirrorProperties={}, calculationProperties={}, aggregationProperties={}
)


def sent(answer: httpx.Response, key: str = "blueprint") -> dict[str, Any]:
    """Return an answer's document without what Port adds to it."""
    body = answer.json()
    assert body["ok"] is True, body
    return {name: value for name, value in body[key].items() if name not in METADATA}


FULL = blueprint(
    description="",
    icon="Alert",
    schema={
        "properties": {
            "level": {
                "type": "number",
                "title": "Level",
                "enum": [1, 2],
                "enumColors": {"1": "red", "2": "green"},
            },
            "link": {"type": "string", "format": "url", "spec": "open-api"},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^a"}},
            "note": {"type": "string", "format": "user", "default": "default"},
        },
        "required": ["level"],
    },
    relations={"parent": {"target": "alert", "required": False, "many": False, "title": ""}},
    mirrorProperties={"up": {"path": "parent.$title", "title": "Up"}},
    calculationProperties={"sum": {"calculation": "test-rel.$identifier", "type": "number"}},
    aggregationProperties={
        "count": {
            "title": "Count",
            "target": "alert",
            "calculationSpec": {"func": "count", "calculationBy": "entities"},
            "query": {
                "combinator": "and",
                "rules": [{"property": "level", "operator": "=", "value": 1}],
            },
        }
    },
    changelogDestination={"type": "WEBHOOK", "url": "https://example.com", "agent": True},
    ownership={"type": "Direct", "title": "Owners"},
    includeInGlobalSearch=False,
    teamInheritance={"path": "parent"},
)


def test_what_is_sent_comes_back_and_nothing_else(api: httpx.Client) -> None:
    created = api.post("/blueprints", json=FULL)
    assert created.status_code == 201
    assert sent(created) == FULL
    assert set(created.json()["blueprint"]) == set(FULL) | METADATA
    assert api.get(
        "/blueprints/alert", params={"exclude_calculated_properties": "true"}
    ).json() == {
        "ok": True,
        "blueprint": created.json()["blueprint"],
    }
    assert api.get("/blueprints").json()["blueprints"] == [created.json()["blueprint"]]


def test_a_relation_gets_its_two_booleans_if_they_are_left_out(api: httpx.Client) -> None:
    created = api.post("/blueprints", json=blueprint(relations={"up": {"target": "alert"}}))
    assert sent(created)["relations"] == {
        "up": {"target": "alert", "required": False, "many": False}
    }


def test_put_replaces_the_whole_and_keeps_who_created_it_when(api: httpx.Client) -> None:
    before = api.post("/blueprints", json=FULL).json()["blueprint"]
    after = api.put("/blueprints/alert", json=blueprint(title="New"))
    assert after.status_code == 200
    assert sent(after) == {**blueprint(title="New"), **MAPS}
    for name in ("createdAt", "createdBy"):
        assert after.json()["blueprint"][name] == before[name]
    assert after.json()["blueprint"]["updatedAt"] >= before["updatedAt"]


def test_what_was_read_can_be_put_back(api: httpx.Client) -> None:
    read = api.post("/blueprints", json=FULL).json()["blueprint"]
    assert sent(api.put("/blueprints/alert", json={**read, "id": "bp_1"})) == FULL


def test_patch_changes_the_fields_given_and_members_by_name(api: httpx.Client) -> None:
    api.post("/blueprints", json=FULL)
    change = {"title": "New", "relations": {"next": {"target": "alert"}}}
    patched = sent(api.patch("/blueprints/alert", json=change))
    next_one = {"target": "alert", "required": False, "many": False}
    relations = {**FULL["relations"], "next": next_one}
    assert patched == {**FULL, "title": "New", "relations": relations}


def test_a_rename_keeps_entities_and_is_followed_by_relations(api: httpx.Client) -> None:
    api.post("/blueprints", json=blueprint("service"))
    api.post("/blueprints", json=blueprint(relations={"of": {"target": "service"}}))
    api.post("/blueprints/service/entities", json={"identifier": "s"})
    api.post("/blueprints/alert/entities", json={"identifier": "a", "relations": {"of": "s"}})
    renamed = api.put("/blueprints/service", json=blueprint("svc/é+1"))
    assert renamed.status_code == 200
    assert api.get("/blueprints/service").status_code == 404
    assert api.get("/blueprints/svc%2F%C3%A9%2B1").json() == renamed.json()
    assert sent(api.get("/blueprints/alert"))["relations"]["of"]["target"] == "svc/é+1"
    alert = api.get("/blueprints/alert/entities/a").json()["entity"]
    assert alert["relations"] == {"of": "s"}
    assert alert["blueprint"] == "alert"
    assert api.get("/blueprints/svc%2F%C3%A9%2B1/entities/s").json()["entity"]["identifier"] == "s"


def test_a_second_one_of_the_same_name_is_refused(api: httpx.Client) -> None:
    api.post("/blueprints", json=blueprint())
    api.post("/blueprints", json=blueprint("other"))
    for answer in (
        api.post("/blueprints", json=blueprint()),
        api.put("/blueprints/other", json=blueprint()),
        api.patch("/blueprints/other", json={"identifier": "alert"}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (409, "identifier_taken")


def test_an_unknown_one_is_refused_in_ports_words(api: httpx.Client) -> None:
    wanted = {
        "ok": False,
        "error": "not_found",
        "message": 'Blueprint with identifier "k8s_cluster" was not found',
        "details": {"resource": "Blueprint", "byField": "identifier", "withValue": "k8s_cluster"},
    }
    relations = {"on": {"target": "k8s_cluster", "required": False, "many": False}}
    for answer in (
        api.get("/blueprints/k8s_cluster"),
        api.put("/blueprints/k8s_cluster", json=blueprint("k8s_cluster")),
        api.patch("/blueprints/k8s_cluster", json={}),
        api.delete("/blueprints/k8s_cluster"),
        api.get("/blueprints/k8s_cluster/entities"),
        api.post("/blueprints", json=blueprint(relations=relations)),
    ):
        assert (answer.status_code, answer.json()) == (404, wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identifier": "a b"}, '"identifier" must match pattern'),
        ({"identifier": "x" * 101}, '"identifier" must NOT have more than 100 characters'),
        ({"identifier": "trailing\n"}, '"identifier" must match pattern'),
        ({"title": ""}, '"title" must NOT have fewer than 1 characters'),
        ({"title": None}, '"title" must be string'),
        ({"description": "x" * 201}, '"description" must NOT have more than 200 characters'),
        ({"schema": {}}, "\"schema\" must have required property 'properties'"),
        (
            {"schema": {"properties": {}, "x": 1}},
            '"schema" must NOT have additional properties',
        ),
        (
            {"schema": {"properties": {"a.b": {"type": "string"}}}},
            '"schema.properties" must match pattern',
        ),
        (
            {"schema": {"properties": {"a": {"type": "text"}}}},
            '"schema.properties.a.type" must be equal to one of the allowed values',
        ),
        (
            {"relations": {"r": {"target": "alert", "required": True, "many": True}}},
            '"relations.r" must not be both required and many',
        ),
        ({"mirrorProperties": {"m": {"path": "none"}}}, '"mirrorProperties.m.path" must match'),
    ],
)
def test_what_the_schema_forbids_is_refused_with_its_place(
    api: httpx.Client, change: dict[str, Any], message: str
) -> None:
    answer = api.post("/blueprints", json={**blueprint(), **change})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")
    assert message in answer.json()["message"]
    assert api.get("/blueprints").json()["blueprints"] == []


def test_a_property_cannot_change_its_type_but_can_come_anew_without_values(
    api: httpx.Client,
) -> None:
    api.post("/blueprints", json=blueprint(schema={"properties": {"p": {"type": "string"}}}))
    api.post("/blueprints/alert/entities", json={"identifier": "a", "properties": {"p": "x"}})
    number = blueprint(schema={"properties": {"p": {"type": "number"}}})
    answer = api.put("/blueprints/alert", json=number)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")
    assert api.patch("/blueprints/alert", json={"schema": number["schema"]}).status_code == 422
    assert api.put("/blueprints/alert", json=blueprint()).status_code == 200
    assert api.put("/blueprints/alert", json=number).status_code == 200
    entity = api.get("/blueprints/alert/entities/a").json()["entity"]
    assert entity["properties"] == {"p": None}


def test_one_with_entities_cannot_be_deleted(api: httpx.Client) -> None:
    api.post("/blueprints", json=blueprint())
    api.post("/blueprints/alert/entities", json={"identifier": "a"})
    answer = api.delete("/blueprints/alert", params={"delete_actions": "true"})
    assert answer.status_code == 403
    assert answer.json() == {
        "ok": False,
        "error": "has_dependents",
        "message": 'This Blueprint cannot be deleted because there are existing "alert" entities',
        "details": {"blueprint": "alert", "entitiesCount": 1},
    }
    assert api.delete("/blueprints/alert/entities/a").json() == {"ok": True}
    assert api.delete("/blueprints/alert").json() == {"ok": True}
    assert api.get("/blueprints/alert").status_code == 404


def test_one_that_others_target_takes_their_relations_along(api: httpx.Client) -> None:
    api.post("/blueprints", json=blueprint("service"))
    relations = {"of": {"target": "service"}, "next": {"target": "alert"}}
    api.post("/blueprints", json=blueprint(relations=relations))
    assert api.delete("/blueprints/service").status_code == 200
    assert [*sent(api.get("/blueprints/alert"))["relations"]] == ["next"]


def test_a_list_relation_becomes_single_only_if_no_entity_has_several(api: httpx.Client) -> None:
    many = blueprint(relations={"of": {"target": "alert", "required": False, "many": True}})
    single = blueprint(relations={"of": {"target": "alert", "required": False, "many": False}})
    api.post("/blueprints", json=many)
    for identifier in ("x", "y"):
        api.post("/blueprints/alert/entities", json={"identifier": identifier})
    api.post(
        "/blueprints/alert/entities", json={"identifier": "a", "relations": {"of": ["y", "x"]}}
    )
    answer = api.put("/blueprints/alert", json=single)
    assert (answer.status_code, answer.json()["error"]) == (422, "relation_many_violation")
    entity = api.patch("/blueprints/alert/entities/a", json={"relations": {"of": ["y"]}}).json()
    assert entity["entity"]["relations"] == {"of": ["y"]}
    assert api.put("/blueprints/alert", json=single).status_code == 200
    entity = api.get("/blueprints/alert/entities/a").json()["entity"]
    assert entity["relations"] == {"of": "y"}


def test_members_are_renamed_with_their_values(api: httpx.Client) -> None:
    api.post(
        "/blueprints",
        json=blueprint(
            schema={"properties": {"p": {"type": "string"}}, "required": ["p"]},
            relations={"r": {"target": "alert"}},
            mirrorProperties={"m": {"path": "r.p"}},
        ),
    )
    api.post("/blueprints/alert/entities", json={"identifier": "t", "properties": {"p": "1"}})
    api.post(
        "/blueprints/alert/entities",
        json={"identifier": "a", "properties": {"p": "x"}, "relations": {"r": "t"}},
    )
    for path, body in (
        ("properties/p", {"newPropertyName": "q"}),
        ("relations/r", {"newRelationIdentifier": "s"}),
        ("mirror/m", {"newMirrorName": "n"}),
    ):
        assert api.patch(f"/blueprints/alert/{path}/rename", json=body).status_code == 200
        assert api.patch(f"/blueprints/alert/{path}/rename", json=body).status_code == 404
    document = sent(api.get("/blueprints/alert"))
    assert document["schema"] == {"properties": {"q": {"type": "string"}}, "required": ["q"]}
    assert list(document["relations"]) == ["s"]
    assert document["mirrorProperties"] == {"n": {"path": "s.p"}}
    entity = api.get("/blueprints/alert/entities/a").json()["entity"]
    assert (entity["properties"], entity["relations"]) == ({"q": "x", "n": None}, {"s": "t"})


def test_a_page_comes_and_goes_with_it(api: httpx.Client) -> None:
    api.post("/blueprints", json=blueprint())
    api.post("/blueprints", json=blueprint("status"))
    api.post("/blueprints?create_catalog_page=false", json=blueprint("hidden"))
    page = api.get("/pages/alerts").json()["page"]
    assert (page["identifier"], page["type"], page["blueprint"]) == (
        "alerts",
        "blueprint-entities",
        "alert",
    )
    assert api.get("/pages/status").json()["page"]["blueprint"] == "status"
    assert api.get("/pages/hiddens").status_code == 404
    api.delete("/blueprints/alert")
    assert api.get("/pages/alerts").status_code == 404


def test_ports_own_ones_can_be_targeted_and_stay(api: httpx.Client) -> None:
    structure = api.get("/blueprints/system/_user/structure").json()["blueprint"]
    assert structure["identifier"] == "_user"
    assert api.get("/blueprints/system/alert/structure").status_code == 404
    assert api.get("/blueprints").json()["blueprints"] == []
    relations = {"owner": {"target": "_user", "required": False, "many": False}}
    assert api.post("/blueprints", json=blueprint(relations=relations)).status_code == 201
    answer = api.delete("/blueprints/_user")
    assert (answer.status_code, answer.json()["error"]) == (403, "protected_resource")


def finished(api: httpx.Client, migration: str) -> dict[str, Any]:
    """Poll a migration, as Port's clients do, until it ends."""
    for _ in range(1000):
        found: dict[str, Any] = api.get(f"/migrations/{migration}").json()["migration"]
        if found["status"] in ("COMPLETED", "FAILURE", "CANCELLED"):
            return found
    pytest.fail(f"the migration goes on: {found}")


def test_all_entities_are_deleted_by_a_migration_that_can_be_polled(api: httpx.Client) -> None:
    api.post("/blueprints", json=blueprint())
    for start in range(0, 1200, 20):
        entities = [{"identifier": f"a{start + n}"} for n in range(20)]
        api.post("/blueprints/alert/entities/bulk", json={"entities": entities})
    assert api.get("/blueprints/alert/entities-count").json() == {"ok": True, "count": 1200}
    answer = api.delete("/blueprints/alert/all-entities?delete_blueprint=true").json()
    assert answer["ok"] is True
    migration = finished(api, answer["migrationId"])
    assert migration["status"] == "COMPLETED"
    assert migration["successCount"] == 1200
    assert isinstance(migration["actor"], str)
    assert api.get("/blueprints/alert").status_code == 404
    assert [m["id"] for m in api.get("/migrations").json()["migrations"]] == [migration["id"]]
    assert api.get("/migrations", params={"status": "RUNNING"}).json()["migrations"] == []
    assert api.post(f"/migrations/{migration['id']}/cancel", json={}).status_code == 422


def test_entities_that_others_need_are_not_all_deleted(api: httpx.Client) -> None:
    api.post("/blueprints", json=blueprint("service"))
    relations = {"of": {"target": "service", "required": True, "many": False}}
    api.post("/blueprints", json=blueprint(relations=relations))
    api.post("/blueprints/service/entities", json={"identifier": "s"})
    api.post("/blueprints/alert/entities", json={"identifier": "a", "relations": {"of": "s"}})
    answer = api.delete("/blueprints/service/all-entities")
    assert (answer.status_code, answer.json()["error"]) == (403, "required_relation")
    assert api.get("/blueprints/service/entities-count").json()["count"] == 1


def test_entities_move_to_another_blueprint_through_a_mapping(api: httpx.Client) -> None:
    properties = {"p": {"type": "string"}}
    api.post("/blueprints", json=blueprint("old", schema={"properties": properties}))
    api.post("/blueprints", json=blueprint("new", schema={"properties": properties}))
    api.post("/blueprints/old/entities", json={"identifier": "a", "properties": {"p": "x"}})
    api.post("/blueprints/old/entities", json={"identifier": "b"})
    mapping = {
        "blueprint": "new",
        "filter": ".properties.p != null",
        "entity": {"identifier": ".identifier", "properties": {"p": ".properties.p"}},
    }
    answer = api.post("/migrations", json={"sourceBlueprint": "old", "mapping": mapping})
    migration = finished(api, answer.json()["migration"]["id"])
    assert (migration["successCount"], migration["failureCount"]) == (1, 1)
    assert api.get("/blueprints/new/entities/a").json()["entity"]["properties"] == {"p": "x"}
    assert api.get("/blueprints/old/entities-count").json()["count"] == 1


@pytest.mark.parametrize("change", [{"format": "email"}, {"format": None}])
def test_the_format_of_a_property_cannot_change(api: httpx.Client, change: dict[str, Any]) -> None:
    link = {"type": "string", "format": "url"}
    api.post("/blueprints", json=blueprint(schema={"properties": {"link": link}}))
    changed = {name: value for name, value in {**link, **change}.items() if value is not None}
    for method in ("PUT", "PATCH"):
        body = blueprint(schema={"properties": {"link": changed}})
        answer = api.request(method, "/blueprints/alert", json=body)
        assert answer.status_code == 422
        said = {"error": "forbidden_format_change", "details": {"property": "link"}}
        assert said.items() <= answer.json().items()


def test_the_deletion_of_a_targeted_blueprint_is_refused_if_so_chosen() -> None:
    options = SandboxOptions(port=0, on_targeted_blueprint=OnTargetedBlueprint.REFUSE)
    with running_sandbox(options) as running, port_client(running) as api:
        api.post("/blueprints", json=blueprint("service"))
        api.post("/blueprints", json=blueprint(relations={"of": {"target": "service"}}))
        answer = api.delete("/blueprints/service")
        assert (answer.status_code, answer.json()["error"]) == (403, "has_dependents")
