"""setup, plan, add-relation and show-url, as a user runs them, against the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.command_line import falcoport

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.options import RunningSandbox

SHIPPED = Path(__file__).parents[2]


def shipped(path: str) -> dict[str, Any]:
    """Return a shipped manifest as data."""
    document: dict[str, Any] = yaml.safe_load((SHIPPED / path).read_text(encoding="utf-8"))
    return document


def blueprint(api: httpx.Client, identifier: str = "falco_alert") -> dict[str, Any]:
    """Return a blueprint as Port has it."""
    found: dict[str, Any] = api.get(f"/blueprints/{identifier}").json()["blueprint"]
    return found


def webhook(api: httpx.Client) -> dict[str, Any]:
    """Return the webhook as Port has it."""
    found: dict[str, Any] = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    return found


def with_namespace(api: httpx.Client) -> None:
    """Put the exporter's namespace blueprint into the catalog."""
    api.post("/blueprints", json=shipped("blueprints/namespace.yaml")).raise_for_status()


@pytest.fixture
def catalog(pointed: RunningSandbox, api: httpx.Client) -> httpx.Client:
    """Give a catalog with the namespace blueprint, and point falcoport to it."""
    with_namespace(api)
    return api


def test_first_setup_creates_what_the_manifests_say_and_prints_the_url_alone(
    catalog: httpx.Client,
) -> None:
    ran = falcoport("setup")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout == webhook(catalog)["url"] + "\n"
    named = shipped("blueprints/falco_alert.yaml")
    assert {key: blueprint(catalog)[key] for key in named} == named
    named = shipped("webhook_configs/falco_alert_mapper.yaml")
    assert {key: webhook(catalog)[key] for key in named} == named
    for told in ("blueprint", "relation", "webhook", "created", "show-url", "--secure"):
        assert told in ran.stderr
    assert ran.stderr.endswith(".\n"), "no heading without what it heads"
    values = falcoport("setup", "--show-values").stderr
    assert "docker run" in values
    assert "falcosidekick:" in values


def test_second_setup_changes_nothing(catalog: httpx.Client) -> None:
    falcoport("setup")
    before = blueprint(catalog), webhook(catalog)
    ran = falcoport("setup", "-o", "json")
    assert ran.exit_code == 0
    assert {change["action"] for change in ran.data["changes"]} == {"unchanged"}
    assert (blueprint(catalog), webhook(catalog)) == before


def test_json_envelope_of_a_first_setup_lists_each_resource(catalog: httpx.Client) -> None:
    ran = falcoport("setup", "-o", "json")
    assert ran.stderr == ""
    data = ran.data
    assert data["webhook_url"] == webhook(catalog)["url"]
    assert [(c["resource"], c["identifier"], c["action"]) for c in data["changes"]] == [
        ("blueprint", "falco_alert", "create"),
        ("relation", "namespace", "create"),
        ("webhook", "falco_alert_mapper", "create"),
    ]
    assert all(change["fields"] for change in data["changes"])
    envelope = ran.envelope
    del envelope["data"]
    assert envelope == {
        "schema": 1,
        "command": "setup",
        "status": "success",
        "exit_code": 0,
        "errors": [],
    }


def test_missing_namespace_blueprint_stops_before_the_first_write(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    ran = falcoport("setup")
    assert ran.exit_code == 4
    assert ran.stdout == ""
    assert "--no-relation" in ran.stderr
    assert "--create-namespace-blueprint" in ran.stderr
    assert api.get("/blueprints").json()["blueprints"] == []


def test_create_namespace_blueprint_creates_it_and_never_changes_one(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    ran = falcoport("setup", "--create-namespace-blueprint", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert [(c["identifier"], c["action"]) for c in ran.data["changes"]] == [
        ("namespace", "create"),
        ("falco_alert", "create"),
        ("namespace", "create"),
        ("falco_alert_mapper", "create"),
    ]
    assert blueprint(api)["relations"]["namespace"]["target"] == "namespace"
    api.patch("/blueprints/namespace", json={"title": "Ours"}).raise_for_status()
    again = falcoport("setup", "--create-namespace-blueprint", "-o", "json")
    assert {change["action"] for change in again.data["changes"]} == {"unchanged"}
    assert blueprint(api, "namespace")["title"] == "Ours"


def test_no_relation_leaves_it_out_of_blueprint_and_mapping(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    ran = falcoport("setup", "--no-relation")
    assert ran.exit_code == 0
    assert blueprint(api).get("relations") in ({}, None)
    [mapping] = webhook(api)["mappings"]
    assert "relations" not in mapping["entity"]


def test_what_others_added_is_the_same_after_setup(catalog: httpx.Client) -> None:
    falcoport("setup")
    theirs = blueprint(catalog)
    changed = {
        "schema": {
            "properties": {
                **theirs["schema"]["properties"],
                "owner": {"type": "string", "title": "Owner", "enum": ["a", "b"]},
                "rule": {"type": "string", "title": "Changed", "description": "Kept"},
            },
            "required": ["owner"],
        },
        "relations": {
            **theirs["relations"],
            "parent": {"target": "falco_alert", "required": False, "many": False},
        },
        "mirrorProperties": {"labels": {"path": "namespace.labels", "title": "Labels"}},
        "description": "Ours now",
    }
    catalog.patch("/blueprints/falco_alert", json=changed).raise_for_status()
    other = {
        "blueprint": "falco_alert",
        "filter": '.body.source == "k8s_audit"',
        "entity": {"identifier": ".body.uuid", "properties": {"rule": ".body.rule"}},
    }
    [own] = webhook(catalog)["mappings"]
    own["entity"]["properties"]["owner"] = '"a"'
    own["entity"]["properties"]["rule"] = ".body.rule | ascii_downcase"
    catalog.patch(
        "/webhooks/falco_alert_mapper",
        json={"mappings": [other, own], "security": {"secret": "s3cr3t-of-theirs"}},
    ).raise_for_status()

    before = blueprint(catalog), webhook(catalog)
    announced = falcoport("plan", "--exit-code", "-o", "json")
    assert announced.exit_code == 3
    fields = {f["field"] for change in announced.data["changes"] for f in change["fields"]}
    assert fields == {
        "schema.properties.rule.title",
        "mappings[1:falco_alert].entity.properties.rule",
    }
    assert falcoport("setup").exit_code == 0
    after = blueprint(catalog), webhook(catalog)
    assert after[0]["schema"]["properties"]["rule"] == {
        "type": "string",
        "title": "Rule",
        "description": "Kept",
    }
    assert after[1]["mappings"][1]["entity"]["properties"]["rule"] == ".body.rule"
    before[0]["schema"]["properties"]["rule"]["title"] = "Rule"
    before[1]["mappings"][1]["entity"]["properties"]["rule"] = ".body.rule"
    for was, now in zip(before, after, strict=True):
        for key in was.keys() - {"updatedAt", "updatedBy"}:
            assert now[key] == was[key], key
    assert falcoport("plan", "--exit-code").exit_code == 0


def test_property_of_another_type_is_refused_before_any_write(catalog: httpx.Client) -> None:
    falcoport("setup")
    theirs = blueprint(catalog)
    schema = theirs["schema"]
    # Port refuses a change of type, so it takes two steps.
    for changed in ({}, {"rule": {"type": "number"}}):
        del schema["properties"]["rule"]
        schema["properties"].update(changed)
        catalog.put("/blueprints/falco_alert", json=theirs).raise_for_status()
        schema["properties"].setdefault("rule", {})
    ran = falcoport("setup", "-v")
    assert ran.exit_code == 4
    assert "'number'" in ran.stderr
    assert "'string'" in ran.stderr
    assert "PATCH" not in ran.stderr
    assert blueprint(catalog)["schema"] == schema


def test_plan_shows_what_setup_then_does(catalog: httpx.Client) -> None:
    planned = falcoport("plan", "-o", "json")
    assert planned.exit_code == 0
    assert planned.data["pending"] is True
    assert catalog.get("/blueprints/falco_alert").status_code == 404
    assert falcoport("setup", "--dry-run", "-o", "json").data == planned.data
    done = falcoport("setup", "-o", "json")
    assert done.data["changes"] == planned.data["changes"]


def test_plan_reads_like_a_diff(catalog: httpx.Client) -> None:
    falcoport("setup")
    catalog.patch("/webhooks/falco_alert_mapper", json={"title": "Mine"}).raise_for_status()
    ran = falcoport("plan")
    assert ran.stdout == (
        "= blueprint falco_alert: unchanged\n"
        "= relation namespace: unchanged\n"
        "~ webhook falco_alert_mapper: update\n"
        "    title\n"
        "      - Mine\n"
        "      + Falco Alert Mapper\n"
    )


@pytest.mark.usefixtures("catalog")
def test_plan_breaks_long_expressions_before_their_pipes() -> None:
    falcoport("setup")
    ran = falcoport("plan", "--cluster", "prod")
    assert max(map(len, ran.stdout.splitlines())) <= 110
    assert "\n        | map(" in ran.stdout


@pytest.mark.usefixtures("catalog")
def test_add_relation_completes_a_setup_without_one() -> None:
    falcoport("setup", "--no-relation")
    ran = falcoport("add-relation", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert [(c["resource"], c["action"]) for c in ran.data["changes"]] == [
        ("blueprint", "unchanged"),
        ("relation", "create"),
        ("webhook", "update"),
    ]
    # Nothing is left for setup to do: both ways lead to the same set-up.
    assert falcoport("plan", "--exit-code").exit_code == 0
    again = falcoport("add-relation", "-o", "json")
    assert {change["action"] for change in again.data["changes"]} == {"unchanged"}


def test_add_relation_to_another_blueprint(catalog: httpx.Client) -> None:
    catalog.post(
        "/blueprints",
        json={"identifier": "team", "title": "Team", "schema": {"properties": {}}},
    ).raise_for_status()
    falcoport("setup")
    ran = falcoport(
        *("add-relation", "--relation", "owners", "--target", "team", "--title", "Owning teams"),
        *("--tag-prefix", "team-", "--many"),
    )
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout == ""
    assert blueprint(catalog)["relations"]["owners"] == {
        "title": "Owning teams",
        "target": "team",
        "required": False,
        "many": True,
    }
    line = webhook(catalog)["mappings"][0]["entity"]["relations"]["owners"]
    assert 'startswith("team-")' in line
    assert falcoport("plan", "--exit-code").exit_code == 0


def test_add_relation_before_setup_says_so(catalog: httpx.Client) -> None:
    ran = falcoport("add-relation")
    assert ran.exit_code == 3
    assert "falcoport setup" in ran.stderr
    assert catalog.get("/blueprints/falco_alert").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--relation", "has space"), "--relation"),
        (("--relation", "a" * 101), "--relation"),
        (("--target", "..", "--relation", "x"), "--target"),
        (("--title", "t" * 101), "--title"),
        (("--tag-prefix", ""), "--tag-prefix"),
        (("--relation", ""), "--relation"),
    ],
)
def test_add_relation_refuses_names_that_port_would(
    catalog: httpx.Client, arguments: tuple[str, ...], option: str
) -> None:
    ran = falcoport("add-relation", *arguments, "-o", "json")
    assert ran.exit_code == 2
    assert ran.envelope["errors"][0]["where"] == option


@pytest.mark.parametrize("wanted", [("--many",), ("--target", "falco_alert")])
def test_add_relation_over_another_one_says_how_to_go_on(
    catalog: httpx.Client, wanted: tuple[str, ...]
) -> None:
    falcoport("setup")
    before = blueprint(catalog)
    ran = falcoport("add-relation", *wanted, "-o", "json")
    assert ran.exit_code == 4
    [error] = ran.envelope["errors"]
    assert error["code"] == "conflict"
    assert "--relation" in error["hint"]
    assert "--blueprint" not in error["hint"]
    assert blueprint(catalog) == before


def test_show_url_prints_it_alone(catalog: httpx.Client) -> None:
    url = falcoport("setup", "-q").stdout
    ran = falcoport("show-url")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, url, "")


def test_show_url_without_a_setup_is_a_failed_check(catalog: httpx.Client) -> None:
    ran = falcoport("show-url")
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert "falcoport setup" in ran.stderr


def test_show_url_warns_of_a_disabled_webhook(catalog: httpx.Client) -> None:
    url = falcoport("setup").stdout
    catalog.patch("/webhooks/falco_alert_mapper", json={"enabled": False}).raise_for_status()
    ran = falcoport("show-url", "--quiet")
    assert (ran.exit_code, ran.stdout) == (0, url)
    assert "disabled" in ran.stderr


def test_member_is_told_what_the_credentials_lack(
    catalog: httpx.Client, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT_CLIENT_ID", sandbox.member_client_id)
    monkeypatch.setenv("PORT_CLIENT_SECRET", sandbox.member_client_secret)
    ran = falcoport("show-url")
    assert ran.exit_code == 5
    assert "admin or moderator" in ran.stderr


def test_wrong_credentials(catalog: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_CLIENT_SECRET", "wrong-but-secret")
    ran = falcoport("setup", "--verbose")
    assert ran.exit_code == 5
    assert "PORT_CLIENT_SECRET" in ran.stderr
    assert "wrong-but-secret" not in ran.everything


def test_no_credentials() -> None:
    ran = falcoport("setup", "-o", "json")
    assert ran.exit_code == 2
    [error] = ran.envelope["errors"]
    assert error["code"] == "no_credentials"
    assert "Credentials" in error["hint"]


def test_secret_from_a_file(
    catalog: httpx.Client,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("PORT_CLIENT_SECRET")
    file = tmp_path / "secret"
    file.write_text(sandbox.client_secret + "\n")
    assert falcoport("setup", "--client-secret-file", str(file)).exit_code == 0
    assert falcoport("setup", "--client-secret-file", str(tmp_path / "none")).exit_code == 2


def test_json_of_a_wrong_command_line() -> None:
    ran = falcoport("setup", "--no-such-option", "-o", "json")
    assert ran.exit_code == 2
    assert ran.envelope["command"] == "setup"
    assert ran.stderr == ""


def test_manifest_from_a_json_file(catalog: httpx.Client, tmp_path: Path) -> None:
    body = shipped("blueprints/falco_alert.yaml")
    body["title"] = "Falco finding"
    file = tmp_path / "blueprint.json"
    file.write_text(json.dumps(body, indent="\t"))
    assert falcoport("setup", "--blueprint", str(file)).exit_code == 0
    assert blueprint(catalog)["title"] == "Falco finding"


def test_mapping_to_a_property_that_does_not_exist_is_refused(
    catalog: httpx.Client, tmp_path: Path
) -> None:
    body = shipped("webhook_configs/falco_alert_mapper.yaml")
    body["mappings"][0]["entity"]["properties"]["severity"] = ".body.priority"
    file = tmp_path / "webhook.yaml"
    file.write_text(yaml.safe_dump(body))
    ran = falcoport("setup", "--webhook-config", str(file))
    assert ran.exit_code == 4
    assert "severity" in ran.stderr
    assert catalog.get("/blueprints/falco_alert").status_code == 404


def test_a_mapping_added_to_a_webhook_is_told_by_its_name(catalog: httpx.Client) -> None:
    other = {"blueprint": "namespace", "entity": {"identifier": ".body.namespace"}}
    body = {"identifier": "falco_alert_mapper", "title": "Shared", "enabled": True}
    catalog.post("/webhooks", json={**body, "mappings": [other]}).raise_for_status()
    ran = falcoport("setup")
    assert ran.exit_code == 0
    assert "mappings[falco_alert]" in ran.stderr
    assert "mappings[falco_alert]." not in ran.stderr
