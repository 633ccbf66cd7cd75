"""Shared JQ of a webhook manifest: written once under `definitions`, put where it is used.

Port knows nothing of definitions, so each expression becomes plain JQ when the manifest is read:
a definition's name, used as a function without arguments, is replaced by its text. A definition may
use those above it, and the ones that falcoport brings along (SHARED).

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from falcoport.errors import ManifestError
from falcoport.manifests.validation import kind
from falcoport.mapping.alert_fields import KNOWN, OWN_NAMESPACE, OWN_POD, OWN_WORKLOAD
from falcoport.mapping.expressions import compile_error, expressions
from falcoport.mapping.finding_expressions import DEFAULT_KEYS, write_identifier, write_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY = "definitions"
SHARED = {
    "known": KNOWN,
    "own_namespace": OWN_NAMESPACE,
    "own_pod": OWN_POD,
    "own_workload": OWN_WORKLOAD,
    "finding_identifier": write_identifier(DEFAULT_KEYS),
    "finding_title": write_title(DEFAULT_KEYS),
}
"""The JQ that manifests and options have in common, by the name that manifests use."""

# What may look like a name and is none: texts, fields, variables, formats, keys of objects.
_TOKEN = re.compile(
    r"""
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<comment>\#[^\n]*)
    | (?P<other>[.$@][A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][A-Za-z0-9_]*(?=\s*:(?!:)|::|\s*\())
    | (?P<name>(?<![\w:])[A-Za-z_][A-Za-z0-9_]*)
    """,
    re.VERBOSE | re.DOTALL,
)


def expand(webhook: Mapping[str, Any]) -> dict[str, Any]:
    """Return a webhook manifest whose expressions are plain JQ, without `definitions`.

    One without that key is returned as it is: its names are its own. What is of a wrong type is
    passed over, since saying so is the check's part.
    """
    if KEY not in webhook:
        return dict(webhook)
    known = dict(SHARED)
    given = webhook[KEY]
    for name, text in given.items() if isinstance(given, dict) else ():
        if isinstance(text, str):
            known[name] = expand_text(text, known)
    return {key: _expanded(value, known) for key, value in webhook.items() if key != KEY}


_LONGEST = 128 * 1024
_OPENING = ("", "|", "(", "[")
_CLOSING = ("", ")", "]")


def expand_text(text: str, known: Mapping[str, str]) -> str:
    """Return an expression with each name that is defined replaced by what it stands for.

    Raise ManifestError for one that grows without measure.
    """

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in known:
            return match[0]
        before, after = text[: match.start()].rstrip(), text[match.end() :].lstrip()
        # Between pipes and brackets nothing can bind to a part of the definition.
        stands_alone = before[-1:] in _OPENING and (
            after[:1] in _CLOSING or (after[:1] == "|" and after[:2] != "|=")
        )
        return known[name] if stands_alone else f"({known[name]})"

    text = text.strip()
    names = (match["name"] for match in _TOKEN.finditer(text))
    # Definitions of definitions may double thirty times over.
    if sum(len(known.get(name, "")) for name in names if name) > _LONGEST:
        raise ManifestError(
            f"An expression becomes longer than {_LONGEST:,} characters with its definitions.",
            where=KEY,
        )
    return _TOKEN.sub(replace, text)


def _expanded(value: Any, known: Mapping[str, str]) -> Any:
    """Expand the mappings; the rest of a webhook holds no JQ that may use definitions."""
    if isinstance(value, list):
        return [_expanded_mapping(mapping, known) for mapping in value]
    return value


def _expanded_mapping(mapping: Any, known: Mapping[str, str]) -> Any:
    if not isinstance(mapping, dict):
        return mapping
    return {
        key: _expanded_leaves(value, known)
        if key in ("filter", "itemsToParse", "entity")
        else value
        for key, value in mapping.items()
    }


def _expanded_leaves(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return expand_text(value, known)
    if isinstance(value, dict):
        return {key: _expanded_leaves(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expanded_leaves(inner, known) for inner in value]
    return value


def find_problems(webhook: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the place and the message of everything that is wrong with the definitions."""
    given = webhook[KEY]
    if not isinstance(given, dict):
        yield KEY, f"must be a map of names to JQ, not {kind(given)}"
        return
    for name, text in given.items():
        at = f"{KEY}.{name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield at, "is not a name: those are letters, digits and _, and begin with a letter"
        elif name in SHARED or not compile_error(f". | {name}"):
            yield at, "is the name of something else already"
        elif not isinstance(text, str):
            yield at, f"must be a JQ expression, not {kind(text)}"
    for name in _find_unused(webhook, given):
        yield f"{KEY}.{name}", "is not used by any expression"


_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _find_unused(webhook: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """Yield the definitions that neither an expression nor a definition below them uses."""
    texts = (one.text for mapping in _maps(webhook) for one in expressions(mapping))
    used = {name for text in texts for name in _find_names(text)}
    for name, text in reversed(list(given.items())):
        if name not in used:
            yield name
        if isinstance(text, str):
            used.update(_find_names(text))


def _find_names(text: str) -> Iterator[str]:
    return (match["name"] for match in _TOKEN.finditer(text))


def _maps(webhook: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = webhook.get("mappings")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
