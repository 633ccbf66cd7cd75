"""A dashboard is checked before anything is sent: its widgets, its rows, what it names."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from falcoport.manifests.loading import load_document
from falcoport.manifests.page import PAGE, find_named_fields
from falcoport.manifests.validation import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

SHIPPED = [
    ("pages", "falco.yaml"),
    ("pages", "standard", "falco.yaml"),
    ("pages", "findings", "falco.yaml"),
]


def problems(body: Any) -> list[str]:
    found: list[str] = []
    PAGE.check(body, "", lambda at, message: found.append(f"{at} {text_of(message)}"))
    return found


def shipped() -> Any:
    return copy.deepcopy(load_document(PAGE, *SHIPPED[0]).body)


@pytest.mark.parametrize("path", SHIPPED, ids="/".join)
def test_the_shipped_pages_are_as_port_accepts_them(path: tuple[str, ...]) -> None:
    assert problems(load_document(PAGE, *path).body) == []


def _first_row(body: Any) -> Any:
    return body["widgets"][0]["layout"][0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda b: _first_row(b)["columns"][0].update(size=4), "no 12 together"),
        (lambda b: _first_row(b)["columns"][0].update(size=2), "no 12 together"),
        (lambda b: _first_row(b).update(height=399), "is 399, Port accepts 400"),
        (lambda b: _first_row(b)["columns"][0].update(id="x"), "must name each widget once"),
        (lambda b: b["widgets"][0]["widgets"][0].update(unit="kg"), "unit is 'kg'"),
        (lambda b: b["widgets"][0]["widgets"][0].pop("unitCustom"), "belongs to unit custom"),
        (lambda b: b["widgets"][0]["widgets"][0].update(colour="red"), "not a known key"),
        (lambda b: b["widgets"][0]["widgets"][0].update(type="gauge"), "is 'gauge'"),
        (lambda b: b.update(description="x" * 151), "has 151 characters"),
    ],
)
def test_what_port_refuses_is_found_offline(change: Callable[[Any], Any], expected: str) -> None:
    body = shipped()
    change(body)
    assert any(expected in problem for problem in problems(body)), problems(body)


def test_everything_that_a_widget_shows_is_found() -> None:
    widget = yaml.safe_load("""
        type: table-entities-explorer
        dataset:
          combinator: and
          rules:
            - {property: $blueprint, operator: "=", value: x}
            - combinator: or
              rules: [{property: deep, operator: "=", value: 1}]
        blueprintConfig:
          x:
            sortSettings: {sortBy: [{property: sorted, order: asc}]}
            groupSettings: {groupBy: [grouped]}
            propertiesSettings: {shown: [$title, shown], hidden: [hidden]}
    """)
    fields = {name for blueprint, name in find_named_fields(widget) if blueprint == "x"}
    assert fields == {"deep", "sorted", "grouped", "shown", "hidden"}
    chart = {"blueprint": "x", "property": "relation#namespace", "measureTimeBy": "$createdAt"}
    assert list(find_named_fields(chart)) == [("x", "namespace")]
