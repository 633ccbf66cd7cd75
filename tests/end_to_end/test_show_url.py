"""Securing a webhook and handing it over, as a user does it, against the sandbox."""

from __future__ import annotations

import base64
import json
import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support import faulty_port as faults
from support.command_line import falcoport
from support.faulty_port import faulty_port
from support.handover_readers import READERS, SECRET_OF_THE_SHELL

from falcoport.delivery.send import Delivery
from falcoport.falco.samples import sample
from falcoport.falcosidekick.forward import HEADERS, forwarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from falcoport.sandbox.options import RunningSandbox

pytestmark = pytest.mark.usefixtures("pointed")

SECRET = "0f3c9a7b-a-secret-of-the-tests"
SETUP = ("setup", "--create-namespace-blueprint")


def webhook(api: httpx.Client, identifier: str = "falco_alert_mapper") -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/webhooks/{identifier}").json()["integration"]
    return found


def generated(stderr: str) -> str:
    found = re.search(r"^[0-9a-f]{64}$", stderr, re.MULTILINE)
    assert found, stderr
    return found[0]


def post(url: str, headers: dict[str, str]) -> None:
    body = forwarded(sample("sensitive-file-on-host").line)
    Delivery(url, {**HEADERS, **headers}, 10).post(body)


def settled(api: httpx.Client, url: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Post a marked alert that surely gets in, wait for it, and return all others."""
    line = json.loads(sample("sensitive-file-on-host").line)
    marked = json.dumps({**line, "hostname": "marker"})
    Delivery(url, {**HEADERS, **headers}, 10).post(forwarded(marked))
    while True:
        entities = api.get("/blueprints/falco_alert/entities").json()["entities"]
        others = [entity for entity in entities if entity["properties"]["hostname"] != "marker"]
        if len(others) < len(entities):
            return others


@pytest.fixture
def secured(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give a webhook with SECRET, which falcoport is told by the environment."""
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    ran = falcoport(*SETUP, "--secure")
    assert ran.exit_code == 0, ran.stderr
    return webhook(api)


def test_an_alert_without_the_header_never_reaches_the_catalog(
    secured: dict[str, Any], api: httpx.Client
) -> None:
    right = {"X-Falcoport-Secret": SECRET}
    for wrong in ({}, {"X-Falcoport-Secret": "guessed"}, {"X-Other": SECRET}):
        post(secured["url"], wrong)
    assert settled(api, secured["url"], right) == []
    post(secured["url"], right)
    assert [one["properties"]["hostname"] for one in settled(api, secured["url"], right)] != []


def test_an_alert_that_is_sent_twice_is_handled_once(
    secured: dict[str, Any], sandbox: RunningSandbox, api: httpx.Client
) -> None:
    right = {"X-Falcoport-Secret": SECRET}
    body = forwarded(sample("sensitive-file-on-host").line)
    delivery = Delivery(secured["url"], {**HEADERS, **right}, 10)
    delivery.post(body)
    [entity] = settled(api, secured["url"], right)
    api.delete(f"/blueprints/falco_alert/entities/{entity['identifier']}").raise_for_status()
    delivery.post(body)
    assert settled(api, secured["url"], right) == []
    assert sandbox.url in secured["url"]


def test_secure_sets_the_block_with_the_secret_given(secured: dict[str, Any]) -> None:
    security = secured["security"]
    assert security["signatureHeaderName"] == "X-Falcoport-Secret"
    assert security["signatureAlgorithm"] == "plain"
    assert security["requestIdentifierPath"] == ".body.uuid"


def test_a_secret_that_is_given_is_written_each_time(
    secured: dict[str, Any], api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port does not give its own back, so it cannot be compared."""
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", "another-secret-altogether")
    assert falcoport(*SETUP, "--secure").exit_code == 0
    right = {"X-Falcoport-Secret": "another-secret-altogether"}
    assert settled(api, secured["url"], right) == []


def test_an_empty_variable_is_no_secret(
    secured: dict[str, Any], api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", "")
    ran = falcoport(*SETUP, "--secure")
    assert ran.exit_code == 2
    assert "is empty" in ran.stderr
    assert webhook(api) == secured


def test_a_second_run_leaves_the_webhook_as_it_is(
    secured: dict[str, Any], api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FALCOPORT_WEBHOOK_SECRET", raising=False)
    ran = falcoport(*SETUP, "--secure")
    assert ran.exit_code == 0
    assert "its secret stays as it is" in ran.stderr
    assert falcoport(*SETUP).exit_code == 0
    assert falcoport("plan", "--secure", "--exit-code").exit_code == 0
    assert webhook(api) == secured
    assert settled(api, secured["url"], {"X-Falcoport-Secret": SECRET}) == []


def test_a_generated_secret_is_shown_once_and_works(api: httpx.Client) -> None:
    ran = falcoport(*SETUP, "--secure")
    secret = generated(ran.stderr)
    assert secret not in ran.stdout
    assert ran.stderr.count(secret) == 1
    url = ran.stdout.strip()
    assert settled(api, url, {"X-Falcoport-Secret": secret}) == []
    assert not re.search(r"[0-9a-f]{64}", falcoport(*SETUP, "--secure").everything)


def test_quiet_still_shows_a_secret_that_would_be_lost() -> None:
    assert generated(falcoport(*SETUP, "--secure", "--quiet").stderr)


def test_the_envelope_carries_a_generated_secret_and_a_given_one_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = falcoport(*SETUP, "--secure", "-o", "json")
    assert re.fullmatch(r"[0-9a-f]{64}", ran.data["webhook_secret"])
    assert ran.data["security"] == "header"
    assert ran.stderr == ""
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    again = falcoport("setup", "--rotate-secret", "-o", "json", "--verbose")
    assert "webhook_secret" not in again.data
    assert SECRET not in again.everything
    masked = [f for c in again.data["changes"] for f in c["fields"] if "secret" in f["field"]]
    assert [field["to"] for field in masked] == ["***"]


def test_a_generated_secret_goes_to_the_file_named(tmp_path: Path, api: httpx.Client) -> None:
    file = tmp_path / "secret"
    ran = falcoport(*SETUP, "--secure", "--secret-out", str(file))
    assert ran.exit_code == 0
    secret = file.read_text(encoding="utf-8")
    assert re.fullmatch(r"[0-9a-f]{64}\n", secret)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret.strip() not in ran.everything
    assert settled(api, ran.stdout.strip(), {"X-Falcoport-Secret": secret.strip()}) == []
    again = falcoport(*SETUP, "--secure", "--secret-out", str(file))
    assert again.exit_code == 0
    assert file.read_text(encoding="utf-8") == secret


def test_rotating_never_loses_a_file_that_exists(
    secured: dict[str, Any],
    tmp_path: Path,
    api: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FALCOPORT_WEBHOOK_SECRET")
    file = tmp_path / "secret"
    file.write_text("old\n", encoding="utf-8")
    ran = falcoport("setup", "--rotate-secret", "--secret-out", str(file))
    assert (ran.exit_code, file.read_text(encoding="utf-8")) == (2, "old\n")
    assert "--force" in ran.stderr
    assert webhook(api) == secured
    forced = falcoport("setup", "--rotate-secret", "--secret-out", str(file), "--force")
    assert forced.exit_code == 0
    secret = file.read_text(encoding="utf-8").strip()
    assert settled(api, secured["url"], {"X-Falcoport-Secret": secret}) == []
    post(secured["url"], {"X-Falcoport-Secret": SECRET})
    assert settled(api, secured["url"], {"X-Falcoport-Secret": secret}) == []


def test_a_secret_file_of_a_run_that_wrote_nothing_is_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    ran = falcoport("setup", "--secure", "--secret-out", str(file))
    assert ran.exit_code == 4  # the namespace blueprint is missing
    assert not file.exists()


@pytest.mark.parametrize(
    "fault",
    [faults.RESET_LATE, faults.CUT, faults.BROKEN_LATE, faults.GATEWAY_LATE, faults.MISSING],
)
def test_a_lost_answer_loses_no_secret(
    fault: faults.Fault,
    sandbox: RunningSandbox,
    api: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with faulty_port(sandbox.url) as proxy:
        monkeypatch.setenv("PORT_API_URL", proxy.url)
        proxy.fault, proxy.place = fault, ("POST", "/v1/webhooks", 1)
        created = falcoport(*SETUP, "--secure")
        assert created.exit_code == 0, created.stderr
        first = generated(created.stderr)
        url = webhook(api)["url"]
        assert settled(api, url, {"X-Falcoport-Secret": first}) == []
        proxy.place = ("PATCH", "/v1/webhooks/falco_alert_mapper", 1)
        rotated = falcoport("setup", "--rotate-secret")
        assert rotated.exit_code == 0, rotated.stderr
        second = generated(rotated.stderr)
    assert proxy.hurt == 2
    post(url, {"X-Falcoport-Secret": first})
    assert settled(api, url, {"X-Falcoport-Secret": second}) == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_port_quoting_the_secret_does_not_show_it(
    form: str, sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    with faulty_port(sandbox.url) as proxy:
        monkeypatch.setenv("PORT_API_URL", proxy.url)
        for more in ((), ("--secret-out", str(file))):
            proxy.forget()
            proxy.fault, proxy.place = faults.INVALID, ("POST", "/v1/webhooks", 1)
            ran = falcoport(*SETUP, "--secure", "--verbose", "-o", form, *more)
            [body] = [json.loads(one.body) for one in proxy.seen if one.path == "/v1/webhooks"]
            assert ran.exit_code == 4
            assert body["security"]["secret"] not in ran.everything
            assert not file.exists()


def test_a_secret_in_a_manifest_is_set_once_and_never_shown(
    api: httpx.Client, tmp_path: Path
) -> None:
    manifest = tmp_path / "webhook.json"
    body = json.loads(falcoport("export", "--offline", "--format", "json").stdout)["webhook"]
    block = {"signatureHeaderName": "X-Mine", "signatureAlgorithm": "plain", "secret": SECRET}
    manifest.write_text(json.dumps({**body, "security": block}), encoding="utf-8")
    for options in (SETUP, ("setup",), ("plan", "--exit-code"), ("status",)):
        ran = falcoport(*options, "--webhook-config", str(manifest), "--verbose")
        assert ran.exit_code == 0, ran.stderr
        assert SECRET not in ran.everything
    assert settled(api, webhook(api)["url"], {"X-Mine": SECRET}) == []
    post(webhook(api)["url"], {})
    assert settled(api, webhook(api)["url"], {"X-Mine": SECRET}) == []


def test_planning_makes_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    ran = falcoport("plan", "--secure", "--secret-out", str(file), "--create-namespace-blueprint")
    assert ran.exit_code == 0
    assert "X-Falcoport-Secret" in ran.stdout
    assert "REPLACE" not in ran.everything
    assert not file.exists()


@pytest.mark.parametrize("option", ["--header=X-Mine", "--secret-out=x", "--webhook-secret-file=x"])
def test_options_that_secure_need_secure(option: str) -> None:
    ran = falcoport("setup", option)
    assert ran.exit_code == 2
    assert "--secure" in ran.stderr


@pytest.mark.parametrize(
    ("secret", "reason"), [("a:b", "colon"), ("a,b", "comma"), ("a\n", "line end"), ("é", "ASCII")]
)
def test_a_secret_that_falcosidekick_would_drop_is_refused(
    secret: str, reason: str, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", secret)
    ran = falcoport(*SETUP, "--secure")
    assert ran.exit_code == 2
    assert reason in ran.stderr
    assert api.get("/webhooks/falco_alert_mapper").status_code == 404


def test_an_open_webhook_with_a_secret_in_the_environment_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    assert "--secure" in falcoport(*SETUP).stderr
    shown = falcoport("show-url", "--format", "env")
    assert SECRET not in shown.stdout
    assert "open" in shown.stderr


def test_another_header_is_set_and_handed_over(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    assert falcoport(*SETUP, "--secure", "--header", "X-Mine").exit_code == 0
    assert webhook(api)["security"]["signatureHeaderName"] == "X-Mine"
    assert f"X-Mine:{SECRET}\n" in falcoport("show-url", "--format", "env").stdout


def test_setup_tells_how_to_paste_without_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    ran = falcoport(*SETUP, "--secure", "--verbose", "--show-values")
    assert "X-Falcoport-Secret:REPLACE-WITH-THE-SECRET" in ran.stderr
    assert "helm upgrade --install falco falcosecurity/falco" in ran.stderr
    assert SECRET not in ran.everything


@pytest.mark.parametrize(
    ("form", "reader"), [pytest.param(f, r, id=f"{f}-{n}") for f, n, r in READERS]
)
def test_each_format_carries_everything(
    secured: dict[str, Any], form: str, reader: Callable[[str], dict[str, Any]]
) -> None:
    options = ("--min-priority", "Warning", "--custom-tag", "prod", "--custom-tag", "eu")
    ran = falcoport("show-url", "--format", form, *options, "--max-concurrent", "30")
    assert ran.exit_code == 0, ran.stderr
    assert ("CUSTOMTAGS has no effect" in ran.stderr) == (form == "env")
    assert reader(ran.stdout) == {
        "url": secured["url"],
        "headers": {"X-Falcoport-Secret": SECRET_OF_THE_SHELL if form == "docker" else SECRET},
        "priority": "warning",
        "tags": ["prod", "eu"],
        "concurrent": 30,
    }


def test_a_format_that_needs_the_secret_says_so(
    secured: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FALCOPORT_WEBHOOK_SECRET")
    ran = falcoport("show-url", "--format", "helm")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "FALCOPORT_WEBHOOK_SECRET" in ran.stderr
    assert "--rotate-secret" in ran.stderr
    assert falcoport("show-url").stdout == secured["url"] + "\n"
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    given = falcoport("show-url", "--format", "env", "--webhook-secret-file", str(file))
    assert f"X-Falcoport-Secret:{SECRET}\n" in given.stdout


def test_a_webhook_that_wants_signatures_cannot_be_handed_over(api: httpx.Client) -> None:
    falcoport(*SETUP)
    security = {"secret": "x", "signatureHeaderName": "X-Hub", "signatureAlgorithm": "sha256"}
    api.patch("/webhooks/falco_alert_mapper", json={"security": security}).raise_for_status()
    ran = falcoport("show-url", "--format", "helm")
    assert ran.exit_code == 3
    assert "cannot send" in ran.stderr
    warned = falcoport("setup", "-q")
    assert warned.exit_code == 0
    assert "no alert will arrive" in warned.stderr
    assert "--rotate-secret" in warned.stderr
    assert "--rotate-secret" in falcoport("status").stdout
    assert falcoport("setup", "--secure").exit_code == 3
    assert falcoport("setup", "--rotate-secret").exit_code == 0
    assert webhook(api)["security"]["signatureAlgorithm"] == "plain"


def test_a_file_is_private_and_an_existing_one_is_left_alone(
    secured: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    ran = falcoport("show-url", "--format", "helm", "-f", str(file))
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_text(encoding="utf-8")
    assert (
        yaml.safe_load(written)["falcosidekick"]["config"]["webhook"]["address"] == (secured["url"])
    )
    again = falcoport("show-url", "--format", "env", "-f", str(file), "-o", "json")
    assert again.exit_code == 2
    assert again.envelope["errors"][0]["code"] == "file_exists"
    assert file.read_text(encoding="utf-8") == written
    assert falcoport("show-url", "--format", "env", "-f", str(file), "--force").exit_code == 0
    assert file.read_text(encoding="utf-8").startswith("# For docker")
    assert [path.name for path in tmp_path.iterdir()] == ["values.yaml"]


@pytest.mark.parametrize("place", ["nowhere/values.yaml", "."])
def test_a_place_that_cannot_be_written_is_one_clear_error(place: str, tmp_path: Path) -> None:
    falcoport(*SETUP)
    for force in ((), ("--force",)):
        ran = falcoport("show-url", "-f", str(tmp_path / place), *force)
        assert ran.exit_code == 2
        assert ran.stderr.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_short_priorities_are_refused_with_the_long_one() -> None:
    falcoport(*SETUP)
    ran = falcoport("show-url", "--format", "env", "--min-priority", "info")
    assert ran.exit_code == 2
    assert "informational" in ran.stderr


def test_json_tells_the_content_or_the_file(secured: dict[str, Any], tmp_path: Path) -> None:
    shown = falcoport("show-url", "--format", "env", "-o", "json").data
    assert shown["webhook_url"] == secured["url"]
    assert f"X-Falcoport-Secret:{SECRET}" in shown["content"]
    file = str(tmp_path / "env")
    written = falcoport("show-url", "--format", "env", "-o", "json", "-f", file).data
    assert (written["file"], "content" in written) == (file, False)


def test_status_says_whether_the_webhook_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    falcoport(*SETUP)
    assert falcoport("status", "-o", "json").data["security"] == "open"
    assert "open to whoever knows its URL" in falcoport("status").stdout
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    falcoport(*SETUP, "--secure")
    assert falcoport("status", "-o", "json").data["security"] == "header"
    assert "X-Falcoport-Secret" in falcoport("status").stdout


def test_each_cluster_has_a_webhook_of_its_own_and_one_blueprint(api: httpx.Client) -> None:
    for cluster in ("prod", "test"):
        names = ("--webhook-id", f"falco_{cluster}", "--webhook-title", f"Falco {cluster}")
        assert falcoport(*SETUP, *names).exit_code == 0
        assert webhook(api, f"falco_{cluster}")["title"] == f"Falco {cluster}"
        shown = falcoport("show-url", *names)
        assert shown.stdout == webhook(api, f"falco_{cluster}")["url"] + "\n"
        assert falcoport("plan", "--exit-code", *names).exit_code == 0
        assert falcoport("status", *names).exit_code == 0
        assert f'"falco_{cluster}"' in falcoport("export", *names).stdout
    assert api.get("/webhooks/falco_alert_mapper").status_code == 404
    assert (
        falcoport("teardown", "--yes", "--keep-blueprint", "--webhook-id", "falco_test").exit_code
        == 0
    )
    assert falcoport("show-url", "--webhook-id", "falco_test").exit_code == 3
    assert falcoport("show-url", "--webhook-id", "falco_prod").exit_code == 0


def test_another_webhook_keeps_its_title_unless_one_is_given(api: httpx.Client) -> None:
    name = ("--webhook-id", "falco_test")
    assert falcoport(*SETUP, *name, "--webhook-title", "Falco test").exit_code == 0
    assert falcoport("status", *name).exit_code == 0
    assert falcoport("plan", *name, "--exit-code").exit_code == 0
    assert falcoport(*SETUP, *name).exit_code == 0
    assert api.get("/webhooks/falco_test").json()["integration"]["title"] == "Falco test"
    renamed = falcoport("plan", *name, "--webhook-title", "Other", "--exit-code")
    assert renamed.exit_code == 3
    assert "Other" in renamed.stdout


def test_the_manifests_own_webhook_keeps_the_manifests_title(api: httpx.Client) -> None:
    name = ("--webhook-id", "falco_alert_mapper")
    assert falcoport(*SETUP, *name).exit_code == 0
    api.patch("/webhooks/falco_alert_mapper", json={"title": "Mine"}).raise_for_status()
    assert falcoport("plan", *name, "--exit-code").exit_code == 3


@pytest.mark.parametrize("option", ["--webhook-id", "--webhook-title"])
@pytest.mark.parametrize("text", ["x" * 31, ""])
def test_names_of_a_webhook_have_their_limits(option: str, text: str) -> None:
    ran = falcoport("setup", option, text)
    assert ran.exit_code == 2
    assert option in ran.stderr


def test_the_export_describes_what_is_in_port(secured: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "falco.tf"
    ran = falcoport("export", "-f", str(file))
    assert (ran.exit_code, ran.stdout) == (0, "")
    text = file.read_text(encoding="utf-8")
    assert 'to = port_webhook.falco_alert_mapper\n  id = "falco_alert_mapper"' in text
    assert "ignore_changes = all" in text
    assert SECRET not in text
    assert secured["webhookKey"] not in text
    bodies = json.loads(falcoport("export", "--format", "json").stdout)
    assert bodies["webhook"]["security"] == {
        key: value for key, value in secured["security"].items() if key != "secret"
    }
    assert "createdAt" not in bodies["blueprint"]


def test_exported_bodies_make_the_same_again(api: httpx.Client) -> None:
    falcoport(*SETUP)
    bodies = json.loads(falcoport("export", "--format", "json").stdout)
    assert falcoport("teardown", "--yes").exit_code == 0
    api.post("/blueprints", json=bodies["blueprint"]).raise_for_status()
    api.post("/webhooks", json=bodies["webhook"]).raise_for_status()
    assert falcoport("plan", "--exit-code").exit_code == 0


def test_offline_needs_no_port_and_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT_API_URL", "PORT_CLIENT_ID", "PORT_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    ran = falcoport("export", "--offline")
    assert ran.exit_code == 0, ran.stderr
    assert "import {" not in ran.stdout
    assert 'resource "port_blueprint" "falco_alert"' in ran.stdout


def test_an_export_holds_what_was_asked_for() -> None:
    bare = falcoport("export", "--offline", "--no-relation").stdout
    assert "relations" not in bare
    whole = falcoport("export", "--offline", "--include-namespace-blueprint").stdout
    assert "port_blueprint.namespace.identifier" in whole
    assert falcoport("export", "--no-relation").exit_code == 2
    falcoport(*SETUP)
    assert 'id = "namespace"' in falcoport("export", "--include-namespace-blueprint").stdout


def test_exporting_what_is_not_there_says_to_set_up() -> None:
    ran = falcoport("export")
    assert ran.exit_code == 3
    assert "falcoport setup" in ran.stderr


def test_values_that_refer_to_a_secret_need_none(
    secured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FALCOPORT_WEBHOOK_SECRET")
    ran = falcoport("show-url", "--format", "helm", "--existing-secret", "mine")
    assert ran.exit_code == 0, ran.stderr
    assert yaml.safe_load(ran.stdout) == {
        "falcosidekick": {"enabled": True, "config": {"existingSecret": "mine"}}
    }
    assert secured["webhookKey"] not in ran.everything


def test_the_docker_line_needs_no_secret_and_names_its_file(
    secured: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = falcoport("show-url", "--format", "docker")
    assert SECRET not in ran.everything
    monkeypatch.delenv("FALCOPORT_WEBHOOK_SECRET")
    assert falcoport("show-url", "--format", "docker").stdout == ran.stdout
    file = tmp_path / "secret"
    file.write_text(SECRET, encoding="utf-8")
    named = falcoport("show-url", "--format", "docker", "--webhook-secret-file", str(file))
    assert f"$(cat {file})" in named.stdout
    assert secured["url"] in named.stdout


def test_a_secret_has_the_name_and_the_marks_asked_for(secured: dict[str, Any]) -> None:
    marks = ("--secret-name", "falco-port", "--label", "team=sec", "--annotation", "a/b=c=d")
    secret = yaml.safe_load(falcoport("show-url", "--format", "k8s-secret", *marks).stdout)
    assert secret["metadata"] == {
        "name": "falco-port",
        "namespace": "falco",
        "labels": {"team": "sec"},
        "annotations": {"a/b": "c=d"},
    }
    assert base64.b64decode(secret["data"]["WEBHOOK_ADDRESS"]).decode() == secured["url"]


def test_an_external_secret_names_its_store_and_holds_no_credential(
    secured: dict[str, Any],
) -> None:
    options = ("--secret-store", "vault", "--remote-key", "falco/port")
    ran = falcoport("show-url", "--format", "external-secret", *options)
    assert yaml.safe_load(ran.stdout)["spec"]["data"][1] == {
        "secretKey": "WEBHOOK_CUSTOMHEADERS",
        "remoteRef": {"key": "falco/port", "property": "WEBHOOK_CUSTOMHEADERS"},
    }
    assert SECRET not in ran.everything
    assert secured["webhookKey"] not in ran.everything


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--format", "env", "--existing-secret", "mine"), "--existing-secret"),
        (("--format", "helm", "--label", "a=b"), "--label"),
        (("--format", "k8s-secret", "--secret-store", "vault"), "--secret-store"),
        (("--format", "external-secret"), "--secret-store"),
        (("--format", "external-secret", "--remote-key", "x"), "--secret-store"),
        (("--format", "prometheus-rule", "--custom-tag", "x"), "--custom-tag"),
        (("--format", "k8s-secret", "--label", "novalue"), "--label"),
        (("--format", "env", "--max-concurrent", "0"), "0 is not a number"),
    ],
)
def test_an_option_that_a_format_has_no_place_for_is_refused(
    options: tuple[str, ...], named: str
) -> None:
    falcoport(*SETUP)
    ran = falcoport("show-url", *options)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert named in ran.stderr


def test_secure_sets_right_a_header_without_a_secret(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port compares with nothing then, so such a webhook is as open as any."""
    falcoport(*SETUP)
    bare = {"signatureHeaderName": "X-Mine", "signatureAlgorithm": "plain"}
    api.patch("/webhooks/falco_alert_mapper", json={"security": bare}).raise_for_status()
    assert falcoport("status", "-o", "json").data["security"] == "open"
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", SECRET)
    assert falcoport(*SETUP, "--secure").exit_code == 0
    found = webhook(api)
    post(found["url"], {})
    header = {found["security"]["signatureHeaderName"]: SECRET}
    assert settled(api, found["url"], header) == []
