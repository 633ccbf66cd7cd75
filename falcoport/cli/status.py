"""The command that tells whether Falco is wired to Port, and whether alerts arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.extras import read_configured_extras
from falcoport.cli.option_groups import ManifestOptions, MappingOptions
from falcoport.errors import EXIT_CHECK, EXIT_OK, PortError, UsageError

if TYPE_CHECKING:
    from falcoport.commands.status import StatusRequest, StatusResult

Watch = Annotated[
    bool, typer.Option("--watch", help="Show it again and again until Ctrl-C, which ends with 0.")
]
Interval = Annotated[
    float,
    typer.Option(
        "--interval", metavar="SECONDS", min=1, max=3600, help="How long --watch waits in between."
    ),
]
Open = Annotated[
    bool, typer.Option("--open", help="Open the catalog page of the alerts in a browser.")
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "status",
        exits=PORT_EXIT_CODES,
        example="falcoport status -o json | jq .data.alerts.count",
    )(status)


def status(
    run: Run,
    manifest: ManifestOptions,
    mapping: MappingOptions,
    watch: Watch = False,
    interval: Interval = 5.0,
    open_page: Open = False,
) -> CommandResult:
    """Compares Port with what `setup` would make, and counts the alerts. Exit code 3 if something
    is missing, drifted or disabled.
    """
    from falcoport.commands.status import StatusRequest
    from falcoport.render.status import show_status, status_data

    run.connect_early()
    request = StatusRequest(
        manifest.load(run.config), mapping.choices(run.config), read_configured_extras(run)
    )
    if watch:
        if run.output.is_json:
            raise UsageError("--watch shows text, -o json is one document.", where="--watch")
        return _watch(run, request, interval, open_page=open_page)
    result = _look(run, request)
    show_status(run.output, run.settings(), result)
    if open_page:
        _open(run, result)
    code = EXIT_CHECK if result.problems else EXIT_OK
    return CommandResult(status_data(run.settings(), result), code, result.problems, rendered=True)


def _look(run: Run, request: StatusRequest) -> StatusResult:
    from falcoport.commands.status import status as check

    return check(request, run.context())


def _watch(run: Run, request: StatusRequest, interval: float, *, open_page: bool) -> CommandResult:
    """Show the status until Ctrl-C. A failure of Port or the network does not end it."""
    import threading

    from falcoport.render.status import show_status

    pause = threading.Event()
    try:
        while True:
            try:
                result = _look(run, request)
            except PortError as error:
                run.output.error(error)
            else:
                run.output.clear()
                show_status(run.output, run.settings(), result)
                if open_page:
                    open_page = False
                    _open(run, result)
            run.output.flush()
            run.output.note(f"Again in {interval:g} s; Ctrl-C ends it.")
            pause.wait(interval)
    except KeyboardInterrupt:
        return CommandResult(rendered=True)


def _open(run: Run, result: StatusResult) -> None:
    """Open the catalog page in a browser, or say where it is."""
    import webbrowser

    if result.page is None:
        run.output.warn("there is no catalog page yet: `falcoport setup` creates the blueprint.")
    elif not webbrowser.open(result.page):
        run.output.warn(f"no browser could be started; the page is {result.page}")
