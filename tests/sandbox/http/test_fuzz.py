"""Whatever is sent to the sandbox, it answers in JSON, and never with a fault of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.port_client import port_client

from falcoport.sandbox import schemas
from falcoport.sandbox.automation import definitions
from falcoport.sandbox.http import widgets
from falcoport.sandbox.http.resources import load_routers
from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from falcoport.sandbox.http.routing import Endpoint

SETTINGS = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NAMES = ("b", "e", "w", "p", "r", "a/b", "..", "é", "x y", "")
TEXTS = st.sampled_from((*NAMES, "$identifier", "$title", ".body.id", "'b'")) | st.text(max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def fitting(schema: dict[str, Any], root: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Return values that mostly fit a schema of ours; what it cannot express is anything."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if depth > 6:
        return ANYTHING
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return st.one_of([fitting(choice, root, depth + 1) for choice in choices])
    if "else" in schema:
        return fitting(schema["then"], root, depth) | fitting(schema["else"], root, depth)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type", ())
    some = [kinds] if isinstance(kinds, str) else kinds
    made = [_of_kind(kind, schema, root, depth) for kind in some]
    return st.one_of(made) if made else ANYTHING


def _of_kind(
    kind: str, schema: dict[str, Any], root: dict[str, Any], depth: int
) -> st.SearchStrategy[Any]:
    if kind == "object":
        members = {
            name: fitting(member, root, depth + 1)
            for name, member in schema.get("properties", {}).items()
        }
        needed = schema.get("required", ())
        fixed = st.fixed_dictionaries(
            {name: made for name, made in members.items() if name in needed},
            optional={name: made for name, made in members.items() if name not in needed},
        )
        more = schema.get("additionalProperties", True)
        if isinstance(more, dict):
            inner = fitting(more, root, depth + 1)
            return st.dictionaries(st.sampled_from(("p", "r", "x")), inner, max_size=2)
        return fixed
    if kind == "array":
        inner = fitting(schema.get("items", {}), root, depth + 1)
        return st.lists(inner, min_size=schema.get("minItems", 0), max_size=2)
    return {
        "string": TEXTS,
        "number": st.integers(1, 5) | st.floats(0, 5),
        "boolean": st.booleans(),
        "null": st.none(),
    }[kind]


CALLS = [
    ("POST", "/auth/access_token", schemas.TOKEN),
    ("POST", "/blueprints", schemas.BLUEPRINT_POST),
    ("PUT", "/blueprints/b", schemas.BLUEPRINT_PUT),
    ("PATCH", "/blueprints/b", schemas.BLUEPRINT_PATCH),
    ("POST", "/webhooks", schemas.WEBHOOK_PUT),
    ("PUT", "/webhooks/w", schemas.WEBHOOK_PUT),
    ("PATCH", "/webhooks/w", schemas.WEBHOOK_PATCH),
    ("POST", "/blueprints/b/entities?upsert=true&merge=true", schemas.ENTITY),
    ("PUT", "/blueprints/b/entities/e", schemas.ENTITY),
    ("PATCH", "/blueprints/b/entities/e?create_missing_related_entities=true", schemas.ENTITY),
    ("POST", "/blueprints/b/entities/bulk", schemas.BULK_ENTITIES),
    ("POST", "/blueprints/b/bulk/entities/delete", schemas.BULK_DELETE),
    ("POST", "/blueprints/b/entities/search", schemas.BLUEPRINT_SEARCH),
    ("POST", "/entities/search", schemas.SEARCH),
    ("POST", "/blueprints/entities/datasource-entities", schemas.DATASOURCE_SEARCH),
    ("PATCH", "/blueprints/b/properties/p/rename", schemas.RENAME_PROPERTY),
    ("POST", "/migrations", schemas.MIGRATION),
]


@pytest.fixture(scope="module")
def port() -> Iterator[httpx.Client]:
    """Make a client of a sandbox that has a blueprint, an entity and a webhook."""
    with running_sandbox(SandboxOptions(port=0)) as sandbox, port_client(sandbox) as api:
        relations = {"r": {"target": "b"}}
        schema = {"properties": {"p": {"type": "string"}, "a": {"type": "array"}}}
        blueprint = {"identifier": "b", "title": "B", "schema": schema, "relations": relations}
        api.post("/blueprints", json=blueprint).raise_for_status()
        api.post("/blueprints/b/entities", json={"identifier": "e"}).raise_for_status()
        webhook = {"identifier": "w", "title": "W", "enabled": True}
        api.post("/webhooks", json=webhook).raise_for_status()
        yield api


@pytest.mark.parametrize("examples", [15, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("method", "path", "schema"), CALLS, ids=lambda part: str(part)[:30])
def test_no_body_is_a_fault(
    port: httpx.Client, method: str, path: str, schema: dict[str, Any], examples: int
) -> None:
    @settings(SETTINGS, max_examples=examples)
    @given(fitting(schema, schema) | ANYTHING)
    def check(body: Any) -> None:
        answer = port.request(method, path, content=json.dumps(body))
        assert answer.status_code < 500, answer.text
        assert isinstance(answer.json()["ok"], bool)
        assert answer.json()["ok"] is (answer.status_code < 400)

    check()


PATHS = {
    "blueprint": "b",
    "entity": "e",
    "webhook": "w",
    "page": "dash",
    "widget": "root",
    "action": "act",
    "run": "none",
    "scorecard": "s",
    "secret": "S",
    "team": "tt",
    "user": "a@b.c",
    "integration": "i",
    "sidebar": "catalog",
    "folder": "f",
    "kind": "k",
    "ingest": "l",
    "resync": "x",
    "migration": "none",
    "member": "p",
}
ENDPOINTS = [
    endpoint
    for router in load_routers()
    for endpoint in router.endpoints
    # What is removed is not there for the calls that come after.
    if endpoint.method != "DELETE" and "settled" not in endpoint.path
]
PARAMETERS = st.dictionaries(
    st.sampled_from(("limit", "from", "status", "active", "published", "compact", "webhookId")),
    st.sampled_from(("1", "0", "-1", "x", "true", "2026-01-01T00:00:00Z", "")),
    max_size=2,
)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_no_call_is_a_fault(filled: httpx.Client, endpoint: Endpoint) -> None:
    path = endpoint.path.removeprefix("/v1").format(**PATHS)
    if not endpoint.path.startswith("/v1"):
        path = str(filled.base_url.copy_with(path=path))
    schema = endpoint.schema or {}

    @settings(SETTINGS, max_examples=15)
    @given(specific(endpoint.path) | fitting(schema, schema) | ANYTHING, PARAMETERS)
    def check(body: Any, asked: dict[str, str]) -> None:
        answer = filled.request(endpoint.method, path, params=asked, content=json.dumps(body))
        assert answer.status_code < 500, answer.text
        assert answer.json()["ok"] is (answer.status_code < 400)

    check()


def specific(path: str) -> st.SearchStrategy[Any]:
    """Return bodies whose schema depends on their kind: widgets and actions."""
    if path.startswith("/v1/pages"):
        some = st.lists(of_kinds(widgets.KINDS), max_size=2)
        return st.fixed_dictionaries({"identifier": st.just("p2"), "widgets": some})
    if path.startswith("/v1/actions"):
        return st.fixed_dictionaries(
            {
                "identifier": st.just("a2"),
                "trigger": of_kinds(definitions.TRIGGERS),
                "invocationMethod": of_kinds(definitions.INVOCATIONS),
            }
        )
    return ANYTHING


def of_kinds(kinds: dict[str, dict[str, Any]]) -> st.SearchStrategy[Any]:
    """Return bodies that fit the schema of their `type`."""
    return st.one_of([of_kind(kind, schema) for kind, schema in kinds.items()])


def of_kind(kind: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    return fitting(schema, schema).map(lambda body: _with_type(body, kind))


def _with_type(body: Any, kind: str) -> Any:
    return {**body, "type": kind} if isinstance(body, dict) else body


@pytest.fixture(scope="module")
def filled() -> Iterator[httpx.Client]:
    """Make a client of a sandbox with one thing of each kind."""
    with running_sandbox(SandboxOptions(port=0)) as sandbox, port_client(sandbox) as api:
        fill(api)
        yield api


def fill(port: httpx.Client) -> None:
    schema = {"properties": {"p": {"type": "string"}, "n": {"type": "number"}}}
    blueprint = {"identifier": "b", "title": "B", "schema": schema}
    port.post("/blueprints", json=blueprint).raise_for_status()
    port.post("/blueprints/b/entities", json={"identifier": "e"}).raise_for_status()
    webhook = {"identifier": "w", "title": "W", "enabled": True}
    port.post("/webhooks", json=webhook).raise_for_status()
    markdown = {"id": "m", "type": "markdown", "title": "t", "markdown": "x"}
    row = {"height": 400, "columns": [{"id": "m", "size": 12}]}
    root = {"id": "root", "type": "dashboard-widget", "layout": [row], "widgets": [markdown]}
    trigger = {"type": "self-service", "operation": "CREATE", "userInputs": {"properties": {}}}
    action = {"identifier": "act", "trigger": trigger, "invocationMethod": {"type": "KAFKA"}}
    condition = {"property": "p", "operator": "=", "value": "x"}
    query = {"combinator": "and", "conditions": [condition]}
    rule = {"identifier": "r", "title": "R", "level": "Gold", "query": query}
    for path, body in {
        "/pages": {"identifier": "dash", "widgets": [root]},
        "/actions": action,
        "/blueprints/b/scorecards": {"identifier": "s", "title": "S", "rules": [rule]},
        "/organization/secrets": {"secretName": "S", "secretValue": "v"},
        "/teams": {"name": "tt"},
        "/users/invite": {"invitee": {"email": "a@b.c"}},
        "/integration": {"installationId": "i"},
        "/sidebars/catalog/folders": {"identifier": "f"},
    }.items():
        port.post(path, json=body).raise_for_status()


@SETTINGS
@given(st.text(max_size=12), st.sampled_from(("GET", "DELETE", "PUT", "POST", "OPTIONS")))
def test_no_path_is_a_fault(port: httpx.Client, path: str, method: str) -> None:
    raw = "".join(f"%{byte:02X}" for byte in path.encode(errors="surrogatepass"))
    for prefix in ("/blueprints/", "/webhooks/", "/blueprints/b/entities/", "/pages/"):
        if method == "DELETE" and path in ("b", "e", "w"):
            continue
        answer = port.request(method, prefix + raw, content=b"{}")
        assert answer.status_code < 500, answer.text
        assert isinstance(answer.json()["ok"], bool)


def test_no_event_is_a_fault(port: httpx.Client) -> None:
    mapping = {
        "blueprint": "b",
        "itemsToParse": ".body.items // [.body]",
        "entity": {
            "identifier": ".item.identifier",
            "title": ".item.title",
            "team": ".item.team",
            "properties": {"p": ".item.p", "a": ".item.a"},
            "relations": {"r": ".item.r"},
        },
    }
    body = {"title": "F", "enabled": True, "mappings": [mapping]}
    url = port.post("/webhooks", json=body).json()["integration"]["url"]
    events = url.rpartition("/")[0] + "/_sandbox/events?settled=true&limit=1"

    @SETTINGS
    @given(ANYTHING | st.fixed_dictionaries({"identifier": TEXTS, "r": ANYTHING, "p": ANYTHING}))
    def check(event: Any) -> None:
        assert port.post(url, content=json.dumps(event)).status_code == 202
        told = port.get(events).json()["events"][0]
        assert "a fault of the sandbox" not in told.get("reason", "")

    check()


EXPRESSIONS = st.sampled_from(
    (
        ".body",
        ".body.id",
        ".item",
        "'x'",
        "[.body, .body]",
        "error",
        "empty",
        ".body | keys",
        "{(.body | tostring): 1}",
        "env",
        "$__prog_args",
        "input",
        "halt",
        "\0",
        "\ud800",
        "\\",
        "#",
        "",
    )
) | st.text(max_size=6)


def with_expressions(value: Any, draw: st.DrawFn) -> Any:
    """Return the same value with JQ, good or bad, where it has texts."""
    if isinstance(value, dict):
        return {name: with_expressions(member, draw) for name, member in value.items()}
    if isinstance(value, list):
        return [with_expressions(member, draw) for member in value]
    return draw(EXPRESSIONS) if isinstance(value, str) else value


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = draw(fitting(MAPPING, MAPPING))
    for name in ("filter", "itemsToParse", "entity"):
        if name in made:
            made[name] = with_expressions(made[name], draw)
    made["blueprint"] = "b"
    return made


MAPPING = schemas.WEBHOOK_PUT["properties"]["mappings"]["items"]


def test_no_mapping_is_a_fault(port: httpx.Client) -> None:
    body = {"identifier": "m", "title": "M", "enabled": True}
    url = port.post("/webhooks", json=body).json()["integration"]["url"]
    events = url.rpartition("/")[0] + "/_sandbox/events?settled=true&limit=1"

    @SETTINGS
    @given(mappings(), st.fixed_dictionaries({"id": TEXTS}))
    def check(mapping: dict[str, Any], event: Any) -> None:
        change = {"mappings": [mapping], "security": {"requestIdentifierPath": None}}
        assert port.patch("/webhooks/m", content=json.dumps(change)).status_code in (200, 422)
        assert port.post(url, content=json.dumps(event)).status_code == 202
        told = port.get(events).json()["events"][0]
        assert "a fault of the sandbox" not in told.get("reason", ""), told

    check()
