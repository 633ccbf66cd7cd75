"""setup --with dashboard, over HTTP: made, left alone, put back, taken away; others' work stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import falcoport

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.options import RunningSandbox

WITH = ("setup", "--create-namespace-blueprint", "--with", "dashboard")


@pytest.fixture
def wired(pointed: RunningSandbox, api: httpx.Client) -> httpx.Client:
    """Give a catalog with a set-up that has a dashboard."""
    ran = falcoport(*WITH)
    assert ran.exit_code == 0, ran.everything
    return api


def page(api: httpx.Client) -> Any:
    return api.get("/pages/falco_security").json()["page"]


def widgets(api: httpx.Client) -> list[str]:
    return [widget["id"] for widget in page(api)["widgets"][0]["widgets"]]


def changes(ran: Any) -> dict[str, str]:
    return {c["resource"]: c["action"] for c in ran.data["changes"] if c["action"] != "unchanged"}


def test_it_is_made_and_then_left_alone(wired: httpx.Client) -> None:
    assert "falco_newest" in widgets(wired)
    before = page(wired)
    ran = falcoport(*WITH, "-o", "json")
    assert changes(ran) == {}
    assert page(wired) == before


def test_setup_without_the_option_leaves_it(wired: httpx.Client) -> None:
    assert changes(falcoport("setup", "-o", "json")) == {}
    assert widgets(wired)


def test_without_a_relation_nothing_shows_namespaces(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    ran = falcoport("setup", "--no-relation", "--with", "dashboard")
    assert ran.exit_code == 0, ran.everything
    assert "falco_top_namespaces" not in widgets(api)
    columns = page(api)["widgets"][0]["layout"][2]["columns"]
    assert [one["size"] for one in columns] == [6, 6]


def test_a_widget_that_somebody_removed_is_planned_and_put_back(wired: httpx.Client) -> None:
    wired.delete("/pages/falco_security/widgets/falco_all").raise_for_status()
    wired.post(
        "/pages/falco_security/widgets",
        json={
            "widget": {"id": "mine", "type": "markdown", "title": "Mine", "markdown": "x"},
            "parentWidgetId": "falco",
        },
    ).raise_for_status()
    planned = falcoport("plan", "--with", "dashboard", "--exit-code", "-o", "json")
    assert planned.exit_code == 3
    assert changes(planned) == {"page": "update"}
    assert falcoport(*WITH).exit_code == 0
    assert widgets(wired)[-2:] == ["mine", "falco_all"]
    assert falcoport("plan", "--with", "dashboard", "--exit-code").exit_code == 0


@pytest.mark.parametrize("command", [("setup", "--without", "dashboard"), ("teardown", "--yes")])
def test_it_is_taken_away(wired: httpx.Client, command: tuple[str, ...]) -> None:
    ran = falcoport(*command, "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert changes(ran)["page"] == "delete"
    assert wired.get("/pages/falco_security").status_code == 404


def test_others_widgets_stay_when_ours_go(wired: httpx.Client) -> None:
    wired.post(
        "/pages/falco_security/widgets",
        json={
            "widget": {"id": "mine", "type": "markdown", "title": "Mine", "markdown": "x"},
            "parentWidgetId": "falco",
        },
    ).raise_for_status()
    assert falcoport("setup", "--without", "dashboard").exit_code == 0
    assert widgets(wired) == ["mine"]


def test_a_page_of_somebody_else_is_not_touched(pointed: RunningSandbox, api: httpx.Client) -> None:
    theirs = {"identifier": "falco_security", "title": "Theirs", "type": "dashboard"}
    api.post("/pages", json={**theirs, "widgets": []}).raise_for_status()
    ran = falcoport(*WITH, "-o", "json")
    assert ran.exit_code == 4
    assert "did not make" in ran.errors[0]
    assert page(api)["title"] == "Theirs"
    assert api.get("/blueprints/falco_alert").status_code == 404


def test_status_names_it(wired: httpx.Client) -> None:
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert ran.data["extras"]["dashboard"] == "ok"
    wired.delete("/pages/falco_security/widgets/falco_all").raise_for_status()
    ran = falcoport("status", "-o", "json")
    assert (ran.exit_code, ran.data["extras"]["dashboard"]) == (3, "drifted")
    assert falcoport("setup", "--without", "dashboard").exit_code == 0
    ran = falcoport("status", "-o", "json")
    assert (ran.exit_code, ran.data["extras"]["dashboard"]) == (0, "missing")


def test_a_dashboard_of_others_about_alerts_stops_teardown(wired: httpx.Client) -> None:
    widget = {
        "id": "w",
        "type": "bar-chart",
        "title": "Theirs",
        "property": "property#rule",
        "dataset": {
            "combinator": "and",
            "rules": [{"property": "$blueprint", "operator": "=", "value": "falco_alert"}],
        },
    }
    body = {"identifier": "theirs", "title": "T", "type": "dashboard", "widgets": [widget]}
    wired.post("/pages", json=body).raise_for_status()
    ran = falcoport("teardown", "--yes", "-o", "json")
    assert ran.exit_code == 4
    assert "Widget 'Theirs' of page 'theirs'" in ran.errors[0]
    assert widgets(wired)
