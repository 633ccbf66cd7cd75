"""Events sent to a webhook of the sandbox become entities, or leave a trace of why not."""

from __future__ import annotations

import hmac
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from support.hooks import Hook, mapping
from support.port_client import port_client

from falcoport.sandbox.ingestion import evaluator_process
from falcoport.sandbox.server import (
    OnBadDelivery,
    OnMissingRelation,
    RunningSandbox,
    SandboxOptions,
    running_sandbox,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.fixture
def hook(sandbox: RunningSandbox, api: httpx.Client) -> Hook:
    """Make a webhook's surroundings; the test creates the webhook itself."""
    return Hook(sandbox, api)


def test_an_event_is_accepted_and_becomes_an_entity(hook: Hook) -> None:
    properties = {"text": ".body.text", "data": ".body.data"}
    hook.create(mapping(title=".body.id", properties=properties, relations={"of": ".body.of"}))
    body = {"id": "a", "text": "é \u2028 <b>", "data": {"n": 1.5, "none": None}, "of": "s1"}
    answer = hook.send(body)
    assert (answer.status_code, answer.json()) == (202, {"ok": True})
    event = hook.last()
    assert event["state"] == "mapped"
    assert event["webhook"] == "hook"
    assert event["outcomes"] == [
        {"mapping": 0, "blueprint": "alert", "entity": "a", "result": "created"}
    ]
    entity = hook.entity("a")
    assert entity["title"] == "a"
    assert entity["properties"] == {
        "text": "é \u2028 <b>",
        "data": {"n": 1.5, "none": None},
        "tags": None,
        "level": None,
    }
    assert entity["relations"] == {"of": "s1", "all": []}
    assert (entity["createdBy"], entity["updatedBy"]) == ("hook", "hook")


def test_a_second_event_changes_only_what_it_maps(hook: Hook) -> None:
    hook.create(
        mapping(properties={"text": ".body.text"}),
        {**mapping(properties={"level": ".body.level"}), "filter": ".body.level != null"},
    )
    hook.send({"id": "a", "text": "x"})
    hook.send({"id": "a", "text": "y", "level": 2})
    first, second = hook.events()[1], hook.events()[0]
    assert [outcome["result"] for outcome in first["outcomes"]] == ["created", "skipped"]
    assert [outcome["result"] for outcome in second["outcomes"]] == ["updated", "updated"]
    assert hook.entity("a")["properties"]["text"] == "y"
    assert hook.entity("a")["properties"]["level"] == 2


def test_a_null_property_is_cleared_and_one_without_output_stays(hook: Hook) -> None:
    hook.create(mapping(properties={"text": ".body.text", "level": ".body.level | values"}))
    hook.send({"id": "a", "text": "x", "level": 1})
    hook.send({"id": "a"})
    hook.events()
    assert hook.entity("a")["properties"]["text"] is None
    assert hook.entity("a")["properties"]["level"] == 1


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("true", "created"),
        (".body.id == 'a'", "created"),
        ("false", "skipped"),
        (".body.id", "refused"),
        (".body.id.x", "refused"),
        ("env.HOME == null and $ENV.HOME == null", "created"),
    ],
)
def test_a_filter_lets_only_true_through(hook: Hook, expression: str, result: str) -> None:
    hook.create({**mapping(), "filter": expression})
    assert hook.outcome({"id": "a"})["result"] == result
    assert hook.count() == (result == "created")


def test_headers_and_query_parameters_are_seen_in_both_spellings(hook: Hook) -> None:
    text = (
        '[.headers["X-Some-Thing"], .headers["x-some-thing"], .headers["Content-Type"], '
        '.queryParams.a] | join(",")'
    )
    hook.create(mapping(properties={"text": text}))
    headers = {"X-Some-Thing": "1", "Content-Type": "application/json"}
    hook.send({"id": "a"}, headers=headers, params={"a": "é&b"})
    hook.events()
    assert hook.entity("a")["properties"]["text"] == "1,1,application/json,é&b"


def test_items_are_mapped_one_by_one_up_to_500(hook: Hook) -> None:
    hook.create(
        {
            "blueprint": "alert",
            "itemsToParse": ".body.items",
            "filter": ".item.skip | not",
            "entity": {"identifier": ".body.id + (.item.n | tostring)"},
        }
    )
    hook.send({"id": "a", "items": [{"n": 0, "skip": True}, {"n": 1}]})
    outcomes = hook.last()["outcomes"]
    assert [(outcome["item"], outcome["result"]) for outcome in outcomes] == [
        (0, "skipped"),
        (1, "created"),
    ]
    hook.send({"id": "b", "items": [{"n": n} for n in range(600)]})
    assert len(hook.last()["outcomes"]) == 500
    assert hook.count() == 501
    assert hook.outcome({"id": "c", "items": {"n": 1}})["result"] == "refused"


def test_delete_takes_dependents_unless_told_not_to(hook: Hook) -> None:
    strict = {
        "identifier": "strict",
        "title": "S",
        "schema": {"properties": {}},
        "relations": {"of": {"target": "service", "required": True, "many": False}},
    }
    hook.api.post("/blueprints", json=strict)
    for number in (1, 2):
        body = {"identifier": f"x{number}", "relations": {"of": f"s{number}"}}
        hook.api.post("/blueprints/strict/entities", json=body).raise_for_status()
    careful = {"type": "delete", "deleteDependents": False}
    target = {"blueprint": "service", "entity": {"identifier": ".body.id"}}
    hook.create(
        {**target, "operation": careful, "filter": ".body.careful"},
        {**target, "operation": "delete", "filter": ".body.careful | not"},
    )
    hook.send({"id": "s1", "careful": True})
    assert [outcome["result"] for outcome in hook.last()["outcomes"]] == ["refused", "skipped"]
    assert hook.count("service") == 2
    hook.send({"id": "s1", "careful": False})
    assert [outcome["result"] for outcome in hook.last()["outcomes"]] == ["skipped", "deleted"]
    assert (hook.count("service"), hook.count("strict")) == (1, 1)
    hook.send({"id": "s1", "careful": False})
    assert "was not found" in hook.last()["outcomes"][1]["reason"]


def test_a_relation_or_identifier_can_be_a_query(hook: Hook) -> None:
    rule = {"property": "'$title'", "operator": "'='", "value": ".body.title"}
    query = {"combinator": "'and'", "rules": [rule]}
    hook.create(
        {"blueprint": "alert", "entity": {"identifier": ".body.id", "relations": {"of": query}}},
        {
            "blueprint": "service",
            "filter": ".body.title != 'none'",
            "entity": {"identifier": query, "title": ".body.new"},
        },
    )
    hook.send({"id": "a", "title": "S2", "new": "S3"})
    assert [outcome["result"] for outcome in hook.last()["outcomes"]] == ["created", "updated"]
    assert hook.entity("a")["relations"]["of"] == "s2"
    assert hook.entity("s2", "service")["title"] == "S3"
    hook.send({"id": "a", "title": "S9", "new": "x"})
    assert "matches 0 entities" in hook.last()["outcomes"][1]["reason"]
    assert hook.count("service") == 2


REFUSALS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (mapping(), {"id": None}, "the identifier is null"),
    (mapping(), {"id": "a b"}, '"identifier" must match pattern'),
    (mapping(title=".body.level"), {"id": "a", "level": 1}, '"title" must be string,null'),
    (mapping(properties={"text": "1"}), {"id": "a"}, '"properties.text" must be string'),
    (mapping(properties={"none": "1"}), {"id": "a"}, 'Property with identifier "none"'),
    (mapping(relations={"none": "'s1'"}), {"id": "a"}, 'Relation with identifier "none"'),
    (mapping(relations={"of": '["s1"]'}), {"id": "a"}, "cannot be a list"),
    ({**mapping(), "blueprint": "none"}, {"id": "a"}, 'Blueprint with identifier "none"'),
]


@pytest.mark.parametrize(("made", "body", "reason"), REFUSALS)
def test_what_port_would_refuse_leaves_a_reason(
    hook: Hook, made: dict[str, Any], body: dict[str, Any], reason: str
) -> None:
    hook.create(made)
    outcome = hook.outcome(body)
    assert outcome["result"] == "refused"
    assert reason in outcome["reason"]
    event = hook.last()
    assert event["state"] == "refused"
    assert event["event"]["body"] == body
    assert hook.count() == 0


def test_a_failing_expression_is_null_and_told(hook: Hook) -> None:
    hook.create(mapping(properties={"text": ".body.id.x", "level": "2"}))
    outcome = hook.outcome({"id": "a"})
    assert outcome["result"] == "created"
    assert outcome["errors"][0]["field"] == "entity.properties.text"
    assert "Cannot index string" in outcome["errors"][0]["message"]
    assert hook.last()["state"] == "partial"
    assert hook.entity("a")["properties"]["text"] is None
    assert hook.entity("a")["properties"]["level"] == 2


@pytest.mark.parametrize(
    ("choice", "result", "of"),
    [
        (OnMissingRelation.REJECT, "refused", None),
        (OnMissingRelation.IGNORE, "created", None),
        (OnMissingRelation.CREATE, "created", "none"),
    ],
)
def test_a_missing_target_is_treated_as_chosen(
    choice: OnMissingRelation, result: str, of: str | None
) -> None:
    options = SandboxOptions(port=0, on_missing_relation=choice)
    with running_sandbox(options) as sandbox, port_client(sandbox) as api:
        hook = Hook(sandbox, api)
        hook.create(mapping(relations={"of": ".body.of"}))
        outcome = hook.outcome({"id": "a", "of": "none"})
        assert outcome["result"] == result
        if result == "refused":
            assert outcome["reason"] == 'Entity "none" does not exist in blueprint "service"'
            assert hook.count() == 0
        else:
            assert hook.entity("a")["relations"]["of"] == of
        if choice is OnMissingRelation.IGNORE:
            assert '"none" does not exist' in outcome["ignored"][0]
            assert hook.last()["state"] == "partial"
        assert hook.count("service") == (3 if of else 2)


def digest(algorithm: str) -> Callable[[bytes], str]:
    return lambda raw: hmac.new(b"s3cret", raw, algorithm).hexdigest()


@pytest.mark.parametrize(
    ("security", "proof"),
    [
        ({"signatureAlgorithm": "plain"}, lambda _raw: "s3cret"),
        ({"signatureAlgorithm": "sha1"}, digest("sha1")),
        ({"signatureAlgorithm": "sha256"}, digest("sha256")),
        (
            {"signatureAlgorithm": "sha256", "signaturePrefix": "sha256="},
            lambda raw: "sha256=" + digest("sha256")(raw),
        ),
    ],
)
def test_a_signature_is_checked(
    hook: Hook, security: dict[str, Any], proof: Callable[[bytes], str]
) -> None:
    hook.create(
        mapping(), security={"secret": "s3cret", "signatureHeaderName": "X-Proof", **security}
    )
    raw = b'{"id":  "a"}'
    for headers in ({}, {"X-Proof": "wrong"}, {"X-Proof": proof(raw) + "x"}, {"Proof": proof(raw)}):
        assert hook.send(content=raw, headers=headers).status_code == 202
        assert hook.last()["reason"] == "the signature is missing or does not match"
    assert hook.count() == 0
    hook.send(content=raw, headers={"x-proof": proof(raw)})
    assert hook.last()["state"] == "mapped"
    assert hook.count() == 1


def test_an_event_with_an_id_is_handled_once(hook: Hook) -> None:
    hook.create(
        mapping(properties={"level": ".body.level"}),
        security={"requestIdentifierPath": '.headers["x-id"]'},
    )
    for level, identifier in ((1, "one"), (2, "one"), (3, "two"), (4, None), (5, None)):
        headers = {} if identifier is None else {"X-Id": identifier}
        hook.send({"id": "a", "level": level}, headers=headers)
    assert [event["state"] for event in hook.events()] == [
        "mapped",
        "mapped",
        "mapped",
        "skipped",
        "mapped",
    ]
    assert hook.events()[3]["skipped"] == "an event with this id was handled before"
    assert hook.entity("a")["properties"]["level"] == 5


BAD: list[tuple[dict[str, Any], bytes, int, str]] = [
    ({"enabled": False}, b"{}", 403, "the webhook is disabled"),
    (
        {"security": {"secret": "s", "signatureAlgorithm": "plain", "signatureHeaderName": "h"}},
        b"{}",
        401,
        "the signature is missing or does not match",
    ),
    ({}, b"{", 400, "the body is not JSON"),
    ({}, b"", 400, "the body is not JSON"),
    ({}, b'{"a": NaN}', 400, "the body is not JSON"),
    ({}, b"\xff", 400, "the body is not JSON"),
    ({}, b"1, 2", 400, "the body is not JSON"),
    ({}, b"[" * 100_000, 400, "the body is nested too deeply"),
]


@pytest.mark.parametrize(("members", "raw", "status", "reason"), BAD)
def test_what_is_not_processed_is_accepted_and_leaves_a_trace(
    hook: Hook,
    members: dict[str, Any],
    raw: bytes,
    status: int,
    reason: str,
) -> None:
    del status
    hook.create(mapping(), **members)
    assert hook.send(content=raw).status_code == 202
    event = hook.last()
    assert (event["state"], event["reason"], event["outcomes"]) == ("refused", reason, [])


def test_what_is_not_processed_is_refused_if_so_chosen() -> None:
    options = SandboxOptions(port=0, on_bad_delivery=OnBadDelivery.REJECT)
    with running_sandbox(options) as sandbox, port_client(sandbox) as api:
        hook = Hook(sandbox, api)
        for members, raw, status, reason in BAD:
            hook.create(mapping(), **members)
            answer = hook.send(content=raw)
            assert (answer.status_code, answer.json()["message"]) == (status, reason)
            api.delete("/webhooks/hook")


def test_an_event_above_512_kib_is_413(hook: Hook) -> None:
    hook.create(mapping())
    limit = 512 * 1024
    body = json.dumps({"id": "a", "x": ""})
    fits = body[:-2] + "x" * (limit - len(body)) + body[-2:]
    assert len(fits) == limit
    assert hook.send(content=fits).status_code == 202
    answer = hook.send(content=fits + " ")
    assert (answer.status_code, answer.json()["message"]) == (413, "Request Entity Too Large")
    assert len(hook.events()) == 1
    assert hook.count() == 1


@pytest.mark.parametrize("endless", ["last(repeat(1))", "[range(1e12)]"])
def test_a_mapping_that_does_not_end_holds_up_nobody(
    hook: Hook, endless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluator_process, "SECONDS", 0.2)
    hook.create(mapping(title=f'if .body.id == "bad" then ({endless} | tostring) else null end'))
    for identifier in ("a", "bad", "b"):
        hook.send({"id": identifier})
    assert hook.api.get("/blueprints").status_code == 200
    assert [event["state"] for event in hook.events()] == ["mapped", "refused", "mapped"]
    assert hook.events()[1]["reason"] == evaluator_process.TOO_LONG


def test_an_id_that_cannot_be_read_is_told(hook: Hook) -> None:
    hook.create(mapping(), security={"requestIdentifierPath": ".body.id.x"})
    hook.send({"id": "a"})
    event = hook.last()
    assert event["state"] == "partial"
    assert event["errors"][0]["field"] == "security.requestIdentifierPath"
    assert hook.count() == 1


def test_events_are_paged_newest_first(hook: Hook) -> None:
    hook.create(mapping())
    for number in range(5):
        hook.send({"id": f"a{number}"})
    first = hook.api.get(f"{hook.root}/_sandbox/events?settled=true&limit=3").json()
    assert [event["outcomes"][0]["entity"] for event in first["events"]] == ["a4", "a3", "a2"]
    second = hook.events(before=first["next"])
    assert [event["outcomes"][0]["entity"] for event in second] == ["a1", "a0"]
    assert hook.api.get(f"{hook.root}/_sandbox/events?limit=x").status_code == 422


def test_the_log_tells_each_event_and_no_secret(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    security = {"secret": "s3cret", "signatureAlgorithm": "plain", "signatureHeaderName": "X-Proof"}
    with caplog.at_level(logging.INFO, "falcoport.sandbox"):
        hook.create(mapping(properties={"text": ".body.text"}), security=security)
        proof = {"X-Proof": "s3cret"}
        hook.send({"id": "a", "text": "x"}, headers=proof)
        hook.send({"id": "a\nb"}, headers=proof)
        hook.send({"id": "a"})
        shown = hook.events()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == 'webhook hook: event 1 mapped: mapping 0 created "alert" "a"'
    assert lines[1].startswith('webhook hook: event 2 refused: mapping 0 refused "alert" "a\\nb"')
    assert lines[2] == "webhook hook: event refused: the signature is missing or does not match"
    key = hook.url.rpartition("/")[2]
    everything = "\n".join(lines) + json.dumps(shown)
    assert "s3cret" not in everything
    assert key not in everything
    assert not any("\n" in line for line in lines)


def test_an_event_of_a_webhook_without_mappings_is_skipped(hook: Hook) -> None:
    hook.create()
    hook.send({})
    assert hook.last()["state"] == "skipped"
    assert hook.last()["outcomes"] == []
