"""The command that shows what a mapping makes of real alerts, before Port does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import LimitOptions, ManifestOptions, MappingOptions
from falcoport.errors import EXIT_CHECK, EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    import typer

    from falcoport.commands.preview import PreviewResult


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "preview",
        exits=tuple(sorted((*PORT_EXIT_CODES, EXIT_CHECK, EXIT_PARTIAL))),
        example="kubectl logs ds/falco -c falco | falcoport preview -",
        streams=True,
    )(preview)


def preview(
    run: Run,
    manifest: ManifestOptions,
    mapping: MappingOptions,
    limits: LimitOptions,
    files: options.AlertFiles = None,
    live: options.Live = False,
    strict: options.Strict = False,
    custom_tag: options.CustomTags = None,
    entity_limit: options.EntityLimit = 10_000,
    form: options.AlertInput = None,
) -> CommandResult:
    """Each alert first becomes what Falcosidekick forwards, then what the mapping makes of it. Ends
    with what storing alerts like these would mean: how many a day, which rules, what filters save.

    Needs neither credentials nor network, unless the mapping is taken from Port with --live.
    """
    from falcoport.commands.preview import PreviewRequest, find_problems
    from falcoport.commands.preview import preview as map_alerts
    from falcoport.config import Config
    from falcoport.render.preview import RecordWriter, preview_data, show_preview

    request = PreviewRequest(
        manifests=manifest.load(run.config),
        choices=mapping.choices(Config() if live else run.config),
        files=tuple(files or ()),
        live=live,
        custom_tags=tuple(custom_tag or ()),
        limits=limits.limits(),
        # A stream of records ends with its last one.
        forecast=not run.output.is_stream,
        entity_limit=entity_limit,
        form=form,
    )
    writer = RecordWriter(run.output)
    result = map_alerts(request, run.context(), writer.write)
    show_preview(run.output, result, writer.kept)
    return CommandResult(
        preview_data(result, writer.kept),
        _exit_code(result, strict=strict),
        find_problems(result.bad, result.problems),
    )


def _exit_code(result: PreviewResult, *, strict: bool) -> int:
    """Return 3 where what was mapped would not be stored: every alert, with `strict` any."""
    mapped = result.alerts - result.filtered
    if result.failures and (strict or result.failures >= mapped):
        return EXIT_CHECK
    return EXIT_PARTIAL if result.bad else EXIT_OK
