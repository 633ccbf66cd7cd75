"""The command that tells whether Falco is wired to Port, and whether alerts arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import ManifestOptions, MappingOptions
from falcoport.errors import EXIT_CHECK, EXIT_OK

if TYPE_CHECKING:
    import typer


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
) -> CommandResult:
    """Give it the options that `setup` was given. Exit code 3 if something is missing, drifted or
    disabled.
    """
    from falcoport.commands.status import StatusRequest
    from falcoport.commands.status import status as check
    from falcoport.render.status import show_status, status_data

    context = run.context()
    settings = context.settings
    result = check(StatusRequest(manifest.load(run.config), mapping.choices(run.config)), context)
    show_status(run.output, settings, result)
    code = EXIT_CHECK if result.problems else EXIT_OK
    return CommandResult(status_data(settings, result), code, result.problems, rendered=True)
