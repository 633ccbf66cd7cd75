"""The first page: the alerts, and what a person asks about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.ingestion import ingest
from falcoport.sandbox.options import CLIENT_ID, CLIENT_SECRET
from falcoport.sandbox.web import charts
from falcoport.sandbox.web.events import complete_event
from falcoport.sandbox.web.filters import FACETS, PAGE_LENGTH, Filters, read_filters
from falcoport.sandbox.web.moments import write_exact, write_length
from falcoport.sandbox.web.rendering import class_of_priority
from falcoport.sandbox.web.rows import build_alert_rows
from falcoport.sandbox.web.summary import NO_PLACE, Summary, summarize

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from markupsafe import Markup

    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.web.alert_reader import AlertReader
    from falcoport.sandbox.web.site import Document, Site, View
    from falcoport.sandbox.web.summary import Count, Timeline

_SHOWN_BARS, _LISTED_BARS, _SUGGESTED = 8, 100, 200
_FAILED_EVENTS = 3
_PERIODS = (("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("", "All time"))


@dataclass(frozen=True)
class Bar:
    """One value of a filter as a bar: its count, and the address with it chosen or not."""

    count: Count
    address: str
    color: str


@dataclass(frozen=True)
class Bars:
    """The values of a filter: those that are shown, and those behind them."""

    facet: str
    title: str
    highest: int
    total: int
    first: tuple[Bar, ...]
    rest: tuple[Bar, ...]
    hidden: int


@dataclass(frozen=True)
class TimeChart:
    """Alerts over time as a chart, and as the rows of a table."""

    svg: Markup
    ticks: tuple[str, ...]
    width: str
    start: float
    middle: float
    end: float
    legend: tuple[tuple[str, str, int], ...]
    rows: tuple[tuple[float, str, tuple[int, ...], int], ...]


async def show_home(site: Site, view: View) -> str:
    """Return the page of alerts: counts, charts, filters and a table."""
    filters = read_filters(view.query, view.now)
    choices = site.alert_blueprints()
    if not choices:
        return _show_start(site, view, "setup")
    blueprint = next((one for one in choices if one.identifier == filters.blueprint), choices[0])
    reader = await site.read_alerts(blueprint)
    if not len(reader.table):
        return _show_start(site, view, "alert")
    return site.render(
        "home.html",
        view,
        here="home",
        is_live=filters.page == 1,
        blueprint=blueprint.document["title"],
        choices=[(one.identifier, one.document["title"]) for one in choices],
        chosen=blueprint.identifier,
        **build_overview(site, blueprint, reader, filters, view, path="/"),
        **_find_trouble(site),
    )


def _show_start(site: Site, view: View, step: str) -> str:
    """Return the page of a sandbox without alerts: the next command to run."""
    return site.render(
        "start.html",
        view,
        here="home",
        is_live=True,
        step=step,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        **_find_trouble(site),
    )


def build_overview(
    site: Site,
    blueprint: Blueprint,
    reader: AlertReader,
    filters: Filters,
    view: View,
    path: str,
) -> Document:
    """Return what the templates show of alerts that filters let through, on the page at `path`."""
    found = reader.find_text(blueprint, filters.text) if filters.text else None
    summary = summarize(reader.table, reader.entities, filters, view.now, PAGE_LENGTH, found)
    return {
        "filters": filters,
        "path": path,
        "summary": summary,
        "bars": _build_bars(summary, filters, path),
        "timeline": build_time_chart(summary.timeline, filters, path),
        "rows": build_alert_rows(site, reader, summary.keys),
        "columns": choose_columns(reader, (filters.fixed,)),
        "periods": [(text, title, filters.since(text).address(path)) for text, title in _PERIODS],
        "suggestions": {
            facet: [one.name for one in summary.counts[facet][:_SUGGESTED]] for facet in FACETS
        },
    }


def build_time_chart(timeline: Timeline | None, filters: Filters, path: str) -> TimeChart | None:
    """Return the chart of alerts over time."""
    if timeline is None:
        return None
    colors = [class_of_priority(name) for name in timeline.series]
    starts = [timeline.start + timeline.width * at for at in range(len(timeline.columns))]
    titles = [
        f"{write_exact(start)}: {sum(column)}"
        for start, column in zip(starts, timeline.columns, strict=True)
    ]
    # The most severe is drawn at the bottom, where its height can be compared.
    label = (
        f"Alerts over time, {sum(map(sum, timeline.columns))} in {len(timeline.columns)} columns "
        f"of {write_length(timeline.width)} from {write_exact(timeline.start)}"
    )
    totals = [sum(column[at] for column in timeline.columns) for at in range(len(timeline.series))]
    return TimeChart(
        svg=charts.draw_columns(timeline.columns, colors, titles, label),
        ticks=tuple(charts.list_ticks(max(sum(column) for column in timeline.columns))),
        width=write_length(timeline.width),
        start=timeline.start,
        middle=(timeline.start + timeline.end) / 2,
        end=timeline.end,
        legend=tuple(zip(timeline.series, colors, totals, strict=True)),
        rows=tuple(
            (start, filters.between(start, start + timeline.width - 1).address(path), column,
             sum(column))
            for start, column in zip(starts, timeline.columns, strict=True)
            if any(column)
        ),
    )  # fmt: skip


def _build_bars(summary: Summary, filters: Filters, path: str) -> list[Bars]:
    titles = {
        "priority": "By priority",
        "namespace": "By namespace",
        "rule": "By rule",
        "workload": "By workload",
        "cluster": "By cluster",
    }
    found = []
    for facet, title in titles.items():
        counts = summary.counts[facet]
        if facet == filters.fixed or not counts:
            continue
        if facet in ("workload", "cluster") and all(one.name == NO_PLACE for one in counts):
            continue
        found.append(_build_facet(facet, title, counts, filters, path))
    return found


def _build_facet(
    facet: str, title: str, counts: Sequence[Count], filters: Filters, path: str
) -> Bars:
    bars = [
        Bar(
            count,
            filters.toggle(facet, count.name).address(path),
            class_of_priority(count.name) if facet == "priority" else "plain",
        )
        for count in counts[:_LISTED_BARS]
    ]
    return Bars(
        facet=facet,
        title=title,
        highest=max((one.count for one in counts), default=0),
        total=sum(one.count for one in counts),
        first=tuple(bars[:_SHOWN_BARS]),
        rest=tuple(bars[_SHOWN_BARS:]),
        hidden=max(0, len(counts) - _LISTED_BARS),
    )


def choose_columns(reader: AlertReader, besides: Collection[str]) -> list[tuple[str, str]]:
    """Return the columns of the table with their titles: those that say anything but some."""
    titles = {
        "time": "Time",
        "priority": "Priority",
        "rule": "Rule and output",
        "namespace": "Namespace",
        "workload": "Workload",
        "cluster": "Cluster",
        "host": "Host",
    }
    has_cluster = any(one.cluster is not None for one in reader.entities.values())
    return [
        (name, title)
        for name, title in titles.items()
        if name not in besides
        and (
            name in ("time", "priority", "rule", "host")
            or any(value is not None for value in reader.table.count(name))
            or (name == "cluster" and has_cluster)
        )
    ]


def _find_trouble(site: Site) -> dict[str, Any]:
    """Return what went wrong with events lately, and how many there are of each kind."""
    events = [
        event
        for state in (ingest.REFUSED, ingest.PARTIAL)
        for event in site.state.ingest.events(None, _FAILED_EVENTS, state)
    ]
    events.sort(key=lambda event: -event["id"])
    return {
        "totals": site.state.ingest.totals(),
        "failed": [complete_event(event) for event in events[:_FAILED_EVENTS]],
    }
