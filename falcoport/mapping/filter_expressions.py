"""The filter of a mapping as options say it: which alerts pass, as JQ, and read back from JQ.

`write_filter` and `read_filter` are inverse to each other, so that what an option once wrote is
remembered by Port itself.

Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from typing import Any

from falcoport.errors import OptionValueError
from falcoport.falco.priorities import PRIORITIES, find_priority
from falcoport.mapping.alert_fields import OWN_NAMESPACE

ALL = "true"
"""The filter that lets every alert pass."""


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts pass.

    `min_priority` is a priority as Falco writes it, `Warning` for example: those below it do not
    pass. The others are globs (`*` is any text, `?` any character), each compared with the whole
    name, in Falco's own spelling. An alert outside of Kubernetes has the namespace `""`. An empty
    `only_…` lets everything pass.
    """

    min_priority: str | None = None
    only_rules: tuple[str, ...] = ()
    skip_rules: tuple[str, ...] = ()
    only_namespaces: tuple[str, ...] = ()
    skip_namespaces: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether it keeps anything out."""
        return self != AlertFilter()


OPTIONS = {field.name: "--" + field.name.replace("_", "-") for field in fields(AlertFilter)}
"""The option that sets each part of a filter."""


def check_filter(chosen: AlertFilter) -> AlertFilter:
    """Return a filter with its priority in Falco's spelling and each glob once.

    Raise OptionValueError for a priority that Falco does not have, an empty rule, and a glob that
    holds control characters.
    """
    globs = {}
    for name in ("only_rules", "skip_rules", "only_namespaces", "skip_namespaces"):
        given: tuple[str, ...] = tuple(dict.fromkeys(getattr(chosen, name)))
        for glob in given:
            _check_glob(glob, OPTIONS[name], may_be_empty=name.endswith("namespaces"))
        globs[name] = given
    return AlertFilter(_spell_priority(chosen.min_priority), **globs)


def _spell_priority(priority: str | None) -> str | None:
    if priority is None:
        return None
    found = find_priority(priority)
    if found is None:
        raise OptionValueError(
            f"--min-priority {priority!r} is not a priority of Falco.",
            where="--min-priority",
            hint=f"Choose one of {', '.join(PRIORITIES)}.",
        )
    # Everything is at or above the lowest one.
    return None if found == PRIORITIES[-1] else found


def _check_glob(glob: str, option: str, *, may_be_empty: bool) -> None:
    if not glob and not may_be_empty:
        raise OptionValueError(
            f"{option} must not be empty.", where=option, hint="Give a rule's name, or '*'."
        )
    if any(ord(character) < _SPACE or "\ud800" <= character <= "\udfff" for character in glob):
        raise OptionValueError(f"{option} {glob!r} holds a control character.", where=option)


_SPACE = 0x20


def write_filter(chosen: AlertFilter, base: str = ALL) -> str:
    """Return JQ that is true for the alerts that pass.

    `base` is the filter that the manifest has; both must let an alert pass.
    Raise OptionValueError as `check_filter` does.
    """
    checked = check_filter(chosen)
    parts = [
        _priority_part(checked.min_priority) if checked.min_priority else "",
        _part(_RULE, checked.only_rules),
        _part(_RULE, checked.skip_rules, skip=True),
        _part(_NAMESPACE, checked.only_namespaces),
        _part(_NAMESPACE, checked.skip_namespaces, skip=True),
    ]
    own = " and ".join(part for part in parts if part)
    if not own:
        return base
    return own if base.strip() == ALL else f"({base}) and {own}"


def read_filter(text: object, base: str = ALL) -> AlertFilter | None:
    """Return the filter that `write_filter` made into `text`; None if it did not write it."""
    if not isinstance(text, str):
        return None
    if text.strip() == base.strip():
        return AlertFilter()
    own = text if base.strip() == ALL else text.removeprefix(f"({base}) and ")
    found: dict[str, Any] = {}
    for name, pattern in _READERS.items():
        match = pattern.search(own)
        if match is not None:
            read = _read_priority if name == "min_priority" else _read_globs
            found[name] = read(match["list"] or match["regex"], is_list=match["list"] is not None)
    if None in found.values():
        return None
    try:
        chosen = AlertFilter(**found)
        # Whatever else the text says shows here: it is not what this filter is written as.
        return chosen if write_filter(chosen, base) == text else None
    except OptionValueError:
        return None


_RULE = ".body.rule"
_NAMESPACE = f'{OWN_NAMESPACE} // ""'


def _priority_part(priority: str) -> str:
    passing = PRIORITIES[: PRIORITIES.index(priority) + 1]
    return f"(.body.priority | IN({', '.join(map(_quote, passing))}))"


def _part(value: str, globs: tuple[str, ...], *, skip: bool = False) -> str:
    if not globs:
        return ""
    if any(map(_has_wildcard, globs)):
        condition = f"test({_quote(_regex(globs))})"
    else:
        condition = f"IN({', '.join(map(_quote, globs))})"
    return f"({value} | {condition}{' | not' if skip else ''})"


def _quote(text: str) -> str:
    """Return a text as JQ. Port reads some single quotes as double ones, so those are escaped."""
    return json.dumps(text, ensure_ascii=False).replace("'", "\\u0027").replace("\x7f", "\\u007f")


def _has_wildcard(glob: str) -> bool:
    return "*" in glob or "?" in glob


def _regex(globs: tuple[str, ...]) -> str:
    return rf"\A(?:{'|'.join(map(_glob_regex, globs))})\z"


_WILDCARDS = {"*": ".*", "?": "."}
_GLOBS = {".*": "*", ".": "?"}
_PLAIN = re.compile(r"[\w -]")


def _glob_regex(glob: str) -> str:
    return "".join(
        _WILDCARDS.get(character)
        or (character if _PLAIN.match(character) or not character.isascii() else f"\\{character}")
        for character in glob
    )


_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<wild>\.\*?)|(?P<end>\|)|(?P<plain>.)", re.DOTALL)


def _reader(value: str, suffix: str) -> re.Pattern[str]:
    return re.compile(
        rf"\({re.escape(value)} \| "
        rf"(?:IN\((?P<list>{_STRING}(?:, {_STRING})*)\)|test\((?P<regex>{_STRING})\)){suffix}\)"
    )


_READERS = {
    "min_priority": _reader(".body.priority", ""),
    "only_rules": _reader(_RULE, ""),
    "skip_rules": _reader(_RULE, re.escape(" | not")),
    "only_namespaces": _reader(_NAMESPACE, ""),
    "skip_namespaces": _reader(_NAMESPACE, re.escape(" | not")),
}


def _read_priority(text: str, *, is_list: bool) -> str | None:
    names = _read_globs(text, is_list=is_list)
    return names[-1] if names else None


def _read_globs(text: str, *, is_list: bool) -> tuple[str, ...] | None:
    try:
        if is_list:
            return tuple(json.loads(f"[{text}]"))
        regex = json.loads(text)
    except ValueError:
        return None
    match = re.fullmatch(r"\\A\(\?:(.*)\)\\z", regex, re.DOTALL)
    if match is None:
        return None
    globs = [""]
    for token in _TOKEN.finditer(match[1]):
        if token["end"]:
            globs.append("")
        else:
            globs[-1] += token["escaped"] or _GLOBS.get(token["wild"]) or token["plain"]
    return tuple(globs)
