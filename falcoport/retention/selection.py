"""Which alerts go: a search of Port's for what it can find, and a look at the rest here.

Pure: the time comes from the caller, and what Port has from its answers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from falcoport.falco.priorities import PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from falcoport.json_types import Json

CRITICAL = PRIORITIES[:3]
"""The priorities whose open alerts stay unless asked otherwise."""

PAGE = 1000
"""The most entities of one answer of Port's search."""

_OPEN = "Open"
_NO_MONTH = "no time"
_DATE = len("2026-08")


@dataclass(frozen=True)
class Kind:
    """A blueprint whose entities are pruned, and its property that says how old one is."""

    blueprint: str
    time: str


ALERTS_TIME, FINDINGS_TIME = "time", "lastSeen"


@dataclass(frozen=True)
class Selection:
    """What to delete.

    `before` is the instant, in RFC 3339, that a deleted entity is older than; None: whatever its
    age, which `keep_newest` then bounds. Empty tuples choose nothing. `namespaces` are targets of
    the relation `relation`. Open ones of CRITICAL stay unless `include_open_critical`.
    """

    before: str | None
    priorities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    relation: str = "namespace"
    keep_newest: int | None = None
    include_open_critical: bool = False

    def search(self, kind: Kind) -> Json:
        """Return the body of the search that finds everything that may go, but for paging."""
        rules: list[Json] = []
        if self.before is not None:
            rules.append({"property": kind.time, "operator": "<", "value": self.before})
        for name, chosen in (
            ("priority", self.priorities),
            ("status", self.statuses),
            ("rule", self.rules),
        ):
            if chosen:
                rules.append({"property": name, "operator": "in", "value": list(chosen)})
        if not rules:
            # Port's search wants a rule; every entity of a blueprint is of that blueprint.
            rules.append({"property": "$blueprint", "operator": "=", "value": kind.blueprint})
        return {
            "query": {"combinator": "and", "rules": rules},
            "include": ["$identifier", kind.time, "priority", "status", self.relation],
            "limit": PAGE,
        }


class Chosen(NamedTuple):
    """An entity to delete: its time as Port writes it, its identifier, its priority."""

    time: str
    identifier: str
    priority: str


@dataclass
class Choice:
    """What a search gave: what goes, and how many stay though they are as old.

    `open_critical` are left because somebody has yet to look at them, `newest` because of
    `keep_newest`.
    """

    going: list[Chosen] = field(default_factory=list)
    open_critical: int = 0
    newest: int = 0

    @property
    def by_month(self) -> list[tuple[str, dict[str, int]]]:
        """How many go by month and priority, the oldest month first."""
        counts: dict[str, Counter[str]] = {}
        for one in self.going:
            counts.setdefault(one.time[:_DATE] or _NO_MONTH, Counter())[one.priority] += 1
        return [(month, dict(counts[month])) for month in sorted(counts)]


def choose(selection: Selection, kind: Kind, found: Iterable[Mapping[str, Any]]) -> Choice:
    """Return what goes of the entities that a search found, the oldest first."""
    choice = Choice()
    for entity in found:
        properties = entity.get("properties") or {}
        if not _in_namespaces(selection, entity.get("relations") or {}):
            continue
        if _is_open_critical(properties) and not selection.include_open_critical:
            choice.open_critical += 1
            continue
        choice.going.append(
            Chosen(
                str(properties.get(kind.time) or ""),
                str(entity["identifier"]),
                str(properties.get("priority") or ""),
            )
        )
    choice.going.sort()
    if selection.keep_newest is not None:
        kept = min(selection.keep_newest, len(choice.going))
        choice.newest = kept
        del choice.going[len(choice.going) - kept :]
    return choice


def _in_namespaces(selection: Selection, relations: Mapping[str, Any]) -> bool:
    if not selection.namespaces:
        return True
    related = relations.get(selection.relation)
    targets = related if isinstance(related, list) else [related]
    return any(target in selection.namespaces for target in targets)


def _is_open_critical(properties: Mapping[str, Any]) -> bool:
    """Tell whether somebody has yet to look at an alert; without a status, nobody can say so."""
    return properties.get("status") == _OPEN and properties.get("priority") in CRITICAL


def priorities_up_to(most_severe: str) -> tuple[str, ...]:
    """Return a priority, as Falco writes it, and all that are less severe."""
    return PRIORITIES[PRIORITIES.index(most_severe) :]
