"""Charts as SVG: numbers in, markup out, nothing else read or written.

A chart stretches to the width it is given, so it holds no text: what its axes and its legend say
is HTML beside it, which a phone can break and a screen reader can read. Colours are classes, since
the pages allow no style in their markup.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEIGHT = 100
"""How high a stretched chart is in its own units."""

_COLUMN, _GAP = 10.0, 2.0
_FULL = 100.0
_NICE = (1, 2, 2.5, 5, 10)


def find_ceiling(highest: float) -> float:
    """Return a round number that is not below the highest value: the top of an axis.

    Counts are small whole numbers at first, so nothing below 4 is split into fractions.
    """
    if highest <= 4:  # noqa: PLR2004 - explained above
        return float(max(1, math.ceil(highest)))
    power = 10.0 ** math.floor(math.log10(highest))
    step = next(step for step in _NICE if step * power >= highest - power * 1e-9)
    return step * power


def list_ticks(highest: float) -> list[str]:
    """Return what an axis says at its top, in its middle and at its bottom.

    The middle says nothing if it would be a fraction of something that is counted.
    """
    top = find_ceiling(highest)
    middle = top / 2
    return [_write_tick(top), _write_tick(middle) if middle.is_integer() else "", "0"]


def draw_columns(
    columns: Sequence[Sequence[float]], colors: Sequence[str], titles: Sequence[str], label: str
) -> Markup:
    """Return stacked columns; each holds one value per colour, the first at the bottom.

    `titles` says what the pointer on a column shows, `label` what the whole is.
    """
    top = find_ceiling(max((sum(column) for column in columns), default=0))
    width = _COLUMN * max(1, len(columns))
    groups = Markup().join(
        _draw_column(position, column, colors, title, top)
        for position, (column, title) in enumerate(zip(columns, titles, strict=True))
        if any(column)
    )
    return _wrap(width, Markup("{}{}").format(_grid(width), groups), label, "columns")


def draw_lines(
    series: Sequence[Sequence[float | None]], colors: Sequence[str], label: str
) -> Markup:
    """Return a line per series over the same moments; where a value is missing, a gap."""
    values = [value for line in series for value in line if value is not None]
    top = find_ceiling(max(values, default=0))
    low = min(0.0, min(values, default=0.0))
    length = max((len(line) for line in series), default=0)
    width = _COLUMN * max(1, length - 1)
    lines = Markup().join(
        _draw_line(line, color, low, top) for line, color in zip(series, colors, strict=True)
    )
    return _wrap(width, Markup("{}{}").format(_grid(width), lines), label, "lines")


def draw_bar(value: float, highest: float, color: str) -> Markup:
    """Return a bar whose length is a value's share of the highest one; it says nothing itself."""
    share = 0.0 if highest <= 0 else max(0.0, min(1.0, value / highest)) * _FULL
    # Something that is there must be seen, however small its share.
    visible = max(share, 0.6) if value > 0 else 0.0
    return Markup(
        '<svg class="bar" aria-hidden="true" focusable="false">'
        '<rect class="track" width="100%" height="100%" rx="4"></rect>'
        '<rect class="fill {}" width="{}%" height="100%" rx="4"></rect></svg>'
    ).format(color, _number(visible))


def draw_ring(values: Sequence[float], colors: Sequence[str], label: str) -> Markup:
    """Return a ring whose parts are the values' shares of their sum, clockwise from the top."""
    total = sum(values)
    start = 0.0
    parts = []
    for value, color in zip(values, colors, strict=True):
        if value <= 0:
            continue
        share = value / total * _FULL
        # A hair of space sets neighbours apart where their colours are alike.
        shown = share if share >= _FULL else max(share - 0.6, 0.3)
        parts.append(
            Markup(
                '<circle class="part {}" cx="21" cy="21" r="15.9155" pathLength="100" '
                'stroke-dasharray="{} {}" stroke-dashoffset="{}"></circle>'
            ).format(color, _number(shown), _number(_FULL - shown), _number(25 - start))
        )
        start += share
    return Markup(
        '<svg class="ring" viewBox="0 0 42 42" role="img" aria-label="{}">'
        '<circle class="track" cx="21" cy="21" r="15.9155"></circle>{}</svg>'
    ).format(label, Markup().join(parts))


def _draw_column(
    position: int, column: Sequence[float], colors: Sequence[str], title: str, top: float
) -> Markup:
    bottom = float(HEIGHT)
    parts = []
    for value, color in zip(column, colors, strict=True):
        if value <= 0:
            continue
        height = value / top * HEIGHT
        bottom -= height
        parts.append(
            Markup('<rect class="fill {}" x="{}" y="{}" width="{}" height="{}"></rect>').format(
                color,
                _number(position * _COLUMN + _GAP / 2),
                _number(bottom),
                _number(_COLUMN - _GAP),
                _number(height),
            )
        )
    return Markup("<g><title>{}</title>{}</g>").format(title, Markup().join(parts))


def _draw_line(line: Sequence[float | None], color: str, low: float, top: float) -> Markup:
    points = [
        None
        if value is None
        else (at * _COLUMN, HEIGHT - (value - low) / ((top - low) or 1) * HEIGHT)
        for at, value in enumerate(line)
    ]
    path = " ".join(
        ("L" if at and points[at - 1] is not None else "M")
        + f"{_number(x)} {_number(y)}"
        # A point by itself is drawn as a dot: a line of no length with round ends.
        + (f"L{_number(x)} {_number(y)}" if _is_alone(points, at) else "")
        for at, point in enumerate(points)
        if point is not None
        for x, y in [point]
    )
    return Markup('<path class="line {}" d="{}"></path>').format(color, path)


def _is_alone(points: Sequence[tuple[float, float] | None], at: int) -> bool:
    before = points[at - 1] if at else None
    after = points[at + 1] if at + 1 < len(points) else None
    return before is None and after is None


def _grid(width: float) -> Markup:
    lines: Iterable[Markup] = (
        Markup('<path class="rule-line" d="M0 {0}H{1}"></path>').format(
            _number(HEIGHT * share), _number(width)
        )
        for share in (0, 0.5, 1)
    )
    return Markup().join(lines)


def _wrap(width: float, inside: Markup, label: str, kind: str) -> Markup:
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(kind, _number(width), HEIGHT, label, inside)


def _write_tick(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
