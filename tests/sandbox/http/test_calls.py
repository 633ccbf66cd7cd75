"""What holds for every call of the sandbox's API: tokens, limits, errors, odd requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from support.port_client import port_client

from falcoport.sandbox.server import RateLimit, RunningSandbox, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from pathlib import Path


def credentials(sandbox: RunningSandbox) -> dict[str, str]:
    return {"clientId": sandbox.client_id, "clientSecret": sandbox.client_secret}


def get_token(sandbox: RunningSandbox, body: object = None) -> httpx.Response:
    return httpx.post(
        f"{sandbox.url}/v1/auth/access_token",
        json=credentials(sandbox) if body is None else body,
        trust_env=False,
    )


def test_a_token_lives_three_hours_and_is_given_again(sandbox: RunningSandbox) -> None:
    first = get_token(sandbox)
    assert first.status_code == 200
    body = first.json()
    assert (body["ok"], body["tokenType"]) == (True, "Bearer")
    assert body["accessToken"].count(".") == 2
    assert isinstance(body["expiresIn"], int)
    assert 10790 <= body["expiresIn"] <= 10800
    assert get_token(sandbox).json()["accessToken"] == body["accessToken"]


@pytest.mark.parametrize("secret", ["wrong", "", "é\ud800"])
def test_wrong_credentials_get_ports_401(sandbox: RunningSandbox, secret: str) -> None:
    for client_id in (sandbox.client_id, sandbox.member_client_id, "nobody", ""):
        raw = json.dumps({"clientId": client_id, "clientSecret": secret})
        answer = httpx.post(f"{sandbox.url}/v1/auth/access_token", content=raw, trust_env=False)
        assert answer.status_code == 401
        assert answer.json() == {
            "ok": False,
            "error": "invalid_credentials",
            "message": "Invalid credentials supplied to the generate token API",
        }


def test_the_token_call_takes_two_keys_and_no_other(sandbox: RunningSandbox) -> None:
    assert get_token(sandbox, {"clientId": "x"}).json() == {
        "ok": False,
        "error": "invalid_request",
        "message": "body must have required property 'clientSecret'",
    }
    assert get_token(sandbox, {**credentials(sandbox), "x": 1}).status_code == 422


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x.y.z", "Basic eDp5", "Bearer é"])
def test_without_a_valid_token_every_call_is_401(
    sandbox: RunningSandbox, header: str | None
) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode())]
    for method, path in (
        ("GET", "blueprints"),
        ("POST", "webhooks"),
        ("DELETE", "blueprints/x"),
        ("GET", "organization"),
    ):
        answer = httpx.request(method, f"{sandbox.url}/v1/{path}", headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.json()["ok"] is False
        assert answer.json()["error"] == "unauthorized"


def test_an_expired_token_is_401_and_a_new_one_is_given() -> None:
    with running_sandbox(SandboxOptions(port=0, token_lifetime=0)) as sandbox:
        token = get_token(sandbox).json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{sandbox.url}/v1/blueprints", headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()["message"]) == (
            401,
            "The access token has expired",
        )
        assert get_token(sandbox).json()["accessToken"] != token


def test_a_token_survives_a_restart(tmp_path: Path) -> None:
    options = SandboxOptions(port=0, database=tmp_path / "state.db")
    with running_sandbox(options) as sandbox:
        token = get_token(sandbox).json()["accessToken"]
    with running_sandbox(options) as sandbox:
        assert get_token(sandbox).json()["accessToken"] == token


def test_the_organization_has_a_name_and_flags(api: httpx.Client) -> None:
    organization = api.get("/organization").json()["organization"]
    assert set(organization) == {"id", "name", "featureFlags"}
    assert organization["featureFlags"] == []


def test_answers_are_json_with_a_trace_id(api: httpx.Client) -> None:
    for answer in (api.get("/blueprints"), api.get("/blueprints/none"), api.get("/nowhere")):
        assert answer.headers["content-type"] == "application/json"
    assert len(api.get("/blueprints").headers["x-trace-id"]) == 32
    assert "x-ratelimit-limit" not in api.get("/blueprints").headers


@pytest.mark.parametrize("path", ["/nowhere", "/blueprints/", "/blueprints/a/b/c/d", "/entities"])
def test_an_unknown_path_is_a_404_in_json(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (
        404,
        False,
        "not_found",
    )


def test_a_method_that_a_path_does_not_take_is_405(api: httpx.Client) -> None:
    answer = api.put("/blueprints")
    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


def test_a_body_above_one_mebibyte_is_413(api: httpx.Client) -> None:
    wanted = {
        "ok": False,
        "error": "bad_request",
        "message": "Request body is too large (limit is 1MiB)",
    }
    raw = b'{"title":"' + b"x" * 1024 * 1024 + b'"}'

    def chunks() -> list[bytes]:
        return [raw[start : start + 65536] for start in range(0, len(raw), 65536)]

    for content in (raw, iter(chunks())):
        answer = api.post("/blueprints", content=content)
        assert (answer.status_code, answer.json()) == (413, wanted)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"title": NaN}',
        b'{"title": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"[]",
        b"null",
        b'"x"',
        b'{"identifier": "\\ud800", "title": "t", "schema": {"properties": {}}}',
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_a_body_that_cannot_be_meant_is_422(api: httpx.Client, raw: bytes) -> None:
    answer = api.post("/blueprints", content=raw)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")


def test_odd_text_survives(api: httpx.Client) -> None:
    title = "\ud800 \0 \u2028 <script> 💥"
    body = {"identifier": "b", "title": title, "schema": {"properties": {}}}
    created = api.post("/blueprints", content=json.dumps(body))
    assert json.loads(created.text)["blueprint"]["title"] == title
    assert json.loads(api.get("/blueprints/b").text)["blueprint"]["title"] == title
    entity = {"identifier": "e", "title": title, "icon": title, "team": [title]}
    api.post("/blueprints/b/entities", content=json.dumps(entity))
    assert json.loads(api.get("/blueprints/b/entities/e").text)["entity"]["title"] == title
    assert api.get("/blueprints/%FF%00").status_code == 404


def test_a_flag_is_true_or_false(api: httpx.Client) -> None:
    answer = api.delete("/blueprints/x", params={"delete_actions": "maybe"})
    assert (answer.status_code, answer.json()["message"]) == (
        422,
        'querystring "delete_actions" must be boolean',
    )
    assert api.get("/blueprints?unknown=1&exclude_calculated_properties=true").status_code == 200


def test_over_the_rate_limit_calls_are_429() -> None:
    options = SandboxOptions(port=0, rate_limit=RateLimit(requests=3, period=3600))
    with running_sandbox(options) as sandbox, port_client(sandbox) as api:
        answers = [api.get("/blueprints") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    last = answers[-1]
    assert last.headers["x-ratelimit-limit"] == "3"
    assert last.headers["x-ratelimit-period"] == "3600"
    assert 0 < int(last.headers["x-ratelimit-reset"]) <= 3600
    assert last.headers["retry-after"] == last.headers["x-ratelimit-reset"]
    assert (last.json()["ok"], last.json()["error"]) == (False, "too_many_requests")


def test_latency_is_added_to_each_answer() -> None:
    with running_sandbox(SandboxOptions(port=0, latency=0.05)) as sandbox:
        answer = get_token(sandbox)
        assert answer.elapsed.total_seconds() >= 0.05
        refused = httpx.post(f"{sandbox.url}/unknown-key", json={}, trust_env=False)
        assert refused.elapsed.total_seconds() >= 0.05
