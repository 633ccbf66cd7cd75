"""The command that tags Falco's rules for Port, without editing the files they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.falco.rules_format import RulesFormat

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "tag-rules",
        exits=PORT_EXIT_CODES,
        example="falcoport tag-rules 'Terminal shell in container' --namespace auth-prod",
    )(tag_rules)


def tag_rules(
    run: Run,
    rules: options.RuleNames = None,
    namespace: options.NamespaceEntities = None,
    patterns_file: options.PatternsFile = None,
    rules_file: options.RulesFiles = None,
    rules_format: options.RulesFormatOption = RulesFormat.YAML,
    tag_prefix: options.TagPrefix = None,
    target: options.Target = None,
    offline: options.Offline = False,
    file: options.File = None,
    force: options.Force = False,
) -> CommandResult:
    """Falco adds the tag to the rules it has; falco_rules.yaml stays as it is.

    An override for a rule that is not loaded stops Falco from starting: --rules-file tells.
    """
    from falcoport.commands.defaults import DEFAULT_RELATION, DEFAULT_TAG_PREFIX
    from falcoport.commands.tag_rules import TagRulesRequest
    from falcoport.commands.tag_rules import tag_rules as build_override
    from falcoport.render.tag_rules import rules_data, show_rules

    request = TagRulesRequest(
        rules=tuple(rules or ()),
        namespaces=tuple(namespace or ()),
        patterns_file=patterns_file,
        rules_files=tuple(rules_file or ()),
        form=rules_format,
        tag_prefix=DEFAULT_TAG_PREFIX if tag_prefix is None else tag_prefix,
        blueprint=target or DEFAULT_RELATION,
        offline=offline,
    )
    result = build_override(request, run.context())
    show_rules(run.output, result, file, force=force)
    return CommandResult(rules_data(result))
