"""The command that tells whether Falco is wired to Port, and whether alerts arrive."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from falcoport.cli.command import EXIT_CODES_WITH_CHECK, Finished, Run, add
from falcoport.cli.provisioning import ManifestOptions, MappingOptions
from falcoport.errors import EXIT_CHECK, EXIT_OK, Problem
from falcoport.render.output import Cell, Style

if TYPE_CHECKING:
    import typer

    from falcoport.commands.set_up_state import Alerts, Part
    from falcoport.port.api import Json, PortApi
    from falcoport.reconcile.planning import Desired, Live
    from falcoport.settings import Settings

_PAGE = 1000
# What the counts do not need and what is long.
_LONG = ("output", "output_field", "tags")
_STATE_STYLES = {"ok": Style.GOOD, "missing": Style.BAD, "drifted": Style.CHANGED}
_NAMESPACES_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "status",
        exits=EXIT_CODES_WITH_CHECK,
        example="falcoport status -o json | jq .data.alerts.count",
    )(status)


def status(
    run: Run,
    manifest: ManifestOptions,
    mapping: MappingOptions,
) -> Finished:
    """Give it the options that `setup` was given. Exit code 3 if something is missing, drifted or
    disabled.
    """
    from falcoport.commands.set_up_state import State, parts

    settings = run.settings()
    desired = mapping.desired(manifest.load())
    with run.api() as api:
        live, counted = _read(api, desired)
    found = parts(desired, live)
    _show(run, settings, found, counted)
    wrong = tuple(
        Problem(
            str(part.state),
            f"The {part.name} {part.identifier} is {part.state}"
            f"{f': {part.detail}' if part.detail else ''}.",
            f"{part.name} {part.identifier}",
            "Look at `falcoport plan`, then run `falcoport setup`.",
        )
        for part in found
        if part.state is not State.OK
    )
    if wrong:
        run.output.note()
        run.output.note(
            "Not as `falcoport setup` with these options would make it: see `falcoport plan`."
        )
    code = EXIT_CHECK if wrong else EXIT_OK
    return Finished(_data(settings, live, found, counted), code, wrong, shown=True)


def _read(api: PortApi, desired: Desired) -> tuple[Live, Alerts | None]:
    """Read the set-up and its alerts in one round trip, in two where there are many alerts."""
    from functools import partial

    from falcoport.commands.set_up_state import alerts
    from falcoport.port.concurrency import run_concurrently
    from falcoport.reconcile import applying

    identifier = desired.blueprint["identifier"]
    api.authenticate()
    live, count, page = run_concurrently(
        [
            partial(applying.read, api, desired),
            partial(api.entities_count, identifier),
            partial(_first_page, api, identifier),
        ]
    )
    if count is None or live.blueprint is None or page is None:
        return live, None
    entities, complete = page
    if not complete:
        entities, complete = _all(api, identifier, entities)
    relation = next(iter(desired.blueprint.get("relations") or {}), "")
    return live, alerts(max(count, len(entities)), entities, relation, complete=complete)


def _first_page(api: PortApi, blueprint: str) -> tuple[list[Json], bool] | None:
    """Return the first alerts and whether they are all; None without the blueprint."""
    from falcoport.port.errors import NotFoundError

    try:
        entities, following = api.search_entities(
            blueprint, {"limit": _PAGE, "exclude": list(_LONG)}
        )
    except NotFoundError:
        return None
    return entities, following is None


def _all(api: PortApi, blueprint: str, page: list[Json]) -> tuple[list[Json], bool]:
    """Return all alerts in one more request; if Port cannot, the first page and False."""
    from falcoport.errors import PortError

    try:
        return api.entities(blueprint, exclude=_LONG), True
    except PortError:
        return page, False


def _show(run: Run, settings: Settings, found: tuple[Part, ...], counted: Alerts | None) -> None:
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
    for part in found:
        style = _STATE_STYLES.get(str(part.state), Style.BAD)
        rows.append([part.name, part.identifier, Cell(str(part.state), style), part.detail])
    rows.extend(_alert_rows(counted))
    run.output.table(("", "", "", ""), rows, to_stdout=True)


def _alert_rows(counted: Alerts | None) -> list[list[Cell | str]]:
    if counted is None:
        return [["alerts", "none: there is no blueprint", "", ""]]
    newest = f"newest {_ago(counted.newest)}" if counted.newest else ""
    rows: list[list[Cell | str]] = [["alerts", str(counted.count), "", newest]]
    if not counted.count:
        return rows
    scope = "" if counted.complete else "of the first 1000"
    rows.append(["", "by priority", scope, _listed(counted.by_priority)])
    rows.append(["", "by namespace", scope, _listed(counted.by_namespace) or "-"])
    rows.append(["", "without namespace", scope, str(counted.without_namespace)])
    return rows


def _listed(counts: dict[str, int]) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_NAMESPACES_SHOWN]]
    more = len(counts) - len(shown)
    return " · ".join(shown) + (f" · and {more} more" if more > 0 else "")


def _ago(time: datetime) -> str:
    seconds = int((datetime.now(UTC) - time).total_seconds())
    text = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if seconds < 0:
        return text
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{text}, {count} {unit}{'s' if count > 1 else ''} ago"
    return f"{text}, {seconds} s ago"


def _data(
    settings: Settings, live: Live, found: tuple[Part, ...], counted: Alerts | None
) -> dict[str, Any]:
    from falcoport.resources.webhook_security import guard

    counts = None
    if counted is not None:
        newest = counted.newest.isoformat() if counted.newest else None
        counts = {**asdict(counted), "newest": newest}
    return {
        "port": {
            "api_url": {"value": settings.api_url.value, "source": settings.api_url.source},
            "region": {"value": settings.region.value, "source": settings.region.source},
            "client_id": {"value": settings.client_id.value, "source": settings.client_id.source},
            "client_secret": {"source": settings.client_secret_source},
        },
        "security": None if live.webhook is None else str(guard(live.webhook)),
        "parts": [{**asdict(part), "state": str(part.state)} for part in found],
        "alerts": counts,
    }
