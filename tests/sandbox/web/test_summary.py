"""Counts, filters and order of alerts are those that counting them one by one gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoport.sandbox.web.alert_table import Alert, AlertTable
from falcoport.sandbox.web.filters import Filters
from falcoport.sandbox.web.summary import (
    NO_PLACE,
    Entity,
    build_timeline,
    find_newest,
    severity,
    summarize,
)

NOW = 1_790_000_000.0
ENTITIES = {
    1: Entity("namespace", "auth", "Auth", "prod"),
    2: Entity("namespace", "web", "Web", "test"),
    3: Entity("namespace", "old", "Old"),
}

alerts = st.builds(
    Alert,
    key=st.integers(1, 30),
    time=st.integers(0, 5).map(lambda days: NOW - days * 86_400),
    priority=st.sampled_from(["Critical", "critical", "Notice", "strange", ""]),
    rule=st.sampled_from(["A", "B"]),
    namespace=st.sampled_from([1, 2, 3, "plain", None]),
    workload=st.none(),
    cluster=st.sampled_from([None, "own"]),
    host=st.just("node"),
)


def fill(some: list[Alert]) -> AlertTable:
    table = AlertTable()
    table.put_all(some)
    return table


def cluster_of(alert: Alert) -> str:
    found = alert.cluster
    if found is None and isinstance(alert.namespace, int):
        found = ENTITIES[alert.namespace].cluster
    return str(found or NO_PLACE)


def namespace_of(alert: Alert) -> str:
    if isinstance(alert.namespace, int):
        return ENTITIES[alert.namespace].identifier
    return alert.namespace or NO_PLACE


@given(st.lists(alerts), st.lists(st.integers(1, 30)))
def test_a_table_is_what_was_put_and_not_removed(some: list[Alert], removed: list[int]) -> None:
    table = fill(some)
    for key in removed:
        table.remove(key)
    kept = {alert.key: alert for alert in some if alert.key not in removed}
    assert {key: table.get(key) for key in kept} == kept
    assert len(table) == len(kept)
    for name in ("priority", "rule", "namespace", "cluster"):
        assert table.count(name) == Counter(getattr(alert, name) for alert in kept.values())
    assert sorted(table.column("key")) == sorted(kept)  # type: ignore[type-var]  # numbers


@given(
    st.lists(alerts, unique_by=lambda alert: alert.key),
    st.lists(st.sampled_from(["critical", "Notice"]), max_size=2, unique=True),
    st.lists(st.sampled_from(["auth", "plain", NO_PLACE]), max_size=2, unique=True),
    st.lists(st.sampled_from(["prod", "own", NO_PLACE]), max_size=2, unique=True),
    st.sampled_from([None, NOW - 100_000]),
)
def test_a_summary_counts_what_passes_every_filter(
    some: list[Alert],
    priorities: list[str],
    namespaces: list[str],
    clusters: list[str],
    start: float | None,
) -> None:
    filters = Filters(
        priority=tuple(priorities),
        namespace=tuple(namespaces),
        cluster=tuple(clusters),
        start=start,
    )
    summary = summarize(fill(some), ENTITIES, filters, NOW, 50)
    wanted = {name.lower() for name in priorities}

    def passes(alert: Alert, besides: str = "") -> bool:
        return (
            (besides == "priority" or not wanted or alert.priority.lower() in wanted)
            and (besides == "namespace" or not namespaces or namespace_of(alert) in namespaces)
            and (besides == "cluster" or not clusters or cluster_of(alert) in clusters)
            and (start is None or alert.time >= start)
        )

    matching = [alert for alert in some if passes(alert)]
    assert summary.total == len(some)
    assert summary.matching == len(matching)
    assert set(summary.keys) == {alert.key for alert in matching}
    assert summary.urgent == sum(alert.priority.lower() == "critical" for alert in matching)
    assert summary.newest == max((alert.time for alert in matching), default=None)
    for facet, name_of in (("namespace", namespace_of), ("cluster", cluster_of)):
        counted = Counter(name_of(alert) for alert in some if passes(alert, facet))
        shown = {one.name: one.count for one in summary.counts[facet] if one.count}
        assert shown == counted
    if summary.timeline is not None:
        assert sum(map(sum, summary.timeline.columns)) == len(matching)


def test_a_value_that_is_chosen_and_has_no_alert_is_shown_as_none() -> None:
    table = fill([Alert(1, NOW, "Critical", "A", 1, None, None, "node")])
    summary = summarize(table, ENTITIES, Filters(rule=("gone",)), NOW, 50)
    found = [(one.name, one.count, one.is_chosen) for one in summary.counts["rule"]]
    assert found == [("A", 1, False), ("gone", 0, True)]


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        ("-time", [3, 2, 1, 4]),
        ("time", [4, 1, 2, 3]),
        ("-priority", [2, 3, 4, 1]),
        ("priority", [1, 3, 4, 2]),
        ("rule", [3, 2, 1, 4]),
        ("-rule", [1, 4, 3, 2]),
        ("namespace", [1, 2, 4, 3]),
        ("host", [2, 1, 3, 4]),
    ],
)
def test_every_column_sorts_and_equal_ones_stay_newest_first(sort: str, keys: list[int]) -> None:
    table = fill(
        [
            Alert(1, 20.0, "Debug", "b", 1, None, None, "n2"),
            Alert(2, 30.0, "Alert", "a", 2, None, None, "n1"),
            Alert(3, 40.0, "Notice", "A", None, None, None, "n3"),
            Alert(4, 10.0, "Notice", "b", 2, None, None, "n4"),
        ]
    )
    summary = summarize(table, ENTITIES, Filters(sort=sort), NOW, 50)
    assert list(summary.keys) == keys


def test_pages_follow_each_other_without_a_gap() -> None:
    table = fill([Alert(key, key, "Error", "A", 1, None, None, "") for key in range(1, 8)])
    pages = [summarize(table, ENTITIES, Filters(page=page), NOW, 3) for page in (1, 2, 3, 4)]
    assert [list(page.keys) for page in pages] == [[7, 6, 5], [4, 3, 2], [1], []]
    assert {page.pages for page in pages} == {3}


def test_only_what_holds_the_text_is_shown() -> None:
    table = fill([Alert(key, key, "Error", "A", 1, None, None, "") for key in (1, 2, 3)])
    summary = summarize(table, ENTITIES, Filters(text="x"), NOW, 3, found={2, 9})
    assert (summary.keys, summary.matching) == ((2,), 1)


def test_a_timeline_has_few_columns_whatever_it_spans() -> None:
    for span in (0.0, 10.0, 3600.0, 86_400.0, 7e6, 4e8):
        timeline = build_timeline([NOW - span, NOW], ["Debug", "Alert"])
        assert timeline is not None
        assert 1 <= len(timeline.columns) <= 50
        assert timeline.series == ("Alert", "Debug")
        assert timeline.start <= NOW - span
        assert timeline.end > NOW
        assert sum(map(sum, timeline.columns)) == 2


def test_a_timeline_of_a_period_covers_it() -> None:
    timeline = build_timeline([NOW], ["Debug"], NOW - 3600, NOW + 3600)
    assert timeline is not None
    assert timeline.start <= NOW - 3600
    assert timeline.end >= NOW + 3600
    assert build_timeline([], []) is None


def test_unknown_priorities_are_the_least_severe() -> None:
    assert severity("EMERGENCY") == 0
    assert severity("Debug") < severity("strange") == severity("")


def test_the_newest_of_one_value_are_found() -> None:
    table = fill([Alert(key, key, "Error", "A", key % 2, None, None, "") for key in range(9)])
    assert find_newest(table, "namespace", 1, 2) == [7, 5]


def test_filters_keep_alerts_without_a_place() -> None:
    table = fill(
        [
            Alert(1, NOW, "Error", "A", None, None, None, ""),
            Alert(2, NOW, "Error", "A", 1, None, None, ""),
        ]
    )
    filters = replace(Filters(), namespace=(NO_PLACE,))
    summary = summarize(table, ENTITIES, filters, NOW, 9)
    assert summary.keys == (1,)
    assert summary.counts["namespace"][0].label in ("auth", "no namespace")
