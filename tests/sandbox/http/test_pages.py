"""Pages and widgets come back as they were sent, and only what Port publishes is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

DATASET = {
    "combinator": "and",
    "rules": [{"property": "$blueprint", "operator": "=", "value": "alert"}],
}
NUMBER = {
    "id": "n",
    "type": "entities-number-chart",
    "blueprint": "alert",
    "chartType": "countEntities",
    "calculationBy": "entities",
    "func": "count",
    "unit": "none",
    "dataset": DATASET,
}
PIE = {"id": "p", "type": "entities-pie-chart", "property": "property#priority", "dataset": DATASET}


def dashboard(*widgets: dict[str, Any], size: int = 12, height: int = 400) -> dict[str, Any]:
    layout = [{"height": height, "columns": [{"id": one["id"], "size": size}]} for one in widgets]
    root = {"id": "root", "type": "dashboard-widget", "layout": layout, "widgets": [*widgets]}
    return {"identifier": "dash", "title": "D", "type": "dashboard", "widgets": [root]}


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    message: str = answer.json()["message"]
    return message


def test_a_page_is_kept_as_it_was_sent(api: httpx.Client) -> None:
    sent = dashboard(NUMBER, PIE)
    created = api.post("/pages", json=sent)
    assert (created.status_code, created.json()) == (201, {"ok": True, "identifier": "dash"})
    page = api.get("/pages/dash").json()["page"]
    metadata = {"createdAt", "createdBy", "updatedAt", "updatedBy"}
    assert {name: page[name] for name in page if name not in metadata} == sent
    changed = api.put("/pages/dash", json={**sent, "title": "New"}).json()["page"]
    assert (changed["title"], changed["createdAt"]) == ("New", page["createdAt"])
    without = {name: value for name, value in sent.items() if name != "widgets"}
    assert "widgets" not in api.put("/pages/dash", json=without).json()["page"]
    assert api.post("/pages", json=sent).status_code == 409
    assert api.delete("/pages/dash").json() == {"ok": True}
    assert api.get("/pages/dash").status_code == 404


def test_a_blueprint_brings_its_catalog_page_and_its_entity_page(api: httpx.Client) -> None:
    body = {"identifier": "alert", "title": "Alert", "schema": {"properties": {}}}
    api.post("/blueprints", json=body)
    types = {page["identifier"]: page["type"] for page in api.get("/pages").json()["pages"]}
    assert types == {"alerts": "blueprint-entities", "alertEntity": "entity"}
    sent = {"identifier": "alertEntity", "type": "entity", "blueprint": "alert", "title": "One"}
    assert api.put("/pages/alertEntity", json=sent).status_code == 200
    compact = api.get("/pages?compact=true").json()["pages"]
    assert all("widgets" not in page for page in compact)
    api.delete("/blueprints/alert")
    assert api.get("/pages").json()["pages"] == []


BAD = [
    (dashboard({"id": "x"}), "widgets.0.widgets.0\" must have required property 'type'"),
    (dashboard({"id": "x", "type": "none"}), 'widgets.0.type" must be equal to one of'),
    (dashboard({**PIE, "extra": 1}), 'widgets.0" must NOT have additional properties'),
    (dashboard({**NUMBER, "unit": "custom"}), "must have required property 'unitCustom'"),
    (dashboard({**NUMBER, "func": "average"}), "must have required property 'averageOf'"),
    (dashboard({"id": "l", "type": "line-chart"}), 'chartType" must be equal to one of'),
    (dashboard(PIE, size=6), 'layout.0.columns" must have sizes that sum to 12'),
    (dashboard(PIE, height=399), 'layout.0.height" must be >= 400'),
    (dashboard(PIE, PIE) | {"title": 1}, '"title" must be string'),
    ({"identifier": "a b"}, '"identifier" must match pattern'),
    ({"identifier": "a", "blueprint": "none"}, ""),
]


@pytest.mark.parametrize(("page", "reason"), BAD)
def test_what_port_would_refuse_is_refused_by_name(
    api: httpx.Client, page: dict[str, Any], reason: str
) -> None:
    answer = api.post("/pages", json=page)
    if reason:
        assert reason in refusal(answer)
    else:
        assert answer.status_code == 404


def test_a_layout_names_each_widget_once(api: httpx.Client) -> None:
    page = dashboard(PIE)
    page["widgets"][0]["layout"][0]["columns"][0]["id"] = "other"
    assert "must name each widget" in refusal(api.post("/pages", json=page))


def test_widgets_are_added_changed_and_removed_one_by_one(api: httpx.Client) -> None:
    api.post("/pages", json=dashboard(PIE))
    markdown = {"id": "m", "type": "markdown", "title": "Notes", "markdown": "text"}
    body = {"widget": markdown, "parentWidgetId": "root"}
    assert api.post("/pages/dash/widgets", json=body).json()["identifier"] == "m"
    changed = api.patch("/pages/dash/widgets/m", json={"title": "More"})
    assert changed.json() == {"ok": True, "identifier": "m"}
    assert api.delete("/pages/dash/widgets/p").json() == {"ok": True}
    root = api.get("/pages/dash").json()["page"]["widgets"][0]
    assert root["widgets"] == [{**markdown, "title": "More"}]
    assert [column["id"] for row in root["layout"] for column in row["columns"]] == ["m"]
    assert api.delete("/pages/dash/widgets/p").status_code == 404
    assert api.post("/pages/dash/widgets", json={**body, "parentWidgetId": "x"}).status_code == 404


def test_the_sidebar_lists_folders_and_pages(api: httpx.Client) -> None:
    api.post("/sidebars/catalog/folders", json={"identifier": "f", "title": "Falco"})
    api.post("/pages", json={**dashboard(PIE), "parent": "f", "sidebar": "catalog"})
    items = api.get("/sidebars/catalog").json()["sidebar"]["items"]
    assert [(one["identifier"], one["sidebarType"]) for one in items] == [
        ("f", "folder"),
        ("dash", "page"),
    ]
    renamed = api.patch("/sidebars/catalog/folders/f", json={"title": "New"}).json()["folder"]
    assert renamed["title"] == "New"
    assert api.delete("/sidebars/catalog/folders/f").json() == {"ok": True}
    assert api.get("/pages/dash").json()["page"]["parent"] is None
    assert api.get("/sidebars/none").status_code == 404
