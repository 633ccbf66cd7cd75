"""The command that runs a local Port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli.command import CommandResult, Run, add, write_envelope_early
from falcoport.errors import EXIT_OK, EXIT_USAGE
from falcoport.render.sandbox import announce_sandbox, sandbox_address
from falcoport.sandbox import options

if TYPE_CHECKING:
    from falcoport.sandbox.options import RunningSandbox

_UNDOCUMENTED = "Where Port's behaviour is not documented"

Port = Annotated[
    int,
    typer.Option(
        "--port", min=0, max=65535, help="Loopback port to listen on; 0 takes any free one."
    ),
]
Database = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="FILE",
        help="Keep the catalog in this SQLite file, such as catalog.db; in memory otherwise.",
    ),
]
Latency = Annotated[
    float,
    typer.Option(
        "--latency",
        min=0,
        metavar="SECONDS",
        help="How long to wait before each answer, such as 0.1.",
    ),
]
OnMissingRelation = Annotated[
    options.OnMissingRelation,
    typer.Option(
        "--on-missing-relation",
        rich_help_panel=_UNDOCUMENTED,
        help="An alert that points to an entity that does not exist: store nothing, store it "
        "without that relation, or create the entity.",
    ),
]
OnBadDelivery = Annotated[
    options.OnBadDelivery,
    typer.Option(
        "--on-bad-delivery",
        rich_help_panel=_UNDOCUMENTED,
        help="A delivery that cannot be processed: answer 202 and note it in the events, or "
        "answer 4xx as well.",
    ),
]
OnNestedPatch = Annotated[
    options.OnNestedPatch,
    typer.Option(
        "--on-nested-patch",
        rich_help_panel=_UNDOCUMENTED,
        help="A PATCH of a blueprint that gives a map: replace the old one, or merge into it.",
    ),
]
OnTargetedBlueprint = Annotated[
    options.OnTargetedBlueprint,
    typer.Option(
        "--on-targeted-blueprint",
        rich_help_panel=_UNDOCUMENTED,
        help="The deletion of a blueprint that relations of others target: refuse it, or delete "
        "those relations too.",
    ),
]
Catalog = Annotated[
    options.Catalog,
    typer.Option(
        "--catalog",
        help="The blueprints that are there at the start: those of today's Kubernetes exporter, "
        "of the older one, or none.",
    ),
]
ClockSpeed = Annotated[
    float,
    typer.Option(
        "--clock-speed",
        min=1,
        max=1e9,
        metavar="N",
        help="Run the clock N times as fast, such as 86400 for a day per second.",
    ),
]
RateLimitText = Annotated[
    str | None,
    typer.Option(
        "--rate-limit",
        metavar="N/SECONDS",
        help="Answer 429 beyond N API requests per SECONDS, such as 100/60.",
    ),
]


TokenLifetime = Annotated[
    int,
    typer.Option(
        "--token-lifetime",
        min=1,
        metavar="SECONDS",
        help="How long a token is valid, such as 5 to test that a client renews it.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "sandbox",
        exits=(EXIT_OK, EXIT_USAGE),
        example="falcoport sandbox --db catalog.db",
        port=False,
    )(sandbox)


def sandbox(
    run: Run,
    port: Port = options.SandboxOptions.port,
    db: Database = options.SandboxOptions.database,
    latency: Latency = options.SandboxOptions.latency,
    on_missing_relation: OnMissingRelation = options.SandboxOptions.on_missing_relation,
    on_bad_delivery: OnBadDelivery = options.SandboxOptions.on_bad_delivery,
    on_nested_patch: OnNestedPatch = options.SandboxOptions.on_nested_patch,
    on_targeted_blueprint: OnTargetedBlueprint = options.SandboxOptions.on_targeted_blueprint,
    catalog: Catalog = options.SandboxOptions.catalog,
    clock_speed: ClockSpeed = options.SandboxOptions.clock_speed,
    rate_limit: RateLimitText = None,
    token_lifetime: TokenLifetime = options.SandboxOptions.token_lifetime,
) -> CommandResult:
    """Prints the lines that point falcoport, or any other client of Port, to it."""
    from falcoport.commands.sandbox import check_finite, parse_rate_limit
    from falcoport.sandbox import server

    check_finite("--latency", latency)
    check_finite("--clock-speed", clock_speed)
    chosen = options.SandboxOptions(
        port=port,
        database=db,
        latency=latency,
        on_missing_relation=on_missing_relation,
        on_bad_delivery=on_bad_delivery,
        on_nested_patch=on_nested_patch,
        on_targeted_blueprint=on_targeted_blueprint,
        catalog=catalog,
        clock_speed=clock_speed,
        rate_limit=parse_rate_limit(rate_limit),
        token_lifetime=token_lifetime,
    )

    def started(running: RunningSandbox) -> None:
        announce_sandbox(run.output, running)
        write_envelope_early("sandbox", run.output, CommandResult(sandbox_address(running)))

    try:
        server.serve(chosen, started)
    except KeyboardInterrupt:
        run.output.note("Stopped.")
    return CommandResult(envelope_written=True)
