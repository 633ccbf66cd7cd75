"""What expressions that ship with falcoport read of a body, and a twin in Python of the costliest.

`jq_analysis` understands a small part of jq for certain. The expressions of the standard profile
use more of it, but all of them look into a body in one way only: a member by its name, and an
output field by a literal. That is told from their text; tests compare the results with those of
libjq on the whole event.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.mapping.option_expressions import Identifier, identifier_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_MEMBER = re.compile(r"\.body\.([a-z_]+)")
_FIELD = re.compile(r'\["((?:[^"\\]|\\.)*)"\]')
_FIELDS = "output_fields"
# What is looked up by other than a literal could be anything.
_UNCLEAR = re.compile(r"\.body(?!\.[a-z_])|\.headers|\$ENV|\benv\b|\binput\b|\.\.|\bgetpath\b")
# There are few different values of these, so that what is computed once serves many alerts.
_FEW_VALUES = frozenset({"tags", "rule", "priority", "source", "hostname", _FIELDS})
# Output fields that may differ from alert to alert of one rule in one place.
_OF_EVENT = ("evt.", "fd.", "proc.", "user.")


@dataclass(frozen=True)
class Reads:
    """What an expression reads: members of a body, and which of its output fields."""

    members: frozenset[str]
    fields: frozenset[str]

    def covers(self, other: Reads) -> bool:
        """Tell whether this is all that `other` is, and more perhaps."""
        return self.members >= other.members and self.fields >= other.fields

    @classmethod
    def union(cls, all_reads: Iterable[Reads]) -> Reads:
        """Return what several expressions read together."""
        members: frozenset[str] = frozenset()
        fields: frozenset[str] = frozenset()
        for one in all_reads:
            members, fields = members | one.members, fields | one.fields
        return cls(members, fields)

    @property
    def is_place(self) -> bool:
        """Whether all that is read says where an alert happened, not what did."""
        return self.members <= {_FIELDS} and not any(f.startswith(_OF_EVENT) for f in self.fields)

    @property
    def has_few_values(self) -> bool:
        """Whether many alerts have the same of all that is read."""
        return self.members <= _FEW_VALUES


def find_reads(shipped: str) -> Reads | None:
    """Return what an expression that ships reads; None if its text does not tell."""
    if _UNCLEAR.search(shipped):
        return None
    members = frozenset(_MEMBER.findall(shipped))
    fields = frozenset(_FIELD.findall(shipped)) if _FIELDS in members else frozenset[str]()
    return Reads(members, fields)


_REFUSED = re.compile(r"[^A-Za-z0-9@_.:\\/ -]")


def _make_identifier(body: Mapping[str, Any]) -> list[str] | None:
    """Return what `--identifier hostname-time-rule` makes; None where libjq has to say."""
    host, time, rule = body.get("hostname"), body.get("time"), body.get("rule")
    if type(time) is not str or type(rule) is not str or not isinstance(host, str | None):
        return None
    text = f"{host or ''}-{time}-{rule}"
    if _REFUSED.search(text):
        text = _REFUSED.sub(lambda match: f"={ord(match[0])}=", text)
    return [text.replace(" ", "+")[:1000]]


TWINS: dict[str, Callable[[Mapping[str, Any]], list[str] | None]] = {
    identifier_expression(Identifier.HOSTNAME_TIME_RULE): _make_identifier,
}
"""Functions that give what an expression does, as `[value]`; None leaves it to libjq."""
