"""The command that tags Falco's rules for Port, without editing the files they come in."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.options import RulesFormat
from falcoport.errors import CheckFailedError, FalcoportError, InputError, UsageError

if TYPE_CHECKING:
    import typer

    from falcoport.falco.rules import Rules


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "tag-rules",
        exits=(*PORT_EXIT_CODES[:2], 3, *PORT_EXIT_CODES[2:]),
        example="falcoport tag-rules 'Terminal shell in container' --namespace auth-prod",
    )(tag_rules)


def tag_rules(
    run: Run,
    rules: options.RuleNames,
    namespace: options.NamespaceEntity,
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
    from falcoport.commands.set_up import DEFAULT_RELATION, DEFAULT_TAG_PREFIX
    from falcoport.falco.rules import chart_values, chosen, override_file
    from falcoport.files import write_file
    from falcoport.render.text import pluralize

    tag = _tag_for(DEFAULT_TAG_PREFIX if tag_prefix is None else tag_prefix, namespace)
    known = _known(rules_file or [])
    names = chosen(rules, known)
    if known is None:
        run.output.warn(
            "Which rules Falco loads is not known, and an override for one that is not loaded "
            "stops it from starting: give them with --rules-file."
        )
    if not offline:
        _check_namespace(run, target or DEFAULT_RELATION, namespace)
    text = (chart_values if rules_format is RulesFormat.HELM else override_file)(names, tag)
    if file is None or str(file) == "-":
        run.output.result(text.removesuffix("\n"))
    else:
        write_file(file, text, private=False, force=force)
        run.output.note(f"{file} tags {pluralize(len(names), 'rule')} with {tag}.")
    return CommandResult({"tag": tag, "rules": list(names), "text": text})


def _tag_for(prefix: str, namespace: str) -> str:
    """Return the tag that relates an alert to a namespace's entity.

    Raises UsageError if Port would not take the rest of the tag for an identifier.
    """
    from falcoport.port.identifiers import ENTITY

    if not ENTITY.accepts(namespace):
        raise UsageError(
            f"--namespace {namespace!r} is no identifier of an entity in Port.",
            where="--namespace",
            hint="The Kubernetes exporter names a namespace's entity <namespace>-<cluster>.",
        )
    return f"{prefix}{namespace}"


def _known(files: list[str]) -> Rules | None:
    """Read every rules file; None if there is none. Raises InputError."""
    from falcoport.falco.rules import Rules, read_rules

    if not files:
        return None
    names: list[str] = []
    for name in files:
        try:
            raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            text = raw.decode("utf-8-sig")
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}.", where=name) from None
        except UnicodeDecodeError:
            raise InputError(f"{name} is not UTF-8 text.", where=name) from None
        names.extend(read_rules(text, name).names)
    return Rules(tuple(dict.fromkeys(names)))


def _check_namespace(run: Run, blueprint: str, namespace: str) -> None:
    """Look the namespace's entity up in Port, where there are credentials for that."""
    try:
        settings = run.settings()
    except UsageError as error:
        if error.problems[0].code != "no_credentials":
            raise
        run.output.note(
            "Without credentials for Port it is not checked that the namespace is there."
        )
        return
    del settings
    with run.api() as api:
        if api.entity(blueprint, namespace) is not None:
            return
        try:
            entities = api.entities(blueprint)
        except FalcoportError:
            entities = []
    identifiers = [str(entity.get("identifier")) for entity in entities]
    near = get_close_matches(namespace, identifiers, n=3, cutoff=0.4)
    raise CheckFailedError(
        f"Port has no entity {namespace} of the blueprint {blueprint}.",
        where="--namespace",
        hint=f"Nearest: {', '.join(near)}. --offline skips this check."
        if near
        else "--offline skips this check.",
    )
