"""A test alert through Falcosidekick: what is wrong with the chain is named, what is right passes.

Each case runs against a copy of Falcosidekick, and against the real one where it is on PATH.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.command_line import Ran, falcoport
from support.sidekick import KINDS, free_port, run_sidekick

from falcoport.delivery.arrival import differences
from falcoport.delivery.sidekick import Counters, parse_counters
from falcoport.delivery.test_alert import TEST_TAG

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.sandbox.server import RunningSandbox

SECRET = "a-secret-of-the-tests-0f3c9a7b"
HEADER = f"X-Falcoport-Secret:{SECRET}"
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def secured(
    pointed: RunningSandbox, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Give the webhook of a set-up with SECRET, which falcoport has in its environment."""
    del pointed
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    ran = falcoport("setup", "--create-namespace-blueprint", "--secure")
    assert ran.exit_code == 0, ran.stderr
    body = {"identifier": "auth-namespace"}
    api.post("/blueprints/namespace/entities", json=body).raise_for_status()
    found: dict[str, Any] = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    return found


def send(via: str, *arguments: str, seconds: str = "0.5") -> Ran:
    return falcoport("send-test", "--via", via, "--wait", seconds, "-o", "json", *arguments)


def causes(ran: Ran) -> list[str]:
    """Return the codes of the causes behind "not arrived"."""
    first, *rest = [problem["code"] for problem in ran.envelope["errors"]]
    assert first == "not_arrived"
    assert ran.exit_code == 3
    return rest


@kinds
def test_a_right_configuration_proves_the_whole_chain(kind: str, secured: dict[str, Any]) -> None:
    settings = {"WEBHOOK_ADDRESS": secured["url"], "WEBHOOK_CUSTOMHEADERS": HEADER}
    with run_sidekick(kind, settings) as via:
        ran = send(via, seconds="10")
    assert ran.exit_code == 0, ran.stdout
    assert ran.data["rewritten"] == []


def key_replaced(url: str) -> str:
    return url.rpartition("/")[0] + "/wrongKey"


BROKEN: dict[str, tuple[dict[str, str], list[str]]] = {
    "no header": ({"WEBHOOK_CUSTOMHEADERS": ""}, ["audit_log", "sidekick_header"]),
    "wrong secret": (
        {"WEBHOOK_CUSTOMHEADERS": "X-Falcoport-Secret:old"}, ["audit_log", "sidekick_header"],
    ),
    "wrong name": (
        {"WEBHOOK_CUSTOMHEADERS": f"X-Other:{SECRET}"}, ["audit_log", "sidekick_header"],
    ),
    "cut by a colon": (
        {"WEBHOOK_CUSTOMHEADERS": f"X-Falcoport-Secret:{SECRET}:b"},
        ["audit_log", "sidekick_header"],
    ),
    "cut by a comma": (
        {"WEBHOOK_CUSTOMHEADERS": f"X-Falcoport-Secret:{SECRET[:4]},{SECRET[4:]}"},
        ["audit_log", "sidekick_header"],
    ),
    "wrong key": ({"WEBHOOK_ADDRESS": "KEY"}, ["could_not_send"]),
    "dead port": ({"WEBHOOK_ADDRESS": "PORT"}, ["could_not_send"]),
    "header that cannot be sent": (
        {"WEBHOOK_CUSTOMHEADERS": f"A:1, {HEADER}"}, ["could_not_send"],
    ),
    "no address": ({"WEBHOOK_ADDRESS": ""}, ["no_webhook_output"]),
    "unusable address": ({"WEBHOOK_ADDRESS": '"https://quoted"'}, ["no_webhook_output"]),
    "address without scheme": ({"WEBHOOK_ADDRESS": "127.0.0.1/x"}, ["no_webhook_output"]),
    "minimum priority": ({"WEBHOOK_MINIMUMPRIORITY": "emergency"}, ["minimum_priority"]),
    "tag of nobody": ({"CUSTOMTAGS": "port-aaa"}, ["audit_log", "sidekick_tags"]),
}  # fmt: skip


@kinds
@pytest.mark.parametrize("case", BROKEN)
def test_each_broken_configuration_is_named(
    case: str, kind: str, secured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falcoport.commands.send_test._PROBE_SECONDS", 2.0)
    changed, expected = BROKEN[case]
    settings = {"WEBHOOK_ADDRESS": secured["url"], "WEBHOOK_CUSTOMHEADERS": HEADER, **changed}
    if settings["WEBHOOK_ADDRESS"] == "KEY":
        settings["WEBHOOK_ADDRESS"] = key_replaced(secured["url"])
    if settings["WEBHOOK_ADDRESS"] == "PORT":
        settings["WEBHOOK_ADDRESS"] = f"http://127.0.0.1:{free_port()}/x"
    with run_sidekick(kind, settings) as via:
        ran = send(via)
    assert causes(ran) == expected, ran.stdout
    assert SECRET not in ran.everything
    if case == "tag of nobody":
        assert "aaa" in ran.errors[1]
        assert "CUSTOMTAGS" in ran.errors[2]


@kinds
@pytest.mark.parametrize(
    "settings",
    [
        {"CUSTOMTAGS": "prod,eu"},
        {"CUSTOMTAGS": ""},
        {"CUSTOMFIELDS": "cluster:prod,team:a"},
        {"BRACKETREPLACER": "_"},
        {"OUTPUTFIELDFORMAT": "<priority> at <timestamp>: <output> (<tags>)"},
        {"CUSTOMTAGS": "prod", "CUSTOMFIELDS": "cluster:prod", "BRACKETREPLACER": "-"},
    ],
    ids=str,
)
def test_a_healthy_chain_that_rewrites_alerts_passes(
    settings: dict[str, str], kind: str, secured: dict[str, Any]
) -> None:
    right = {"WEBHOOK_ADDRESS": secured["url"], "WEBHOOK_CUSTOMHEADERS": HEADER}
    with run_sidekick(kind, {**right, **settings}) as via:
        ran = send(via, seconds="10")
    assert ran.exit_code == 0, ran.stdout
    assert ran.data["differences"] == []
    assert ran.data["rewritten"]


@kinds
def test_without_the_secret_the_header_is_only_likely(
    kind: str, secured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FALCOPORT_WEBHOOK_SECRET")
    with run_sidekick(kind, {"WEBHOOK_ADDRESS": secured["url"]}) as via:
        ran = send(via)
    assert causes(ran) == ["audit_log", "sidekick_header"]
    assert "With the webhook's secret given" in ran.envelope["errors"][2]["hint"]


@kinds
def test_an_open_webhook_behind_another_address(
    kind: str, pointed: RunningSandbox, api: httpx.Client
) -> None:
    """Somebody else's webhook takes the alerts with success."""
    del pointed
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    assert falcoport("setup", "--webhook-id", "other").exit_code == 0
    api.post("/blueprints/namespace/entities", json={"identifier": "auth-namespace"})
    api.patch("/webhooks/other", json={"enabled": True, "mappings": []}).raise_for_status()
    url = api.get("/webhooks/other").json()["integration"]["url"]
    with run_sidekick(kind, {"WEBHOOK_ADDRESS": url}) as via:
        ran = send(via, "--cleanup")
    assert causes(ran) == ["sidekick_address"]
    entities = api.get("/blueprints/falco_alert/entities").json()["entities"]
    assert [one for one in entities if TEST_TAG in one["properties"]["tags"]] == []


def test_a_sidekick_that_is_not_there_is_named_with_host_and_port(secured: dict[str, Any]) -> None:
    del secured
    port = free_port()
    ran = send(f"http://localhost:{port}")
    assert ran.exit_code == 6
    assert f"Falcosidekick at localhost:{port} cannot be reached" in ran.errors[0]


@pytest.mark.parametrize("via", ["localhost:2801", "http://", "ftp://x", "", "http://x:99999"])
def test_a_via_that_is_no_url_is_a_usage_error(via: str, secured: dict[str, Any]) -> None:
    del secured
    ran = send(via)
    assert ran.exit_code == 2
    assert "http://localhost:2801" in ran.envelope["errors"][0]["hint"]


def test_via_that_is_ports_own_url_is_refused(
    secured: dict[str, Any], sandbox: RunningSandbox
) -> None:
    for url in (secured["url"], sandbox.url):
        ran = send(url)
        assert ran.exit_code == 2
        assert "which is Port itself" in ran.errors[0]
        assert secured["webhookKey"] not in ran.everything


def test_what_answers_as_no_falcosidekick_is_named(secured: dict[str, Any]) -> None:
    del secured
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        ran = send(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert ran.exit_code == 6
    assert "refused the alert with status 501" in ran.errors[0]


def test_an_alert_that_is_too_long_is_not_sent(secured: dict[str, Any], tmp_path: Path) -> None:
    del secured
    fields = ",".join(f'"field.{n}":"{"x" * 90}"' for n in range(6000))
    file = tmp_path / "long.json"
    file.write_text(
        '{"rule":"r","priority":"Error","time":"2026-08-17T09:47:21Z","output":"o","output_fields":'
        f"{{{fields}}}}}",
        encoding="utf-8",
    )
    ran = falcoport("send-test", str(file), "-o", "json")
    assert ran.exit_code == 4
    assert ran.envelope["errors"][0]["code"] == "too_long"


def test_counters_are_read_from_old_and_new_releases() -> None:
    new = (
        'falcosecurity_falcosidekick_inputs_total{source="requests",status="accepted"} 3\n'
        'falcosecurity_falcosidekick_outputs_total{destination="webhook",status="ok"} 2\n'
        'falcosecurity_falcosidekick_outputs_total{destination="slack",status="ok"} 9\n'
        'falcosecurity_falcosidekick_outputs_total{destination="webhook",status="error"} 1e+00\n'
    )
    assert parse_counters(new) == Counters(3, 2, 1)
    old = new.replace("falcosecurity_", "").replace("_total", "")
    assert parse_counters(old) == Counters(3, 2, 1)
    assert parse_counters("<html>") is None


def test_a_difference_is_shown_where_it_is() -> None:
    """Two long texts that begin alike are not cut to the same text."""
    expected = {"properties": {"output": "x" * 200 + "A" + "y" * 200, "map": {"a": 1, "b": [2]}}}
    found = {"properties": {"output": "x" * 200 + "B" + "y" * 200, "map": {"a": 1, "b": [3]}}}
    output, inside = differences(expected, found)
    theirs, _, ours = output.partition(", the mapping says ")
    assert "B" in theirs
    assert "A" in ours
    assert inside == "properties.map.b is [3], the mapping says [2]"


def test_status_quotes_what_port_did_not_store(secured: dict[str, Any]) -> None:
    """Port answers 202 to an alert with a wrong secret; its audit log knows better."""
    assert falcoport("status", "-o", "json").data["failures"] == []
    httpx.post(secured["url"], content=b"{}", trust_env=False)
    ran = falcoport("status", "-o", "json")
    while not ran.data["failures"]:
        ran = falcoport("status", "-o", "json")
    assert "signature" in ran.data["failures"][0]
    assert "signature" in falcoport("status").stdout
