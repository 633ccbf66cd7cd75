"""The command that writes `falcoport.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from falcoport.cli import options
from falcoport.cli.command import CommandResult, Run, add
from falcoport.cli.extras import With
from falcoport.cli.option_groups import FindingsOptions
from falcoport.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE

Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="guide|standard", help="What an alert looks like in Port."),
]
InitFile = Annotated[
    Path,
    typer.Option("--file", "-f", metavar="FILE", help="Where to write it."),
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "init",
        exits=(EXIT_OK, EXIT_USAGE, EXIT_INTERRUPTED),
        example="falcoport init --cluster prod --profile standard --findings --with dashboard",
    )(init)


def init(
    run: Run,
    file: InitFile = Path("falcoport.yaml"),
    cluster: options.Clusters = None,
    profile: Profile = None,
    findings: FindingsOptions = FindingsOptions(),  # noqa: B008 -- frozen, never changed
    with_: With = (),  # type: ignore[assignment] # typer makes a list of it
    webhook_id: options.WebhookId = None,
    force: options.Force = False,
) -> CommandResult:
    """It proposes what it finds in the catalog, and works without credentials too."""
    from falcoport.commands.choices import FindingsMode
    from falcoport.commands.extras.choices import ExtraTexts, parse_extras
    from falcoport.commands.init import InitRequest
    from falcoport.commands.init import init as write
    from falcoport.errors import OptionValueError

    if profile not in (None, "guide", "standard"):
        raise OptionValueError(
            f"--profile is {profile!r}; it takes guide, standard.", where="--profile"
        )
    keys = findings.findings_keys()
    mode = findings.findings_mode() or (FindingsMode.WITH_ALERTS if keys else None)
    extras = parse_extras(ExtraTexts(tuple(with_)))
    request = InitRequest(
        file,
        force,
        profile,
        tuple(cluster or ()),
        webhook_id,
        findings=mode,
        findings_by=keys or (),
        extras=extras.wanted,
    )
    result = write(request, run.without_config().context())
    run.output.note(f"Written to {result.path}, with {result.schema.name} for editors.")
    run.output.note("Next: falcoport plan")
    return CommandResult({"file": str(result.path), "content": result.text})
