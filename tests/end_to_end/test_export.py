"""What `setup` keeps in Port, as code: complete, rightly escaped, or refused with every reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_line import falcoport

from falcoport.errors import InputError
from falcoport.manifests.loading import load
from falcoport.terraform import hcl
from falcoport.terraform.aggregations import build_aggregations
from falcoport.terraform.export import Resources, bodies, terraform
from falcoport.terraform.missing import Missing

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.options import RunningSandbox

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform here")

SET_BY_PORT = {
    "createdAt": "2026-08-17T09:00:00.000Z",
    "createdBy": "someone",
    "updatedAt": "2026-08-17T09:00:00.000Z",
    "updatedBy": "someone",
    "orgId": "org_abc",
}
HOSTILE = 'a "q" ${x} %{if} $${y} $$z %%{ \\b C:\\new \n\r\t é \u2028 \x00 $ %'


@pytest.fixture
def shipped() -> Resources:
    """Give the shipped manifests as Port gives them back."""
    manifests = load()
    webhook = {
        **manifests.webhook.body,
        **SET_BY_PORT,
        "webhookKey": "abc123",
        "url": "https://ingest.port.example/abc123",
        "security": {},
    }
    return Resources({**manifests.blueprint.body, **SET_BY_PORT}, webhook)


def changed(
    resources: Resources,
    blueprint: dict[str, Any] | None = None,
    webhook: dict[str, Any] | None = None,
) -> Resources:
    return Resources(
        {**resources.blueprint, **(blueprint or {})}, {**resources.webhook, **(webhook or {})}
    )


def with_property(resources: Resources, name: str, value: dict[str, Any]) -> Resources:
    return changed(resources, {"schema": {"properties": {name: value}, "required": []}})


def body_of(text: str, header: str) -> str:
    """Return the lines of one block of the code."""
    _, _, rest = text.partition(f"\n{header} {{\n")
    return rest.partition("\n}\n")[0]


def test_bodies_are_the_manifests_without_what_port_adds(shipped: Resources) -> None:
    manifests = load()
    assert bodies(shipped) == {
        "blueprint": manifests.blueprint.body,
        "webhook": manifests.webhook.body,
    }


def test_bodies_keep_the_security_block_but_no_secret(shipped: Resources) -> None:
    security = {
        "secret": "********",
        "signatureHeaderName": "X-Falcoport-Secret",
        "signatureAlgorithm": "plain",
        "signaturePrefix": None,
    }
    found = bodies(changed(shipped, webhook={"security": security}))["webhook"]["security"]
    assert found == {"signatureHeaderName": "X-Falcoport-Secret", "signatureAlgorithm": "plain"}


def test_the_shipped_set_up_reads_as_code(shipped: Resources) -> None:
    text = terraform(shipped, adopt=True)
    assert body_of(text, "import") == '  to = port_blueprint.falco_alert\n  id = "falco_alert"'
    assert (
        'import {\n  to = port_webhook.falco_alert_mapper\n  id = "falco_alert_mapper"\n}' in text
    )
    webhook = body_of(text, 'resource "port_webhook" "falco_alert_mapper"')
    assert "  enabled     = true\n" in webhook
    assert "      blueprint = port_blueprint.falco_alert.identifier\n" in webhook
    assert '          rule         = ".body.rule"\n' in webhook
    assert "security" not in webhook
    assert "lifecycle" not in webhook
    assert 'provider "port"' not in text
    assert "createdAt" not in text
    assert "org_abc" not in text
    assert "ingest.port.example" not in text


def test_without_adopting_nothing_is_imported(shipped: Resources) -> None:
    assert "import {" not in terraform(shipped, adopt=False)


def test_another_api_is_named_and_the_default_one_is_not(shipped: Resources) -> None:
    text = terraform(shipped, adopt=True, api_url="https://api.us.port.io")
    assert body_of(text, 'provider "port"') == '  base_url = "https://api.us.port.io"'
    assert "base_url" not in terraform(shipped, adopt=True, api_url="https://api.port.io")


def test_a_secured_webhook_is_read_only_for_terraform(shipped: Resources) -> None:
    """Terraform writes a webhook whole, and Port does not give the secret back."""
    security = {
        "secret": "********",
        "signatureHeaderName": "X-Falcoport-Secret",
        "signatureAlgorithm": "plain",
        "signaturePrefix": None,
        "requestIdentifierPath": ".body.uuid",
    }
    text = terraform(changed(shipped, webhook={"security": security}), adopt=True)
    webhook = body_of(text, 'resource "port_webhook" "falco_alert_mapper"')
    assert "    ignore_changes = all\n" in webhook
    assert (
        "  security = {\n"
        '    signature_header_name   = "X-Falcoport-Secret"\n'
        '    signature_algorithm     = "plain"\n'
        '    request_identifier_path = ".body.uuid"\n'
        "  }\n"
    ) in webhook
    assert "********" not in text


@pytest.mark.parametrize(
    ("value", "group", "expected"),
    [
        ({"type": "string", "enum": ["a"], "enumColors": {"a": "red"}}, "string", 'enum = ["a"]'),
        ({"type": "string", "minLength": 3}, "string", "min_length = 3"),
        ({"type": "number", "default": 1.5}, "number", "default = 1.5"),
        ({"type": "boolean", "default": True}, "boolean", "default = true"),
        (
            {"type": "object", "default": {"b": 1, "a": "<x>"}},
            "object",
            r"\"a\":\"\\u003cx\\u003e\"",
        ),
        ({"type": "array", "items": {"type": "string", "format": "url"}}, "array", "string_items"),
        (
            {"type": "array", "items": {"type": "number"}, "default": [1, 2]},
            "array",
            "default = [1, 2]",
        ),
    ],
)
def test_each_kind_of_property_has_its_own_attributes(
    shipped: Resources, value: dict[str, Any], group: str, expected: str
) -> None:
    text = terraform(with_property(shipped, "some", value), adopt=True)
    assert f"    {group}_props = {{\n      some = {{\n" in text
    assert expected in text


def test_a_required_property_is_marked(shipped: Resources) -> None:
    schema = {"properties": {"rule": {"type": "string"}}, "required": ["rule"]}
    assert "        required = true\n" in terraform(
        changed(shipped, {"schema": schema}), adopt=True
    )


def test_a_search_query_for_a_relation_is_json_text_as_go_writes_it(shipped: Resources) -> None:
    query = {"rules": [{"value": "a & b", "property": "'x'"}], "combinator": "'and'"}
    mapping = {"blueprint": "x", "entity": {"identifier": ".body.id", "relations": {"to": query}}}
    text = terraform(changed(shipped, webhook={"mappings": [mapping]}), adopt=True)
    rules = r"\"rules\":[{\"property\":\"'x'\",\"value\":\"a \\u0026 b\"}]"
    shown = rf"{{\"combinator\":\"'and'\",{rules}}}"
    assert f'to = "{shown}"' in text
    assert '      blueprint = "x"\n' in text


@pytest.mark.parametrize(
    ("blueprint", "webhook", "where"),
    [
        ({"ownership": {"type": "Direct", "odd": 1}}, None, "falco_alert.ownership.odd"),
        (
            {"schema": {"properties": {"a": {"type": "string", "odd": 1}}}},
            None,
            "schema.properties.a.odd",
        ),
        (
            {"schema": {"properties": {"a": {"type": "array", "default": [1]}}}},
            None,
            "schema.properties.a.default",
        ),
        (
            {"relations": {"namespace": {"target": "namespace", "type": "odd"}}},
            None,
            "relations.namespace.type",
        ),
        (
            None,
            {"mappings": [{"blueprint": "x", "entity": {"identifier": {"combinator": "a"}}}]},
            "mappings[0].entity.identifier",
        ),
    ],
)
def test_what_the_provider_has_no_attribute_for_is_refused(
    shipped: Resources,
    blueprint: dict[str, Any] | None,
    webhook: dict[str, Any] | None,
    where: str,
) -> None:
    with pytest.raises(InputError, match="cannot describe") as caught:
        terraform(changed(shipped, blueprint, webhook), adopt=True)
    assert [problem for problem in caught.value.problems if where in problem.where]


def test_aggregations_stay_with_their_own_resource(shipped: Resources) -> None:
    count = {"calculationBy": "entities", "func": "count"}
    aggregation = {"a": {"title": "A", "target": "x", "calculationSpec": count}}
    text = terraform(changed(shipped, {"aggregationProperties": aggregation}), adopt=True)
    without, _, own = text.partition("import {\n  to = port_aggregation_properties")
    assert without.strip() == terraform(shipped, adopt=True).strip()
    assert "count_entities = true" in own


@pytest.mark.parametrize(
    ("spec", "method"),
    [
        ({"calculationBy": "entities", "func": "count"}, {"count_entities": True}),
        (
            {"calculationBy": "entities", "func": "average", "averageOf": "day"},
            {"average_entities": {"average_of": "day"}},
        ),
        (
            {"calculationBy": "property", "func": "average", "averageOf": "total", "property": "p"},
            {"average_by_property": {"average_of": "total", "property": "p"}},
        ),
        (
            {"calculationBy": "property", "func": "max", "property": "p"},
            {"aggregate_by_property": {"func": "max", "property": "p"}},
        ),
    ],
)
def test_each_way_to_count_has_its_method(spec: dict[str, str], method: dict[str, Any]) -> None:
    body = {"title": "A", "target": "x", "calculationSpec": spec}
    blueprint = {"identifier": "b", "aggregationProperties": {"a": body}}
    [block] = build_aggregations(blueprint, {}, Missing(), adopt=False)
    assert block.attributes["properties"]["a"]["method"] == method


def test_a_way_to_count_that_the_provider_lacks_is_named(shipped: Resources) -> None:
    body = {"title": "A", "target": "x", "calculationSpec": {"calculationBy": "moon"}}
    with pytest.raises(InputError, match=r"aggregation a\.calculationSpec"):
        terraform(changed(shipped, {"aggregationProperties": {"a": body}}), adopt=True)


@pytest.mark.parametrize(
    ("identifier", "label"),
    [("falco_alert", "falco_alert"), ("a.b:c/d", "a_b_c_d"), ("1st", "_1st"), ("ä-b", "_-b")],
)
def test_a_label_is_what_terraform_accepts(identifier: str, label: str) -> None:
    assert hcl.label(identifier) == label


@given(st.text(max_size=30))
def test_a_quoted_text_begins_no_template(text: str) -> None:
    quoted = hcl.written(hcl.Block(("locals",), {"x": text})).split(" = ", 1)[1]
    plain = quoted.replace("$${", "").replace("%%{", "")
    assert "${" not in plain
    assert "%{" not in plain
    assert quoted.count("\n") == 2


@needs_terraform
def test_terraform_reads_the_texts_back(tmp_path: Path) -> None:
    texts = [
        HOSTILE,
        "${",
        "$${",
        "$$${",
        "%{",
        "%%%{",
        "$",
        '"',
        "\\",
        "\\n",
        "\\u0041",
        "",
        "a\0",
    ]
    output = hcl.Block(("output", "texts"), {"value": texts})
    (tmp_path / "main.tf").write_text(hcl.written(output), encoding="utf-8")
    for command in (["apply", "-auto-approve"], ["output", "-json", "texts"]):
        answer = subprocess.run(
            ["terraform", *command], cwd=tmp_path, capture_output=True, check=True, text=True
        )
    assert json.loads(answer.stdout) == texts


@needs_terraform
def test_the_code_is_laid_out_as_terraform_does(shipped: Resources, tmp_path: Path) -> None:
    properties = {
        "one": {"type": "string", "title": HOSTILE, "enumColors": {"for": "red", "b c": "blue"}},
        "Two-2": {"type": "array", "items": {"type": "object"}, "default": [{"a": "<"}]},
    }
    extended = changed(
        shipped,
        {
            "schema": {"properties": properties, "required": ["one"]},
            "ownership": {"type": "Direct"},
        },
        {"security": {"signatureHeaderName": "X", "signatureAlgorithm": "plain"}},
    )
    for name, resources in (("a.tf", shipped), ("b.tf", extended)):
        text = terraform(resources, adopt=True, api_url="http://127.0.0.1:8010")
        (tmp_path / name).write_text(text, encoding="utf-8")
    answer = subprocess.run(
        ["terraform", "fmt", "-check", "-diff"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (answer.stdout, answer.returncode) == ("", 0)


def test_the_namespace_blueprint_comes_along_where_asked(shipped: Resources) -> None:
    namespace = load().namespaces[1].body
    with_it = Resources(shipped.blueprint, shipped.webhook, namespace)
    text = terraform(with_it, adopt=True)
    assert body_of(text, "import") == '  to = port_blueprint.namespace\n  id = "namespace"'
    assert "      target   = port_blueprint.namespace.identifier\n" in text
    assert '      target   = "namespace"\n' in terraform(shipped, adopt=True)
    assert bodies(with_it)["namespace"] == namespace


LOST_PROPERTIES: dict[str, dict[str, Any]] = {
    "union": {"type": "array", "union": True},
    "duplicates": {"type": "array", "includeDuplicates": True},
    "nothing": {"type": "string", "enum": []},
    "none": {"type": "array", "items": {"type": "string", "enum": []}},
}


@pytest.mark.parametrize("name", LOST_PROPERTIES)
def test_what_the_provider_would_lose_of_a_property_is_named(name: str, shipped: Resources) -> None:
    with pytest.raises(InputError, match=rf"schema\.properties\.{name}\."):
        terraform(with_property(shipped, name, LOST_PROPERTIES[name]), adopt=True)


@pytest.mark.parametrize(
    ("blueprint", "webhook", "named"),
    [
        ({"ownership": {"type": "Direct", "union": True}}, {}, "ownership.union"),
        (
            {"calculationProperties": {"c": {"type": "array", "calculation": ".", "items": {}}}},
            {},
            "calculationProperties.c.items",
        ),
        ({}, {"integrationType": "template"}, "webhook falco_alert_mapper.integrationType"),
    ],
)
def test_what_the_provider_would_lose_elsewhere_is_named(
    blueprint: dict[str, Any], webhook: dict[str, Any], named: str, shipped: Resources
) -> None:
    with pytest.raises(InputError, match=re.escape(named)):
        terraform(changed(shipped, blueprint, webhook), adopt=True)


def test_what_port_does_by_itself_is_no_loss(shipped: Resources) -> None:
    calm = with_property(shipped, "list", {"type": "array", "union": False})
    text = terraform(changed(calm, webhook={"integrationType": "custom"}), adopt=True)
    assert "union" not in text
    assert "integration" not in text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9.9, "9.9000000000000003552713678800500929355621337890625"),
        (0.1, "0.1000000000000000055511151231257827021181583404541015625"),
        (2**53 + 1, "9007199254740992"),
        (-3, "-3"),
        (2.0, "2"),
        (1e21, "1000000000000000000000"),
        (1e23, "100000000000000000000000"),
    ],
)
def test_a_number_is_the_float64_that_the_provider_reads(
    number: float, text: str, shipped: Resources
) -> None:
    value = {"type": "number", "default": number, "enum": [number]}
    code = terraform(with_property(shipped, "n", value), adopt=True)
    assert re.search(rf"default\s+= {re.escape(text)}\n", code)
    assert re.search(rf"enum\s+= \[{re.escape(text)}\]\n", code)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9007199254740993, "9007199254740992"),
        (1e21, "1e+21"),
        (1.5e-7, "1.5e-7"),
        (1e-10, "1e-10"),
        (1.0, "1"),
        (9.9, "9.9"),
        (123456789012345680000, "123456789012345680000"),
    ],
)
def test_a_number_inside_json_is_written_as_go_writes_it(
    number: float, text: str, shipped: Resources
) -> None:
    value = {"type": "object", "default": {"n": number}}
    code = terraform(with_property(shipped, "o", value), adopt=True)
    assert f'default = "{{\\"n\\":{text}}}"' in code


def test_a_header_without_a_secret_is_not_called_secured(shipped: Resources) -> None:
    security = {"signatureHeaderName": "X-Mine", "signatureAlgorithm": "plain"}
    code = terraform(changed(shipped, webhook={"security": security}), adopt=True)
    assert "secret" not in code
    assert "lifecycle" not in code


TOFU = shutil.which("tofu") or shutil.which("terraform")
PROVIDER = shutil.which("terraform-provider-port-labs")
needs_provider = pytest.mark.skipif(
    not (TOFU and PROVIDER), reason="needs tofu or terraform, and the provider"
)


def plan_with_the_provider(sandbox: RunningSandbox, folder: Path) -> str:
    """Return what the real provider plans for the exported code, errors included."""
    assert TOFU is not None
    assert PROVIDER is not None
    config = folder / "cli.tfrc"
    overrides = f'"port-labs/port-labs" = "{Path(PROVIDER).resolve().parent}"'
    config.write_text(
        f"provider_installation {{\n dev_overrides {{\n {overrides}\n }}\n direct {{}}\n}}\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "TF_CLI_CONFIG_FILE": str(config),
        "PORT_CLIENT_ID": sandbox.client_id,
        "PORT_CLIENT_SECRET": sandbox.client_secret,
        "PORT_BASE_URL": sandbox.url,
        "PORT_BETA_FEATURES_ENABLED": "true",
    }
    planned = subprocess.run(
        [TOFU, "plan", "-no-color"],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    return planned.stdout + planned.stderr


ALL_EXTRAS = "dashboard,rollups,scorecard,triage,notify,retention"
EVERYTHING = ("--create-namespace-blueprint", "--profile", "standard", "--findings",
              "--with", ALL_EXTRAS, "--notify", "slack")  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("pointed")
@needs_provider
def test_the_real_provider_adopts_extras_without_a_change(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two blueprints, webhook, counts, page, scorecard, four buttons, four automations."""
    monkeypatch.setenv("FALCOPORT_NOTIFY_URL", "https://hooks.example/x")
    assert falcoport("setup", *EVERYTHING).exit_code == 0
    ran = falcoport("export", "--verbose", "-f", str(tmp_path / "falco.tf"))
    assert ran.exit_code == 0, ran.everything
    text = (tmp_path / "falco.tf").read_text()
    for left_out in (
        "aggregation falco_open of blueprint namespace",
        "permissions status of blueprint falco_finding",
        "secret FALCO_NOTIFY_SLACK",
        "columns falco_alerts",
    ):
        assert f"# - {left_out}" in text
    assert "hooks.example" not in text
    planned = plan_with_the_provider(sandbox, tmp_path)
    assert "14 to import, 0 to add, 0 to change, 0 to destroy" in planned, planned


@needs_provider
def test_the_real_provider_would_create_what_is_exported_offline(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    file = str(tmp_path / "falco.tf")
    options = (*EVERYTHING[1:6], "--include-namespace-blueprint")
    assert falcoport("export", "--offline", *options, "-f", file).exit_code == 0
    planned = plan_with_the_provider(sandbox, tmp_path)
    # As above, with the blueprint of namespaces and without a channel, whose URL nobody gave.
    assert "14 to add, 0 to change, 0 to destroy" in planned, planned


@pytest.mark.usefixtures("pointed")
def test_bodies_of_extras_are_those_that_port_takes(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALCOPORT_NOTIFY_URL", "https://hooks.example/x")
    assert falcoport("setup", *EVERYTHING).exit_code == 0
    found = json.loads(falcoport("export", "--format", "json").stdout)
    [page] = found["pages"]
    api.delete("/pages/falco_security").raise_for_status()
    api.post("/pages", json=page).raise_for_status()
    [scorecard] = found["scorecards"]["namespace"]
    path = "/blueprints/namespace/scorecards"
    api.delete(f"{path}/{scorecard['identifier']}").raise_for_status()
    api.post(path, json=scorecard).raise_for_status()
    assert len(found["actions"]) == 8
    for action in found["actions"]:
        api.delete(f"/actions/{action['identifier']}").raise_for_status()
        api.post("/actions", json=action).raise_for_status()
    assert falcoport("plan", "--with", ALL_EXTRAS, "--exit-code").exit_code == 0


@pytest.mark.usefixtures("pointed")
def test_extras_go_with_offline() -> None:
    ran = falcoport("export", "--with", "dashboard", "-o", "json")
    assert ran.exit_code == 2
    assert ran.envelope["errors"][0]["where"] == "--offline"


@pytest.mark.slow
@pytest.mark.usefixtures("pointed")
@needs_provider
def test_the_real_provider_adopts_the_standard_profile_and_findings(
    sandbox: RunningSandbox, api: httpx.Client, tmp_path: Path
) -> None:
    """Also what others count on findings, in every way that there is."""
    options = ("--create-namespace-blueprint", "--profile", "standard", "--findings")
    assert falcoport("setup", *options).exit_code == 0
    spec = {"calculationBy": "entities", "func": "average", "averageOf": "day"}
    theirs = {
        "title": "Alerts a day",
        "type": "number",
        "target": "falco_alert",
        "calculationSpec": {**spec, "measureTimeBy": "$createdAt"},
    }
    body = {"aggregationProperties": {"theirs": theirs}}
    api.patch("/blueprints/falco_finding", json=body).raise_for_status()
    assert falcoport("export", "-f", str(tmp_path / "falco.tf")).exit_code == 0
    assert "count_entities = true" in (tmp_path / "falco.tf").read_text()
    planned = plan_with_the_provider(sandbox, tmp_path)
    assert "5 to import, 0 to add, 0 to change, 0 to destroy" in planned, planned


@pytest.mark.usefixtures("pointed")
@needs_provider
def test_the_real_provider_adopts_without_a_change(
    sandbox: RunningSandbox, api: httpx.Client, tmp_path: Path
) -> None:
    """Numbers, defaults, colours and a mapping of somebody else's are in the plan as they are."""
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    properties = {
        "score": {
            "type": "number",
            "default": 9.9,
            "minimum": 0.1,
            "enum": [9.9, 0.1, 1e23, 1e-9, -2.5],
        },
        "big": {"type": "number", "default": 9007199254740993, "maximum": 1e300},
        "more": {"type": "object", "default": {"a": 9007199254740993, "b": [1.0, 1e-7], "c": "<"}},
        "levels": {"type": "array", "items": {"type": "number"}, "default": [0.3, 7]},
    }
    body = api.get("/blueprints/falco_alert").json()["blueprint"]
    body["schema"]["properties"] |= properties
    kept = {k: v for k, v in body.items() if k not in SET_BY_PORT}
    api.put("/blueprints/falco_alert", json=kept).raise_for_status()
    assert falcoport("export", "-f", str(tmp_path / "falco.tf")).exit_code == 0
    planned = plan_with_the_provider(sandbox, tmp_path)
    assert "2 to import, 0 to add, 0 to change, 0 to destroy" in planned, planned
