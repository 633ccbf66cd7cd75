"""What belongs to the account: organization, secrets, teams, users, permissions, integrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.port_client import port_client

from falcoport.mapping.expressions import compile_error
from falcoport.sandbox.options import Catalog, SandboxOptions
from falcoport.sandbox.server import running_sandbox

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox


def test_a_secret_never_shows_its_value(sandbox: RunningSandbox, api: httpx.Client) -> None:
    body = {"secretName": "SLACK", "secretValue": "hidden", "description": "d"}
    created = api.post("/organization/secrets", json=body)
    assert created.json()["secret"]["secretName"] == "SLACK"
    changed = api.patch("/organization/secrets/SLACK", json={"secretValue": "hidden2"})
    answers = [
        created,
        changed,
        api.get("/organization/secrets"),
        api.get("/organization/secrets/SLACK"),
        api.get("/audit-log"),
    ]
    assert all(one.is_success and "hidden" not in one.text for one in answers)
    assert api.post("/organization/secrets", json=body).status_code == 409
    with port_client(sandbox, member=True) as member:
        assert member.get("/organization/secrets").status_code == 403
    assert api.delete("/organization/secrets/SLACK").json() == {"ok": True}
    assert api.get("/organization/secrets/SLACK").status_code == 404


def test_the_organization_has_a_name(api: httpx.Client) -> None:
    assert api.patch("/organization", json={"name": "Acme"}).json() == {"ok": True}
    api.patch("/organization", json={"settings": {"portalTitle": "T"}})
    found = api.get("/organization").json()["organization"]
    assert (found["name"], found["settings"], found["id"]) == (
        "Acme",
        {"portalTitle": "T"},
        "org_sandbox",
    )


def test_a_team_is_written_without_users_and_read_with_them(api: httpx.Client) -> None:
    body = {"name": "Core team", "users": ["a@b.c"], "description": ""}
    written = api.post("/teams", json=body)
    assert written.status_code == 200
    assert not {"users", "description"} & set(written.json()["team"])
    read = api.get("/teams/Core%20team?fields=name&fields=users.email").json()["team"]
    assert [user["email"] for user in read["users"]] == ["a@b.c"]
    api.put("/teams/Core%20team", json={"name": "Other", "description": "d"})
    assert api.get("/teams/Other").json()["team"]["description"] == "d"
    api.patch("/teams/Other", json={"users": ["x@y.z"]})
    assert [team["name"] for team in api.get("/teams").json()["teams"]] == ["Other"]
    assert api.post("/teams", json={"name": " bad"}).status_code == 422
    assert api.delete("/teams/Other").json() == {"ok": True}
    assert api.get("/teams/Other").status_code == 404


def test_users_are_invited_read_and_removed(api: httpx.Client) -> None:
    invitee = {"email": "a@b.c", "roles": ["Admin"]}
    assert api.post("/users/invite", json={"invitee": invitee}).json() == {"ok": True}
    assert api.get("/users").json()["users"][0]["roles"] == [{"name": "Admin"}]
    assert api.patch("/users/a@b.c", json={"teams": ["t"]}).json()["teams"] == ["t"]
    assert api.get("/users/a@b.c").json()["user"]["teams"] == ["t"]
    assert api.delete("/users/a@b.c").json() == {"ok": True}
    assert api.get("/users/a@b.c").status_code == 404


@pytest.fixture
def port(api: httpx.Client) -> httpx.Client:
    """Make a client of a sandbox with a blueprint and an action."""
    schema = {"properties": {"n": {"type": "number"}}}
    relations = {"next": {"target": "ns"}}
    body = {"identifier": "ns", "title": "N", "schema": schema, "relations": relations}
    api.post("/blueprints", json=body)
    trigger = {"type": "self-service", "operation": "CREATE", "userInputs": {"properties": {}}}
    invocation = {"type": "WEBHOOK", "url": "http://127.0.0.1"}
    action = {"identifier": "act", "trigger": trigger, "invocationMethod": invocation}
    api.post("/actions", json=action).raise_for_status()
    return api


def permissions(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.raise_for_status().json()["permissions"]
    return found


def test_blueprint_permissions_have_an_entry_for_everything(port: httpx.Client) -> None:
    path = "/blueprints/ns/permissions"
    entities = permissions(port.get(path))["entities"]
    assert set(entities["updateProperties"]) == {"n", "$title", "$identifier", "$icon", "$team"}
    assert set(entities["updateRelations"]) == {"next"}
    nothing = {"users": None, "roles": ["Member"], "teams": None, "ownedByTeam": None}
    change = {"register": nothing, "updateProperties": {"n": {"ownedByTeam": True}}}
    answer = permissions(port.patch(path, json={"entities": change}))["entities"]
    member = {"users": [], "roles": ["Member"], "teams": [], "ownedByTeam": False}
    assert answer["register"] == member
    assert answer["updateProperties"]["n"]["ownedByTeam"] is True
    assert answer["update"] == entities["update"]
    assert permissions(port.get(path))["entities"] == answer


@pytest.mark.parametrize(
    ("path", "block"), [("/pages/ns/permissions", "read"), ("/actions/act/permissions", "execute")]
)
def test_page_and_action_permissions_replace_the_block_given(
    port: httpx.Client, path: str, block: str
) -> None:
    before = permissions(port.get(path))
    given = {"users": ["a@b.c"], "roles": [], "teams": None}
    after = permissions(port.patch(path, json={block: given}))
    assert after[block] == {**before[block], "users": ["a@b.c"], "roles": [], "teams": []}
    assert {name: after[name] for name in after if name != block} == {
        name: before[name] for name in before if name != block
    }
    assert permissions(port.get(path)) == after
    assert port.get(path.replace("ns", "none").replace("act/", "none/")).status_code == 404


def test_an_exporter_finds_what_it_starts_with(api: httpx.Client) -> None:
    assert api.get("/integration/k8s?isPolling=true").status_code == 404
    assert api.get("/integration/provision-enabled").json() == {"ok": True, "integrations": []}
    body = {"installationId": "k8s", "installationAppType": "K8S", "config": {"resources": []}}
    made = api.post("/integration?integration_modes=create_resources", json=body)
    integration = made.raise_for_status().json()["integration"]
    url = integration["logAttributes"]["ingestUrl"]
    assert api.post(f"{url}/logs", json={"logs": []}).status_code == 202
    figures = integration["metricAttributes"]["ingestUrl"]
    assert api.post(f"{figures}/syncMetrics", json={}).status_code == 202
    assert api.put(f"{figures}/syncMetrics/resync/a%2Fb/kind/pod-0", json={}).status_code == 202
    found = api.get("/integration/k8s?byField=installationId").json()["integration"]
    assert found == integration
    for path in ("/integration/k8s", "/integration/k8s/config", "/integration/k8s/resync-state"):
        assert api.patch(path, json={"config": {"resources": [1]}}).status_code == 200
    assert api.get("/integration/k8s").json()["integration"]["config"] == {"resources": [1]}
    assert api.get("/integration/k8s/resync-request").json()["request"] is None
    examples = {"examples": [{"a": 1}]}
    api.post("/integration/k8s/kinds/pods/examples", json=examples).raise_for_status()
    assert api.get("/integration/k8s/kinds").json()["data"] == {"pods": examples}
    assert [one["identifier"] for one in api.get("/integration").json()["integrations"]] == ["k8s"]
    assert api.delete("/integration/k8s").json() == {"ok": True}


def test_port_configures_todays_exporter_where_its_blueprints_are() -> None:
    options = SandboxOptions(port=0, catalog=Catalog.EXPORTER)
    with running_sandbox(options) as running, port_client(running) as api:
        flags = api.get("/organization").json()["organization"]["featureFlags"]
        body = {"installationId": "k8s", "config": {"resources": []}}
        made = api.post("/integration?integration_modes=create_resources", json=body)
        resources = made.json()["integration"]["config"]["resources"]
        known = {
            blueprint["identifier"] for blueprint in api.get("/blueprints").json()["blueprints"]
        }
    mappings = [one for each in resources for one in each["port"]["entity"]["mappings"]]
    assert flags == ["USE_PROVISIONED_DEFAULTS"]
    assert {one["blueprint"].strip('"') for one in mappings} == known
    assert not any(compile_error(text) for one in mappings for text in texts(one))


def texts(value: Any) -> list[str]:
    """Return every JQ expression of a mapping."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [value]


def test_there_is_no_kafka_and_the_answer_says_so(api: httpx.Client) -> None:
    answer = api.get("/kafka-credentials")
    assert answer.status_code == 404
    assert "no Kafka" in answer.json()["message"]
