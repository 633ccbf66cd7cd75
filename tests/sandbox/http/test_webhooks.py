"""Webhook configurations in the sandbox live as they do in Port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.port_client import port_client

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

ADDED = {"createdAt", "createdBy", "updatedAt", "updatedBy", "webhookKey", "url"}

FULL: dict[str, Any] = {
    "identifier": "mapper",
    "title": "Mapper",
    "description": "",
    "icon": "Alert",
    "enabled": True,
    "mappings": [
        {
            "blueprint": "b",
            "filter": "true",
            "itemsToParse": ".body",
            "operation": {"type": "create"},
            "entity": {
                "identifier": {
                    "combinator": "'and'",
                    "rules": [{"property": "'$title'", "operator": "'='", "value": ".body.x"}],
                },
                "title": ".body.title",
                "icon": '"Alert"',
                "team": ".body.team",
                "properties": {"json": '{"a": 1}', "p": ".body.p"},
                "relations": {"r": {"combinator": "'or'", "rules": []}, "s": ".body.s"},
            },
        },
        {"blueprint": "a", "operation": "delete", "entity": {"identifier": ".body.id"}},
        {
            "blueprint": "a",
            "operation": {"type": "delete", "deleteDependents": False},
            "entity": {"identifier": ".body.id"},
        },
        {"blueprint": "c", "operation": "create", "entity": {"identifier": ".body.id"}},
    ],
    "security": {
        "secret": None,
        "signatureHeaderName": "X-Signature",
        "signatureAlgorithm": "sha256",
        "signaturePrefix": "sha256=",
        "requestIdentifierPath": ".body.id",
    },
}


def sent(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert body["ok"] is True, body
    return {name: value for name, value in body["integration"].items() if name not in ADDED}


def test_what_is_sent_comes_back_and_nothing_else(api: httpx.Client) -> None:
    created = api.post("/webhooks", json=FULL)
    assert created.status_code == 201
    assert sent(created) == FULL
    webhook = created.json()["integration"]
    assert set(webhook) == set(FULL) | ADDED
    key = webhook["webhookKey"]
    assert len(key) == 16
    assert key.isalnum()
    assert webhook["url"] == f"{str(api.base_url).removesuffix('/v1/')}/{key}"
    assert api.get("/webhooks/mapper").json() == {"ok": True, "integration": webhook}
    assert api.get("/webhooks").json() == {"ok": True, "integrations": [webhook]}


def test_without_security_it_is_an_empty_object(api: httpx.Client) -> None:
    webhook = api.post("/webhooks", json={"title": "t", "enabled": False}).json()["integration"]
    assert webhook["security"] == {}
    assert webhook["identifier"]
    assert "mappings" not in webhook


def test_the_secret_is_never_shown_and_survives_a_put_of_what_was_read(
    api: httpx.Client,
) -> None:
    security = {"secret": "hunter2", "signatureAlgorithm": "plain", "signatureHeaderName": "x-key"}
    created = api.post("/webhooks", json={**FULL, "mappings": [], "security": security})
    assert "hunter2" not in created.text + api.get("/webhooks").text
    read = sent(api.get("/webhooks/mapper"))
    assert read["security"] == {**security, "secret": "********"}
    url = created.json()["integration"]["url"]
    api.put("/webhooks/mapper", json=read)
    for secret, state in (("********", "refused"), ("hunter2", "skipped")):
        api.post(url, json={}, headers={"X-Key": secret})
        events = api.get(url.rpartition("/")[0] + "/_sandbox/events?settled=true").json()
        assert events["events"][0]["state"] == state


def test_put_replaces_and_patch_changes_while_key_and_url_stay(api: httpx.Client) -> None:
    before = api.post("/webhooks", json=FULL).json()["integration"]
    patched = api.patch("/webhooks/mapper", json={"title": "New"})
    assert (patched.status_code, sent(patched)) == (200, {**FULL, "title": "New"})
    put = api.put("/webhooks/mapper", json={"title": "t", "enabled": False})
    assert (put.status_code, sent(put)) == (
        200,
        {"identifier": "mapper", "title": "t", "enabled": False, "security": {}},
    )
    renamed = api.put("/webhooks/mapper", json={**FULL, "identifier": "other"})
    assert sent(renamed) == {**FULL, "identifier": "other"}
    for name in ("webhookKey", "url", "createdAt", "createdBy"):
        assert renamed.json()["integration"][name] == before[name]
    assert api.get("/webhooks/mapper").status_code == 404


def test_a_deleted_one_is_gone(api: httpx.Client) -> None:
    url = api.post("/webhooks", json=FULL).json()["integration"]["url"]
    assert api.delete("/webhooks/mapper").json() == {"ok": True}
    for answer in (
        api.get("/webhooks/mapper"),
        api.put("/webhooks/mapper", json=FULL),
        api.patch("/webhooks/mapper", json={}),
        api.delete("/webhooks/mapper"),
        api.post(url, json={}),
    ):
        assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (
            404,
            False,
            "not_found",
        )


def test_a_second_one_of_the_same_name_is_refused(api: httpx.Client) -> None:
    api.post("/webhooks", json=FULL)
    api.post("/webhooks", json={**FULL, "identifier": "other"})
    for answer in (
        api.post("/webhooks", json=FULL),
        api.put("/webhooks/other", json=FULL),
        api.patch("/webhooks/other", json={"identifier": "mapper"}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (409, "identifier_taken")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": "x" * 31}, '"title" must NOT have more than 30 characters'),
        ({"identifier": "x" * 31}, '"identifier" must NOT have more than 30 characters'),
        ({"enabled": "yes"}, '"enabled" must be boolean'),
        ({"color": "red"}, "body must NOT have additional properties"),
        ({"mappings": [{"blueprint": "b"}]}, "must have required property 'entity'"),
        (
            {"mappings": [{"blueprint": "b", "entity": {"identifier": ".x", "color": "."}}]},
            '"mappings.0.entity" must NOT have additional properties',
        ),
        (
            {"security": {"signatureAlgorithm": "md5"}},
            '"security.signatureAlgorithm" must be equal to one of the allowed values',
        ),
    ],
)
def test_what_the_schema_forbids_is_refused_with_its_place(
    api: httpx.Client, change: dict[str, Any], message: str
) -> None:
    answer = api.post("/webhooks", json={**FULL, **change})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")
    assert message in answer.json()["message"]


def test_title_and_enabled_are_needed(api: httpx.Client) -> None:
    answer = api.post("/webhooks", json={"title": "t"})
    assert answer.json()["message"] == "body must have required property 'enabled'"


def test_a_member_sees_only_the_metadata(sandbox: RunningSandbox, api: httpx.Client) -> None:
    created = api.post("/webhooks", json=FULL).json()["integration"]
    with port_client(sandbox, member=True) as member:
        for answer in (
            member.get("/webhooks"),
            member.get("/webhooks/mapper"),
            member.post("/webhooks", json=FULL),
            member.delete("/webhooks/mapper"),
        ):
            assert (answer.status_code, answer.json()["error"]) == (403, "missing_permissions")
        assert member.get("/webhooks/metadata").json() == {
            "ok": True,
            "integrations": [
                {name: created[name] for name in ("identifier", "title", "icon", "updatedAt")}
            ],
        }
        assert member.get("/blueprints").status_code == 200
