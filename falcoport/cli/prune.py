"""The command that deletes alerts by age."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli import options, values
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import ManifestOptions
from falcoport.errors import EXIT_OK, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from falcoport.retention.selection import Selection

OlderThan = Annotated[
    str | None,
    typer.Option(
        "--older-than",
        metavar="AGE",
        help="Delete what is older: 30d, 36h, 4w, or before a date such as 2026-08-17.",
    ),
]
KeepNewest = Annotated[
    int | None,
    typer.Option(
        "--keep-newest",
        min=0,
        metavar="N",
        help="Keep the newest N of what the other options choose, such as 5000; without "
        "--older-than, all others are deleted whatever their age.",
    ),
]
Priorities = Annotated[
    list[str] | None,
    typer.Option(
        "--priority",
        metavar="PRIORITY",
        autocompletion=values.complete_priorities,
        help="Only of this priority, such as notice; repeatable.",
    ),
]
MaxPriority = Annotated[
    str | None,
    typer.Option(
        "--max-priority",
        metavar="PRIORITY",
        autocompletion=values.complete_priorities,
        help="Only alerts of this priority and less severe ones, such as notice.",
    ),
]
Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        autocompletion=values.complete_statuses,
        help="Only with this status, such as Resolved; repeatable.",
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        metavar="ID",
        help="Only related to this namespace's entity, such as auth-prod; repeatable.",
    ),
]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="RULE",
        help="Only of this rule, by its exact name; repeatable.",
    ),
]
IncludeOpenCritical = Annotated[
    bool,
    typer.Option(
        "--include-open-critical",
        help="Delete open alerts of Emergency, Alert and Critical too; by default they stay.",
    ),
]
Findings = Annotated[
    bool,
    typer.Option(
        "--findings",
        help="Findings as well, by when they were last seen (blueprint falco_finding).",
    ),
]
PruneDryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be deleted, by priority and month.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed without a terminal.")]

_FINDINGS = "falco_finding"


@dataclass(frozen=True)
class SelectionOptions:
    """Which alerts go."""

    older_than: OlderThan = None
    keep_newest: KeepNewest = None
    priority: Priorities = None
    max_priority: MaxPriority = None
    status: Statuses = None
    namespace: Namespaces = None
    relation: options.Relation = None
    rule: Rules = None
    include_open_critical: IncludeOpenCritical = False

    def read(self, now: datetime) -> Selection:
        """Return what the options choose; raise UsageError."""
        from falcoport.commands.option_texts import parse_instant, parse_priority, to_rfc3339
        from falcoport.retention.selection import Selection, priorities_up_to

        if self.older_than is None and self.keep_newest is None:
            raise UsageError(
                "Neither an age nor a number was given.",
                where="--older-than",
                hint="Examples: --older-than 30d · --keep-newest 5000",
            )
        if self.priority and self.max_priority:
            raise UsageError("Give --priority or --max-priority, not both.", where="--priority")
        chosen = tuple(parse_priority(one, "--priority") for one in self.priority or ())
        if self.max_priority is not None:
            chosen = priorities_up_to(parse_priority(self.max_priority, "--max-priority"))
        return Selection(
            before=self.older_than
            and to_rfc3339(parse_instant(self.older_than, "--older-than", now)),
            priorities=chosen,
            statuses=tuple(self.status or ()),
            rules=tuple(self.rule or ()),
            namespaces=tuple(self.namespace or ()),
            relation=self.relation or "namespace",
            keep_newest=self.keep_newest,
            include_open_critical=self.include_open_critical,
        )


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "prune",
        exits=tuple(sorted((*PORT_EXIT_CODES, EXIT_PARTIAL))),
        example="falcoport prune --older-than 30d --max-priority notice --yes",
    )(prune)


def prune(
    run: Run,
    selection: SelectionOptions,
    manifest: ManifestOptions,
    findings: Findings = False,
    dry_run: PruneDryRun = False,
    yes: Yes = False,
) -> CommandResult:
    """By the time that Falco gave an alert. One that others need through a required relation is
    named and left. Interrupted, it is run again for the rest.
    """
    from falcoport.commands import prune as use_case
    from falcoport.render.prune import render_prune

    request = use_case.PruneRequest(
        selection=selection.read(datetime.now(UTC)),
        alerts=manifest.load(run.config).blueprint.identifier,
        findings=_FINDINGS if findings else None,
        dry_run=dry_run,
        confirmed=yes,
    )
    result = use_case.prune(request, run.context())
    render_prune(run.output, result)
    is_complete = result.dry_run or all(one.is_complete for one in result.pruned)
    return CommandResult(asdict(result), EXIT_OK if is_complete else EXIT_PARTIAL, rendered=True)
