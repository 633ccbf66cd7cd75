"""Numbers, pies and bars."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.storage.moments import parse_moment
from falcoport.sandbox.storage.statistics import Sample, as_number, compute, count_values
from falcoport.sandbox.web import charts
from falcoport.sandbox.web.records import short_name
from falcoport.sandbox.web.summary import severity
from falcoport.sandbox.web.widgets.scope import choose_colors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from falcoport.sandbox.web.site import Document
    from falcoport.sandbox.web.widgets.scope import Scope

SLICES, BARS = 14, 9
"""How many values a pie and a bar chart show before the rest is one (Port docs, dashboards)."""

_NO_VALUE, _REST = "no value", "Other"
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}


async def build_number(scope: Scope, widget: Document) -> Document:
    """Return a figure with its unit, and what the widget says of one so high."""
    value = await _find_figure(scope, widget)
    if value is None:
        return {"is_empty": True}
    unit = widget.get("unit", "none")
    sign = widget.get("unitCustom", "") if unit == "custom" else "" if unit == "none" else unit
    side = widget.get("unitAlignment") or ("left" if unit in ("$", "€", "£") else "right")
    matching: Document = next(
        (
            rule
            for rule in widget.get("conditionalFormatting") or ()
            if _COMPARE[rule["operator"]](value, rule["value"])
        ),
        {},
    )
    color = matching.get("color")
    return {
        "shape": "number",
        "value": _write_figure(value, widget),
        "left": sign if side == "left" else "",
        "right": sign if side != "left" else "",
        "color": f"color-{color}" if color else "",
        "message": matching.get("message"),
        "explanation": matching.get("description"),
    }


async def build_pie(scope: Scope, widget: Document) -> Document:
    """Return how the entities' values of a property share the whole."""
    parts = await _count_parts(scope, widget, SLICES)
    if not parts:
        return {"is_empty": True}
    names, counts, colors = zip(*parts, strict=True)
    said = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
    return {
        "shape": "pie",
        "svg": charts.draw_ring(counts, colors, f"{widget.get('title') or 'Shares'}: {said}"),
        "total": sum(counts),
        "parts": parts,
    }


async def build_bars(scope: Scope, widget: Document) -> Document:
    """Return how often each value of a property occurs."""
    parts = await _count_parts(scope, widget, BARS, otherwise="plain")
    if not parts:
        return {"is_empty": True}
    # What is left may be many values at once, against which no other bar could be seen.
    return {"shape": "bars", "parts": parts, "highest": max(n for _, n, _ in parts[:BARS])}


async def _find_figure(scope: Scope, widget: Document) -> float | None:
    if widget.get("chartType") == "displaySingleProperty":
        _, entity = scope.entity_of(widget)
        return as_number(entity["properties"].get(short_name(widget["property"])))
    by_entities = (
        widget.get("chartType") == "countEntities" or widget.get("calculationBy") == "entities"
    )
    moment_name = widget.get("measureTimeBy") or "$createdAt"
    func = widget.get("func") or "count"
    names = [moment_name] if by_entities else [moment_name, widget["property"]]
    found = await scope.find(widget, names)
    if by_entities and func == "count":
        return len(found)
    samples = [
        Sample(
            None if by_entities else as_number(one.value(widget["property"])),
            parse_moment(one.value(moment_name)),
        )
        for one in found
    ]
    return compute(
        func,
        samples,
        scope.site.state.store.clock.now(),
        by_entities=by_entities,
        average_of=widget.get("averageOf", ""),
    )


async def _count_parts(
    scope: Scope, widget: Document, most: int, *, otherwise: str = ""
) -> list[tuple[str, int, str]]:
    """Return each value of a chart with its count and colour; the least frequent are one."""
    name = widget["property"]
    values = [_read_value(one, name) for one in await scope.find(widget, _names_of(name))]
    counted = [
        (_NO_VALUE if one["value"] is None else _write_value(one["value"]), one["count"])
        for one in count_values(values)
    ]
    first, rest = counted[:most], counted[most:]
    first = _order(first)
    names = [one for one, _ in first]
    definition = scope.definition_of(widget, short_name(name))
    colors = choose_colors(definition, names, otherwise=otherwise)
    parts = [
        (one, count, "color-lightGray" if one == _NO_VALUE else color)
        for (one, count), color in zip(first, colors, strict=True)
    ]
    if rest:
        parts.append((f"{_REST} ({len(rest)})", sum(count for _, count in rest), "color-silver"))
    return parts


def _order(parts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return priorities by severity, anything else as it comes: the most frequent first."""
    names = [name for name, _ in parts if name != _NO_VALUE]
    if names and all(severity(name) < severity("") for name in names):
        return sorted(parts, key=lambda part: severity(part[0]))
    return [*parts]


def _names_of(name: str) -> list[str]:
    # Levels of scorecards are not stored with an entity: the search computes them.
    return ["$scorecards"] if name.startswith("scorecard") else [name]


def _read_value(found: Any, name: str) -> Any:
    kind, _, rest = name.partition("#")
    if kind == "scorecard":
        return found.scorecard_value(rest, None)
    if kind == "scorecard-rule":
        scorecard, _, rule = rest.partition("#")
        return found.scorecard_value(scorecard, rule)
    return found.value(name)


def _write_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _write_figure(value: float, widget: Document) -> str:
    formatting = widget.get("displayFormatting")
    if formatting == "round":
        return f"{round(value):,}"
    if formatting == "custom":
        places = len(str(widget.get("decimalPlaces", ""))) - 1
        return f"{value:,.{max(0, places)}f}"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")
