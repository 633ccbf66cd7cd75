"""The command that tags Falco's rules for Port, without editing the files they come in."""

from __future__ import annotations

import sys
from dataclasses import asdict
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.options import RulesFormat
from falcoport.commands.defaults import DEFAULT_RELATION, DEFAULT_TAG_PREFIX
from falcoport.errors import CheckFailedError, FalcoportError, InputError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import typer

    from falcoport.falco.rules import Rules, Tagging


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
    from falcoport.falco.rules import chart_values, override_file
    from falcoport.files import write_file
    from falcoport.render.text import pluralize

    patterns = _patterns(rules or [], namespace or [], patterns_file)
    known = _known(rules_file or [])
    taggings = _taggings(patterns, known, tag_prefix)
    if known is None:
        run.output.warn(
            "Which rules Falco loads is not known, and an override for one that is not loaded "
            "stops it from starting: give them with --rules-file."
        )
    _warn_of_several_tags(run, taggings)
    if not offline:
        _check_namespaces(run, target or DEFAULT_RELATION, list(patterns))
    text = (chart_values if rules_format is RulesFormat.HELM else override_file)(taggings)
    if file is None or str(file) == "-":
        run.output.result(text.removesuffix("\n"))
    else:
        write_file(file, text, private=False, force=force)
        for one in taggings:
            run.output.note(f"{file} tags {pluralize(len(one.rules), 'rule')} with {one.tag}.")
    return CommandResult({"namespaces": [asdict(one) for one in taggings], "text": text})


def _patterns(
    rules: list[str], namespaces: list[str], file: str | None
) -> dict[str, tuple[str, ...]]:
    """Return the patterns of each namespace, in the order given; raises UsageError, InputError.

    With `rules`, each of `namespaces` is an identifier and gets them all; without, each brings a
    pattern of its own behind a `=`. An identifier that holds one belongs into the file.
    """
    from falcoport.falco.rules import read_patterns

    found: dict[str, tuple[str, ...]] = {}
    if file is not None:
        found |= read_patterns(_read_text(file), file)
    for text in namespaces:
        name, equals, pattern = (text, "", "") if rules else text.partition("=")
        if not rules and not (equals and pattern):
            raise UsageError(
                f"--namespace {text!r} has no rules.",
                where="--namespace",
                hint="Name rules as arguments, or write --namespace 'ID=RULE'.",
            )
        found[name] = (*found.get(name, ()), *(rules or [pattern]))
    if rules and not namespaces:
        raise UsageError(
            "Rules were named, but no namespace that they belong to.",
            where="--namespace",
            hint="Give --namespace with the identifier of its entity in Port.",
        )
    if not found:
        raise UsageError(
            "Neither rules nor namespaces were named.",
            where="--namespace",
            hint="Name rules and --namespace ID, or give --namespace 'ID=RULE' or --from FILE.",
        )
    return found


def _taggings(
    patterns: Mapping[str, tuple[str, ...]], known: Rules | None, tag_prefix: str | None
) -> tuple[Tagging, ...]:
    """Return the rules of each namespace with their tag; raises UsageError and InputError."""
    from falcoport.falco.rules import Tagging, chosen

    prefix = DEFAULT_TAG_PREFIX if tag_prefix is None else tag_prefix
    return tuple(
        Tagging(name, _tag_for(prefix, name), chosen(wanted, known))
        for name, wanted in patterns.items()
    )


def _warn_of_several_tags(run: Run, taggings: Sequence[Tagging]) -> None:
    from falcoport.falco.rules import tags_by_rule

    for rule, tags in tags_by_rule(taggings).items():
        if len(tags) > 1:
            run.output.warn(
                f"rule {rule!r} gets the tags of {len(tags)} namespaces; its alerts are related to "
                f"that of {min(tags)} alone, unless the relation was added with --many."
            )


def _tag_for(prefix: str, namespace: str) -> str:
    """Return the tag that relates an alert to a namespace's entity.

    Raises UsageError if Port would not take the rest of the tag for an identifier.
    """
    from falcoport.port.identifiers import ENTITY

    if not ENTITY.accepts(namespace):
        raise UsageError(
            f"{namespace!r} is no identifier of an entity in Port.",
            where="--namespace",
            hint="The Kubernetes exporter names a namespace's entity <namespace>-<cluster>.",
        )
    return f"{prefix}{namespace}"


def _known(files: list[str]) -> Rules | None:
    """Read every rules file; None if there is none. Raises InputError."""
    from falcoport.falco.rules import Rules, read_rules

    if not files:
        return None
    names = [rule for name in files for rule in read_rules(_read_text(name), name).names]
    return Rules(tuple(dict.fromkeys(names)))


def _read_text(name: str) -> str:
    """Return the text of a file, or of stdin for `-`; raises InputError."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.", where=name) from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text.", where=name) from None


def _check_namespaces(run: Run, blueprint: str, namespaces: Sequence[str]) -> None:
    """Look the namespaces' entities up in Port, where there are credentials for that.

    Raises CheckFailedError that names every one that is missing.
    """
    from falcoport.port.concurrency import run_concurrently

    try:
        run.settings()
    except UsageError as error:
        if error.problems[0].code != "no_credentials":
            raise
        run.output.note(
            "Without credentials for Port it is not checked that the namespace is there."
        )
        return
    with run.api() as api:
        api.authenticate()
        found = run_concurrently([partial(api.entity, blueprint, one) for one in namespaces])
        missing = [name for name, entity in zip(namespaces, found, strict=True) if entity is None]
        if not missing:
            return
        try:
            entities = api.entities(blueprint)
        except FalcoportError:
            entities = []
    identifiers = [str(entity.get("identifier")) for entity in entities]
    problems = tuple(_missing(blueprint, name, identifiers) for name in missing)
    raise CheckFailedError(problems[0].message, hint=problems[0].hint, problems=problems)


def _missing(blueprint: str, namespace: str, identifiers: list[str]) -> Problem:
    near = get_close_matches(namespace, identifiers, n=3, cutoff=0.4)
    return Problem(
        "not_found",
        f"Port has no entity {namespace} of the blueprint {blueprint}.",
        "--namespace",
        (f"Nearest: {', '.join(near)}. " if near else "") + "--offline skips this check.",
    )
