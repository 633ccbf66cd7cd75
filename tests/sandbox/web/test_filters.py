"""The filters of the alerts' page live in its address."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoport.sandbox.web.filters import COLUMNS, Filters, read_filters, read_moment

NOW = 1_790_000_000.0


def read(address: str) -> Filters:
    return read_filters(parse_qsl(urlsplit(address).query), NOW)


def test_an_address_without_a_query_filters_nothing() -> None:
    filters = read("/")
    assert filters == Filters()
    assert not filters.is_active
    assert filters.address() == "/"


def test_every_filter_is_read_and_written_back() -> None:
    address = (
        "/?blueprint=falco_alert&priority=Critical&priority=Error&namespace=auth-prod&workload=w"
        "&cluster=prod&rule=A+%26+B&from=24h&to=2026-11-23&q=%2Fetc%2Fshadow&sort=-priority&page=3"
    )
    filters = read(address)
    assert filters.priority == ("Critical", "Error")
    assert filters.rule == ("A & B",)
    assert filters.start == NOW - 86_400
    assert filters.text == "/etc/shadow"
    assert (filters.sort_column, filters.is_descending, filters.page) == ("priority", True, 3)
    assert filters.address() == address


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)


@given(st.lists(names, unique=True, max_size=3), names, st.sampled_from(COLUMNS))
def test_what_is_written_is_read_again(rules: list[str], text: str, column: str) -> None:
    filters = Filters(rule=tuple(rules), text=text, sort=f"-{column}", page=2)
    assert read(filters.address()) == filters


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - 1800),
        ("24h", NOW - 86_400),
        ("2w", NOW - 1_209_600),
        ("2026-11-23", 1_795_392_000.0),
        ("2026-11-23T09:00", 1_795_424_400.0),
        ("2026-11-23T10:00+01:00", 1_795_424_400.0),
        ("2026-11-23T09:00:00.000000001Z", 1_795_424_400.0),
        ("yesterday", None),
        ("24", None),
    ],
)
def test_a_period_takes_dates_and_lengths_of_time(text: str, moment: float | None) -> None:
    assert read_moment(text, NOW) == moment


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("from=soon", '"from" is not a time: soon'),
        ("to=soon", '"to" is not a time: soon'),
        ("from=1h&to=2h", '"from" (1h) is later than "to" (2h)'),
        ("sort=colour", '"sort" is not a column: colour'),
        ("page=0", '"page" is not a number of a page: 0'),
        ("page=x", '"page" is not a number of a page: x'),
    ],
)
def test_what_cannot_be_read_is_named_and_left_out(query: str, problem: str) -> None:
    filters = read(f"/?{query}")
    assert [one.startswith(problem) for one in filters.problems] == [True]
    assert filters.sort == "-time"
    assert filters.page == 1


def test_a_name_is_chosen_and_taken_away_again() -> None:
    chosen = read("/?priority=critical&page=4").toggle("priority", "Error")
    assert chosen.address() == "/?priority=critical&priority=Error"
    assert chosen.toggle("priority", "CRITICAL").address() == "/?priority=Error"
    assert chosen.has("priority", "error")
    assert not chosen.has("rule", "error")


def test_a_second_click_on_a_column_turns_its_order() -> None:
    filters = read("/")
    assert filters.sort_by("time").sort == "time"
    assert filters.sort_by("rule").sort == "rule"
    assert filters.sort_by("rule").sort_by("rule").sort == "-rule"
    assert filters.sort_by("priority").sort == "-priority"


def test_a_pages_own_filter_is_not_said_in_its_address() -> None:
    filters = Filters(namespace=("auth",), rule=("A",), fixed="namespace")
    assert filters.address("/catalog/namespace/auth") == "/catalog/namespace/auth?rule=A"
    cleared = filters.clear()
    assert (cleared.namespace, cleared.rule, cleared.is_active) == (("auth",), (), False)


def test_periods_replace_each_other() -> None:
    filters = read("/?from=24h&to=1h&rule=A")
    assert filters.since("7d").address() == "/?rule=A&from=7d"
    assert filters.since("").address() == "/?rule=A"
    between = filters.between(1_795_424_400, 1_795_428_000)
    assert between.address() == "/?rule=A&from=2026-11-23T09%3A00%3A00Z&to=2026-11-23T10%3A00%3A00Z"
