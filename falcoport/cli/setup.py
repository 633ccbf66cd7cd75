"""The commands that bring Port to what a set-up must be: setup, plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.extras import ExtraOptions
from falcoport.cli.option_groups import (
    LimitOptions,
    ManifestOptions,
    SecurityOptions,
    SetupOptions,
)
from falcoport.errors import EXIT_CHECK, EXIT_OK
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    import typer

    from falcoport.commands.setup import SetupRequest


def register(app: typer.Typer) -> None:
    """Add this module's commands to the app."""
    add(app, "setup", exits=PORT_EXIT_CODES, example="URL=$(falcoport setup)")(setup)
    add(app, "plan", exits=PORT_EXIT_CODES, example="falcoport plan --exit-code -o json")(plan)


def setup(
    run: Run,
    manifest: ManifestOptions,
    security: SecurityOptions,
    choices: SetupOptions,
    extras: ExtraOptions,
    limits: LimitOptions,
    dry_run: options.DryRun = False,
    show_values: options.ShowValues = False,
) -> CommandResult:
    """Running it again changes nothing; what others added in Port stays."""
    from falcoport.commands.setup import setup as set_up
    from falcoport.render.changes import show_changes, show_run_costs
    from falcoport.render.setup import secret_data, set_up_data, show_hand_over, show_secret

    run.connect_early()
    request = _request(run, manifest, security, choices, extras, limits)
    if dry_run:
        return _planned(run, request, exit_code=False)
    result = set_up(request, run.context())
    show_changes(run.output, result.changes)
    show_run_costs(run.output, result.changes)
    unused = WEBHOOK_SECRET if run.environment.get(WEBHOOK_SECRET) else ""
    show_secret(run.output, result.webhook, result.secret, unused=unused)
    show_hand_over(run.output, result, values=show_values)
    run.output.result(result.url)
    if result.secret.on_stdout and result.secret.generated is not None:
        run.output.secret_result(result.secret.generated)
    return CommandResult(
        {**set_up_data(result.changes, result.webhook), **secret_data(result.secret)}
    )


def plan(
    run: Run,
    manifest: ManifestOptions,
    security: SecurityOptions,
    choices: SetupOptions,
    extras: ExtraOptions,
    limits: LimitOptions,
    exit_code: options.ExitCode = False,
) -> CommandResult:
    """`setup` with the same options then does exactly this."""
    run.connect_early()
    request = _request(run, manifest, security, choices, extras, limits)
    return _planned(run, request, exit_code=exit_code)


def _request(
    run: Run,
    manifest: ManifestOptions,
    security: SecurityOptions,
    choices: SetupOptions,
    extras: ExtraOptions,
    limits: LimitOptions,
) -> SetupRequest:
    from falcoport.commands.setup import SetupRequest

    return SetupRequest(
        manifest.load(run.config),
        choices.setup_choices(run.config),
        security.request(run),
        allow_mapping_errors=choices.allow_mapping_errors,
        limits=limits.limits(),
        extras=extras.read(run),
    )


def _planned(run: Run, request: SetupRequest, *, exit_code: bool) -> CommandResult:
    from falcoport.commands.setup import plan_setup
    from falcoport.render.changes import plan_data, show_plan

    found = plan_setup(request, run.context())
    show_plan(run.output, found)
    code = EXIT_CHECK if exit_code and found.pending else EXIT_OK
    return CommandResult(plan_data(found), code)
