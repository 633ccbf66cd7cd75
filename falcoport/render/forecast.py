"""What `preview` ends with: a small chart, and tables of entities, rules and savings."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from falcoport.preview.forecast import round_days
from falcoport.render.text import Cell, Style

if TYPE_CHECKING:
    from falcoport.preview.forecast import Entities, Forecast
    from falcoport.render.console import Output

_WIDTH = 30
_DAY_HOURS = 24


def show_forecast(output: Output, forecast: Forecast) -> None:
    """Show a forecast on stdout, as a person reads it."""
    if not forecast.passing:
        output.note("No alert passes the filter, so there is nothing to forecast.")
        return
    _show_chart(output, forecast)
    _show_entities(output, forecast)
    _show_rules(output, forecast)
    _show_savings(output, forecast)
    if not forecast.period.is_long_enough:
        output.note(
            "The alerts span less than an hour, too short for an estimate per day: give logs "
            "of several days."
        )


def forecast_data(forecast: Forecast) -> dict[str, Any]:
    """Return a forecast as JSON data; times are in UTC."""
    data = asdict(forecast)
    data["period"] = {
        "first": _to_time(forecast.period.first),
        "last": _to_time(forecast.period.last),
        "seconds": forecast.period.seconds,
    }
    data["bars"] = [{"start": _to_time(one.start), "alerts": one.alerts} for one in forecast.bars]
    return data


def _to_time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _show_chart(output: Output, forecast: Forecast) -> None:
    if len(forecast.bars) < 2:  # noqa: PLR2004 -- one bar is no chart
        return
    most = max(bar.alerts for bar in forecast.bars)
    shape = "%Y-%m-%d %H:%M" if forecast.bar_hours < _DAY_HOURS else "%Y-%m-%d"
    rows = [
        (
            datetime.fromtimestamp(bar.start, UTC).strftime(shape),
            Cell(_bar(bar.alerts / most), Style.STRONG),
            f"{bar.alerts:,}",
        )
        for bar in forecast.bars
    ]
    unit = {1: "hour", _DAY_HOURS: "day"}.get(forecast.bar_hours, f"{forecast.bar_hours} hours")
    output.table(("From", "", "Alerts"), rows, title=f"Alerts per {unit}", to_stdout=True)


def _bar(part: float) -> str:
    """Return a bar as long as a part of the longest, to an eighth of a character."""
    eighths = round(part * _WIDTH * 8)
    rest = " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return "█" * (eighths // 8) + rest


def _show_entities(output: Output, forecast: Forecast) -> None:
    rows = [
        (
            Cell(one.option or f"as mapped: {one.name}", Style.STRONG),
            _count(one),
            _per_day(one.per_day),
            _until(one, forecast),
        )
        for one in (*forecast.mapped, *forecast.entities)
    ]
    columns = ("Entities", "Of these alerts", "Per day", f"Until {forecast.limit:,}")
    output.table(columns, rows, title="What would be stored", to_stdout=True)
    if any(not one.is_exact for one in (*forecast.mapped, *forecast.entities)):
        percent = 100 * forecast.relative_error
        output.note(f"~ is an estimate, 19 times out of 20 within {percent:.1f} %.", Style.FAINT)


def _count(one: Entities) -> str:
    return f"{one.total:,}" if one.is_exact else f"~{one.total:,}"


def _per_day(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.1f}"  # noqa: PLR2004


def _until(one: Entities, forecast: Forecast) -> str:
    if one.days_until_limit is not None:
        return round_days(one.days_until_limit)
    return "never" if forecast.period.is_long_enough else "-"


def _show_rules(output: Output, forecast: Forecast) -> None:
    rows = [
        (
            Cell(one.rule, Style.STRONG),
            f"{one.alerts:,}" if not one.at_most_over else f"~{one.alerts:,}",
            f"{one.share:.1%}",
            Cell(_bar(one.share), Style.PLAIN),
        )
        for one in forecast.rules
    ]
    output.table(("Rule", "Alerts", "Share", ""), rows, title="Most frequent", to_stdout=True)


def _show_savings(output: Output, forecast: Forecast) -> None:
    rows = [
        (
            Cell(one.option, Style.STRONG),
            f"{one.alerts:,}",
            f"{one.share:.1%}",
            _per_day(one.per_day),
        )
        for one in forecast.savings
    ]
    if rows:
        columns = ("Option", "Alerts dropped", "Share", "Per day")
        output.table(columns, rows, title="What filters would save", to_stdout=True)
