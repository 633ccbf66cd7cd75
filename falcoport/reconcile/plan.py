"""What must change in Port: a goal against the live catalog, as changes to show and writes to send.

Pure: no file, no random number, no clock, no network. Nothing here knows one kind of resource from
another; what differs between kinds is behind `resources/interface.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from falcoport.errors import NotSetUpError, Problem, error_from
from falcoport.reconcile.changes import Action, Change, compare
from falcoport.reconcile.goal import Goal, Outcome, lay_over
from falcoport.reconcile.removal import find_dependents
from falcoport.reconcile.writes import Stages, Write, order_writes
from falcoport.resources.interface import Catalog, Fragment, Resource


@dataclass(frozen=True)
class Plan:
    """Changes to show, and the writes that make them, in stages whose writes may go together."""

    changes: tuple[Change, ...]
    stages: Stages = ()

    @property
    def writes(self) -> tuple[Write, ...]:
        """All writes, in their order."""
        return tuple(write for stage in self.stages for write in stage)

    @property
    def pending(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.stages)

    @property
    def overwrites(self) -> bool:
        """Whether anything that is there already is to be changed or deleted."""
        created = {write.key for write in self.writes if write.action is Action.CREATE}
        return any(write.key not in created for write in self.writes)


def plan(goal: Goal, catalog: Catalog) -> Plan:
    """Return what turns the live catalog into the goal.

    Raise NotSetUpError where something must be there that `setup` makes, ConflictError or
    InputError where it is not possible without losing something, ManifestError where the result
    would not fit together: every such problem at once, before anything is written.
    """
    _check_partial(goal, catalog)
    _refuse([*_find_missing(goal, catalog), *_find_conflicts(goal, catalog)])
    outcome = lay_over(goal, catalog)
    _refuse([problem for part in goal.present for problem in part.check_result(outcome.planned)])
    _refuse(_find_dependents(goal, catalog, outcome))
    return Plan(compare(goal, catalog, outcome), order_writes(goal, catalog, outcome))


def _check_partial(goal: Goal, catalog: Catalog) -> None:
    """Refuse to complete what is not there."""
    for part in goal.present:
        if isinstance(part, Resource) and part.partial and catalog.get(part.key) is None:
            raise NotSetUpError.missing(part.key.kind, part.key.identifier)


def _find_missing(goal: Goal, catalog: Catalog) -> list[Problem]:
    created = {part.key for part in goal.present if isinstance(part, Resource)}
    return [
        part.explain_missing(need)
        for part in goal.present
        for need in part.needs
        if need not in created and catalog.get(need) is None
    ]


def _find_conflicts(goal: Goal, catalog: Catalog) -> list[Problem]:
    return [
        problem
        for part in goal.present
        for problem in part.find_conflicts(
            catalog.get(part.owner if isinstance(part, Fragment) else part.key)
        )
    ]


def _find_dependents(goal: Goal, catalog: Catalog, outcome: Outcome) -> list[Problem]:
    """Name everything of others that would break or vanish with what is to be deleted."""
    deleted = [
        part
        for part in goal.absent
        if isinstance(part, Resource)
        and catalog.get(part.key) is not None
        and outcome.planned.get(part.key) is None
    ]
    return find_dependents(deleted, catalog, outcome) if deleted else []


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise error_from(problems)
