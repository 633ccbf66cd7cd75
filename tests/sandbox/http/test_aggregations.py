"""Figures of entities: by function, by value, over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

ALL: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"property": "$blueprint", "operator": "=", "value": "alert"}],
}


@pytest.fixture
def port(api: httpx.Client) -> httpx.Client:
    """Make a client of a sandbox with four alerts."""
    properties = {
        "n": {"type": "number"},
        "priority": {"type": "string"},
        "tags": {"type": "array"},
    }
    relations = {"of": {"target": "alert"}}
    body = {"identifier": "alert", "title": "A", "schema": {"properties": properties}}
    api.post("/blueprints", json={**body, "relations": relations})
    for number, priority in enumerate(("Critical", "Critical", "Error", None)):
        values = {"n": number, "priority": priority, "tags": ["a", "b"][: number % 3]}
        entity = {"identifier": f"a{number}", "properties": values}
        if number:
            entity["relations"] = {"of": "a0"}
        api.post("/blueprints/alert/entities", json=entity).raise_for_status()
    return api


def figure(port: httpx.Client, **body: Any) -> Any:
    answer = port.post("/entities/aggregate", json={"query": ALL, **body})
    return answer.raise_for_status().json()["result"]


@pytest.mark.parametrize(
    ("func", "expected"), [("sum", 6), ("min", 0), ("max", 3), ("median", 1.5)]
)
def test_a_property_has_figures(port: httpx.Client, func: str, expected: float) -> None:
    assert figure(port, func=func, property="property#n") == expected


def test_averages_are_of_all_or_of_a_period(port: httpx.Client) -> None:
    assert figure(port, func="average", averageOf="total", property="n") == 1.5
    assert figure(port, func="average", averageOf="day", property="n") == 6
    assert figure(port, func="average", averageOf="hour", measureTimeBy="$createdAt") == 4
    assert figure(port, func="count") == 4


def test_values_are_counted_most_frequent_first(port: httpx.Client) -> None:
    assert figure(port, func="countValues", property="priority") == [
        {"value": "Critical", "count": 2},
        {"value": None, "count": 1},
        {"value": "Error", "count": 1},
    ]
    assert figure(port, func="countValues", relation="of")[0] == {"value": "a0", "count": 3}
    assert figure(port, func="countValues", property="tags") == [
        {"value": "a", "count": 2},
        {"value": "b", "count": 1},
    ]


def over_time(port: httpx.Client, **body: Any) -> dict[str, Any]:
    asked = {
        "blueprint": "alert",
        "timeRange": {"preset": "lastDay"},
        "timeInterval": "hour",
        "measureTimeBy": "$createdAt",
        "aggregationType": "countEntities",
        "func": "count",
        "query": {"combinator": "and", "rules": []},
    }
    answer = port.post("/entities/aggregate-over-time", json={**asked, **body})
    result: dict[str, Any] = answer.raise_for_status().json()["result"]
    return result


def test_counts_over_time_are_in_the_interval_they_happened_in(port: httpx.Client) -> None:
    result = over_time(port)
    values = [point["value"] for point in result["data"]]
    assert len(values) == 25
    assert (sum(values), sum(values[-2:])) == (4, 4)
    assert result["maxDate"] - result["minDate"] == 86_400_000
    broken_down = over_time(port, breakdownProperty="priority", timeInterval="isoWeek")["data"]
    totals = {name: sum(one["values"][name] for one in broken_down) for name in ("Critical", "")}
    assert totals == {"Critical": 2, "": 1}


def test_properties_over_time_have_a_line_each(port: httpx.Client) -> None:
    body = {"aggregationType": "aggregatePropertiesValues", "func": "max", "properties": ["n"]}
    data = over_time(port, timeInterval="month", **body)["data"]
    assert data[-1]["values"] == {"n": 3}


def test_a_history_has_the_value_at_the_end_of_each_interval(port: httpx.Client) -> None:
    port.patch("/blueprints/alert/entities/a1", json={"properties": {"n": 7}})
    body = {
        "entityIdentifier": "a1",
        "blueprintIdentifier": "alert",
        "propertyNames": ["n"],
        "timeInterval": "day",
        "timeRange": {"preset": "lastWeek", "timeZone": "Europe/Berlin"},
    }
    result = port.post("/entities/properties-history", json=body).json()["result"]
    assert result["data"] == [0] * 7 + [7]
    wrong = {**body, "timeRange": {"preset": "lastWeek", "timeZone": "None/Where"}}
    assert port.post("/entities/properties-history", json=wrong).status_code == 422


@pytest.mark.parametrize("body", [{"func": "none"}, {"func": "sum"}, {"func": "countValues"}])
def test_a_figure_that_port_does_not_know_is_422(port: httpx.Client, body: dict[str, Any]) -> None:
    assert port.post("/entities/aggregate", json={"query": ALL, **body}).status_code == 422


# Says the same, and has each entity looked at.
EACH = {**ALL, "rules": [*ALL["rules"], {"property": "$identifier", "operator": "isNotEmpty"}]}


@pytest.mark.parametrize(
    "subject",
    [{"property": name} for name in ("priority", "property#priority", "n", "tags", "$title", "no")]
    + [{"relation": "of"}],
)
def test_what_the_database_counts_is_what_the_entities_say(
    port: httpx.Client, subject: dict[str, str]
) -> None:
    at_once, one_by_one = (
        port.post("/entities/aggregate", json={"query": q, "func": "countValues", **subject})
        for q in (ALL, EACH)
    )
    assert at_once.raise_for_status().json() == one_by_one.raise_for_status().json()


def test_days_are_counted_alike(port: httpx.Client) -> None:
    schema = port.get("/blueprints/alert").json()["blueprint"]["schema"]
    schema["properties"]["at"] = {"type": "string", "format": "date-time"}
    port.patch("/blueprints/alert", json={"schema": schema}).raise_for_status()
    now = datetime.now(UTC)
    for number, hours in enumerate([0, 1, 30, 30, 24 * 40, -30]):
        moment = (now - timedelta(hours=hours)).astimezone(timezone(timedelta(hours=number - 2)))
        entity = {"identifier": f"b{number}", "properties": {"at": moment.isoformat()}}
        port.post("/blueprints/alert/entities", json=entity).raise_for_status()
    body = {
        "blueprint": "alert",
        "timeRange": {"preset": "lastWeek"},
        "timeInterval": "day",
        "measureTimeBy": "at",
        "aggregationType": "countEntities",
        "func": "count",
    }
    rule = {"property": "$identifier", "operator": "isNotEmpty"}
    at_once, one_by_one = (
        port.post(
            "/entities/aggregate-over-time",
            json={**body, "query": {"combinator": "and", "rules": rules}},
        )
        .raise_for_status()
        .json()["result"]["data"]
        for rules in ([], [rule])
    )
    assert at_once == one_by_one
    assert sum(point["value"] for point in at_once) == 4
