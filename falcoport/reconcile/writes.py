"""The requests that make a plan's changes, and in which order they go out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.reconcile.changes import Action
from falcoport.resources.interface import Catalog, Fragment, Key, Resource
from falcoport.resources.merging import difference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcoport.json_types import Json
    from falcoport.reconcile.goal import Goal, Outcome


@dataclass(frozen=True)
class Write:
    """One request: what it is about, whether it creates, updates or deletes, and the body to send.

    An update's body holds the top-level keys that change, each whole. `whole` is the whole resource
    where something inside one of them goes, which a PATCH may not do. `resource` is the kind that
    sends it.
    """

    resource: type[Resource]
    key: Key
    action: Action
    body: Json = field(default_factory=dict)
    whole: Json | None = None

    @property
    def id(self) -> tuple[Key, Action]:
        """What tells it from other writes of a run, whatever its body is."""
        return self.key, self.action

    @property
    def has_hidden(self) -> bool:
        """Whether it carries what Port does not give back."""
        return any(path.split(".", 1)[0] in self.body for path in self.resource.hidden_fields)


Stages = tuple[tuple[Write, ...], ...]


def order_writes(goal: Goal, catalog: Catalog, outcome: Outcome) -> Stages:
    """Return the writes of a plan in stages; those of one stage may go out together.

    What is created comes in the first stage that has all it needs, so that others can build on it;
    a fragment that still waits for something is laid over it in a later one. What is there already
    is updated once, when everything that its fragments need is there. So a first set-up takes two
    stages, whichever options were given. Deletions come last, kind by kind, in the order of
    `goal.absent`.
    """
    scheduler = _Scheduler(goal, catalog, outcome)
    stages: dict[int, list[Write]] = {}
    for part in goal.present:
        if isinstance(part, Resource):
            for level, write in scheduler.schedule(part):
                stages.setdefault(level, []).append(write)
    return (
        *(tuple(stages[level]) for level in sorted(stages)),
        *_deletions(goal, catalog, outcome),
    )


class _Scheduler:
    """Tells in which stage each write goes."""

    def __init__(self, goal: Goal, catalog: Catalog, outcome: Outcome) -> None:
        self._catalog = catalog
        self._outcome = outcome
        self._resources = {part.key: part for part in goal.present if isinstance(part, Resource)}
        self._levels: dict[Key, int] = {}

    def schedule(self, resource: Resource) -> list[tuple[int, Write]]:
        """Return the writes of a resource, each with its stage."""
        key, kind = resource.key, type(resource)
        live, planned = self._catalog.get(key), self._outcome.planned.get(key)
        assert planned is not None  # it is to be present
        if live is None:
            return self._create(resource, planned)
        if not difference(live, planned):
            return []
        return [(self._level(key), make_update(kind, key, live, planned))]

    def _create(self, resource: Resource, planned: Json) -> list[tuple[int, Write]]:
        """Create it without the fragments that still wait, and lay those over it later."""
        kind, key = type(resource), resource.key
        level, body, later = self._level(key), planned, 0
        for fragment in self._outcome.attached.get(key, ()):
            ready = self._after_created(fragment.needs)
            if ready > level:
                body, later = fragment.detach(body), max(later, ready)
        first = (level, Write(kind, key, Action.CREATE, body))
        return [first, (later, make_update(kind, key, body, planned))] if later else [first]

    def _level(self, key: Key) -> int:
        """Return the stage in which a resource is first written."""
        if key not in self._levels:
            self._levels[key] = 0  # ends a circle; kinds do not make one
            resource, live = self._resources[key], self._catalog.get(key)
            before = [k for k in (*resource.needs, *resource.follows) if self._is_pending(k)]
            level = max((self._level(one) + 1 for one in before if one != key), default=0)
            if live is not None:
                waits = (self._after_created(f.needs) for f in self._find_changed(key, live))
                level = max((level, *waits))
            self._levels[key] = level
        return self._levels[key]

    def _is_pending(self, key: Key) -> bool:
        if key not in self._resources:
            return False
        live, planned = self._catalog.get(key), self._outcome.planned.get(key)
        return live is None or bool(difference(live, planned or {}))

    def _after_created(self, needs: Iterable[Key]) -> int:
        """Return the first stage in which those of some needs are there that this plan creates."""
        created = [k for k in needs if k in self._resources and self._catalog.get(k) is None]
        return max((self._level(key) + 1 for key in created), default=0)

    def _find_changed(self, owner: Key, live: Json) -> list[Fragment]:
        """Return the fragments that a live resource does not have in this form."""
        planned = self._outcome.planned.get(owner) or {}
        attached = self._outcome.attached.get(owner, ())
        return [one for one in attached if one.extract(live) != one.extract(planned)]


def make_update(kind: type[Resource], key: Key, before: Json, after: Json) -> Write:
    """Return an update that sends each changed top-level key whole.

    How deep Port merges a PATCH is not documented, so no part of a map is left to that. What
    counts as changed is what is shown as changed: 1 is not true.
    """
    body = {
        name: value
        for name, value in after.items()
        if difference({name: before.get(name)}, {name: value})
    }
    removes = any(_removes(before.get(name), value) for name, value in body.items())
    return Write(kind, key, Action.UPDATE, body, after if removes else None)


def _removes(before: object, after: object) -> bool:
    """Tell whether a key of a map goes, at any depth."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    return any(name not in after or _removes(value, after[name]) for name, value in before.items())


def _deletions(goal: Goal, catalog: Catalog, outcome: Outcome) -> Stages:
    """Return what takes things away, kind by kind, so that nothing is built on what is gone."""
    stages: list[list[Write]] = []
    for part in goal.absent:
        if not isinstance(part, Resource):
            continue
        live, planned = catalog.get(part.key), outcome.planned.get(part.key)
        if live is None or (planned is not None and not difference(live, planned)):
            continue
        if planned is None:
            write = Write(type(part), part.key, Action.DELETE)
        else:
            write = make_update(type(part), part.key, live, planned)
        if stages and stages[-1][0].resource is type(part):
            stages[-1].append(write)
        else:
            stages.append([write])
    return tuple(tuple(stage) for stage in stages)
