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


# --- the pages that Port makes --------------------------------------------------------------------


def made(api: httpx.Client) -> Any:
    """Return the widgets of the table of alerts and of the page of one."""
    return [
        api.get(f"/pages/{name}").json()["page"]["widgets"]
        for name in ("falco_alerts", "falco_alertEntity")
    ]


def find_details(widgets: list[Any]) -> Any:
    return widgets[0]["groups"][0]["widgets"][0]["widgets"][0]


def test_alerts_show_their_columns_where_port_hides_them(wired: httpx.Client) -> None:
    table, entity = made(wired)
    shown = table[0]["blueprintConfig"]["falco_alert"]["propertiesSettings"]["shown"]
    assert shown[:3] == ["time", "priority", "rule"]
    assert find_details(entity)["order"] == shown
    assert falcoport("plan", "--with", "dashboard", "--exit-code").exit_code == 0


def test_the_columns_of_a_set_up_that_was_there_before_are_planned(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    assert pointed.url
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    before = made(api)
    ran = falcoport("plan", "--with", "dashboard", "-o", "json")
    assert changes(ran) == {"page": "create", "columns": "update"}
    assert falcoport("setup", "--with", "dashboard").exit_code == 0
    assert made(api) != before
    assert falcoport("setup", "--without", "dashboard").exit_code == 0
    assert made(api) == before


def test_columns_that_somebody_chose_stay(wired: httpx.Client) -> None:
    table, entity = made(wired)
    mine = {"shown": ["rule"], "hidden": [], "order": ["rule"]}
    table[0]["blueprintConfig"]["falco_alert"]["propertiesSettings"] = mine
    find_details(entity)["order"] = ["output"]
    for name, widgets in zip(("falco_alerts", "falco_alertEntity"), (table, entity), strict=True):
        wired.patch(f"/pages/{name}", json={"widgets": widgets}).raise_for_status()
    chosen = made(wired)
    for command in (WITH, ("setup", "--without", "dashboard")):
        assert falcoport(*command).exit_code == 0
        assert made(wired) == chosen


def test_a_table_that_somebody_deleted_does_not_come_back(wired: httpx.Client) -> None:
    wired.delete("/pages/falco_alerts").raise_for_status()
    assert falcoport("plan", "--with", "dashboard", "--exit-code").exit_code == 0
    assert falcoport(*WITH).exit_code == 0
    assert wired.get("/pages/falco_alerts").status_code == 404


def test_findings_and_alerts_have_columns_each(pointed: RunningSandbox, api: httpx.Client) -> None:
    assert pointed.url
    assert falcoport(*WITH, "--profile", "standard", "--findings").exit_code == 0
    shown = {
        name: api.get(f"/pages/{name}s").json()["page"]["widgets"][0]["blueprintConfig"][name][
            "propertiesSettings"
        ]["shown"]
        for name in ("falco_alert", "falco_finding")
    }
    assert "time" in shown["falco_alert"]
    assert "kubeWorkload" in shown["falco_alert"]
    assert "lastSeen" in shown["falco_finding"]
