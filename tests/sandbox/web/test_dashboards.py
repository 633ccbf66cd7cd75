"""A dashboard in the catalog is shown widget by widget, with the numbers that the API gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from support.browser import check_accessibility, find_axe

from falcoport.sandbox.web.dashboards import lay_out
from falcoport.sandbox.web.markdown import is_safe_address, render_markdown

if TYPE_CHECKING:
    from support.alert_catalog import AlertCatalog
    from support.browser import Browser

EVIL = '<img src=x onerror="alert(1)"><script>alert(1)</script>'
ALERTS = {"property": "$blueprint", "operator": "=", "value": "falco_alert"}
ALL: dict[str, Any] = {"combinator": "and", "rules": [ALERTS]}


def dataset(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "rules": [ALERTS, *rules]}


def rule(name: str, operator: str, value: Any) -> dict[str, Any]:
    return {"property": name, "operator": operator, "value": value}


def add_page(catalog: AlertCatalog, *widgets: dict[str, Any], **members: Any) -> None:
    """Create the dashboard `shown` with widgets, each in a row of its own."""
    named = [{"id": f"w{at}", **widget} for at, widget in enumerate(widgets)]
    root = {
        "id": "root",
        "type": "dashboard-widget",
        "layout": [{"height": 400, "columns": [{"id": one["id"], "size": 12}]} for one in named],
        "widgets": named,
    }
    page = {"identifier": "shown", "title": "Shown", "type": "dashboard", "widgets": [root]}
    answer = catalog.api.post("/pages", json={**page, **members})
    assert answer.status_code == 201, answer.text


def fill(catalog: AlertCatalog) -> None:
    """Send alerts of three priorities in two namespaces, on two days."""
    catalog.namespace("web")
    for number in range(12):
        catalog.alert(
            number,
            settled=False,
            rule=f"Rule {number % 3}",
            priority=["Critical", "Notice", "Warning", "Notice"][number % 4],
            tags=["port-web" if number % 3 else "port-auth/x"],
        )
    catalog.settle()


def show(catalog: AlertCatalog) -> str:
    return catalog.page("/dashboards/shown")


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def parts_of(html: str) -> list[tuple[str, str]]:
    """Return the names and counts that a pie's or a bar chart's list says."""
    return re.findall(r'<span class="label">([^<]*)</span>\s*<span class="count">([^<]*)<', html)


def number_of(html: str) -> str:
    return str(re.findall(r'<span class="value">([^<]*)</span>', html)[0])


# --- numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], "12"),
        ([rule("priority", "=", "Critical")], "3"),
        ([rule("priority", "in", ["Critical", "Warning"])], "6"),
        ([rule("priority", "!=", "Notice"), rule("rule", "=", "Rule 1")], "2"),
        ([rule("time", "between", {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"})],
         "12"),
        ([rule("$createdAt", "between", {"preset": "lastDay"})], "12"),
        ([rule("tags", "contains", "port-web")], "8"),
        ([rule("namespace", "=", "web")], "8"),
        ([{"combinator": "or",
           "rules": [rule("rule", "=", "Rule 0"), rule("rule", "=", "Rule 1")]}], "8"),
        ([{"operator": "relatedTo", "blueprint": "namespace", "value": "web"}], "8"),
    ],
)  # fmt: skip
def test_a_number_counts_what_the_api_counts(
    catalog: AlertCatalog, rules: list[dict[str, Any]], expected: str
) -> None:
    fill(catalog)
    query = dataset(*rules)
    widget = {"chartType": "countEntities", "func": "count", "calculationBy": "entities"}
    add_page(
        catalog,
        {"type": "entities-number-chart", "title": "N", "unit": "none", "dataset": query, **widget},
    )
    assert number_of(show(catalog)) == expected
    answer = catalog.api.post("/entities/aggregate", json={"func": "count", "query": query})
    assert str(answer.json()["result"]) == expected


def test_a_number_follows_what_comes_in(catalog: AlertCatalog) -> None:
    fill(catalog)
    add_page(
        catalog,
        {
            "type": "entities-number-chart",
            "unit": "none",
            "dataset": dataset(rule("priority", "=", "Critical")),
            "calculationBy": "entities",
            "func": "count",
        },
    )
    assert number_of(show(catalog)) == "3"
    catalog.alert(100)
    assert number_of(show(catalog)) == "4"
    entity = catalog.api.get("/blueprints/falco_alert/entities").json()["entities"][-1]
    path = f"/blueprints/falco_alert/entities/{entity['identifier']}"
    catalog.api.patch(path, json={"properties": {"priority": "Debug"}}).raise_for_status()
    assert number_of(show(catalog)) == "3"
    catalog.api.delete(path).raise_for_status()
    assert number_of(show(catalog)) == "3"


def add_sizes(catalog: AlertCatalog) -> None:
    schema = {"properties": {"size": {"type": "number"}, "kind": {"type": "string"}}}
    blueprint = {"identifier": "thing", "title": "Thing", "schema": schema}
    catalog.api.post("/blueprints", json=blueprint).raise_for_status()
    for number, size in enumerate([1, 2, 4.5]):
        body = {"identifier": f"t{number}", "properties": {"size": size, "kind": "a"}}
        catalog.api.post("/blueprints/thing/entities", json=body).raise_for_status()


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"func": "sum"}, "7.5"),
        ({"func": "max"}, "4.5"),
        ({"func": "median"}, "2"),
        ({"func": "average", "averageOf": "total"}, "2.5"),
        ({"func": "sum", "displayFormatting": "round"}, "8"),
        ({"func": "sum", "displayFormatting": "custom", "decimalPlaces": ".000"}, "7.500"),
    ],
)
def test_a_number_is_made_of_a_property(
    catalog: AlertCatalog, members: dict[str, Any], expected: str
) -> None:
    add_sizes(catalog)
    widget = {
        "type": "entities-number-chart",
        "chartType": "aggregateByProperty",
        "calculationBy": "property",
        "blueprint": "thing",
        "dataset": {"combinator": "and", "rules": []},
        "property": "size",
        "unit": "custom",
        "unitCustom": "MiB",
        "unitAlignment": "right",
        "conditionalFormatting": [
            {"operator": ">", "value": 100, "message": "never", "color": "green"},
            {"operator": ">", "value": 1, "message": "big", "color": "red"},
        ],
    }
    add_page(catalog, {**widget, **members})
    html = show(catalog)
    assert number_of(html) == expected
    assert '<span class="unit">MiB</span>' in html
    assert '<span class="state color-red">big</span>' in html


def test_a_number_may_be_one_property_of_one_entity(catalog: AlertCatalog) -> None:
    add_sizes(catalog)
    add_page(
        catalog,
        {
            "type": "entities-number-chart",
            "chartType": "displaySingleProperty",
            "blueprint": "thing",
            "entity": "t2",
            "property": "property#size",
            "unit": "$",
        },
    )
    assert "$ 4.5" in text_of(show(catalog))


# --- charts ---------------------------------------------------------------------------------


def test_a_pie_shares_by_priority_in_its_colours(catalog: AlertCatalog) -> None:
    fill(catalog)
    pie = {"type": "entities-pie-chart", "title": "P", "property": "property#priority"}
    add_page(catalog, {**pie, "dataset": ALL})
    html = show(catalog)
    assert parts_of(html) == [("Critical", "3"), ("Warning", "3"), ("Notice", "6")]
    assert 'class="part critical"' in html
    assert "25 %" in html


def test_a_blueprints_own_colours_come_first(catalog: AlertCatalog) -> None:
    fill(catalog)
    blueprint = catalog.api.get("/blueprints/falco_alert").json()["blueprint"]
    colors = {"Critical": "red", "Notice": "turquoise", "Warning": "gold"}
    blueprint["schema"]["properties"]["priority"]["enumColors"] = colors
    body = {"schema": blueprint["schema"]}
    catalog.api.patch("/blueprints/falco_alert", json=body).raise_for_status()
    add_page(
        catalog,
        {"type": "bar-chart", "title": "B", "property": "property#priority", "dataset": ALL},
    )
    html = show(catalog)
    assert re.findall(r'"fill (color-\w+)"', html) == ["color-red", "color-gold", "color-turquoise"]


def test_bars_by_relation_count_what_points_there(catalog: AlertCatalog) -> None:
    fill(catalog)
    bars = {"type": "bar-chart", "title": "B", "property": "relation#namespace"}
    add_page(catalog, {**bars, "dataset": ALL})
    assert parts_of(show(catalog)) == [("web", "8"), ("auth/x", "4")]
    renamed = {"identifier": "other", "title": "x"}
    catalog.api.put("/blueprints/namespace/entities/web", json=renamed).raise_for_status()
    assert parts_of(show(catalog)) == [("other", "8"), ("auth/x", "4")]


def test_what_is_beyond_the_bars_is_one(catalog: AlertCatalog) -> None:
    for number in range(12):
        catalog.alert(number, settled=number == 11)
    add_page(
        catalog, {"type": "bar-chart", "title": "B", "property": "property#rule", "dataset": ALL}
    )
    parts = parts_of(show(catalog))
    assert len(parts) == 10
    assert parts[-1] == ("Other (3)", "3")


def test_lines_over_time_equal_those_of_the_api(catalog: AlertCatalog) -> None:
    fill(catalog)
    line = {
        "blueprint": "falco_alert",
        "measureTimeBy": "$createdAt",
        "timeInterval": "day",
        "timeRange": {"preset": "lastWeek"},
        "func": "count",
    }
    chart = {"type": "line-chart", "title": "L", "chartType": "countEntities", **line}
    add_page(catalog, {**chart, "breakdownProperty": "property#priority", "dataset": ALL})
    html = show(catalog)
    body = {**line, "aggregationType": "countEntities", "breakdownProperty": "priority",
            "query": ALL}  # fmt: skip
    answer = catalog.api.post("/entities/aggregate-over-time", json=body)
    data = answer.raise_for_status().json()["result"]["data"]
    rows = re.findall(r'<tr><th scope="row">.*?</th>(.*?)</tr>', html)
    shown = [re.findall(r"<td>(\d+)</td>", row) for row in rows]
    names = ["Critical", "Warning", "Notice"]
    expected = [[str(point["values"].get(name, 0)) for name in names] for point in data]
    assert shown == expected
    assert expected[-1] == ["3", "3", "6"]


def test_several_lines_are_named_after_themselves(catalog: AlertCatalog) -> None:
    fill(catalog)
    count = {"chartType": "countEntities", "func": "count", "blueprint": "falco_alert"}
    critical = dataset(rule("priority", "=", "Critical"))
    add_page(
        catalog,
        {
            "type": "multi-line-chart",
            "title": "Lines",
            "timeInterval": "day",
            "timeRange": {"preset": "lastWeek"},
            "lines": [
                {"title": "All", "measureTimeBy": "$createdAt", "dataset": ALL, **count},
                {"title": "Bad", "measureTimeBy": "$createdAt", "dataset": critical, **count},
            ],
        },
    )
    html = show(catalog)
    legend = re.findall(r'<ul class="legend">(.*?)</ul>', html, re.DOTALL)[-1]
    assert text_of(legend) == "All Bad"
    last = re.findall(r'<tr><th scope="row">.*?</th>(.*?)</tr>', html)[-1]
    assert re.findall(r"<td>(\d+)</td>", last) == ["12", "3"]


def test_figures_of_properties_over_time(catalog: AlertCatalog) -> None:
    add_sizes(catalog)
    add_page(
        catalog,
        {
            "type": "line-chart",
            "title": "Sizes",
            "chartType": "aggregatePropertiesValues",
            "blueprint": "thing",
            "func": "sum",
            "properties": ["properties.size"],
            "measureTimeBy": "$createdAt",
            "timeInterval": "day",
            "timeRange": {"preset": "lastWeek"},
        },
        {
            "type": "line-chart",
            "title": "History",
            "chartType": "propertiesValueHistory",
            "blueprint": "thing",
            "entity": "t1",
            "properties": ["size"],
            "timeInterval": "day",
            "timeRange": {"preset": "lastWeek"},
        },
    )
    rows = re.findall(r'<tr><th scope="row">.*?</th>(.*?)</tr>', show(catalog))
    assert "<td>7.5</td>" in rows
    assert rows[-1] == "<td>2</td>"


# --- tables, texts --------------------------------------------------------------------------


def test_a_table_has_the_columns_and_the_order_that_it_says(catalog: AlertCatalog) -> None:
    fill(catalog)
    config = {
        "propertiesSettings": {
            "shown": ["$title", "priority", "namespace", "rule"],
            "order": ["rule", "priority"],
        },
        "sortSettings": {"sortBy": [{"property": "priority", "order": "desc"}]},
        "filterSettings": {"filterBy": {"combinator": "and",
                                        "rules": [rule("rule", "=", "Rule 0")]}},
    }  # fmt: skip
    add_page(
        catalog,
        {
            "type": "table-entities-explorer",
            "title": "T",
            "dataset": ALL,
            "blueprintConfig": {"falco_alert": config},
        },
    )
    html = show(catalog)
    assert re.findall(r'<th scope="col">([^<]*)<', html) == [
        "Rule", "Priority", "Title", "Namespace",
    ]  # fmt: skip
    colours = re.findall(r'<span class="priority (\w+)">', html)
    assert colours == ["critical", "warning", "notice", "notice"]
    assert 'href="/catalog/namespace/auth%2Fx"' in html
    assert "4 in all" in html


def test_a_table_without_titles_leads_to_its_entities_by_another_column(
    catalog: AlertCatalog,
) -> None:
    catalog.alert(1)
    settings = {"shown": ["time", "priority", "rule", "output"]}
    config = {"falco_alert": {"propertiesSettings": settings}}
    table = {"type": "table-entities-explorer", "dataset": ALL, "blueprintConfig": config}
    add_page(catalog, table)
    assert re.search(r'<a href="/catalog/falco_alert/node-[^"]*">Rule 1</a>', show(catalog))


def test_the_widgets_of_an_entitys_page_are_about_that_entity(catalog: AlertCatalog) -> None:
    catalog.alert(1)
    widgets = [
        {"id": "m", "type": "markdown", "title": "What to do", "markdown": "Look **here**"},
        {"id": "d", "type": "entity-details", "entity": "{{ url.identifier }}",
         "blueprint": "namespace", "title": "About"},
    ]  # fmt: skip
    body = {"type": "entity", "blueprint": "namespace", "widgets": widgets}
    catalog.api.put("/pages/namespaceEntity", json=body).raise_for_status()
    html = catalog.page("/catalog/namespace/auth%2Fx")
    assert "<strong>here</strong>" in html
    assert "Open auth/x" in html
    assert "What to do" not in catalog.page(
        "/catalog/falco_alert/node-2026-11-23T09:00:00.000000001Z"
    )


def test_a_table_without_settings_shows_the_newest_of_a_long_list(catalog: AlertCatalog) -> None:
    for number in range(55):
        catalog.alert(number, settled=number == 54)
    add_page(
        catalog,
        {
            "type": "table-entities-explorer",
            "dataset": ALL,
            "excludedFields": ["properties.output", "properties.output_field"],
        },
    )
    html = show(catalog)
    assert "The first 50 of 55" in html
    assert "Rule 54" in html
    assert "Output" not in re.findall(r'<th scope="col">([^<]*)<', html)


def test_the_catalogs_own_pages_are_shown_too(catalog: AlertCatalog) -> None:
    fill(catalog)
    assert "12 in all" in catalog.page("/dashboards/falco_alerts")
    catalog.page("/dashboards/none", 404)


def test_page_filters_hold_for_every_widget_of_their_blueprint(catalog: AlertCatalog) -> None:
    fill(catalog)
    number = {"type": "entities-number-chart", "calculationBy": "entities", "unit": "none"}
    query = {"combinator": "and", "rules": [rule("priority", "=", "Critical")]}
    add_page(
        catalog,
        {**number, "func": "count", "dataset": ALL},
        {**number, "func": "count", "dataset": {"combinator": "and", "rules": []},
         "blueprint": "namespace"},
        pageFilters=[
            {"identifier": "bad", "title": "Bad ones",
             "query": {**query, "blueprint": "falco_alert"}},
        ],
    )  # fmt: skip
    html = show(catalog)
    assert "Filtered by Bad ones" in html
    assert re.findall(r'<span class="value">([^<]*)</span>', html) == ["3", "2"]


def test_texts_links_details_and_cards_are_shown(catalog: AlertCatalog) -> None:
    catalog.alert(1)
    action = {
        "identifier": "close",
        "title": "Close it",
        "trigger": {
            "type": "self-service",
            "operation": "CREATE",
            "userInputs": {"properties": {}, "required": []},
        },
        "invocationMethod": {"type": "WEBHOOK", "url": "http://127.0.0.1:1/"},
    }
    catalog.api.post("/actions", json=action).raise_for_status()
    links = [
        {"title": "Falco", "url": "https://falco.org"},
        {"title": "Bad", "url": "javascript:alert(1)"},
    ]
    add_page(
        catalog,
        {"type": "markdown", "title": "M", "markdown": f"# Head\n\n**bold** {EVIL}"},
        {"type": "links-widget", "title": "L", "links": links},
        {"type": "entity-details", "blueprint": "namespace", "entity": "auth/x"},
        {"type": "action-card-widget", "actions": [{"action": "close"}, {"action": "none"}]},
        {"type": "iframe-widget", "title": "F", "url": "https://falco.org", "urlType": "public"},
        {"type": "table-audit-log", "title": "Log", "query": {}},
        {"type": "graph-entities-explorer", "dataset": ALL},
    )
    html = show(catalog)
    assert "<h3>Head</h3>" in html
    assert "<strong>bold</strong>" in html
    assert "<script>" not in html
    assert "<img" not in html
    assert '<a href="https://falco.org" rel="noopener noreferrer">Falco</a>' in html
    assert "javascript:" not in html
    assert 'href="/actions/close"' in html
    assert "there is no such action" in html
    assert "<iframe" not in html
    assert "CREATE" in html
    assert "The sandbox does not show widgets of type graph-entities-explorer." in html


def test_a_widget_that_cannot_be_made_says_why_and_the_others_stay(catalog: AlertCatalog) -> None:
    fill(catalog)
    gone = dataset(rule("nothing", "=", "x"))
    number = {"type": "entities-number-chart", "calculationBy": "entities", "unit": "none"}
    add_page(
        catalog,
        {"type": "entities-pie-chart", "title": "A", "property": "property#x", "dataset": gone,
         "emptyStateText": "Nobody here"},
        {"type": "bar-chart", "title": "B", "property": "property#rule", "blueprint": "none",
         "dataset": {"combinator": "and", "rules": []}},
        {**number, "func": "count", "dataset": ALL},
    )  # fmt: skip
    html = show(catalog)
    assert "Nobody here" in html
    assert "Blueprint with identifier" in html
    assert number_of(html) == "12"


def test_dashboards_are_listed_and_one_alone_is_shown(catalog: AlertCatalog) -> None:
    assert "There is no dashboard yet" in catalog.page("/dashboards")
    add_page(catalog)
    assert "This page holds no widget" in catalog.page("/dashboards")
    second = {"identifier": "second", "title": EVIL, "type": "dashboard"}
    catalog.api.post("/pages", json=second).raise_for_status()
    html = catalog.page("/dashboards")
    assert 'href="/dashboards/shown"' in html
    assert "<script>" not in html


# --- layout and Markdown --------------------------------------------------------------------


def test_groups_and_forgotten_widgets_have_their_place() -> None:
    one, two, three = ({"id": name, "type": "markdown"} for name in ("one", "two", "three"))
    row = {"height": 400, "columns": [{"id": "two", "size": 4}, {"id": "gone", "size": 8}]}
    dashboard = {"type": "dashboard-widget", "layout": [row], "widgets": [one, two]}
    group = {"title": "Group", "widgets": [three]}
    grouper = {"type": "grouper", "groups": [{"title": "Last", "widgets": [dashboard]}, group],
               "groupsOrder": ["Group", "Last"]}  # fmt: skip
    assert lay_out([grouper]) == [
        ("Group", [(12, three)]),
        ("Last", [(4, two)]),
        ("", [(12, one)]),
    ]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](JaVaScRiPt:alert(1))", "[x](JaVaScRiPt:alert(1))"),
        ("[x](data:text/html,hi)", "[x](data:text/html,hi)"),
        ("<https://falco.org>", '<a href="https://falco.org">https://falco.org</a>'),
        ("[x](/catalog)", '<a href="/catalog">x</a>'),
        ("![x](https://falco.org/a.png)", '!<a href="https://falco.org/a.png">x</a>'),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ('[x](/a "<script>")', '<a href="/a" title="&lt;script&gt;">x</a>'),
    ],
)
def test_markdown_can_do_no_harm(text: str, html: str) -> None:
    assert render_markdown(text).strip() == f"<p>{html}</p>"


@pytest.mark.parametrize("address", ["/a:b", "?a:b", "#a:b", "https://x", "mailto:a@b", "a"])
def test_addresses_of_the_web_are_safe(address: str) -> None:
    assert is_safe_address(address)


# --- in a browser ---------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 1280)])
def test_dashboards_are_accessible_and_fit(
    catalog: AlertCatalog, browser: Browser, scheme: str, width: int
) -> None:
    fill(catalog)
    time = {"timeInterval": "day", "timeRange": {"preset": "lastWeek"}}
    number = {"type": "entities-number-chart", "calculationBy": "entities", "unit": "none"}
    add_page(
        catalog,
        {**number, "title": "N", "func": "count", "dataset": ALL},
        {"type": "entities-pie-chart", "title": "P", "property": "property#rule", "dataset": ALL},
        {"type": "bar-chart", "title": "B", "property": "property#priority", "dataset": ALL},
        {"type": "line-chart", "title": "L", "chartType": "countEntities", "func": "count",
         "blueprint": "falco_alert", "measureTimeBy": "$createdAt", **time,
         "breakdownProperty": "priority"},
        {"type": "table-entities-explorer", "title": "T", "dataset": ALL},
        {"type": "markdown", "title": "M", "markdown": "# A\n\n| a | b |\n|---|---|\n| 1 | 2 |"},
        {"type": "links-widget", "title": "K", "links": [{"title": "x", "url": "/catalog"}]},
    )  # fmt: skip
    browser.prefer(scheme)
    browser.resize(width, 900)
    browser.open(f"{catalog.url}/dashboards/shown")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    axe = find_axe()
    if axe is None:
        pytest.skip("axe-core is not here: npm install --global axe-core, or set AXE_CORE")
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true }); 0")
    assert check_accessibility(browser, axe) == []
