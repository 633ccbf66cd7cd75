"""The command that takes away what falcoport made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.provisioning import (
    ManifestOptions,
    change_rows,
    plan_data,
    show_plan,
)
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from falcoport.port.api import PortApi
    from falcoport.reconcile.planning import Desired, Live, Plan
    from falcoport.reconcile.removing import RemovalChoices

DeleteAlerts = Annotated[
    bool,
    typer.Option(
        "--delete-alerts",
        help="Delete every alert in the catalog too, and the blueprint with them. Asks first.",
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask; needed where nobody can answer.")
]
KeepBlueprint = Annotated[
    bool,
    typer.Option(
        "--keep-blueprint",
        help="Remove only the webhook, such as one cluster's of several.",
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
    from falcoport.commands.desired import for_removal
    from falcoport.reconcile import applying
    from falcoport.reconcile.planning import field_values
    from falcoport.reconcile.removing import RemovalChoices, plan_removal

    if delete_alerts and keep_blueprint:
        raise UsageError("--delete-alerts and --keep-blueprint contradict each other.")
    desired = for_removal(manifest.load())
    choices = RemovalChoices(delete_alerts, keep_blueprint)

    def planned(live: Live) -> Plan:
        return plan_removal(desired, choices, live)

    with run.api() as api:
        if dry_run:
            plan = planned(applying.read_for_removal(api, desired))
            show_plan(run, plan)
            return CommandResult(plan_data(plan))
        if delete_alerts and not yes:
            _ask(run, api, desired, choices)
        run.journal = applying.Journal()
        applied = applying.apply(
            api, planned, lambda: applying.read_for_removal(api, desired), journal=run.journal
        )
    run.output.table(("", "", "", ""), change_rows(applied.changes))
    return CommandResult({"changes": field_values(applied.changes)})


def _ask(run: Run, api: PortApi, desired: Desired, choices: RemovalChoices) -> None:
    """Say how many alerts go, and go on only if a person agrees. Raises UsageError."""
    from falcoport.reconcile import applying
    from falcoport.reconcile.removing import plan_removal

    live = applying.read_for_removal(api, desired)
    plan_removal(desired, choices, live)
    if not live.alerts:
        return
    what = "1 alert" if live.alerts == 1 else f"{live.alerts} alerts"
    question = f"{what} will be deleted from Port and cannot be brought back"
    if not run.output.interactive:
        raise UsageError(
            f"{question}.",
            code="needs_yes",
            where="--delete-alerts",
            hint="Nobody can be asked here: add --yes if that is what you want.",
        )
    if not typer.confirm(f"{question}. Delete them?", err=True):
        raise UsageError("Nothing was deleted.", code="declined")
