"""Forecasts: right on a week of alerts as measured, in bounded memory, with a stated error."""

from __future__ import annotations

import json
import math
import random
import shlex
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.weeks import DAYS, RULES, as_blocks, week

from falcoport.manifests.loading import load, load_findings
from falcoport.mapping.filter_expressions import AlertFilter, write_filter
from falcoport.preview.distinct import RELATIVE_ERROR, DistinctCounter
from falcoport.preview.engine import MapperOptions
from falcoport.preview.forecast import Forecast, Forecaster, FrequentNames, round_days
from falcoport.preview.tally import Tally, to_seconds
from falcoport.preview.workers import Source, pages

if TYPE_CHECKING:
    from collections.abc import Iterable

SCALE = 0.01
PER_DAY = sum(round(number * SCALE) or 1 for _, _, number, _ in RULES)


def mappings(chosen: AlertFilter, *, findings: bool = False) -> list[dict[str, Any]]:
    found = load().webhook.body["mappings"]
    own = [load_findings().mapping] if findings else []
    return [{**mapping, "filter": write_filter(chosen)} for mapping in [*own, *found]]


def forecast_of(
    alerts: Iterable[dict[str, Any]],
    chosen: AlertFilter | None = None,
    *,
    findings: bool = False,
    limit: int = 10_000,
) -> Forecast:
    made = mappings(chosen or AlertFilter(), findings=findings)
    forecaster = Forecaster()
    sources = [Source("week", as_blocks(alerts))]
    for _, page in pages(MapperOptions(made, tallies=True), sources):
        forecaster.add(page.tally)
    return forecaster.forecast(limit)


def by_name(forecast: Forecast) -> dict[str, int]:
    return {one.name: one.total for one in forecast.entities}


@pytest.fixture(scope="module")
def seen() -> Forecast:
    return forecast_of(week(SCALE), findings=True, limit=1000)


def test_alerts_per_day_are_those_that_were_raised(seen: Forecast) -> None:
    assert seen.alerts == seen.passing == PER_DAY * DAYS
    assert seen.per_day == pytest.approx(PER_DAY, rel=0.01)


def test_the_entities_of_each_scheme_are_those_that_the_mapping_makes(seen: Forecast) -> None:
    alerts = list(week(SCALE))
    identifiers = {(one["hostname"], one["time"], one["rule"]) for one in alerts}
    mapped = {one.name: one.total for one in seen.mapped}
    assert by_name(seen)["hostname-time-rule"] == len(identifiers)
    assert by_name(seen)["hostname-time"] == mapped["falco_alert"]
    assert by_name(seen)["uuid"] == len(alerts)
    # What no mapping makes yet is foretold as what a mapping makes.
    assert by_name(seen)["findings-only"] == mapped["falco_finding"]
    assert by_name(seen)["findings"] == mapped["falco_finding"] + mapped["falco_alert"]


def test_two_rules_on_one_event_are_one_entity_by_host_and_time() -> None:
    one, *_ = week(SCALE)
    twice = [one, {**one, "rule": "Another rule"}]
    found = by_name(forecast_of(twice))
    assert (found["hostname-time"], found["hostname-time-rule"], found["uuid"]) == (1, 2, 2)


def test_the_rules_that_make_most_come_first(seen: Forecast) -> None:
    assert [one.rule for one in seen.rules[:3]] == [rule for rule, *_ in RULES[:3]]
    assert seen.rules[0].share == pytest.approx(29_465 / 33_084, rel=0.01)


def chosen_by(option: str) -> AlertFilter:
    """Return the filter that an option as a forecast names it chooses."""
    name, value = shlex.split(option)
    if name == "--min-priority":
        return AlertFilter(min_priority=value)
    field = name.removeprefix("--").replace("-", "_")
    chosen: dict[str, Any] = {field: (value,)}
    return replace(AlertFilter(), **chosen)


@pytest.mark.parametrize("number", range(5))
def test_what_a_filter_saves_is_what_it_keeps_out(seen: Forecast, number: int) -> None:
    saving = seen.savings[number]
    filtered = forecast_of(week(SCALE), chosen_by(saving.option))
    assert saving.alerts == seen.passing - filtered.passing
    assert saving.share == pytest.approx(saving.alerts / seen.passing)


def test_savings_are_by_priority_by_rule_and_by_namespace(seen: Forecast) -> None:
    options = [saving.option.split()[0] for saving in seen.savings]
    expected = ["--min-priority"] * 2 + ["--skip-rules"] * 3 + ["--skip-namespaces"] * 3
    assert options == expected


def test_under_a_filter_all_figures_are_of_what_passes() -> None:
    found = forecast_of(week(SCALE), AlertFilter("Critical"))
    alerts = [one for one in week(SCALE) if one["priority"] == "Critical"]
    assert found.alerts == PER_DAY * DAYS
    assert found.passing == len(alerts) == by_name(found)["hostname-time-rule"]


def test_days_until_the_limit_are_the_limit_by_the_entities_per_day(seen: Forecast) -> None:
    entities = {one.name: one for one in seen.entities}
    alerts = entities["hostname-time-rule"]
    assert alerts.per_day is not None
    assert alerts.days_until_limit == pytest.approx(1000 / PER_DAY, rel=0.01)
    # Findings come at first: their number stays where it is.
    only = entities["findings-only"].days_until_limit
    assert only is None or only > 10 * 1000 / PER_DAY


def test_too_short_a_time_says_nothing_of_a_day() -> None:
    found = forecast_of(list(week(SCALE))[:5])
    assert found.per_day is None
    assert all(one.days_until_limit is None for one in found.entities)
    assert forecast_of([]).entities[0].total == 0


def test_a_bar_a_day_and_none_left_out(seen: Forecast) -> None:
    assert seen.bar_hours == 24
    assert [bar.alerts for bar in seen.bars] == [PER_DAY] * DAYS
    hours = forecast_of(week(SCALE, days=1))
    assert hours.bar_hours == 1
    assert sum(bar.alerts for bar in hours.bars) == PER_DAY


def test_a_chart_of_any_length_stays_small() -> None:
    forecaster = Forecaster()
    for hour in range(0, 24 * 365 * 30, 24):
        tally = Tally(alerts=1, passing=1, hours=Counter({hour: 1}), first=0, last=hour * 3600)
        forecaster.add(tally)
    found = forecaster.forecast()
    assert len(found.bars) <= 31
    assert sum(bar.alerts for bar in found.bars) == 365 * 30


@pytest.mark.parametrize("number", [10, 49_999, 60_000, 163_840, 400_000])
def test_a_count_is_exact_or_within_the_stated_error(number: int) -> None:
    chance = random.Random(number)
    hashes = [chance.getrandbits(64) for _ in range(number)]
    counter = DistinctCounter()
    for start in range(0, number, 1000):
        counter.add(hashes[start : start + 1000])
    counter.add(hashes[: number // 2])
    assert counter.is_exact == (number <= 50_000)
    assert counter.count() == pytest.approx(number, rel=0 if counter.is_exact else RELATIVE_ERROR)


def test_the_stated_error_is_small() -> None:
    assert RELATIVE_ERROR < 0.01


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200))
def test_frequent_names_are_exact_or_too_high_by_no_more_than_stated(names: list[str]) -> None:
    exact = Counter(names)
    few = FrequentNames(most=4)
    for name in names:
        few.add(Counter([name]))
    for name, count in few.most_common(4):
        assert exact[name] <= count <= exact[name] + few.at_most_over
    if len(exact) <= 4:
        assert few.at_most_over == 0
        assert dict(few.most_common(4)) == exact


@given(st.datetimes())
def test_a_time_is_read_as_pythons_own_reader_reads_it(moment: Any) -> None:
    text = moment.isoformat(timespec="microseconds") + "000Z"
    found = to_seconds(text)
    assert found is not None
    assert math.isclose(found, (moment - type(moment)(1970, 1, 1)).total_seconds(), abs_tol=1e-3)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-08-17T09:46:12+02:00", "2026-13-17T09:46:12Z"]
)
def test_what_is_no_time_in_utc_is_passed_over(text: str) -> None:
    assert to_seconds(text) is None


@pytest.mark.parametrize(
    ("days", "words"),
    [(0.05, "less than 2 hours"), (0.33, "7 hours"), (2, "2 days"), (5000, "over 10 years")],
)
def test_days_are_said_as_people_say_them(days: float, words: str) -> None:
    assert round_days(days) == words


@pytest.mark.slow
def test_a_whole_week_is_foretold_within_two_percent() -> None:
    """231,588 alerts: more than are counted exactly."""
    alerts = list(week())
    found = forecast_of(alerts)
    exact = len({(one["hostname"], one["time"], one["rule"]) for one in alerts})
    names = by_name(found)
    findings = {
        (one["rule"], one["output_fields"]["k8s.pod.name"] or one["hostname"]) for one in alerts
    }
    assert names["hostname-time-rule"] == pytest.approx(exact, rel=0.02)
    assert names["findings-only"] == len(findings)
    assert found.per_day == pytest.approx(sum(n for _, _, n, _ in RULES), rel=0.02)
    assert json.dumps(names)
