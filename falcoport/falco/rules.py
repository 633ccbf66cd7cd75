"""Falco's rules files: which rules there are, and the override file that adds a tag to some.

Source: Falco's rule loader (`rule_loader_reader.cpp`, engine 0.31.0, Falco 0.37.0 and later) for
what a file may hold and how `override` appends tags; Falco's chart for `customRules`.

Pure: text in, names and text out.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import yaml

from falcoport.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ENGINE_VERSION = "0.31.0"
"""The engine that first knows `override` (Falco 0.37.0)."""

_CHART_FILE = "zz-falcoport-tags"
"""How names in `customRules` begin: late, since a later redefinition of a rule drops its tags."""

_MAX_KEY = 200
_NOT_IN_KEY = re.compile(r"[^A-Za-z0-9._-]")

_ITEMS = (
    "rule",
    "macro",
    "list",
    "required_engine_version",
    "required_plugin_versions",
)
_GLOB = re.compile(r"[*?\[]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Rules:
    """The names of the rules that Falco loads, in the order of their files."""

    names: tuple[str, ...]


def read_rules(text: str, source: str) -> Rules:
    """Read a rules file, or what `falco -L -o json_output=true` prints.

    Raise InputError, which names `source`, for a text that is neither.
    """
    if text.lstrip().startswith("{"):
        return Rules(tuple(_read_listing(text, source)))
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 -- one of PyYAML's safe loaders
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{source} is not YAML{line}.", where=source) from None
    if document is None:
        return Rules(())
    if not isinstance(document, list):
        raise InputError(f"{source} is not a Falco rules file: it is not a list.", where=source)
    return Rules(tuple(dict.fromkeys(_find_defined(document, source))))


def _read_listing(text: str, source: str) -> Iterable[str]:
    """Return the names in Falco's own listing; it may be followed by lines of text."""
    try:
        listing, _ = json.JSONDecoder().raw_decode(text.lstrip())
        return [rule["info"]["name"] for rule in listing["rules"]]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise InputError(
            f"{source} is not what `falco -L -o json_output=true` prints.", where=source
        ) from None


def _find_defined(document: list[Any], source: str) -> Iterable[str]:
    for number, item in enumerate(document, 1):
        if not isinstance(item, dict) or not any(key in item for key in _ITEMS):
            raise InputError(
                f"{source} is not a Falco rules file: its item {number} is none of "
                f"{', '.join(_ITEMS)}.",
                where=source,
            )
        name = item.get("rule")
        # An item that changes a rule needs one that is there already; it does not make one.
        if isinstance(name, str) and "condition" in item and not _is_change(item):
            yield name


def _is_change(item: dict[str, Any]) -> bool:
    return bool(item.get("append")) or bool(item.get("override"))


def find_rules(patterns: Sequence[str], rules: Rules | None) -> tuple[str, ...]:
    """Return the names of the rules that the patterns mean, in Falco's order.

    A pattern is a name, or a glob (`*`, `?`, `[…]`) where the rules are known. Without `rules`
    every pattern is taken for a name. Raise InputError with every pattern that means none, and
    the nearest names.
    """
    if rules is None:
        return _check_names(patterns)
    found: set[str] = set()
    problems = []
    for pattern in patterns:
        matching = {n for n in rules.names if n == pattern or fnmatchcase(n, pattern)}
        found |= matching
        if not matching:
            problems.append(_no_such_rule(pattern, rules))
    if problems:
        raise InputError(problems[0].message, problems=tuple(problems))
    return tuple(name for name in rules.names if name in found)


def _check_names(patterns: Sequence[str]) -> tuple[str, ...]:
    for pattern in patterns:
        if _GLOB.search(pattern):
            raise InputError(
                f"{pattern!r} is a pattern; the rules that it matches can only be found among "
                "those that Falco loads.",
                where=pattern,
                hint="Give them with --rules-file FILE, or falco -L -o json_output=true | "
                "falcoport tag-rules … --rules-file -",
            )
        if not pattern.strip() or not pattern.isprintable():
            raise InputError(f"{pattern!r} is not the name of a rule.", where="RULE")
    return tuple(dict.fromkeys(patterns))


def _no_such_rule(pattern: str, rules: Rules) -> Problem:
    by_lower = {name.lower(): name for name in rules.names}
    near = get_close_matches(pattern.lower(), by_lower, n=3, cutoff=0.5)
    named = ", ".join(repr(by_lower[name]) for name in near)
    return Problem(
        "no_such_rule",
        f"No rule is called {pattern!r} among the {len(rules.names)} that Falco loads.",
        pattern,
        f"Nearest: {named}." if named else "Names must match exactly.",
    )


@dataclass(frozen=True)
class Tagging:
    """The rules that get the tag of one namespace; `namespace` is its entity's identifier."""

    namespace: str
    tag: str
    rules: tuple[str, ...]


def read_patterns(text: str, source: str) -> dict[str, tuple[str, ...]]:
    """Read a YAML mapping of namespaces to the patterns of their rules.

    Raise InputError, which names `source`, for a text that is something else.
    """
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 -- one of PyYAML's safe loaders
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError(f"{source} is not YAML.", where=source) from None
    if not isinstance(document, dict) or not document:
        raise InputError(
            f"{source} is not a mapping of namespaces to rules.",
            where=source,
            hint="Such as: auth-prod: ['Terminal shell in container', '*network*']",
        )
    return {
        _text_of(key, source): _patterns_of(key, value, source) for key, value in document.items()
    }


def _patterns_of(namespace: Any, value: Any, source: str) -> tuple[str, ...]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not patterns:
        raise InputError(
            f"{source}: the rules of {namespace!r} are not a list.", where=f"{source}: {namespace}"
        )
    return tuple(_text_of(pattern, source) for pattern in patterns)


def _text_of(value: Any, source: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise InputError(
        f"{source}: {value!r} is not a string.", where=source, hint="Put it in quotes."
    )


def write_override_file(taggings: Sequence[Tagging]) -> str:
    """Return a rules file that appends the tags to the rules; each rule is named once."""
    head = [
        "# Made by `falcoport tag-rules`: tags for Falco's rules, which stay as they are.",
        "# Load it after the files that define them, such as /etc/falco/rules.d/zz-tags.yaml;",
        "# check: falco -V falco_rules.yaml -V this-file",
        f"- required_engine_version: {ENGINE_VERSION}",
    ]
    items = [
        f"- rule: {_scalar(name)}\n  tags: [{', '.join(map(_scalar, tags))}]\n"
        "  override:\n    tags: append"
        for name, tags in tags_by_rule(taggings).items()
    ]
    return "\n".join([*head, *items]) + "\n"


def tags_by_rule(taggings: Iterable[Tagging]) -> dict[str, list[str]]:
    """Return the tags that each rule gets, in the order of the taggings."""
    found: dict[str, list[str]] = {}
    for tagging in taggings:
        for name in tagging.rules:
            found.setdefault(name, []).append(tagging.tag)
    return found


def write_chart_values(taggings: Sequence[Tagging]) -> str:
    """Return values of the `falco` chart that add an override file for each namespace.

    Helm merges maps by key, so that values for other namespaces, from another file, stay; and
    Falco adds up what several files append to a rule.
    """
    files = [
        f"  {_chart_file(tagging.namespace)}: |-\n"
        + "".join(f"    {line}\n" for line in write_override_file([tagging]).splitlines())
        for tagging in taggings
    ]
    return "customRules:\n" + "".join(files)


def _chart_file(namespace: str) -> str:
    """Return the key of a namespace's file, in the letters that a ConfigMap's key may have."""
    name = _NOT_IN_KEY.sub("_", namespace)[:_MAX_KEY]
    if name != namespace:
        # Two namespaces must not get one key.
        name += "-" + hashlib.sha256(namespace.encode()).hexdigest()[:8]
    return f"{_CHART_FILE}-{name}.yaml"


def _scalar(text: str) -> str:
    """Return text as one YAML scalar, quoted where YAML would read it otherwise."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9 _./()+-]*[A-Za-z0-9_)]", text):
        try:
            if yaml.load(text, Loader=_LOADER) == text:  # noqa: S506 -- a safe loader
                return text
        except yaml.YAMLError:
            pass
    return json.dumps(text, ensure_ascii=False)
