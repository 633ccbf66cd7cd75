"""The command that relates alerts to one more blueprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import ManifestOptions

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "add-relation",
        exits=PORT_EXIT_CODES,
        example="falcoport add-relation --relation team --target team --tag-prefix team-",
    )(add_relation)


def add_relation(
    run: Run,
    manifest: ManifestOptions,
    relation: options.Relation = None,
    target: options.Target = None,
    title: options.RelationTitle = None,
    tag_prefix: options.TagPrefix = None,
    many: options.Many = False,
    namespace_blueprint: options.NamespaceBlueprint = None,
    cluster: options.Clusters = None,
    ensure_namespaces: options.EnsureNamespaces = None,
) -> CommandResult:
    """Without options it is the relation to the namespace, which `setup --no-relation` left out."""
    from falcoport.commands.add_relation import AddRelationRequest
    from falcoport.commands.add_relation import add_relation as relate
    from falcoport.commands.goals.relation import RelationChoices
    from falcoport.mapping.namespace_expressions import Clusters
    from falcoport.render.changes import show_changes
    from falcoport.render.setup import set_up_data

    run.connect_early()
    # The file's clusters belong to the relation to the namespace, which has no name here.
    named = cluster or (run.config.clusters if relation is None and not many else None)
    choices = RelationChoices(
        relation,
        target,
        title,
        tag_prefix,
        many,
        Clusters.named(tuple(named)) if named else None,
        bool(ensure_namespaces),
        namespace_blueprint,
    )
    result = relate(AddRelationRequest(manifest.load(run.config), choices), run.context())
    show_changes(run.output, result.changes)
    return CommandResult(set_up_data(result.changes, result.webhook))
