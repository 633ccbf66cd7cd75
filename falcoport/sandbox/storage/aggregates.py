"""Aggregation properties: figures of entities that are related to one (Port docs, 2026-01).

A figure is made when it is asked for, of what is remembered about the entities it counts: which
of them match, and which entities they count for. An entity that changes is only noted, so that
writing a thousand alerts a second costs next to nothing; the next question looks at those again.
All of it is in memory and made anew after a restart, so that a kill cannot leave it wrong.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.storage.audit import CREATE
from falcoport.sandbox.storage.moments import parse_moment
from falcoport.sandbox.storage.search import Candidate, StoredCandidate, asks_of_stored
from falcoport.sandbox.storage.statistics import Sample, as_number, compute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.changes import EntityChange
    from falcoport.sandbox.storage.entities import Entities, Row
    from falcoport.sandbox.storage.search import Search
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

_AT_ONCE = 500
_HOPS = 4
"""How many relations lie between two blueprints at most, where no path is given."""
_QUIET = 0.5
"""Seconds that changes are left to gather before they are looked at."""
_ANYTHING: Document = {"combinator": "and", "rules": []}


@dataclass(frozen=True)
class _Step:
    """One relation on the way from a counted entity to the one that it counts for.

    `upstream` goes from the entity that has the relation to its target.
    """

    blueprint: int
    slot: str
    upstream: bool


@dataclass
class _Index:
    """What is remembered for one aggregation property.

    `cursor` is the last entity that was looked at while the index is being made, None once it is.
    """

    version: tuple[int, ...]
    target: Blueprint
    definition: Document
    chains: list[tuple[_Step, ...]]
    matches: Callable[[Candidate], bool]
    is_local: bool
    cursor: int | None = 0
    samples: dict[int, Sample] = field(default_factory=dict)
    owners: dict[int, frozenset[int]] = field(default_factory=dict)
    members: dict[int, set[int]] = field(default_factory=dict)
    figures: dict[int, Any] = field(default_factory=dict)
    are_owners_stale: bool = True


class Aggregates:
    """The figures of one sandbox's aggregation properties."""

    def __init__(
        self, store: Store, blueprints: Blueprints, entities: Entities, search: Search
    ) -> None:
        self._store = store
        self._blueprints = blueprints
        self._entities = entities
        self._search = search
        self._indexes: dict[tuple[int, str], _Index] = {}
        self._changed: dict[int, set[int]] = {}
        self._prepared = -1
        self._touched = asyncio.Event()
        self._touched.set()

    def note(self, change: EntityChange) -> None:
        """Remember that an entity has to be looked at again, and what led through it."""
        if not self._indexes:
            return
        key = change.blueprint.key
        if key in self._changed:
            self._changed[key].add(change.key)
            self._touched.set()
        if change.relates:
            for index in self._indexes.values():
                if not index.are_owners_stale:
                    index.are_owners_stale = _leads_through(index.chains, key, change.action)

    def values(self, blueprint: Blueprint, name: str, keys: Sequence[int]) -> list[Any]:
        """Return the figure of one aggregation property for some entities of a blueprint."""
        self._prepare()
        index = self._index(blueprint, name)
        if index is None:
            return [None for _ in keys]
        while self._advance(index.target):
            pass
        self._settle(index)
        return [self._figure(index, key) for key in keys]

    def wake(self) -> None:
        """Look for what is to be done, when blueprints may have changed."""
        self._touched.set()

    async def run(self, is_idle: Callable[[], bool]) -> None:
        """Look at what changed while nothing else is to be done, until cancelled.

        So that the next question finds little left; while alerts arrive, they come first.
        """
        while True:
            await self._touched.wait()
            self._touched.clear()
            await asyncio.sleep(_QUIET)
            self._prepare()
            for target in list(self._changed):
                while is_idle() and self._has_work(target):
                    blueprint = self._blueprints.find_by_key(target)
                    if blueprint is None or not self._advance(blueprint):
                        break
                    await asyncio.sleep(0)
                if self._has_work(target):
                    self._touched.set()

    # --- indexes ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Have an index for every aggregation property there is, and for no other."""
        if self._prepared == self._blueprints.version:
            return
        known = {}
        for blueprint in self._blueprints.all().values():
            for name in blueprint.document["aggregationProperties"]:
                index = self._index(blueprint, name)
                if index is not None:
                    known[blueprint.key, name] = index
        self._prepared = self._blueprints.version
        self._indexes = known
        targets = {index.target.key for index in known.values()}
        self._changed = {key: self._changed.get(key, set()) for key in targets}

    def _index(self, blueprint: Blueprint, name: str) -> _Index | None:
        definition = blueprint.document["aggregationProperties"][name]
        target = self._blueprints.all().get(definition["target"])
        if target is None:
            return None
        version: tuple[int, ...] = (self._blueprints.version,)
        query = definition.get("query") or _ANYTHING
        is_local = asks_of_stored(query, target) and _is_stored(
            definition["calculationSpec"], target
        )
        if not is_local:
            # It depends on other entities or on the time: good for this second and state alone.
            version = (*version, self._store.version, int(self._store.clock.timestamp()))
        index = self._indexes.get((blueprint.key, name))
        if index is None or index.version != version:
            index = _Index(
                version,
                target,
                definition,
                self._chains(blueprint, target, definition),
                self._search.matcher(query),
                is_local,
            )
            self._indexes[blueprint.key, name] = index
            self._changed.setdefault(target.key, set())
        return index

    def _on(self, target: int) -> list[_Index]:
        return [index for index in self._indexes.values() if index.target.key == target]

    def _has_work(self, target: int) -> bool:
        return bool(self._changed.get(target)) or any(
            index.cursor is not None and index.is_local for index in self._on(target)
        )

    def _advance(self, target: Blueprint) -> bool:
        """Look at some entities for all indexes that count them; return whether there were any."""
        indexes = self._on(target.key)
        changed = self._changed.setdefault(target.key, set())
        if changed:
            keys = sorted(changed)[:_AT_ONCE]
            changed.difference_update(keys)
            rows = self._entities.rows(keys)
            for index in indexes:
                self._resample(index, keys, rows)
            return True
        unfinished = [index for index in indexes if index.cursor is not None]
        if not unfinished:
            return False
        after = min(index.cursor or 0 for index in unfinished)
        rows = self._entities.page(target, after, _AT_ONCE)
        for index in unfinished:
            if index.cursor == after:
                self._sample(index, rows)
                index.cursor = rows[-1].key if rows else None
        return True

    def _settle(self, index: _Index) -> None:
        """Find out anew whom everything counts for, if that may have changed."""
        if index.are_owners_stale:
            index.are_owners_stale = False
            index.members.clear()
            index.owners.clear()
            index.figures.clear()
            self._relate(index, list(index.samples))

    def _resample(self, index: _Index, keys: Sequence[int], rows: Sequence[Row]) -> None:
        """Look at some entities again that were created, changed or deleted."""
        for key in keys:
            index.samples.pop(key, None)
            for owner in index.owners.pop(key, ()):
                index.members[owner].discard(key)
                index.figures.pop(owner, None)
        self._sample(index, rows)
        if not index.are_owners_stale:
            self._relate(index, [key for key in keys if key in index.samples])

    def _sample(self, index: _Index, rows: Sequence[Row]) -> None:
        spec = index.definition["calculationSpec"]
        if index.is_local:
            candidates: Iterable[Candidate] = (
                StoredCandidate(row, index.target, _NOTHING) for row in rows
            )
        else:
            candidates = (
                Candidate(row, index.target, document)
                for row, document in zip(rows, self._entities.shown(rows), strict=True)
            )
        for candidate in candidates:
            if not index.matches(candidate):
                continue
            moment = None
            if spec["func"] == "average":
                moment = parse_moment(candidate.value(spec.get("measureTimeBy", "$createdAt")))
            value = None
            if spec["calculationBy"] == "property":
                value = as_number(candidate.value(spec["property"]))
            index.samples[candidate.row.key] = Sample(value, moment)

    def _relate(self, index: _Index, keys: Sequence[int]) -> None:
        """Find out which entities the counted ones count for."""
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            found: dict[int, set[int]] = {}
            for chain in index.chains:
                for key, owners in self._follow(some, chain).items():
                    found.setdefault(key, set()).update(owners)
            for key, owners in found.items():
                index.owners[key] = frozenset(owners)
                for owner in owners:
                    index.members.setdefault(owner, set()).add(key)
                    index.figures.pop(owner, None)

    def _figure(self, index: _Index, owner: int) -> Any:
        spec = index.definition["calculationSpec"]
        if spec["func"] == "average" or owner not in index.figures:
            samples = [index.samples[key] for key in sorted(index.members.get(owner, ()))]
            index.figures[owner] = compute(
                spec["func"],
                samples,
                self._store.clock.now(),
                by_entities=spec["calculationBy"] == "entities",
                average_of=spec.get("averageOf", ""),
            )
        return index.figures[owner]

    # --- the way from the counted to those they count for -----------------------------------

    def _follow(self, keys: Sequence[int], chain: Iterable[_Step]) -> dict[int, set[int]]:
        """Return what is at the other end of a chain of relations from each entity."""
        ends: dict[int, set[int]] = {key: {key} for key in keys}
        for step in chain:
            places = {place for some in ends.values() for place in some}
            edges = self._edges(sorted(places), step)
            ends = {
                key: {end for place in some for end in edges.get(place, ())}
                for key, some in ends.items()
            }
        return {key: some for key, some in ends.items() if some}

    def _edges(self, keys: Sequence[int], step: _Step) -> dict[int, list[int]]:
        here, there = ("source", "target") if step.upstream else ("target", "source")
        found: dict[int, list[int]] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for key, end in self._store.execute(
                f"SELECT {here}, {there} FROM relation "  # noqa: S608 - fixed words, question marks
                f"JOIN entity ON entity.key = source WHERE {here} IN ({marks}) AND slot = ? "
                "AND blueprint = ?",
                (*some, step.slot, step.blueprint),
            ):
                found.setdefault(key, []).append(end)
        return found

    def _chains(
        self, blueprint: Blueprint, target: Blueprint, definition: Mapping[str, Any]
    ) -> list[tuple[_Step, ...]]:
        """Return the ways from the counted entities to those of `blueprint`."""
        paths = definition.get("pathFilter") or ()
        if paths:
            named = paths[0]
            start = named.get("fromBlueprint", blueprint.identifier)
            steps = self._steps_of(start, named["path"])
            if steps is None:
                return []
            return [steps if start == target.identifier else _reverse(steps)]
        forward = self._find_paths(target, blueprint)
        backward = self._find_paths(blueprint, target)
        if blueprint.key == target.key:
            backward = []
        return [*forward, *map(_reverse, backward)]

    def _steps_of(self, start: str, path: Sequence[str]) -> tuple[_Step, ...] | None:
        """Return the relations of a path by their names; None if one of them is not there."""
        steps = []
        here = self._blueprints.all().get(start)
        for name in path:
            if here is None or name not in here.relations:
                return None
            steps.append(_Step(here.key, here.relations[name], upstream=True))
            here = self._blueprints.all().get(here.relation(name)["target"])
        return tuple(steps)

    def _find_paths(self, start: Blueprint, end: Blueprint) -> list[tuple[_Step, ...]]:
        """Return every way over relations that passes no blueprint twice."""
        found: list[tuple[_Step, ...]] = []
        waiting: list[tuple[Blueprint, tuple[_Step, ...], frozenset[int]]] = [
            (start, (), frozenset({start.key}))
        ]
        while waiting:
            here, steps, seen = waiting.pop()
            for name, slot in here.relations.items():
                there = self._blueprints.all().get(here.relation(name)["target"])
                if there is None:
                    continue
                longer = (*steps, _Step(here.key, slot, upstream=True))
                if there.key == end.key:
                    found.append(longer)
                elif there.key not in seen and len(longer) < _HOPS:
                    waiting.append((there, longer, seen | {there.key}))
        return found


def _leads_through(chains: Iterable[tuple[_Step, ...]], blueprint: int, action: str) -> bool:
    """Return whether a change of an entity can change what other entities count for.

    What leads from a counted entity itself is looked at with that entity. A new one that others
    can be on their way through has none that point to it yet.
    """
    for chain in chains:
        for position, step in enumerate(chain):
            if step.blueprint == blueprint and (
                not step.upstream or (position and action != CREATE)
            ):
                return True
    return False


def _reverse(steps: Sequence[_Step]) -> tuple[_Step, ...]:
    return tuple(
        _Step(step.blueprint, step.slot, upstream=not step.upstream) for step in reversed(steps)
    )


def _is_stored(spec: Mapping[str, Any], target: Blueprint) -> bool:
    """Return whether a figure is made of values that are stored of the counted entities."""
    names = [spec.get("measureTimeBy", "$createdAt"), spec.get("property", "$identifier")]
    return all(
        name.startswith("$") or name.rpartition("#")[2] in target.properties for name in names
    )


_NOTHING: Document = {}
