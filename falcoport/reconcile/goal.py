"""What must be in Port, what must not, and what each resource becomes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.resources.interface import Catalog, Fragment, Key, Part, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from falcoport.json_types import Json


@dataclass(frozen=True)
class Kept:
    """Something that stays although the rest of its set-up goes, and why, for people."""

    part: Part
    note: str


@dataclass(frozen=True)
class Goal:
    """What must be in Port, what must not, and what is named but stays.

    Within each, parts stand in the order in which people read them. `notes` say more about what
    goes, by key.
    """

    present: tuple[Part, ...] = ()
    absent: tuple[Part, ...] = ()
    kept: tuple[Kept, ...] = ()
    notes: Mapping[Key, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[Key, ...]:
        """What must be read for it: its resources, the owners of its fragments, what they need."""
        keys: dict[Key, None] = {}
        for part in (*self.present, *self.absent, *(kept.part for kept in self.kept)):
            keys[part.owner if isinstance(part, Fragment) else part.key] = None
        for part in self.present:
            keys.update(dict.fromkeys(part.needs))
        return tuple(keys)


@dataclass(frozen=True)
class Outcome:
    """What the resources of a goal become.

    `planned` is the catalog as it will be. `attached` and `detached` are the fragments of each
    resource that are laid over it and taken out of it.
    """

    planned: Catalog
    attached: Mapping[Key, tuple[Fragment, ...]]
    detached: Mapping[Key, tuple[Fragment, ...]]


def lay_over(goal: Goal, catalog: Catalog) -> Outcome:
    """Return what every resource of a goal becomes, its fragments included."""
    attached, detached = _by_owner(goal.present), _by_owner(goal.absent)
    planned: dict[Key, Json | None] = dict(catalog.found)
    for part in goal.present:
        if isinstance(part, Resource):
            body = part.merge(catalog.get(part.key))
            for fragment in attached.get(part.key, ()):
                body = fragment.attach(body)
            for fragment in detached.get(part.key, ()):
                body = fragment.detach(body)
            planned[part.key] = body
    for part in goal.absent:
        if isinstance(part, Resource):
            live = catalog.get(part.key)
            planned[part.key] = None if live is None else part.remove_own(live)
    return Outcome(Catalog(planned, catalog.neighbours), attached, detached)


def _by_owner(parts: Iterable[Part]) -> dict[Key, tuple[Fragment, ...]]:
    found: dict[Key, tuple[Fragment, ...]] = {}
    for part in parts:
        if isinstance(part, Fragment):
            found[part.owner] = (*found.get(part.owner, ()), part)
    return found
