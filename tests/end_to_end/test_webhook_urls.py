"""A webhook URL that nothing may be posted to is refused alike by every command."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.catalogs import as_set_up
from support.command_line import falcoport
from support.faulty_port import Answer, Fault, FaultyPort, Request, faulty_port

from falcoport.errors import EXIT_PORT
from falcoport.urls import find_webhook_url_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from falcoport.sandbox.server import RunningSandbox

BAD = [
    "",
    " ",
    "x",
    "//host/x",
    "http://ingest.port.example/key",
    "http://127.0.0.1.evil.example/key",
    "http://127.0.0.1@evil.example/key",
    "http://localhost.evil.example/key",
    "ftp://127.0.0.1/key",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
    "https:///key",
    "https://host:99999/key",
    "https://host/a b",
    "https://host/a\nb",
    "https://host/a\tb",
    "https://host/\u001b[31m",
    "https://host/\u202e",
    'https://host/"x',
    "https://host/`x`",
    "https://host/<x>",
    "https://host/a\\b",
    "https://host/#part",
    "https://h\u00f6st/key",
    "https://[::1/key",
    "https://host/%",
    " https://host/key",
    "https://host/key\u0000",
    f"https://host/{'x' * 3000}",
]
COMMANDS: list[list[str]] = [
    ["setup", "-q"],
    ["setup"],
    ["add-relation"],
    ["show-url"],
    ["show-url", "--format", "helm"],
    ["send-test"],
    ["status"],
    ["export"],
]


@pytest.fixture
def proxy(pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyPort]:
    as_set_up().seed(pointed)
    with faulty_port(pointed.url) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        yield running


def test_webhook_urls_that_are_fine() -> None:
    for url in (
        "https://ingest.port.io/key",
        "https://h:8443/k?a=b",
        "http://127.0.0.1:8010/k",
        "http://localhost/k",
        "http://[::1]:1/k",
    ):
        assert find_webhook_url_problem(url) == "", url


@pytest.mark.parametrize("url", BAD)
def test_webhook_urls_that_are_not(url: str) -> None:
    problem = find_webhook_url_problem(url)
    assert problem
    assert problem.isprintable()


def gives_url(url: str) -> Fault:
    """Let each answer about a webhook have another URL."""

    def answer(_request: Request, real: Answer | None) -> Answer:
        assert real is not None
        body = json.loads(real.body)
        for one in (body.get("integration"), *body.get("integrations", ())):
            if one:
                one["url"] = url
        return replace(real, body=json.dumps(body).encode())

    return Fault("another URL", acts=True, answer=answer)


@pytest.mark.parametrize("line", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("url", ["", "http://ingest.example/key", "https://host/\u001b[31m\n"])
def test_every_command_refuses_them_alike(url: str, line: list[str], proxy: FaultyPort) -> None:
    proxy.fault = gives_url(url)
    proxy.place = ("GET", "/v1/webhooks/falco_alert_mapper", 1)
    proxy.always = True
    ran = falcoport(*line, "-o", "json")
    assert ran.exit_code == EXIT_PORT, ran.everything
    [error] = ran.envelope["errors"]
    assert error["code"] == "bad_webhook_url"
    assert ascii(url) in error["message"]
    people = falcoport(*line)
    assert (people.exit_code, people.stdout) == (EXIT_PORT, "")
    assert "\x1b" not in people.stderr


def test_one_that_comes_with_a_write_is_never_printed(proxy: FaultyPort, api: httpx.Client) -> None:
    api.delete("/webhooks/falco_alert_mapper").raise_for_status()
    proxy.fault = gives_url("")
    proxy.place = ("POST", "/v1/webhooks", 1)
    ran = falcoport("setup", "-q")
    # The answer to a write is not taken for it: the webhook is read again.
    assert ran.exit_code == 0
    assert ran.stdout.startswith("http://127.0.0.1:")
