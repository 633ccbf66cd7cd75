"""Adding extras to the goal of a set-up, and taking them out of it. Pure but for shipped files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from falcoport.commands.extras.choices import Extra, ExtraChoices
from falcoport.commands.extras.dashboard import build_dashboard
from falcoport.commands.extras.subject import Parts, Subject, find_subject
from falcoport.errors import UsageError
from falcoport.resources.interface import NOTHING, Fragment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from falcoport.reconcile.goal import Goal
    from falcoport.resources.interface import Catalog, Key, Part, Resource


def build_extra(extra: Extra, subject: Subject, catalog: Catalog) -> Parts:
    """Return what an extra consists of. Raise UsageError where the set-up cannot have it."""
    del catalog
    match extra:
        case Extra.DASHBOARD:
            return build_dashboard(subject)


def add_extras(goal: Goal, choices: ExtraChoices, catalog: Catalog) -> Goal:
    """Return the goal of a set-up with its extras, and without those that are not wanted.

    Raise UsageError where one is wanted that the set-up cannot have.
    """
    if not choices.named:
        return goal
    subject = find_subject(goal, catalog)
    wanted = [build_extra(extra, subject, catalog) for extra in choices.wanted]
    unwanted = [parts for _extra, parts in offer_extras(subject, catalog, choices.unwanted)]
    owners = [owner for parts in (*wanted, *unwanted) for owner in parts.owners]
    return replace(
        goal,
        present=_unique(goal.present, owners, [one for parts in wanted for one in parts.own]),
        absent=(*goal.absent, *(one for parts in unwanted for one in reversed(parts.own))),
    )


def offer_extras(
    subject: Subject, catalog: Catalog, extras: Iterable[Extra] = tuple(Extra)
) -> list[tuple[Extra, Parts]]:
    """Return those of some extras that a set-up can have, each with its parts."""
    found = []
    for extra in extras:
        try:
            found.append((extra, build_extra(extra, subject, catalog)))
        except UsageError:
            continue
    return found


def find_installed(goal: Goal, catalog: Catalog) -> Mapping[Extra, Parts]:
    """Return the extras of which Port has anything, each with its parts."""
    offered = offer_extras(find_subject(goal, catalog), catalog)
    return {
        extra: parts
        for extra, parts in offered
        if any(is_installed(part, catalog) for part in parts.own)
    }


def is_installed(part: Part, catalog: Catalog) -> bool:
    """Tell whether Port has a part of an extra."""
    if isinstance(part, Fragment):
        owner = catalog.get(part.owner)
        return owner is not None and part.extract(owner) is not None
    live = catalog.get(part.key)
    return live is not None and not tuple(part.find_conflicts(live))


def list_keys(goal: Goal, extras: Iterable[Extra] = tuple(Extra)) -> tuple[Key, ...]:
    """Return what must be read to know what some extras consist of, and whether they are there."""
    offered = offer_extras(find_subject(goal, NOTHING), NOTHING, extras)
    parts = [one for _extra, parts in offered for one in (*parts.owners, *parts.own)]
    return replace(goal, present=tuple(parts), absent=()).keys


def _unique(
    present: Iterable[Part], owners: Iterable[Resource], parts: Iterable[Part]
) -> tuple[Part, ...]:
    """Return all parts, each once: what a goal has already says more than what an extra needs."""
    found = {part.key: part for part in present}
    for part in (*owners, *parts):
        found.setdefault(part.key, part)
    return tuple(found.values())


def remove_extras(goal: Goal, setup: Goal, catalog: Catalog) -> Goal:
    """Return the goal of a removal with every extra that Port has; `setup` is what it undoes."""
    installed = find_installed(setup, catalog).values()
    owners = [owner for parts in installed for owner in parts.owners]
    taken = {part.key for part in goal.absent}
    return replace(
        goal,
        present=_unique(goal.present, [one for one in owners if one.key not in taken], ()),
        absent=(*(one for parts in installed for one in reversed(parts.own)), *goal.absent),
    )


def with_installed(goal: Goal, installed: Mapping[Extra, Parts]) -> Goal:
    """Return the goal of a set-up with the extras that Port has, to be compared with Port."""
    owners = [owner for parts in installed.values() for owner in parts.owners]
    own = [one for parts in installed.values() for one in parts.own]
    return replace(goal, present=_unique(goal.present, owners, own))
