"""The command that writes a set-up as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.extras import With, read_configured_extras
from falcoport.cli.option_groups import ManifestOptions, MappingOptions
from falcoport.terraform.language import ExportLanguage

if TYPE_CHECKING:
    import typer

    from falcoport.commands.choices import SetupChoices
    from falcoport.commands.extras.choices import ExtraChoices


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "export",
        exits=PORT_EXIT_CODES,
        example="falcoport export --format terraform -f falco.tf",
    )(export)


def export(
    run: Run,
    manifest: ManifestOptions,
    mapping: MappingOptions,
    with_: With = (),  # type: ignore[assignment] # typer makes a list of it
    form: options.ExportFormat = ExportLanguage.TERRAFORM,
    file: options.File = None,
    force: options.Force = False,
    offline: options.Offline = False,
    include_namespace_blueprint: options.IncludeNamespaceBlueprint = False,
) -> CommandResult:
    """The Terraform code adopts them: its import blocks take over what `setup` made, and its first
    plan changes nothing.
    """
    from falcoport.commands.export import ExportRequest
    from falcoport.commands.export import export as write_code
    from falcoport.render.files import deliver_text

    request = ExportRequest(
        manifest.load(run.config),
        _choices(run, mapping, offline=offline),
        form,
        offline,
        include_namespace_blueprint,
        _extras(run, with_, offline=offline),
    )
    text = write_code(request, run.context())
    delivered = deliver_text(run.output, text, file, private=False, force=force)
    return CommandResult({"format": str(form), **delivered})


def _extras(run: Run, names: list[str], *, offline: bool) -> ExtraChoices:
    """Return the extras that are named, and for an export that does not ask Port the file's too."""
    from falcoport.commands.extras.choices import ExtraTexts, parse_extras

    return parse_extras(ExtraTexts(tuple(names)), read_configured_extras(run) if offline else None)


def _choices(run: Run, mapping: MappingOptions, *, offline: bool) -> SetupChoices:
    """Return what the options choose, and for an export that does not ask Port the file too."""
    from falcoport.config import Config

    return mapping.choices(run.config if offline else Config())
