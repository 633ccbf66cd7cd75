"""setup --with triage: buttons that set the status, and the owning team's permission for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.command_line import falcoport

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.options import RunningSandbox

ROOT = Path(__file__).parents[2]
SETUP = ("setup", "--create-namespace-blueprint")
BUTTONS = ["falco_acknowledge", "falco_resolve", "falco_false_positive", "falco_reopen"]


@pytest.fixture
def standard(tmp_path: Path) -> tuple[str, str]:
    """Give the options for alerts that have a status."""
    body = yaml.safe_load((ROOT / "blueprints" / "falco_alert.yaml").read_text())
    words = ["Open", "Acknowledged", "Resolved", "False positive"]
    body["schema"]["properties"]["status"] = {"type": "string", "enum": words, "default": "Open"}
    file = tmp_path / "alert.yaml"
    file.write_text(yaml.safe_dump(body))
    return "--blueprint", str(file)


@pytest.fixture
def wired(pointed: RunningSandbox, api: httpx.Client, standard: tuple[str, str]) -> httpx.Client:
    """Give a catalog with a set-up that has buttons."""
    ran = falcoport(*SETUP, *standard, "--with", "triage")
    assert ran.exit_code == 0, ran.everything
    return api


def actions(api: httpx.Client) -> dict[str, Any]:
    return {one["identifier"]: one for one in api.get("/actions").json()["actions"]}


def blocks(api: httpx.Client) -> Any:
    path = "/blueprints/falco_alert/permissions"
    return api.get(path).json()["permissions"]["entities"]["updateProperties"]


def test_there_are_four_buttons_and_then_nothing_changes(
    wired: httpx.Client, standard: tuple[str, str]
) -> None:
    assert {*actions(wired)} == {*BUTTONS}
    ran = falcoport("plan", *standard, "--with", "triage", "--exit-code")
    assert ran.exit_code == 0, ran.everything


def test_the_owning_team_may_change_the_status_and_nothing_else(wired: httpx.Client) -> None:
    owned = {name for name, block in blocks(wired).items() if block["ownedByTeam"]}
    assert owned == {"status"}
    assert "Admin" in blocks(wired)["status"]["roles"]


@pytest.mark.parametrize(
    ("button", "status"),
    list(zip(BUTTONS, ["Acknowledged", "Resolved", "False positive", "Open"], strict=True)),
)
def test_a_button_sets_the_status(wired: httpx.Client, button: str, status: str) -> None:
    body = {"identifier": "a", "properties": {"status": "Acknowledged"}}
    wired.post("/blueprints/falco_alert/entities", json=body).raise_for_status()
    answer = wired.post(f"/actions/{button}/runs", json={"entity": "a", "properties": {}})
    answer.raise_for_status()
    run = answer.json()["run"]["id"]
    for _ in range(500):
        if wired.get(f"/actions/runs/{run}").json()["run"]["status"] != "IN_PROGRESS":
            break
    entity = wired.get("/blueprints/falco_alert/entities/a").json()["entity"]
    assert entity["properties"]["status"] == status


def test_alerts_without_a_status_cannot_have_it(pointed: RunningSandbox) -> None:
    ran = falcoport(*SETUP, "--with", "triage", "-o", "json")
    assert ran.exit_code == 2
    assert "no status" in ran.errors[0]


def test_it_goes_and_others_buttons_and_permissions_stay(
    wired: httpx.Client, standard: tuple[str, str]
) -> None:
    theirs = {**actions(wired)["falco_reopen"], "identifier": "theirs"}
    dates = ("createdAt", "createdBy", "updatedAt", "updatedBy")
    body = {key: value for key, value in theirs.items() if key not in dates}
    wired.post("/actions", json=body).raise_for_status()
    rule = {"users": [], "roles": ["Admin"], "teams": ["blue"], "ownedByTeam": False}
    patch = {"entities": {"updateProperties": {"rule": rule}}}
    wired.patch("/blueprints/falco_alert/permissions", json=patch).raise_for_status()
    ran = falcoport("setup", *standard, "--without", "triage")
    assert ran.exit_code == 0, ran.everything
    assert [*actions(wired)] == ["theirs"]
    assert blocks(wired)["status"]["ownedByTeam"] is False
    assert blocks(wired)["rule"]["teams"] == ["blue"]


def test_a_button_of_somebody_else_by_our_name_is_a_conflict(
    pointed: RunningSandbox, api: httpx.Client, standard: tuple[str, str]
) -> None:
    theirs = {
        "identifier": "falco_resolve",
        "title": "Theirs",
        "trigger": {
            "type": "self-service",
            "operation": "CREATE",
            "userInputs": {"properties": {}},
        },
        "invocationMethod": {"type": "WEBHOOK", "url": "https://theirs.example"},
    }
    api.post("/actions", json=theirs).raise_for_status()
    ran = falcoport(*SETUP, *standard, "--with", "triage", "-o", "json")
    assert ran.exit_code == 4
    assert "did not make" in ran.errors[0]
    assert actions(api)["falco_resolve"]["title"] == "Theirs"


def test_permissions_are_as_they_were_once_it_is_gone(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    """Also where findings came or went in between."""
    assert pointed.url
    assert falcoport(*SETUP, "--profile", "standard", "--findings").exit_code == 0

    def permissions() -> Any:
        names = ("falco_alert", "falco_finding")
        found = [api.get(f"/blueprints/{name}/permissions").json() for name in names]
        return [one["permissions"]["entities"]["updateProperties"] for one in found]

    before = permissions()
    assert falcoport("setup", "--with", "triage").exit_code == 0
    assert permissions() != before
    assert falcoport("setup", "--no-findings").exit_code == 0
    assert falcoport("setup", "--with", "triage").exit_code == 0
    assert falcoport("setup", "--without", "triage").exit_code == 0
    assert permissions() == before
    assert actions(api) == {}


def test_status_and_teardown_know_it_without_being_told_the_profile(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    assert pointed.url
    options = ("--profile", "standard", "--findings", "--with", "triage")
    assert falcoport(*SETUP, *options).exit_code == 0
    ran = falcoport("status", "-o", "json")
    assert (ran.exit_code, ran.data["extras"]["triage"]) == (0, "ok")
    ran = falcoport("teardown", "--yes")
    assert ran.exit_code == 0, ran.everything
    assert actions(api) == {}
    assert api.get("/blueprints/falco_finding").status_code == 404
