"""Options that change the mapping, and the mapping tried on samples before anything is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from support.command_line import falcoport

from falcoport.falco.samples import sample
from falcoport.falcosidekick.forward import forwarded
from falcoport.manifests.loading import load

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.sandbox.server import RunningSandbox

GUIDE = '.tags | map(select(startswith("port"))) | map(sub("port-"; ""; "g")) | .[0]'


@pytest.fixture
def catalog(pointed: RunningSandbox, api: httpx.Client) -> httpx.Client:
    """Give an empty catalog that falcoport's environment points to."""
    del pointed
    return api


def mappings(api: httpx.Client) -> list[dict[str, Any]]:
    """Return the webhook's mappings as Port has them."""
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    found: list[dict[str, Any]] = webhook["mappings"]
    return found


def setup(*arguments: str) -> int:
    return falcoport("setup", "--create-namespace-blueprint", *arguments).exit_code


def webhook_file(tmp_path: Path, **relations: str) -> str:
    """Write the shipped webhook with other relations, and return its path."""
    webhook = json.loads(json.dumps(load().webhook.body))
    webhook["mappings"][0]["entity"]["relations"] = relations
    path = tmp_path / "webhook.yaml"
    path.write_text(yaml.safe_dump(webhook), encoding="utf-8")
    return str(path)


def test_the_guides_mistake_cannot_be_provisioned_by_accident(
    catalog: httpx.Client, tmp_path: Path
) -> None:
    config = webhook_file(tmp_path, namespace=GUIDE)
    for command in ("setup", "plan"):
        ran = falcoport(command, "--webhook-config", config, "-o", "json")
        assert ran.exit_code == 4
        [problem] = ran.envelope["errors"]
        assert problem["where"] == f"{config}: mappings[0].entity.relations.namespace"
        for told in (GUIDE, "fails on the sample", "Cannot iterate over null", "--allow-mapping"):
            assert told in problem["message"] + problem["hint"]
    assert catalog.get("/webhooks/falco_alert_mapper").status_code == 404
    ran = falcoport(
        "setup", "--create-namespace-blueprint", "--webhook-config", config,
        "--allow-mapping-errors",
    )  # fmt: skip
    assert ran.exit_code == 0
    assert "warning: mappings[0].entity.relations.namespace fails" in ran.stderr


@pytest.mark.parametrize("name", ["user-agent", "User-Agent", "content-type"])
def test_a_header_is_read_by_any_spelling_of_its_name(
    name: str, catalog: httpx.Client, tmp_path: Path
) -> None:
    """Port's docs ask for lower case, and each command shows a mapping what a real alert has."""
    webhook = json.loads(json.dumps(load().webhook.body))
    expression = f'.headers["{name}"] | ascii_downcase'
    webhook["mappings"][0]["entity"]["title"] = expression
    path = tmp_path / "webhook.json"
    path.write_text(json.dumps(webhook), encoding="utf-8")
    assert setup("--webhook-config", str(path), "--ensure-namespaces") == 0
    hook = catalog.get("/webhooks/falco_alert_mapper").json()["integration"]
    assert hook["mappings"][-1]["entity"]["title"] == expression
    previewed = falcoport("preview", "--webhook-config", str(path), "-o", "json")
    assert previewed.data["failures"] == 0
    sent = falcoport("send-test", "-o", "json")
    assert sent.exit_code == 0
    titles = {entity["entity"]["title"] for entity in previewed.data["entities"]}
    assert titles == {sent.data["entity"]["title"]}


def test_an_identifier_that_comes_out_null_is_refused(tmp_path: Path) -> None:
    webhook = json.loads(json.dumps(load().webhook.body))
    webhook["mappings"][0]["entity"]["identifier"] = ".body.hostname"
    path = tmp_path / "webhook.json"
    path.write_text(json.dumps(webhook))
    ran = falcoport("plan", "--webhook-config", str(path))
    assert ran.exit_code == 4
    assert "no-hostname" in ran.stderr
    assert "the identifier is null" in ran.stderr


@pytest.mark.parametrize("name", ["hostname-time", "hostname-time-rule", "uuid"])
def test_the_identifier_option_changes_nothing_else(name: str, catalog: httpx.Client) -> None:
    assert setup("--identifier", name) == 0
    [mapping] = mappings(catalog)
    [shipped] = load().webhook.body["mappings"]
    changed = mapping["entity"].pop("identifier")
    original = dict(shipped["entity"])
    assert (changed == original.pop("identifier")) is (name == "hostname-time")
    assert mapping == {**shipped, "entity": original}
    again = falcoport("setup", "--identifier", name, "-o", "json")
    assert {change["action"] for change in again.data["changes"]} == {"unchanged"}


def stored(api: httpx.Client, name: str) -> dict[str, Any]:
    """Post a sample to the webhook and return its entity."""
    url = falcoport("show-url").stdout.strip()
    line = sample(name).line
    httpx.post(url, content=forwarded(line), trust_env=False).raise_for_status()
    rule = sample(name).alert["rule"]
    for _ in range(200):
        found = api.get("/blueprints/falco_alert/entities").json()["entities"]
        for entity in found:
            if entity["properties"]["rule"] == rule:
                kept: dict[str, Any] = entity
                return kept
    raise AssertionError(name)


def test_a_cluster_relates_alerts_without_tags(catalog: httpx.Client) -> None:
    assert setup("--cluster", "prod", "--ensure-namespaces") == 0
    creating, alert = mappings(catalog)
    assert creating["blueprint"] == "namespace"
    assert list(creating["entity"]) == ["identifier"]
    assert alert["blueprint"] == "falco_alert"
    assert stored(catalog, "default-helm-install")["relations"]["namespace"] == "shop-prod"
    assert stored(catalog, "exec-into-pod")["relations"]["namespace"] == "auth-namespace-prod"
    assert stored(catalog, "fileless-execution")["relations"]["namespace"] == "auth-namespace"
    assert stored(catalog, "list-and-flags")["relations"]["namespace"] is None
    assert stored(catalog, "sensitive-file-on-host")["relations"]["namespace"] is None
    names = catalog.get("/blueprints/namespace/entities").json()["entities"]
    assert {entity["identifier"] for entity in names} == {
        "shop-prod", "auth-namespace-prod", "auth-namespace"
    }  # fmt: skip


def test_a_namespace_that_exists_keeps_all_it_has(catalog: httpx.Client) -> None:
    assert setup("--ensure-namespaces") == 0
    given = {
        "identifier": "auth-namespace",
        "title": "Auth",
        "properties": {"labels": {"a": "b"}},
    }
    catalog.post("/blueprints/namespace/entities", json=given).raise_for_status()
    assert stored(catalog, "fileless-execution")["relations"]["namespace"] == "auth-namespace"
    found = catalog.get("/blueprints/namespace/entities/auth-namespace").json()["entity"]
    assert found["title"] == "Auth"
    assert found["properties"]["labels"] == {"a": "b"}


def test_ensuring_namespaces_twice_is_the_same_as_once(catalog: httpx.Client) -> None:
    assert setup("--ensure-namespaces") == 0
    before = mappings(catalog)
    assert setup("--ensure-namespaces") == 0
    assert mappings(catalog) == before


def test_add_relation_takes_the_same_options(catalog: httpx.Client) -> None:
    assert setup("--no-relation") == 0
    ran = falcoport("add-relation", "--cluster", "prod", "--ensure-namespaces")
    assert ran.exit_code == 0, ran.stderr
    assert [mapping["blueprint"] for mapping in mappings(catalog)] == ["namespace", "falco_alert"]
    assert stored(catalog, "default-helm-install")["relations"]["namespace"] == "shop-prod"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--identifier", "rule"], 2, "hostname-time-rule"),
        (["--cluster", "my cluster"], 2, "cannot be part of an identifier"),
        (["--cluster", ""], 2, "cannot be part of an identifier"),
        (["--cluster", "x", "--no-relation"], 2, "--cluster needs the relation namespace"),
        (["--ensure-namespaces", "--no-relation"], 2, "--ensure-namespaces needs the relation"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], code: int, told: str) -> None:
    ran = falcoport("plan", *arguments)
    assert ran.exit_code == code
    assert told in ran.stderr


def test_a_mapping_of_somebody_else_for_namespaces_stays(catalog: httpx.Client) -> None:
    assert setup() == 0
    other = {
        "blueprint": "namespace",
        "filter": '.body.kind == "namespace"',
        "entity": {"identifier": ".body.name", "title": ".body.title"},
    }
    body = {"mappings": [*mappings(catalog), other]}
    catalog.patch("/webhooks/falco_alert_mapper", json=body).raise_for_status()
    assert setup("--ensure-namespaces") == 0
    assert other in mappings(catalog)
    assert len(mappings(catalog)) == 3


@pytest.mark.parametrize("arguments", [[], ["--cluster", "prod"]])
def test_teardown_takes_the_mapping_of_namespaces_along(
    arguments: list[str], catalog: httpx.Client
) -> None:
    assert setup("--ensure-namespaces", *arguments) == 0
    ran = falcoport("teardown", "--yes")
    assert ran.exit_code == 0, ran.stderr
    assert catalog.get("/webhooks/falco_alert_mapper").status_code == 404
