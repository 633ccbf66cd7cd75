"""Write the Falco file that tags rules for Port, without editing the files they come in."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.commands.defaults import DEFAULT_RELATION, DEFAULT_TAG_PREFIX
from falcoport.errors import (
    CheckFailedError,
    CredentialsMissingError,
    FalcoportError,
    InputError,
    OptionValueError,
    Problem,
    UsageError,
)
from falcoport.falco.rules import (
    Rules,
    Tagging,
    find_rules,
    read_patterns,
    read_rules,
    tags_by_rule,
    write_chart_values,
    write_override_file,
)
from falcoport.falco.rules_format import RulesFormat
from falcoport.port.concurrency import run_concurrently
from falcoport.port.identifiers import ENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.commands.context import Context

STDIN = "-"


@dataclass(frozen=True)
class TagRulesRequest:
    """Which rules to tag, and for which namespaces.

    With `rules` (names, or globs where the rules are known), each of `namespaces` is an identifier
    and gets them all; without, each is `ID=RULE`. `patterns_file` maps identifiers to rules.
    `rules_files` (rules files, or what Falco lists) say which rules there are. `-` is stdin.
    `blueprint` is that of the namespaces, whose entities are looked up unless `offline`.
    """

    rules: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    patterns_file: str | None = None
    rules_files: tuple[str, ...] = ()
    form: RulesFormat = RulesFormat.YAML
    tag_prefix: str = DEFAULT_TAG_PREFIX
    blueprint: str = DEFAULT_RELATION
    offline: bool = False


@dataclass(frozen=True)
class TagRulesResult:
    """The rules of each namespace with their tag, and the text of the file that tags them."""

    taggings: tuple[Tagging, ...]
    text: str


def tag_rules(request: TagRulesRequest, context: Context) -> TagRulesResult:
    """Build the override file.

    Raise UsageError where rules or namespaces are missing or no identifier, InputError for rules
    that are not there or a file that lists none, CheckFailedError for namespaces that Port does
    not have, and what the client raises.
    """
    patterns = _find_patterns(request)
    known = _read_known(request.rules_files)
    taggings = tuple(
        Tagging(name, _build_tag(request.tag_prefix, name), find_rules(wanted, known))
        for name, wanted in patterns.items()
    )
    if known is None:
        context.warn(
            "Which rules Falco loads is not known, and an override for one that is not loaded "
            "stops it from starting: give them with --rules-file."
        )
    _warn_of_several_tags(context, taggings)
    if not request.offline:
        _check_namespaces(request.blueprint, list(patterns), context)
    write = write_chart_values if request.form is RulesFormat.HELM else write_override_file
    return TagRulesResult(taggings, write(taggings))


def _find_patterns(request: TagRulesRequest) -> dict[str, tuple[str, ...]]:
    """Return the patterns of each namespace, in the order given.

    An identifier that holds a `=` belongs into the file.
    """
    found: dict[str, tuple[str, ...]] = {}
    file = request.patterns_file
    if file is not None:
        found |= read_patterns(_read_text(file), file)
    for text in request.namespaces:
        name, equals, pattern = (text, "", "") if request.rules else text.partition("=")
        if not request.rules and not (equals and pattern):
            raise UsageError(
                f"--namespace {text!r} has no rules.",
                where="--namespace",
                hint="Name rules as arguments, or write --namespace 'ID=RULE'.",
            )
        found[name] = (*found.get(name, ()), *(request.rules or (pattern,)))
    if request.rules and not request.namespaces:
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


def _build_tag(prefix: str, namespace: str) -> str:
    if not ENTITY.accepts(namespace):
        raise OptionValueError(
            f"{namespace!r} is not an identifier of an entity in Port.",
            where="--namespace",
            hint="The Kubernetes exporter names a namespace's entity <namespace>-<cluster>.",
        )
    return f"{prefix}{namespace}"


def _warn_of_several_tags(context: Context, taggings: Sequence[Tagging]) -> None:
    for rule, tags in tags_by_rule(taggings).items():
        if len(tags) > 1:
            context.warn(
                f"rule {rule!r} gets the tags of {len(tags)} namespaces; its alerts are related to "
                f"that of {min(tags)} alone, unless the relation was added with --many."
            )


def _read_known(files: tuple[str, ...]) -> Rules | None:
    """Read every rules file; None if there is none."""
    if not files:
        return None
    names = [rule for name in files for rule in read_rules(_read_text(name), name).names]
    return Rules(tuple(dict.fromkeys(names)))


def _read_text(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.", where=name) from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text.", where=name) from None


def _check_namespaces(blueprint: str, namespaces: Sequence[str], context: Context) -> None:
    """Look the namespaces' entities up in Port, where there are credentials for that."""
    try:
        context.resolve_settings()
    except CredentialsMissingError:
        context.progress(
            "Without credentials for Port it is not checked that the namespace is there."
        )
        return
    with context.connect() as api:
        api.authenticate()
        found = run_concurrently([partial(api.entity, blueprint, one) for one in namespaces])
        missing = [name for name, entity in zip(namespaces, found, strict=True) if entity is None]
        if not missing:
            return
        try:
            entities = api.entities(blueprint)
        except FalcoportError:
            entities = []  # they only serve to suggest a name
    identifiers = [str(entity.get("identifier")) for entity in entities]
    problems = tuple(_describe_missing(blueprint, name, identifiers) for name in missing)
    raise CheckFailedError(problems[0].message, hint=problems[0].hint, problems=problems)


def _describe_missing(blueprint: str, namespace: str, identifiers: list[str]) -> Problem:
    near = get_close_matches(namespace, identifiers, n=3, cutoff=0.4)
    return Problem(
        "not_found",
        f"Port has no entity {namespace} of the blueprint {blueprint}.",
        "--namespace",
        (f"Nearest: {', '.join(near)}. " if near else "") + "--offline skips this check.",
    )
