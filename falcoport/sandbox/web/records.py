"""Entities as widgets look at them: values by name, for thousands of entities at a time.

A widget names few properties. Where they are all stored ones, only these are read from the
database, and kept as it changes; what is computed comes from the sandbox's own search, as the API
gives it.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from falcoport.sandbox.storage.store import dump
from falcoport.sandbox.web.change_notes import ChangeNotes, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.storage.search import Candidate

Document = dict[str, Any]

_FRESH = 60.0
_ROWS_AT_ONCE, _KEYS_AT_ONCE = 1000, 500
_META = {
    "$identifier": "identifier",
    "$title": "json_extract(document, '$.title')",
    "$createdAt": "json_extract(document, '$.createdAt')",
    "$updatedAt": "json_extract(document, '$.updatedAt')",
    "$createdBy": "json_extract(document, '$.createdBy')",
    "$updatedBy": "json_extract(document, '$.updatedBy')",
}
_OPERATORS_ON_GRAPH = ("relatedTo", "matchAny")


if TYPE_CHECKING:
    Compile = Callable[[Document, "_Reader"], Callable[["Record"], bool]]


class HasValues(Protocol):
    """What a test of a query looks at."""

    def value(self, name: str) -> Any:
        """Return the value under a name, as rules and charts write it."""


@cache
def short_name(name: str) -> str:
    """Return a property's or relation's own name: charts put its kind in front.

    `property#priority`, `properties.priority` and `priority` are the same.
    """
    name = name.rpartition("#")[2] or name
    group, dot, rest = name.partition(".")
    return rest if dot and group in ("properties", "relations") else name


def names_in(query: Mapping[str, Any]) -> set[str] | None:
    """Return the properties that a query's rules name; None if a rule is about anything else."""
    found: set[str] = set()
    for rule in query.get("rules", ()):
        if "combinator" in rule:
            inner = names_in(rule)
            if inner is None:
                return None
            found |= inner
        elif not isinstance(rule.get("property"), str) or rule["operator"] in _OPERATORS_ON_GRAPH:
            return None
        else:
            found.add(rule["property"])
    return found


class Record:
    """The values of one entity that were asked for, under their short names."""

    __slots__ = ("_reader", "key", "values")

    def __init__(self, reader: _Reader, key: int, values: tuple[Any, ...]) -> None:
        self._reader = reader
        self.key = key
        self.values = values

    def value(self, name: str) -> Any:
        """Return the value under a name, as rules and charts write it."""
        return self._reader.read(self.values[self._reader.positions[short_name(name)]])


class _Related(NamedTuple):
    """A relation's value: the keys of the entities that it leads to."""

    keys: tuple[int, ...]
    is_many: bool


class Records:
    """The entities of all blueprints, as widgets ask for them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._readers: dict[int, _Reader] = {}

    async def find(
        self, blueprint: Blueprint, query: Document, names: Iterable[str]
    ) -> list[HasValues]:
        """Return the entities of a blueprint that match a query, with the values under `names`."""
        asked = names_in(query)
        wanted = None if asked is None else {short_name(name) for name in {*asked, *names}}
        if wanted is None or not all(_is_stored(blueprint, name) for name in wanted):
            return await self._search(blueprint, query)
        reader = await self._read(blueprint, wanted)
        return [*reader.find(query, self._state.store.clock.timestamp(), self._compile)]

    async def prepare(self, blueprint: Blueprint, names: Iterable[str]) -> None:
        """Read the values under all names that a page will ask for, at once."""
        wanted = {short_name(name) for name in names}
        stored = {name for name in wanted if _is_stored(blueprint, name)}
        if stored:
            await self._read(blueprint, stored)

    async def _read(self, blueprint: Blueprint, names: set[str]) -> _Reader:
        reader = self._readers.get(blueprint.key)
        if reader is None:
            reader = self._readers[blueprint.key] = _Reader(self._state, blueprint)
        await reader.refresh(blueprint, names - {"$blueprint"})
        return reader

    def _compile(self, query: Document, reader: _Reader) -> Callable[[Record], bool]:
        """Return the test of a query: that of the search, asked once for each different value."""
        tests = [
            self._compile(rule, reader)
            if "combinator" in rule
            else self._compile_rule(rule, reader)
            for rule in query["rules"]
        ]
        if len(tests) == 1:
            return tests[0]
        if query["combinator"] == "or":
            return lambda record: any(test(record) for test in tests)
        return lambda record: all(test(record) for test in tests)

    def _compile_rule(self, rule: Document, reader: _Reader) -> Callable[[Record], bool]:
        ask: Callable[[Any], bool] = self._state.search.matcher(
            {"combinator": "and", "rules": [rule]}
        )
        if rule["property"] == "$blueprint":
            answer = ask(reader.example)
            return lambda _record: answer
        position = reader.positions[short_name(rule["property"])]
        known: dict[object, bool] = {}

        def test(record: Record) -> bool:
            value = record.values[position]
            if isinstance(value, list | dict):
                return ask(record)
            # True and 1 are different values, and a dictionary holds them as one.
            key = (value.__class__, value)
            found = known.get(key)
            if found is None:
                found = known[key] = ask(record)
            return found

        return test

    async def _search(self, blueprint: Blueprint, query: Document) -> list[HasValues]:
        found: list[Candidate] = []
        async for page in self._state.search.pages(blueprint, query):
            found += page
            await asyncio.sleep(0)
        return [*found]


class _Reader:
    """Some values of all entities of one blueprint, kept as the database changes."""

    def __init__(self, state: State, blueprint: Blueprint) -> None:
        self._store = state.store
        self._notes = ChangeNotes(state.store, f"records_{blueprint.key}")
        self._reading = asyncio.Lock()
        self._blueprint = blueprint
        self._notes.start()
        self._forget(())

    def _forget(self, names: Sequence[str]) -> None:
        self.positions = {name: position for position, name in enumerate([*names, "$blueprint"])}
        self._records: dict[int, Record] = {}
        self._found: dict[str, list[Record]] = {}
        self._found_at = 0.0
        self._related: dict[int, str] = {}
        self._unresolved: set[int] = set()
        self._last = 0

    @property
    def example(self) -> Record:
        """An entity of which nothing is known but its blueprint."""
        return Record(self, 0, (None,) * (len(self.positions) - 1) + (self._blueprint.identifier,))

    def find(self, query: Document, now: float, compile_query: Compile) -> list[Record]:
        """Return the entities that match a query, in the order of creation.

        Widgets of one page ask the same again and again; what a period like "the last day" means
        is settled once a minute.
        """
        if self._found_at != now // _FRESH:
            self._found_at = now // _FRESH
            self._found.clear()
        key = dump(query)
        if key not in self._found:
            test = compile_query(query, self)
            ordered = self._order()
            self._found[key] = [record for record in ordered if test(record)]
        return self._found[key]

    def _order(self) -> list[Record]:
        """Return every entity in the order of creation."""
        key = ""
        if key not in self._found:
            self._found[key] = [self._records[key] for key in sorted(self._records)]
        return self._found[key]

    def read(self, value: Any) -> Any:
        """Return a value as it is shown: a relation's is the identifiers of where it leads."""
        if not isinstance(value, _Related):
            return value
        names = [self._related[key] for key in value.keys if key in self._related]
        return names if value.is_many else (names[0] if names else None)

    async def refresh(self, blueprint: Blueprint, names: set[str]) -> None:
        """Read what has changed, and everything anew if names are asked for the first time."""
        async with self._reading:
            known = {*self.positions}
            if not names <= known or _shape(self._blueprint) != _shape(blueprint):
                self._blueprint = blueprint
                kept = {name for name in known if _is_stored(blueprint, name)}
                self._forget(sorted((kept | names) - {"$blueprint"}))
            self._read_changed()
            while self._read("key > ?", (self._last,), _ROWS_AT_ONCE) == _ROWS_AT_ONCE:  # noqa: ASYNC110 - others get their turn
                await asyncio.sleep(0)
            self._read_related()

    def _read_changed(self) -> None:
        changed = self._notes.take()
        if changed:
            self._found.clear()
        for key in changed:
            if self._related.pop(key, None) is not None:
                self._unresolved.add(key)
        for some in slices([key for key in changed if key in self._records], _KEYS_AT_ONCE):
            for key in some:
                del self._records[key]
            self._read(f"key IN ({','.join('?' * len(some))})", some, len(some))

    def _read(self, condition: str, values: Sequence[Any], limit: int) -> int:
        """Read some entities; return how many they were."""
        names = [name for name in self.positions if name != "$blueprint"]
        stored = [name for name in names if name in self._blueprint.properties]
        others = [name for name in names if name not in self._blueprint.properties]
        # Properties come as one list of JSON, which keeps their types; of a single path SQLite
        # would give the bare value.
        paths = [f"$.properties.{json.dumps(self._blueprint.properties[name])}" for name in stored]
        columns = [
            "key",
            f"json_extract(document, {', '.join(map(_quote, [*paths, '$.a', '$.b']))})",
            *map(self._expression, others),
        ]
        rows = self._store.execute(
            f"SELECT {', '.join(columns)} FROM entity "  # noqa: S608 - quoted
            f"WHERE blueprint = ? AND {condition} ORDER BY key LIMIT ?",
            (self._blueprint.key, *values, limit),
        ).fetchall()
        self._keep(rows, stored, others)
        if rows:
            self._found.clear()
            self._last = max(self._last, rows[-1][0])
        return len(rows)

    def _keep(
        self, rows: Sequence[Sequence[Any]], stored: Sequence[str], others: Sequence[str]
    ) -> None:
        """Keep what was read: the values of stored properties as one list, then the others."""
        names = [name for name in self.positions if name != "$blueprint"]
        order = [[*stored, *others].index(name) for name in names]
        relations = [
            (at, self._blueprint.relation(name)["many"])
            for at, name in enumerate(names)
            if name in self._blueprint.relations
        ]
        for key, text, *rest in rows:
            found = [*json.loads(text)[: len(stored)], *rest]
            ordered = [found[at] for at in order]
            for at, is_many in relations:
                ordered[at] = related = _read_relation(ordered[at], is_many=is_many)
                self._unresolved.update(related.keys)
            self._records[key] = Record(self, key, (*ordered, self._blueprint.identifier))

    def _expression(self, name: str) -> str:
        """Return the SQL of a value that is no property."""
        if name in _META:
            return _META[name]
        return (
            "(SELECT group_concat(target) FROM relation WHERE source = entity.key "  # noqa: S608 - quoted
            f"AND slot = {_quote(self._blueprint.relations[name])})"
        )

    def _read_related(self) -> None:
        """Read the identifiers of the entities that relations lead to."""
        missing = self._unresolved - self._related.keys()
        for some in slices(missing, _KEYS_AT_ONCE):
            rows = self._store.execute(
                "SELECT key, identifier FROM entity "  # noqa: S608 - question marks
                f"WHERE key IN ({','.join('?' * len(some))})",
                some,
            )
            self._related.update(rows.fetchall())
        self._unresolved.clear()


def _is_stored(blueprint: Blueprint, name: str) -> bool:
    return (
        name in _META
        or name == "$blueprint"
        or name in blueprint.properties
        or name in blueprint.relations
    )


def _shape(blueprint: Blueprint) -> tuple[object, ...]:
    return blueprint.identifier, dict(blueprint.properties), dict(blueprint.relations)


def _read_relation(text: Any, *, is_many: bool) -> _Related:
    keys = () if text is None else tuple(int(key) for key in str(text).split(","))
    return _Related(keys, is_many)


def _quote(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
