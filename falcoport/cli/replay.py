"""The command that sends stored alerts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.targets import MaxInFlight, Rate, TargetOptions
from falcoport.delivery.ways import Through
from falcoport.errors import EXIT_OK, EXIT_PARTIAL

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE…|DIR…|-]",
        help="Files and folders with stored alerts, such as a copy of the S3 bucket; - is stdin. "
        "Compressed ones (gzip) as well.",
        show_default=False,
    ),
]
ThroughOption = Annotated[
    Through,
    typer.Option(
        "--through",
        help="webhook: as Falcosidekick sends them · api: mapped here and written to the catalog, "
        "with a result for each.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Only alerts from then on: 2026-08-17, 2026-08-17T09:00:00Z, 36h, 7d.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Only alerts before then, in the same forms."),
]
Most = Annotated[
    int | None,
    typer.Option("--max", min=1, metavar="N", help="At most N alerts, the oldest, such as 1000."),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Read everything and show what would be sent; send nothing."),
]
CheckpointFile = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Record progress in this file; an interrupted replay continues from it.",
    ),
]
Shard = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Only this one of N parts, I from 0: several replays at once, such as an indexed "
        "Job's, share the alerts.",
    ),
]
RefusedFile = Annotated[
    Path,
    typer.Option(
        "--refused-file",
        metavar="FILE",
        help="File for alerts that Port refuses, to be replayed later; created with the first one.",
    ),
]


@dataclass(frozen=True)
class ChoiceOptions:
    """Which of the alerts are sent."""

    since: Since = None
    until: Until = None
    min_priority: options.MinimumPriority = None
    most: Most = None
    shard: Shard = "0/1"


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "replay",
        exits=tuple(sorted((*PORT_EXIT_CODES, EXIT_PARTIAL))),
        example="falcoport replay s3-copy/ --since 7d --checkpoint replay.db",
    )(replay)


@dataclass(frozen=True)
class SendingOptions:
    """How alerts are sent."""

    through: ThroughOption = Through.WEBHOOK
    rate: Rate = None
    max_in_flight: MaxInFlight = 16
    dry_run: DryRun = False
    checkpoint: CheckpointFile = None
    refused_file: RefusedFile = Path("falcoport-refused.jsonl")


def replay(
    run: Run,
    target: TargetOptions,
    choice: ChoiceOptions,
    sending: SendingOptions,
    sources: Sources = None,
    form: options.AlertInput = None,
    custom_tag: options.CustomTags = None,
) -> CommandResult:
    """In order of time, whatever order they are stored in. An alert keeps its uuid, or gets one
    computed from it: sent twice, it is one entity. Automations in Port run for every entity that is
    created.
    """
    from falcoport.commands import replay as use_case
    from falcoport.render.replay import render_replay

    request = use_case.ReplayRequest(
        names=tuple(sources or ()),
        target=target.read(run),
        form=form,
        custom_tags=tuple(custom_tag or ()),
        **_chosen(choice),
        **vars(sending),
    )
    result = use_case.replay(request, run.context())
    render_replay(run.output, result)
    is_partial = result.refused or result.reading.bad
    exit_code = EXIT_PARTIAL if is_partial else EXIT_OK
    return CommandResult(asdict(result), exit_code, result.reading.problems, rendered=True)


def _chosen(choice: ChoiceOptions) -> dict[str, Any]:
    """Return what the options choose; raise UsageError."""
    from falcoport.commands.option_texts import parse_instant, parse_priority, parse_shard

    now = datetime.now(UTC)
    return {
        "since": choice.since and parse_instant(choice.since, "--since", now),
        "until": choice.until and parse_instant(choice.until, "--until", now),
        "min_priority": choice.min_priority
        and parse_priority(choice.min_priority, "--min-priority"),
        "most": choice.most,
        "shard": parse_shard(choice.shard),
    }
