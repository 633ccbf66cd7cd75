"""What happens to each part of a goal, field by field. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from falcoport.resources.interface import Catalog, Fragment, Key, Part, Resource
from falcoport.resources.merging import FieldChange, difference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcoport.json_types import Json
    from falcoport.reconcile.goal import Goal, Kept, Outcome


class Action(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Change:
    """What happens to one resource or fragment, field by field.

    `note` tells a person what the action alone does not. `owner` is, for a fragment, the resource
    that it is written with.
    """

    key: Key
    action: Action
    fields: tuple[FieldChange, ...] = ()
    note: str = ""
    owner: Key | None = None

    @property
    def written_with(self) -> Key:
        """The resource whose write makes this change."""
        return self.owner or self.key


def compare(goal: Goal, catalog: Catalog, outcome: Outcome) -> tuple[Change, ...]:
    """Return the change of every part of a goal, whether or not it may be made."""
    changes = [_compare_present(part, catalog, outcome) for part in goal.present]
    changes.extend(_compare_absent(part, goal, catalog, outcome) for part in goal.absent)
    changes.extend(
        Change(kept.part.key, Action.UNCHANGED, note=_make_kept_note(kept, catalog))
        for kept in goal.kept
    )
    return tuple(changes)


def _compare_present(part: Part, catalog: Catalog, outcome: Outcome) -> Change:
    before, after = _sides(part, catalog, outcome)
    assert after is not None  # it was laid over
    fields = _find_differing(before or {}, after)
    action = Action.UPDATE if fields else Action.UNCHANGED
    owner = part.owner if isinstance(part, Fragment) else None
    return Change(part.key, Action.CREATE if before is None else action, fields, owner=owner)


def _sides(part: Part, catalog: Catalog, outcome: Outcome) -> tuple[Json | None, Json | None]:
    """Return a part as it is and as it will be, without the fragments that are shown apart."""
    if isinstance(part, Fragment):
        live, planned = catalog.get(part.owner), outcome.planned.get(part.owner)
        return (
            None if live is None else part.extract(live),
            None if planned is None else part.extract(planned),
        )
    key = part.key
    fragments = (*outcome.attached.get(key, ()), *outcome.detached.get(key, ()))
    live, planned = catalog.get(key), outcome.planned.get(key)
    return without_fragments(live, fragments), without_fragments(planned, fragments)


def without_fragments(body: Json | None, fragments: Iterable[Fragment]) -> Json | None:
    """Return a body without some fragments."""
    for fragment in fragments:
        body = None if body is None else fragment.detach(body)
    return body


def _compare_absent(part: Part, goal: Goal, catalog: Catalog, outcome: Outcome) -> Change:
    note = goal.notes.get(part.key, "")
    before, after = _sides(part, catalog, outcome)
    if before is None:
        return Change(part.key, Action.UNCHANGED, note="already absent")
    if isinstance(part, Fragment):
        return Change(part.key, Action.DELETE, note=note, owner=part.owner)
    if after is None:
        return Change(part.key, Action.DELETE, note=note)
    rest = note or (part.describe_rest(after) if isinstance(part, Resource) else "")
    fields = _find_differing(before, after)
    return Change(part.key, Action.UPDATE if fields else Action.UNCHANGED, fields, rest)


def _make_kept_note(kept: Kept, catalog: Catalog) -> str:
    return kept.note if catalog.get(kept.part.key) is not None else "already absent"


def _find_differing(before: Json, after: Json) -> tuple[FieldChange, ...]:
    return tuple(sorted(difference(before, after), key=lambda changed: changed.field))
