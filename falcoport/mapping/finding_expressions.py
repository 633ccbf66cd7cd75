"""JQ for findings: what tells one from another, and how an alert finds its own.

A finding is what a person acts on: the same rule in the same place. Its identifier is made of a few
keys of the alert, so that any number of alerts becomes one entity.

Pure. `read_identifier` is the inverse of `write_identifier`.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from falcoport.errors import OptionValueError
from falcoport.mapping.alert_fields import (
    OWN_NAMESPACE,
    OWN_POD,
    OWN_WORKLOAD,
    PLACE_FIELDS,
    find_namespace,
    find_workload,
    first_usable,
    is_usable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

BLUEPRINT = "falco_finding"
RELATION = "finding"
"""The relation from an alert to its finding."""


class Key(StrEnum):
    """What may tell one finding from another."""

    RULE = "rule"
    WORKLOAD = "workload"
    NAMESPACE = "namespace"
    POD = "pod"
    HOST = "host"
    IMAGE = "image"
    PROCESS = "process"
    PRIORITY = "priority"
    SOURCE = "source"


DEFAULT_KEYS = (Key.RULE, Key.WORKLOAD)

# Outside of Kubernetes an alert belongs to a repository or an account, else to Falco's host. The
# name of its source stands before it, so that it is never taken for a namespace.
_OUTSIDE_FIELDS = (
    "github.repo.name",
    "github.org",
    "ct.user.accountid",
    "ct.recipientaccountid",
    "gcp.projectId",
    "okta.org",
)
_OUTSIDE = first_usable(*_OUTSIDE_FIELDS)
_PLACE = (
    f"({OWN_NAMESPACE}) as $namespace | ({OWN_WORKLOAD}) as $workload | ({_OUTSIDE}) as $outside "
    '| if $namespace then $namespace + "/" + ($workload // "") '
    'elif $outside then .body.source + "/" + $outside '
    'else "host/" + (.body.hostname // "") end'
)
_KEYS = {
    Key.RULE: ".body.rule",
    Key.WORKLOAD: f"({_PLACE})",
    Key.NAMESPACE: f"({OWN_NAMESPACE})",
    Key.POD: f"({OWN_POD})",
    Key.HOST: ".body.hostname",
    Key.IMAGE: f"({first_usable('container.image.repository')})",
    Key.PROCESS: f"({first_usable('proc.name')})",
    Key.PRIORITY: ".body.priority",
    Key.SOURCE: ".body.source",
}
# As for an alert's identifier, and ":" too, since that stands between the keys: no two lists of
# values become one text. A value that is missing is "=" alone.
_JOINED = (
    r'map(if . == null or . == "" then "=" else gsub("(?<c>[^A-Za-z0-9@_./\\\\ -])"; '
    r'"=" + (.c | explode | .[0] | tostring) + "=") | gsub(" "; "+") end) '
    r'| join(":") | .[0:1000]'
)
_TITLE = 'map(if . == null or . == "" then "-" else . end) | join(": ")'


def parse_keys(text: str) -> tuple[Key, ...]:
    """Return the keys that an option names, such as `rule,namespace`; each once, in that order.

    Raise OptionValueError for a name that is no key, and for none at all.
    """
    names = [name.strip().lower() for name in text.split(",")]
    unknown = [name for name in names if name not in set(Key)]
    if unknown:
        raise OptionValueError(
            f"--findings-by {unknown[0]!r} is not a key of findings.",
            where="--findings-by",
            hint=f"Choose some of {', '.join(Key)}.",
        )
    return tuple(dict.fromkeys(Key(name) for name in names))


def write_identifier(keys: tuple[Key, ...], cluster: str | None = None) -> str:
    """Return JQ for the identifier of an alert's finding.

    `cluster` is JQ as for `workload_expression`; None where the cluster is not known, so that
    findings are told apart by their keys alone.
    """
    return f"[{_values(keys, cluster)}] | {_JOINED}"


def write_title(keys: tuple[Key, ...]) -> str:
    """Return JQ for the title of an alert's finding: its keys as a person reads them."""
    return f"[{_values(keys, None)}] | {_TITLE}"


def _values(keys: tuple[Key, ...], cluster: str | None) -> str:
    return ", ".join([*(_KEYS[key] for key in keys), *([f"({cluster})"] if cluster else [])])


def read_identifier(text: object) -> tuple[tuple[Key, ...], str | None] | None:
    """Return the keys and the cluster that `write_identifier` wrote into `text`; else None."""
    if not isinstance(text, str) or not text.startswith("[") or not text.endswith(f"] | {_JOINED}"):
        return None
    rest = text[1 : -len(f"] | {_JOINED}")]
    keys: list[Key] = []
    while rest:
        key = next((k for k, value in _KEYS.items() if _starts_with(rest, value)), None)
        if key is None:
            break
        keys.append(key)
        rest = rest[len(_KEYS[key]) :].removeprefix(", ")
    cluster = rest[1:-1] or None
    found = tuple(keys), cluster
    return found if keys and write_identifier(*found) == text else None


def _starts_with(text: str, value: str) -> bool:
    """Tell whether `text` begins with this value and not with a longer one."""
    return text == value or text.startswith(f"{value}, ")


def find_place(body: Mapping[str, Any]) -> str:
    """Return the place that DEFAULT_KEYS find in an alert, without running jq.

    For counting findings that no mapping makes yet; a test compares it with the JQ.
    """
    fields = body.get("output_fields") or {}
    values = (fields.get(name) for name in _PLACE_FIELDS)
    kind, place = _find_place(tuple(v if isinstance(v, str) else None for v in values))
    if kind == "outside":
        return f"{body.get('source')}/{place}"
    return place if kind else f"host/{body.get('hostname') or ''}"


_PLACE_FIELDS = (*PLACE_FIELDS, *_OUTSIDE_FIELDS)


# There are as many places as a cluster has pods: each is looked at once.
@lru_cache(maxsize=16_384)
def _find_place(values: tuple[str | None, ...]) -> tuple[str, str]:
    fields = dict(zip(_PLACE_FIELDS, values, strict=True))
    namespace = find_namespace(fields)
    if namespace:
        return "kubernetes", f"{namespace}/{find_workload(fields)}"
    outside = [str(fields[name]) for name in _OUTSIDE_FIELDS if is_usable(fields[name])]
    return ("outside", outside[0]) if outside else ("", "")
