"""A page's widgets: ours as the manifest says, others' and the layout as people left them."""

from __future__ import annotations

from typing import Any

import pytest

from falcoport.resources.interface import Catalog, Key
from falcoport.resources.page import Page, fit_page

BODY: dict[str, Any] = {
    "identifier": "falco_security",
    "title": "Falco",
    "type": "dashboard",
    "widgets": [
        {
            "id": "falco",
            "type": "dashboard-widget",
            "layout": [
                {"height": 400, "columns": [{"id": "a", "size": 6}, {"id": "b", "size": 6}]},
                {"height": 500, "columns": [{"id": "c", "size": 12}]},
            ],
            "widgets": [
                {"id": "a", "type": "markdown", "title": "A", "source": "custom", "markdown": "a"},
                {"id": "b", "type": "markdown", "title": "B", "source": "custom", "markdown": "b"},
                {
                    "id": "c",
                    "type": "bar-chart",
                    "property": "property#rule",
                    "dataset": {
                        "combinator": "and",
                        "rules": [{"property": "$blueprint", "operator": "=", "value": "x"}],
                    },
                },
            ],
        }
    ],
}
PAGE = Page(BODY, retired=frozenset({"old"}))


def live(*widgets: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a page of Port whose dashboard holds some widgets."""
    layout = rows or [{"height": 400, "columns": [{"id": w["id"], "size": 12}]} for w in widgets]
    root = {"id": "falco", "type": "dashboard-widget", "layout": layout, "widgets": [*widgets]}
    return {**BODY, "widgets": [root], "createdBy": "someone"}


def own(name: str, **changes: Any) -> dict[str, Any]:
    widget = next(one for one in BODY["widgets"][0]["widgets"] if one["id"] == name)
    return {**widget, "createdAt": "2026-01-01", **changes}


MINE = {"id": "mine", "type": "iframe-widget", "title": "Mine", "url": "https://a.example"}


def dashboard(page: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = page["widgets"][0]
    return root


def test_a_layout_that_somebody_changed_stays() -> None:
    rows = [
        {"height": 900, "columns": [{"id": name, "size": 3} for name in ("c", "mine", "b", "a")]}
    ]
    found = live(own("a"), own("b"), own("c"), MINE, rows=rows)
    assert PAGE.merge(found) == found


def test_our_widget_becomes_what_the_manifest_says_and_keeps_what_it_does_not_name() -> None:
    changed = own("a", title="Changed", icon="Mine")
    merged = dashboard(PAGE.merge(live(changed, own("b"), own("c"))))
    assert merged["widgets"][0] == own("a", icon="Mine")


def test_a_missing_widget_of_ours_comes_below_the_rest() -> None:
    merged = dashboard(PAGE.merge(live(own("a"), MINE, own("c"))))
    assert [widget["id"] for widget in merged["widgets"]] == ["a", "mine", "c", "b"]
    assert merged["layout"][-1] == {"height": 400, "columns": [{"id": "b", "size": 12}]}
    assert len(merged["layout"]) == 4


def test_a_widget_of_ours_inside_a_tab_is_found_there() -> None:
    group = {"id": "g", "type": "grouper", "groups": [{"title": "T", "widgets": [own("b")]}]}
    found = live(own("a"), own("c"), group)
    assert PAGE.merge(found) == found


def test_a_widget_that_was_ours_goes_and_its_row_closes_up() -> None:
    rows = [
        {"height": 400, "columns": [{"id": "old", "size": 4}, {"id": "a", "size": 8}]},
        {"height": 400, "columns": [{"id": "b", "size": 6}, {"id": "c", "size": 6}]},
    ]
    found = live({"id": "old", "type": "markdown"}, own("a"), own("b"), own("c"), rows=rows)
    merged = dashboard(PAGE.merge(found))
    assert merged["layout"][0]["columns"] == [{"id": "a", "size": 12}]
    assert "old" not in {widget["id"] for widget in merged["widgets"]}


def test_a_page_of_somebody_else_with_our_identifier_is_a_conflict() -> None:
    theirs = {**BODY, "widgets": [{"id": "theirs", "type": "markdown", "title": "x"}]}
    [problem] = PAGE.find_conflicts(theirs)
    assert problem.code == "conflict"
    assert PAGE.remove_own(theirs) == theirs


def test_removal_deletes_a_page_that_holds_nothing_else() -> None:
    assert PAGE.remove_own(live(own("a"), own("b"), own("c"))) is None


def test_removal_leaves_widgets_of_others_in_rows_that_are_full() -> None:
    rows = [{"height": 400, "columns": [{"id": "a", "size": 5}, {"id": "mine", "size": 7}]}]
    rest = PAGE.remove_own(live(own("a"), MINE, rows=rows))
    assert rest is not None
    assert dashboard(rest)["widgets"] == [MINE]
    assert dashboard(rest)["layout"] == [{"height": 400, "columns": [{"id": "mine", "size": 12}]}]
    assert PAGE.describe_rest(rest) == "1 widget of others stays"


def test_a_widget_that_names_a_missing_property_is_refused() -> None:
    blueprint = {"identifier": "x", "schema": {"properties": {"other": {"type": "string"}}}}
    [problem] = PAGE.check_result(Catalog({Key("blueprint", "x"): blueprint}))
    assert "'rule'" in problem.message
    assert problem.code == "bad_manifest"


def test_fitting_leaves_out_what_the_blueprint_lacks() -> None:
    fitted = dashboard(fit_page(BODY, {"identifier": "x", "schema": {"properties": {}}}))
    assert [widget["id"] for widget in fitted["widgets"]] == ["a", "b"]
    assert len(fitted["layout"]) == 1


@pytest.mark.parametrize("kind", ["dashboard", "blueprint-entities"])
def test_a_dashboard_of_others_about_the_blueprint_is_named(kind: str) -> None:
    found = list(Page.find_references({**BODY, "type": kind}, Key("blueprint", "x")))
    assert len(found) == (kind == "dashboard")
