"""Which entities a selection takes of those that a search found."""

from __future__ import annotations

from typing import Any

import pytest

from falcoport.retention.selection import Kind, Selection, choose, priorities_up_to

ALERTS = Kind("falco_alert", "time")


def entity(number: int, **more: Any) -> dict[str, Any]:
    properties = {"time": f"2026-0{number % 9 + 1}-01T00:00:00Z", "priority": "Warning", **more}
    relations = {"namespace": properties.pop("namespace", None)}
    return {"identifier": f"a{number}", "properties": properties, "relations": relations}


def going(selection: Selection, *found: dict[str, Any]) -> list[str]:
    return [one.identifier for one in choose(selection, ALERTS, found).going]


def test_the_oldest_goes_first() -> None:
    assert going(Selection("x"), entity(3), entity(1), entity(2)) == ["a1", "a2", "a3"]


def test_open_critical_ones_stay_and_are_counted() -> None:
    found = [
        entity(1, status="Open", priority="Critical"),
        entity(2, status="Open", priority="Error"),
        entity(3, status="Resolved", priority="Emergency"),
        entity(4, priority="Alert"),
    ]
    choice = choose(Selection("x"), ALERTS, found)
    assert [one.identifier for one in choice.going] == ["a2", "a3", "a4"]
    assert choice.open_critical == 1
    assert len(going(Selection("x", include_open_critical=True), *found)) == 4


@pytest.mark.parametrize(("kept", "left"), [(0, 3), (1, 2), (3, 0), (9, 0)])
def test_the_newest_stay(kept: int, left: int) -> None:
    found = [entity(number) for number in (2, 1, 3)]
    choice = choose(Selection(None, keep_newest=kept), ALERTS, found)
    assert [one.identifier for one in choice.going] == ["a1", "a2", "a3"][:left]
    assert choice.newest == 3 - left


def test_a_namespace_is_the_target_of_the_relation() -> None:
    found = [
        entity(1, namespace="auth"),
        entity(2, namespace="shop"),
        entity(3),
        entity(4, namespace=["x", "auth"]),
    ]
    assert going(Selection("x", namespaces=("auth",)), *found) == ["a1", "a4"]


def test_counts_are_by_month_and_priority() -> None:
    found = [entity(1), entity(1, priority="Error"), entity(2), entity(3, time=None)]
    assert choose(Selection("x"), ALERTS, found).by_month == [
        ("2026-02", {"Warning": 1, "Error": 1}),
        ("2026-03", {"Warning": 1}),
        ("no time", {"Warning": 1}),
    ]


def test_the_search_asks_for_what_port_can_find() -> None:
    selection = Selection("2026-08-17T00:00:00.000Z", ("Notice",), ("Resolved",), ("A rule",))
    body = selection.search(ALERTS)
    assert body["query"]["rules"] == [
        {"property": "time", "operator": "<", "value": "2026-08-17T00:00:00.000Z"},
        {"property": "priority", "operator": "in", "value": ["Notice"]},
        {"property": "status", "operator": "in", "value": ["Resolved"]},
        {"property": "rule", "operator": "in", "value": ["A rule"]},
    ]


def test_a_priority_and_all_less_severe_ones() -> None:
    assert priorities_up_to("Notice") == ("Notice", "Informational", "Debug")
