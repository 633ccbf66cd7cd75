"""The command that takes away what falcoport made."""

from __future__ import annotations

from typing import Annotated

import typer

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import ManifestOptions

DeleteAlerts = Annotated[
    bool,
    typer.Option(
        "--delete-alerts",
        help="Delete all alerts in the catalog too, and the blueprint with them.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed without a terminal.")]
KeepBlueprint = Annotated[
    bool,
    typer.Option(
        "--keep-blueprint",
        help="Delete only the webhook, such as that of one of several clusters.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "teardown",
        exits=PORT_EXIT_CODES,
        example="falcoport teardown --delete-alerts --yes",
    )(teardown)


def teardown(
    run: Run,
    manifest: ManifestOptions,
    delete_alerts: DeleteAlerts = False,
    yes: Yes = False,
    keep_blueprint: KeepBlueprint = False,
    dry_run: options.DryRun = False,
) -> CommandResult:
    """What others added is never removed: it is named, and nothing happens."""
    from falcoport.commands import teardown as removal
    from falcoport.commands.goals.removal import RemovalChoices
    from falcoport.render.changes import changes_data, plan_data, show_changes, show_plan

    run.connect_early()
    choices = RemovalChoices(delete_alerts, keep_blueprint)
    request = removal.TeardownRequest(manifest.load(run.config), choices, confirmed=yes)
    if dry_run:
        plan = removal.plan_teardown(request, run.context())
        show_plan(run.output, plan)
        return CommandResult(plan_data(plan))
    changes = removal.teardown(request, run.context())
    show_changes(run.output, changes)
    return CommandResult({"changes": changes_data(changes)})
