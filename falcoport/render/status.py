"""What `status` shows: one screen, and the same as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from falcoport.render.text import Cell, Style
from falcoport.resources.interface import Health
from falcoport.resources.webhook_security import guard

if TYPE_CHECKING:
    from falcoport.commands.alert_counts import AlertCounts
    from falcoport.commands.status import StatusResult
    from falcoport.render.console import Output
    from falcoport.settings import Settings

_STYLES = {Health.OK: Style.GOOD, Health.MISSING: Style.BAD, Health.DRIFTED: Style.CHANGED}
_NAMESPACES_SHOWN = 10
_FAILURES_SHOWN = 3


def show_status(output: Output, settings: Settings, result: StatusResult) -> None:
    """Show which Port it is, how each part of the set-up is, and what its alerts look like."""
    rows: list[list[Cell | str]] = [
        [
            "Port",
            settings.api_url.value,
            "",
            f"region {settings.region.value}, from {settings.region.source}",
        ],
        [
            "credentials",
            settings.client_id.value,
            Cell("ok", Style.GOOD),
            f"from {settings.client_id.source} and {settings.client_secret_source}",
        ],
    ]
    for part in result.parts:
        style = _STYLES.get(part.state, Style.BAD)
        rows.append([part.name, part.identifier, Cell(str(part.state), style), part.detail])
    rows.extend(_extra_rows(result))
    if result.findings is not None:
        rows.extend(_count_rows("findings", result.findings))
    if result.alerts is not None:
        rows.extend(_count_rows("alerts", result.alerts))
    elif result.findings is None:
        rows.append(["alerts", "none: there is no blueprint", "", ""])
    rows.extend(_failure_rows(result.failures))
    if result.page is not None:
        rows.append(["page", result.page, "", ""])
    output.table(("", "", "", ""), rows, to_stdout=True)
    if result.problems:
        output.note()
        output.note(
            "Not as `falcoport setup` with these options would make it: see `falcoport plan`."
        )


def _extra_rows(result: StatusResult) -> list[list[Cell | str]]:
    """Say which extras are not there, since those that are have lines of their own."""
    missing = [
        str(extra)
        for extra, state in result.extras.items()
        if state is Health.MISSING and extra not in result.refusals
    ]
    rows: list[list[Cell | str]] = []
    if missing:
        names = ", ".join(missing)
        rows.append(["extras", "not set up", "", f"{names}: `falcoport setup --with NAME,…`"])
    rows.extend(["extras", "not on offer", "", reason] for reason in result.refusals.values())
    return rows


def _count_rows(name: str, counted: AlertCounts) -> list[list[Cell | str]]:
    newest = f"newest {_format_age(counted.newest)}" if counted.newest else ""
    rows: list[list[Cell | str]] = [[name, f"{counted.count:,}", "", newest]]
    if not counted.count:
        return rows
    scope = "" if counted.complete else "Port does not give all"
    rows.append(["", "by priority", scope, _join_counts(counted.by_priority)])
    if counted.by_status:
        rows.append(["", "by status", scope, _join_counts(counted.by_status)])
    rows.append(["", "by namespace", scope, _join_counts(counted.by_namespace) or "-"])
    rows.append(["", "without namespace", scope, str(counted.without_namespace)])
    if counted.by_cluster:
        rows.append(["", "by cluster", scope, _join_counts(counted.by_cluster)])
    rows.append(["", "by day", scope, _join_counts(counted.by_day) or "-"])
    return rows


def _failure_rows(failures: tuple[str, ...] | None) -> list[list[Cell | str]]:
    """Return a line for each reason of Port's for not storing alerts, with how often it was."""
    if failures is None:
        return []
    counts = Counter(failures)
    return [
        ["not stored" if not at else "", f"{count} in an hour", Cell("failed", Style.BAD), reason]
        for at, (reason, count) in enumerate(counts.most_common(_FAILURES_SHOWN))
    ]


def _join_counts(counts: dict[str, int]) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_NAMESPACES_SHOWN]]
    more = len(counts) - len(shown)
    return " · ".join(shown) + (f" · and {more} more" if more > 0 else "")


def _format_age(time: datetime) -> str:
    seconds = int((datetime.now(UTC) - time).total_seconds())
    text = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if seconds < 0:
        return text
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{text}, {count} {unit}{'s' if count > 1 else ''} ago"
    return f"{text}, {seconds} s ago"


def status_data(settings: Settings, result: StatusResult) -> dict[str, Any]:
    """Return the same as JSON data; no secret, but where each came from."""
    return {
        "port": {
            "api_url": {"value": settings.api_url.value, "source": settings.api_url.source},
            "region": {"value": settings.region.value, "source": settings.region.source},
            "client_id": {"value": settings.client_id.value, "source": settings.client_id.source},
            "client_secret": {"source": settings.client_secret_source},
        },
        "security": None if result.webhook is None else str(guard(result.webhook)),
        "parts": [{**asdict(part), "state": str(part.state)} for part in result.parts],
        "extras": {str(extra): str(state) for extra, state in result.extras.items()},
        "extras_not_on_offer": {str(extra): why for extra, why in result.refusals.items()},
        "alerts": _count_data(result.alerts),
        "findings": _count_data(result.findings),
        "page": result.page,
        "failures": None if result.failures is None else list(result.failures),
    }


def _count_data(counted: AlertCounts | None) -> dict[str, Any] | None:
    if counted is None:
        return None
    return {**asdict(counted), "newest": counted.newest.isoformat() if counted.newest else None}
