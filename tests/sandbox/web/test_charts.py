"""Charts draw what the numbers say."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from falcoport.sandbox.web import charts

EVIL = '"><script>alert(1)</script>'


def parse(markup: str) -> ET.Element:
    return ET.fromstring(markup)


@pytest.mark.parametrize(
    ("highest", "ceiling"),
    [(0, 1), (1, 1), (3, 3), (4, 4), (5, 5), (6, 10), (19, 20), (21, 25), (26, 50), (1000, 1000)],
)
def test_an_axis_ends_at_a_round_number(highest: int, ceiling: int) -> None:
    assert charts.find_ceiling(highest) == ceiling


def test_an_axis_names_no_half_of_something_counted() -> None:
    assert charts.list_ticks(3) == ["3", "", "0"]
    assert charts.list_ticks(1900) == ["2,000", "1,000", "0"]


def test_columns_are_stacked_from_the_bottom_to_scale() -> None:
    svg = parse(charts.draw_columns([[1, 3], [0, 0], [0, 2]], ["a", "b"], ["x", "y", "z"], "all"))
    groups = svg.findall("g")
    assert [group.findtext("title") for group in groups] == ["x", "z"]
    first = [(one.get("class"), one.get("y"), one.get("height")) for one in groups[0].iter("rect")]
    assert first == [("fill a", "75", "25"), ("fill b", "0", "75")]
    assert [one.get("height") for one in groups[1].iter("rect")] == ["50"]
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "all")


def test_lines_leave_a_gap_where_nothing_is_known() -> None:
    svg = parse(charts.draw_lines([[0, 4, None, 2]], ["a"], "line"))
    path = next(one for one in svg.iter("path") if one.get("class") == "line a")
    assert path.get("d") == "M0 100 L10 0 M30 50L30 50"


def test_a_line_below_zero_keeps_zero_on_the_chart() -> None:
    svg = parse(charts.draw_lines([[-1, 1]], ["a"], "line"))
    path = next(one for one in svg.iter("path") if one.get("class") == "line a")
    assert path.get("d") == "M0 100 L10 0"


def test_a_ring_shares_its_round_by_value() -> None:
    svg = parse(charts.draw_ring([3, 1, 0], ["a", "b", "c"], "ring"))
    parts = [one for one in svg.iter("circle") if (one.get("class") or "").startswith("part")]
    lengths = [float((one.get("stroke-dasharray") or "").split()[0]) for one in parts]
    assert lengths == [74.4, 24.4]
    assert [one.get("stroke-dashoffset") for one in parts] == ["25", "-50"]


def test_one_value_alone_closes_the_ring() -> None:
    svg = parse(charts.draw_ring([5], ["a"], "ring"))
    assert [one.get("stroke-dasharray") for one in svg.iter("circle")] == [None, "100 0"]


def test_a_bar_shows_that_there_is_something_however_little() -> None:
    widths = [parse(charts.draw_bar(value, 1000, "a"))[1].get("width") for value in (0, 1, 500)]
    assert widths == ["0%", "0.6%", "50%"]
    assert parse(charts.draw_bar(0, 0, "a"))[1].get("width") == "0%"


def test_nothing_to_draw_is_a_chart_too() -> None:
    assert not parse(charts.draw_columns([], [], [], "none")).findall("g")
    assert len(parse(charts.draw_lines([], [], "none"))) == 3
    assert len(parse(charts.draw_ring([], [], "none"))) == 1


def test_words_in_charts_are_text() -> None:
    columns = charts.draw_columns([[1]], [EVIL], [EVIL], EVIL)
    lines = charts.draw_lines([[1]], [EVIL], EVIL)
    for markup in (
        columns,
        lines,
        charts.draw_ring([1], [EVIL], EVIL),
        charts.draw_bar(1, 1, EVIL),
    ):
        assert "<script>" not in markup
        parse(markup)
