"""The page of scorecards shows levels, rules, and who fails them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.browser import check_accessibility, find_axe

if TYPE_CHECKING:
    from support.alert_catalog import AlertCatalog
    from support.browser import Browser

EVIL = "<script>alert(1)</script>"


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def add_scorecard(catalog: AlertCatalog, title: str = "Quiet") -> None:
    """Create a scorecard of namespaces over a count of their alerts."""
    count = {
        "title": "Alerts",
        "target": "falco_alert",
        "type": "number",
        "calculationSpec": {"calculationBy": "entities", "func": "count"},
        "pathFilter": [{"fromBlueprint": "falco_alert", "path": ["namespace"]}],
    }
    body = {"aggregationProperties": {"alerts": count}}
    catalog.api.patch("/blueprints/namespace", json=body).raise_for_status()

    def rule(identifier: str, level: str, most: int) -> dict[str, object]:
        condition = {"property": "alerts", "operator": "<=", "value": most}
        query = {"combinator": "and", "conditions": [condition]}
        title = f"At most {most}"
        return {"identifier": identifier, "title": title, "level": level, "query": query}

    scorecard = {
        "identifier": "quiet",
        "title": title,
        "levels": [
            {"title": "Loud", "color": "red"},
            {"title": "Fair", "color": "yellow"},
            {"title": "Calm", "color": "green"},
        ],
        "rules": [rule("few", "Fair", 2), rule("none", "Calm", 0)],
    }
    catalog.api.post("/blueprints/namespace/scorecards", json=scorecard).raise_for_status()


def test_a_catalog_without_scorecards_offers_one(catalog: AlertCatalog) -> None:
    assert "falcoport setup --with scorecard" in catalog.page("/scorecards")


def test_levels_and_rules_are_counted_and_the_lowest_come_first(catalog: AlertCatalog) -> None:
    for name in ("web", "quiet"):
        catalog.namespace(name)
    for number in range(3):
        catalog.alert(number, settled=False)
    catalog.alert(9, tags=["port-web"])
    add_scorecard(catalog)
    html = catalog.page("/scorecards")
    said = text_of(html)
    assert "Quiet of Namespace , 3 entities" in said
    assert "Loud 1 33 % Fair 1 33 % Calm 1 33 %" in said
    assert "At most 2 Fair 2 of 3" in said
    assert "At most 0 Calm 1 of 3" in said
    rows = [text_of(row) for row in re.findall(r"<tr><td>(.*?)</tr>", html)]
    assert rows == ["auth/x Loud At most 2, At most 0", "web Fair At most 0", "quiet Calm none"]


def test_titles_of_scorecards_are_text(catalog: AlertCatalog) -> None:
    add_scorecard(catalog, EVIL)
    assert "<script>alert" not in catalog.page("/scorecards")


def test_an_entity_shows_its_level_and_what_is_computed(catalog: AlertCatalog) -> None:
    catalog.alert(1)
    add_scorecard(catalog)
    said = text_of(catalog.page("/catalog/namespace/auth%2Fx"))
    assert "quiet Fair" in said
    assert "Alerts 1" in said


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 360)])
def test_scorecards_are_accessible_and_fit(
    catalog: AlertCatalog, browser: Browser, scheme: str, width: int
) -> None:
    catalog.alert(1)
    add_scorecard(catalog)
    browser.prefer(scheme)
    browser.resize(width, 900)
    browser.open(f"{catalog.url}/scorecards")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    axe = find_axe()
    if axe is None:
        pytest.skip("axe-core is not here: npm install --global axe-core, or set AXE_CORE")
    assert check_accessibility(browser, axe) == []
