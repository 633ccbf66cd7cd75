"""Write the Falco file that tags rules for Port, without editing the files they come in."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.commands.set_up import DEFAULT_RELATION, DEFAULT_TAG_PREFIX
from falcoport.errors import (
    CheckFailedError,
    CredentialsMissingError,
    FalcoportError,
    InputError,
    OptionValueError,
)
from falcoport.falco.rules import (
    Rules,
    find_rules,
    read_rules,
    write_chart_values,
    write_override_file,
)
from falcoport.falco.rules_format import RulesFormat
from falcoport.port.identifiers import ENTITY

if TYPE_CHECKING:
    from falcoport.commands.context import Context

STDIN = "-"


@dataclass(frozen=True)
class TagRulesRequest:
    """Which rules to tag, and for which namespace.

    `rules` are names, or globs where `files` (rules files, or what Falco lists; `-` is stdin) say
    which rules there are. `blueprint` is that of the namespace, whose entity is looked up unless
    `offline`.
    """

    rules: tuple[str, ...]
    namespace: str
    files: tuple[str, ...] = ()
    form: RulesFormat = RulesFormat.YAML
    tag_prefix: str = DEFAULT_TAG_PREFIX
    blueprint: str = DEFAULT_RELATION
    offline: bool = False


@dataclass(frozen=True)
class TagRulesResult:
    """The tag, the rules that get it, and the text of the file that gives it to them."""

    tag: str
    rules: tuple[str, ...]
    text: str


def tag_rules(request: TagRulesRequest, context: Context) -> TagRulesResult:
    """Build the override file.

    Raise OptionValueError for a namespace that is no identifier, InputError for rules that are not
    there or a file that lists none, CheckFailedError for a namespace that Port does not have, and
    what the client raises.
    """
    tag = _build_tag(request)
    known = _read_known(request.files)
    names = find_rules(request.rules, known)
    if known is None:
        context.warn(
            "Which rules Falco loads is not known, and an override for one that is not loaded "
            "stops it from starting: give them with --rules-file."
        )
    if not request.offline:
        _check_namespace(request, context)
    write = write_chart_values if request.form is RulesFormat.HELM else write_override_file
    return TagRulesResult(tag, names, write(names, tag))


def _build_tag(request: TagRulesRequest) -> str:
    if not ENTITY.accepts(request.namespace):
        raise OptionValueError(
            f"--namespace {request.namespace!r} is no identifier of an entity in Port.",
            where="--namespace",
            hint="The Kubernetes exporter names a namespace's entity <namespace>-<cluster>.",
        )
    return f"{request.tag_prefix}{request.namespace}"


def _read_known(files: tuple[str, ...]) -> Rules | None:
    """Read every rules file; None if there is none."""
    if not files:
        return None
    names: list[str] = []
    for name in files:
        try:
            raw = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
            text = raw.decode("utf-8-sig")
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}.", where=name) from None
        except UnicodeDecodeError:
            raise InputError(f"{name} is not UTF-8 text.", where=name) from None
        names.extend(read_rules(text, name).names)
    return Rules(tuple(dict.fromkeys(names)))


def _check_namespace(request: TagRulesRequest, context: Context) -> None:
    """Look the namespace's entity up in Port, where there are credentials for that."""
    try:
        context.resolve_settings()
    except CredentialsMissingError:
        context.progress(
            "Without credentials for Port it is not checked that the namespace is there."
        )
        return
    with context.connect() as api:
        if api.entity(request.blueprint, request.namespace) is not None:
            return
        try:
            entities = api.entities(request.blueprint)
        except FalcoportError:
            entities = []  # they only serve to suggest a name
    identifiers = [str(entity.get("identifier")) for entity in entities]
    near = get_close_matches(request.namespace, identifiers, n=3, cutoff=0.4)
    raise CheckFailedError(
        f"Port has no entity {request.namespace} of the blueprint {request.blueprint}.",
        where="--namespace",
        hint=f"Nearest: {', '.join(near)}. --offline skips this check."
        if near
        else "--offline skips this check.",
    )
