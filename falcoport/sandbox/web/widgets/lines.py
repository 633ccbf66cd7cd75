"""Lines over time: counts of entities, figures of their properties, the history of one entity."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.storage.moments import parse_moment
from falcoport.sandbox.storage.statistics import (
    Sample,
    as_number,
    buckets,
    compute,
    default_interval,
    period_of,
)
from falcoport.sandbox.web import charts
from falcoport.sandbox.web.moments import parse_moment as read_moment
from falcoport.sandbox.web.records import short_name
from falcoport.sandbox.web.summary import severity
from falcoport.sandbox.web.widgets.scope import choose_colors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from falcoport.sandbox.web.site import Document
    from falcoport.sandbox.web.widgets.scope import Scope

MOST_LINES = 10
"""How many lines a breakdown has before the rest is one (Port docs, dashboards)."""

_NO_VALUE, _REST = "no value", "Other"


@dataclass(frozen=True)
class Line:
    """One line: a value for each interval, None where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class _Period:
    """What a chart looks back over: its bounds, and the first moment of each interval."""

    start: datetime
    end: datetime
    starts: Sequence[datetime]

    def build_placer(self) -> Callable[[Any], int | None]:
        """Return what says in which interval a moment lies; None outside of all."""
        first, last = self.start.timestamp(), self.end.timestamp()
        starts = [start.timestamp() for start in self.starts]

        def place(text: Any) -> int | None:
            moment = read_moment(text)
            if moment is None or not first <= moment <= last:
                return None
            position = bisect_right(starts, moment) - 1
            return position if position >= 0 else None

        return place


async def build_line_chart(scope: Scope, widget: Document) -> Document:
    """Return the lines of a `line-chart`."""
    period = _read_period(scope, widget)
    found = await _find_lines(scope, widget, period)
    breakdown = short_name(str(widget.get("breakdownProperty") or ""))
    definition = scope.definition_of(widget, breakdown) if breakdown else {}
    return _show(widget, period, found, choose_colors(definition, [one.name for one in found]))


async def build_line_charts(scope: Scope, widget: Document) -> Document:
    """Return the lines of a `multi-line-chart`: those of each of its own."""
    period = _read_period(scope, widget)
    found: list[Line] = []
    definition: Document = {}
    for position, line in enumerate(widget["lines"]):
        title = line.get("title") or f"Line {position + 1}"
        breakdown = short_name(str(line.get("breakdownProperty") or ""))
        for one in await _find_lines(scope, {"chartType": "countEntities", **line}, period):
            is_named = breakdown or len(line.get("properties") or ()) > 1
            alone = len(widget["lines"]) == 1
            name = (one.name if alone else f"{title}: {one.name}") if is_named else title
            found.append(Line(name, one.values))
        if breakdown and len(widget["lines"]) == 1:
            definition = scope.definition_of(line, breakdown)
    return _show(widget, period, found, choose_colors(definition, [one.name for one in found]))


async def _find_lines(scope: Scope, widget: Document, period: _Period) -> list[Line]:
    kind = widget.get("chartType")
    if kind == "propertiesValueHistory":
        return _find_history(scope, widget, period)
    moment_name = widget.get("measureTimeBy") or "$createdAt"
    properties = widget.get("properties") or []
    breakdown = widget.get("breakdownProperty")
    names = [moment_name, *properties, *([breakdown] if breakdown else [])]
    cells: list[dict[str, list[Sample]]] = [{} for _ in period.starts]
    place = period.build_placer()
    for one in await scope.find(widget, names):
        position = place(one.value(moment_name))
        if position is None:
            continue
        if kind == "aggregatePropertiesValues":
            parts = [(name, as_number(one.value(name))) for name in properties]
        else:
            value = one.value(breakdown) if breakdown else ""
            parts = [
                (_write(part), None) for part in (value if isinstance(value, list) else [value])
            ]
        for name, number in parts:
            cells[position].setdefault(name, []).append(Sample(number))
    return _sum_up(scope, widget, cells)


def _sum_up(scope: Scope, widget: Document, cells: Sequence[dict[str, list[Sample]]]) -> list[Line]:
    """Return a line for each name; of many names the least frequent are one."""
    by_entities = widget.get("chartType") == "countEntities"
    totals: dict[str, int] = {}
    for cell in cells:
        for name, samples in cell.items():
            totals[name] = totals.get(name, 0) + len(samples)
    names = sorted(totals, key=lambda name: (-totals[name], name))
    if all(severity(name) < severity("") for name in names):
        names.sort(key=severity)
    kept, rest = names[:MOST_LINES], names[MOST_LINES:]
    func = "count" if by_entities else widget["func"]
    now = scope.site.state.store.clock.now()

    def figure(samples: list[Sample]) -> float | None:
        return compute(func, samples, now, by_entities=by_entities, average_of="")

    lines = [
        Line(short_name(name), tuple(figure(cell.get(name, [])) for cell in cells)) for name in kept
    ]
    if rest:
        merged = [[sample for name in rest for sample in cell.get(name, [])] for cell in cells]
        lines.append(Line(f"{_REST} ({len(rest)})", tuple(map(figure, merged))))
    return lines


def _find_history(scope: Scope, widget: Document, period: _Period) -> list[Line]:
    """Return what number properties of one entity were at the end of each interval."""
    blueprint, entity = scope.entity_of(widget)
    row = scope.site.state.entities.existing(blueprint, entity["identifier"])
    changes = [
        (moment, shown or {})
        for at, shown in scope.site.state.audit.history(row.key)
        if (moment := parse_moment(at)) is not None
    ]
    lines = []
    for name in widget["properties"]:
        short = short_name(name)
        values: list[float | None] = []
        for position in range(len(period.starts)):
            is_last = position + 1 == len(period.starts)
            until = period.end if is_last else period.starts[position + 1]
            known = [
                as_number(shown.get("properties", {}).get(short))
                for moment, shown in changes
                if moment <= until
            ]
            values.append(known[-1] if known else None)
        if values and values[-1] is None:
            values[-1] = as_number(entity["properties"].get(short))
        lines.append(Line(short, tuple(values)))
    return lines


def _read_period(scope: Scope, widget: Document) -> _Period:
    asked = widget.get("timeRange") or {}
    preset = asked.get("preset") or "lastMonth"
    start, end = period_of(
        preset, scope.site.state.store.clock.now(), asked.get("timeZone") or "UTC"
    )
    interval = widget.get("timeInterval") or default_interval(preset)
    return _Period(start, end, buckets(start, end, interval))


def _show(
    widget: Document, period: _Period, found: Sequence[Line], colors: Sequence[str]
) -> Document:
    values = [value for line in found for value in line.values if value is not None]
    if not any(values):
        return {"is_empty": True}
    moments = [start.timestamp() for start in period.starts]
    title = widget.get("title") or "Lines over time"
    said = ", ".join(line.name for line in found if line.name)
    return {
        "shape": "lines",
        "svg": charts.draw_lines([line.values for line in found], colors, f"{title}: {said}"),
        "ticks": charts.list_ticks(max(values)),
        "start": moments[0],
        "end": moments[-1],
        "legend": [(line.name or title, color) for line, color in zip(found, colors, strict=True)],
        "rows": [
            (moment, [line.values[at] for line in found]) for at, moment in enumerate(moments)
        ],
        "x_title": widget.get("xAxisTitle"),
        "y_title": widget.get("yAxisTitle"),
    }


def _write(value: Any) -> str:
    return _NO_VALUE if value is None else str(value)
