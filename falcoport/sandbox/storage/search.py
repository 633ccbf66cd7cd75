"""Searching entities with Port's query language.

Operators are those of Port's docs, "Search & query" (2026-01). Rules about the user who asks match
nothing, since the sandbox's callers are machines; rules about scorecards find none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.errors import invalid
from falcoport.sandbox.storage.fields import EVERYTHING, Fields
from falcoport.sandbox.storage.moments import parse_moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence

    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.entities import Entities, Row
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]
Query = "Mapping[str, Any]"

FOUND_AT_ONCE = 100
"""The most entities that a relation's query gives (Port docs, Configure mapping)."""

_PAGE = 500


@dataclass(frozen=True)
class Candidate:
    """One entity that a rule looks at."""

    row: Row
    blueprint: Blueprint
    shown: Document

    def value(self, name: str) -> Any:
        """Return the value of a meta property, a property or a relation; None if there is none.

        Charts put the kind before the name: `property#priority`, `relations.namespace`.
        """
        name = name.rpartition("#")[2] or name
        if name == "$datasource":
            return self.row.document.get("datasource")
        if name.startswith("$"):
            return self.shown.get(name[1:])
        if name in self.shown["properties"]:
            return self.shown["properties"][name]
        if name in self.shown["relations"]:
            return self.shown["relations"][name]
        group, dot, rest = name.partition(".")
        return self.shown[group].get(rest) if dot and group in _GROUPS else None

    def scorecard_value(self, scorecard: str, rule: str | None) -> Any:
        """Return the level of a scorecard, or the status of one of its rules; None for neither."""
        found = self.shown.get("scorecards", {}).get(scorecard)
        if found is None or rule is None:
            return None if found is None else found["level"]
        for one in found["rules"]:
            if one["identifier"] == rule:
                return one["status"]
        return None


class StoredCandidate(Candidate):
    """An entity that is asked for nothing but its own stored values; cheaper to make."""

    def value(self, name: str) -> Any:
        """Return the value of a meta property but `$team`, or of a property."""
        name = name.rpartition("#")[2] or name
        if name == "$identifier":
            return self.row.identifier
        if name == "$blueprint":
            return self.blueprint.identifier
        if name.startswith("$"):
            return self.row.document.get(name[1:])
        slot = self.blueprint.properties.get(name)
        return None if slot is None else self.row.document["properties"].get(slot)


_GROUPS = ("properties", "relations")
Test = "Callable[[Candidate], bool]"


@dataclass(frozen=True)
class _Narrowed:
    """What all matches of a query surely have; None where anything may be.

    `texts` are properties with the text that each has, or has among its elements; `moments` are
    properties with an operator and the moment that each is before or after.
    """

    identifiers: frozenset[str] | None = None
    blueprints: frozenset[str] | None = None
    texts: tuple[tuple[str, str], ...] = ()
    moments: tuple[tuple[str, str, str], ...] = ()


class Search:
    """Queries on the entities of one sandbox."""

    def __init__(self, store: Store, blueprints: Blueprints, entities: Entities) -> None:
        self._store = store
        self._blueprints = blueprints
        self._entities = entities

    def find(self, blueprint: Blueprint, query: Mapping[str, Any]) -> list[str]:
        """Return the identifiers that match in one blueprint, at most as many as Port gives."""
        found: list[str] = []
        for page in self._scan(blueprint, query, 0):
            found += [candidate.row.identifier for candidate in page]
            if len(found) >= FOUND_AT_ONCE:
                return found[:FOUND_AT_ONCE]
        return found

    async def pages(
        self,
        blueprint: Blueprint,
        query: Mapping[str, Any],
        after: int = 0,
        *,
        size: int = _PAGE,
        fields: Fields = EVERYTHING,
    ) -> AsyncIterator[list[Candidate]]:
        """Yield the matches in a blueprint behind the entity with key `after`, in batches.

        `size` is how many entities are looked at for a batch, `fields` what is shown of them at
        least.
        """
        for page in self._scan(blueprint, query, after, size, fields):
            yield page

    def matcher(self, query: Mapping[str, Any]) -> Callable[[Candidate], bool]:
        """Return the test whether an entity matches a query."""
        return self._query(query)

    def blueprints_of(self, query: Mapping[str, Any]) -> list[Blueprint]:
        """Return the blueprints that can have a match."""
        wanted = _narrow(query).blueprints
        return [
            blueprint
            for blueprint in self._blueprints.all().values()
            if wanted is None or blueprint.identifier in wanted
        ]

    def _scan(
        self,
        blueprint: Blueprint,
        query: Mapping[str, Any],
        after: int,
        size: int = _PAGE,
        fields: Fields = EVERYTHING,
    ) -> Iterator[list[Candidate]]:
        test = self._query(query)
        is_cheap = asks_of_stored(query, blueprint)
        for rows in self._rows(blueprint, _narrow(query), after, size):
            if is_cheap:
                # What is not asked about need not be put together of those that do not match.
                found = [row for row in rows if test(StoredCandidate(row, blueprint, _NOTHING))]
                yield self._candidates(blueprint, found, fields)
            else:
                yield [one for one in self._candidates(blueprint, rows) if test(one)]

    def _candidates(
        self, blueprint: Blueprint, rows: list[Row], fields: Fields = EVERYTHING
    ) -> list[Candidate]:
        return [
            Candidate(row, blueprint, shown)
            for row, shown in zip(rows, self._entities.shown(rows, fields), strict=True)
        ]

    def _rows(
        self, blueprint: Blueprint, narrowed: _Narrowed, after: int, size: int
    ) -> Iterator[list[Row]]:
        if narrowed.identifiers is not None:
            rows = [self._entities.row(blueprint, one) for one in narrowed.identifiers]
            yield sorted(
                (row for row in rows if row is not None and row.key > after),
                key=lambda row: row.key,
            )
            return
        # SQLite finds a text in the documents much sooner than Python reads them.
        stored = {"$title", *blueprint.properties}
        holding = [text for name, text in narrowed.texts if name in stored]
        around = [
            (blueprint.properties[name], operator, moment)
            for name, operator, moment in narrowed.moments
            if name in blueprint.properties
        ]
        while page := self._entities.page(blueprint, after, size, holding=holding, around=around):
            yield page
            after = page[-1].key

    # --- compiling --------------------------------------------------------------------------

    def _query(self, query: Mapping[str, Any]) -> Callable[[Candidate], bool]:
        tests = [self._rule(rule) for rule in query["rules"]]
        if query["combinator"] == "or":
            return lambda candidate: any(test(candidate) for test in tests)
        return lambda candidate: all(test(candidate) for test in tests)

    def _rule(self, rule: Mapping[str, Any]) -> Callable[[Candidate], bool]:
        """Return the test of one rule, whatever it is about."""
        if "combinator" in rule:
            return self._query(rule)
        operator = rule["operator"]
        if operator == "relatedTo":
            keys = self._match_related(rule)
            return lambda candidate: candidate.row.key in keys
        if "propertySchema" in rule:
            return _schema_rule(rule["propertySchema"], _comparison(operator, rule.get("value")))
        if "relation" in rule:
            return self._relation_rule(rule)
        if "scorecard" in rule:
            compare = _comparison(operator, rule.get("value"))
            scorecard, its_rule = rule["scorecard"], rule.get("scorecardRule")
            return lambda candidate: compare(candidate.scorecard_value(scorecard, its_rule))
        return self._property_rule(rule)

    def _property_rule(self, rule: Mapping[str, Any]) -> Callable[[Candidate], bool]:
        """Return the test of a rule about a property, or about what a path leads to."""
        subject, operator, wanted = rule["property"], rule["operator"], rule.get("value")
        if operator == "matchAny" and isinstance(subject, dict) and "path" in subject:
            keys = self._find_reached(subject, _texts(wanted))
            return lambda candidate: candidate.row.key in keys
        if not isinstance(subject, str) or _is_context(wanted):
            return lambda _candidate: False
        name: str = subject
        compare = _comparison("in" if operator == "matchAny" else operator, wanted)
        return lambda candidate: compare(candidate.value(name))

    def _relation_rule(self, rule: Mapping[str, Any]) -> Callable[[Candidate], bool]:
        """Return the test of a rule about the title or identifier of a related entity."""
        name = rule["relation"]
        compare = _comparison(rule["operator"], rule.get("value"))
        by_title = rule.get("targetProperty") == "$title"

        def test(candidate: Candidate) -> bool:
            value = candidate.shown["relations"].get(name)
            if by_title and value:
                target = self._blueprints.get(candidate.blueprint.relation(name)["target"])
                some = value if isinstance(value, list) else [value]
                rows = [self._entities.row(target, one) for one in some]
                titles = [None if row is None else row.document.get("title") for row in rows]
                value = titles if isinstance(value, list) else titles[0]
            return compare(value)

        return test

    # --- the graph --------------------------------------------------------------------------

    def _match_related(self, rule: Mapping[str, Any]) -> set[int]:
        """Return the entities related to those named, over any number of steps."""
        start = self._keys(_texts(rule["value"]), rule["blueprint"])
        required = rule.get("required")
        found: set[int] = set()
        for upstream in (True, False):
            if rule.get("direction", "upstream" if upstream else "downstream") != (
                "upstream" if upstream else "downstream"
            ):
                continue
            waiting, seen = list(start), set(start)
            while waiting:
                for key in self._steps(waiting.pop(), None, upstream=upstream, required=required):
                    if key not in seen:
                        seen.add(key)
                        waiting.append(key)
            found |= seen - start
        return found

    def _find_reached(self, path: Mapping[str, Any], values: Iterable[str]) -> set[int]:
        """Return the entities at the other end of a path of relations from those named."""
        start = path.get("fromBlueprint")
        upstream = start is not None
        keys = self._keys(values, start)
        steps: Sequence[Any] = path["path"] if upstream else path["path"][::-1]
        for position, step in enumerate(steps):
            name, hops, fixed = step, 1, True
            if isinstance(step, dict):
                name, hops = step.get("relation", ""), int(step.get("maxHops", 1))
                fixed = position == 0 or hops == 1
            reached: set[int] = set() if fixed else set(keys)
            edge = keys
            for _ in range(hops):
                edge = {
                    found for key in edge for found in self._steps(key, name, upstream=upstream)
                } - reached
                reached |= edge
            keys = reached
        return keys

    def _keys(self, identifiers: Iterable[str], blueprint: str | None) -> set[int]:
        found = set()
        for identifier in identifiers:
            for key, owner in self._store.execute(
                "SELECT key, blueprint FROM entity WHERE identifier = ?"
                if blueprint is None
                else "SELECT entity.key, blueprint FROM entity WHERE identifier = ? "
                "AND blueprint = (SELECT key FROM blueprint WHERE identifier = ?)",
                (identifier,) if blueprint is None else (identifier, blueprint),
            ):
                del owner
                found.add(key)
        return found

    def _steps(
        self, key: int, name: str | None, *, upstream: bool, required: bool | None = None
    ) -> Iterator[int]:
        """Yield where one relation leads: to what an entity depends on, or to its dependents."""
        here, there = ("source", "target") if upstream else ("target", "source")
        for found, slot, owner in self._store.execute(
            f"SELECT {there}, slot, blueprint FROM relation "  # noqa: S608 - two fixed words
            f"JOIN entity ON entity.key = source WHERE {here} = ?",
            (key,),
        ).fetchall():
            blueprint = self._blueprints.by_key(owner)
            for its_name, its_slot in blueprint.relations.items():
                if (
                    its_slot == slot
                    and name in (None, its_name)
                    and required in (None, blueprint.relation(its_name)["required"])
                ):
                    yield found


def asks_of_stored(query: Mapping[str, Any], target: Blueprint) -> bool:
    """Return whether a query looks at nothing but what is stored of an entity itself."""
    for rule in query["rules"]:
        if "combinator" in rule:
            if not asks_of_stored(rule, target):
                return False
            continue
        subject, value = rule.get("property"), rule.get("value")
        if not isinstance(subject, str) or rule["operator"] in _MOVING:
            return False
        if isinstance(value, dict) and ("preset" in value or "context" in value):
            return False
        name = subject.rpartition("#")[2]
        if name not in _STORED and name not in target.properties:
            return False
    return True


_NOTHING: Document = {}
_STORED = frozenset(
    "$identifier $title $icon $blueprint $datasource $createdAt $createdBy $updatedAt "
    "$updatedBy".split()
)
_MOVING = ("isExpired", "isNotExpired", "relatedTo", "matchAny")
"""Operators whose answer changes with the time or with other entities."""


def _narrow(query: Mapping[str, Any]) -> _Narrowed:
    """Return what the rules that all matches fulfil say about identifier and blueprint."""
    if query["combinator"] != "and" and len(query["rules"]) != 1:
        return _Narrowed()
    limits: dict[str, frozenset[str]] = {}
    texts: list[tuple[str, str]] = []
    moments: list[tuple[str, str, str]] = []
    for rule in query["rules"]:
        if "combinator" in rule:
            inner = _narrow(rule)
            texts += inner.texts
            moments += inner.moments
            found = {"$identifier": inner.identifiers, "$blueprint": inner.blueprints}
        elif rule.get("property") in ("$identifier", "$blueprint") and _is_exact(rule):
            found = {rule["property"]: frozenset(_texts(rule["value"]))}
        else:
            name, operator, wanted = rule.get("property"), rule["operator"], rule.get("value")
            if isinstance(name, str) and isinstance(wanted, str):
                texts += [(name, wanted)] if operator == "=" else []
                moments += [(name, operator, wanted)] if operator in _IN_ORDER else []
            continue
        for name, values in found.items():
            if values is not None:
                limits[name] = limits[name] & values if name in limits else values
    return _Narrowed(
        limits.get("$identifier"), limits.get("$blueprint"), tuple(texts), tuple(moments)
    )


_IN_ORDER = ("<", "<=", ">", ">=")


def _is_exact(rule: Mapping[str, Any]) -> bool:
    value = rule.get("value")
    if rule["operator"] == "=":
        return isinstance(value, str)
    return rule["operator"] == "in" and isinstance(value, list)


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    return [value] if isinstance(value, str) else []


def _is_context(value: Any) -> bool:
    return isinstance(value, dict) and "context" in value


def _schema_rule(
    wanted: Mapping[str, Any], compare: Callable[[Any], bool]
) -> Callable[[Candidate], bool]:
    """Return the test whether any property of a type and format compares well."""
    items = wanted.get("items")

    def fits(definition: Mapping[str, Any]) -> bool:
        if definition["type"] != wanted["type"]:
            return False
        if "format" in wanted and definition.get("format") != wanted["format"]:
            return False
        return items is None or all(
            (definition.get("items") or {}).get(name) == value for name, value in items.items()
        )

    def test(candidate: Candidate) -> bool:
        definitions = candidate.blueprint.document["schema"]["properties"]
        return any(
            fits(definition) and compare(candidate.value(name))
            for name, definition in definitions.items()
        )

    return test


# --- comparing ------------------------------------------------------------------------------


def _comparison(operator: str, wanted: Any) -> Callable[[Any], bool]:
    """Return the test of an operator against the value of a rule."""
    if operator in _NEGATED:
        compare = _comparison(_NEGATED[operator], wanted)
        return lambda value: not compare(value)
    if isinstance(wanted, dict):
        return _period(wanted)
    if operator not in _OPERATORS:
        raise invalid(f'operator "{operator}" does not fit the rule')
    meets = _OPERATORS[operator]
    return lambda value: meets(value, wanted)


_NEGATED = {
    "!=": "=",
    "notIn": "in",
    "doesNotContains": "contains",
    "doesNotBeginsWith": "beginsWith",
    "doesNotEndsWith": "endsWith",
    "notBetween": "between",
    "isNotEmpty": "isEmpty",
    "isNotExpired": "isExpired",
}


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, list) and not isinstance(wanted, list):
        return wanted in value
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _is_in(value: Any, wanted: Any) -> bool:
    some = wanted if isinstance(wanted, list) else [wanted]
    return any(_same(value, one) for one in some)


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return bool(wanted) and all(_contains(value, one) for one in wanted)
    if isinstance(value, list):
        return wanted in value
    return isinstance(value, str) and isinstance(wanted, str) and wanted in value


def _contains_any(value: Any, wanted: Any) -> bool:
    some = wanted if isinstance(wanted, list) else [wanted]
    return any(_contains(value, one) for one in some)


_wanted_moment = lru_cache(64)(parse_moment)  # the same for every entity that is looked at


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def meets(value: Any, wanted: Any) -> bool:
        if isinstance(wanted, str):
            value, wanted = parse_moment(value), _wanted_moment(wanted)
        elif not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return value is not None and wanted is not None and compare(value, wanted)

    return meets


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _same,
    "in": _is_in,
    "contains": _contains,
    "containsAny": _contains_any,
    "beginsWith": lambda value, wanted: (
        isinstance(value, str) and isinstance(wanted, str) and value.startswith(wanted)
    ),
    "endsWith": lambda value, wanted: (
        isinstance(value, str) and isinstance(wanted, str) and value.endswith(wanted)
    ),
    ">": _order(lambda value, wanted: value > wanted),
    ">=": _order(lambda value, wanted: value >= wanted),
    "<": _order(lambda value, wanted: value < wanted),
    "<=": _order(lambda value, wanted: value <= wanted),
    "isEmpty": lambda value, _wanted: value is None or value in ([], {}, ""),
    "isExpired": lambda value, _wanted: (
        (moment := parse_moment(value)) is not None and moment < datetime.now(UTC)
    ),
}


def compare(operator: str, value: Any, wanted: Any) -> bool:
    """Return whether a value meets an operator of the query language."""
    return _comparison(operator, wanted)(value)


def _period(wanted: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Return the test whether a moment lies in a range or in a period named by a preset."""
    if "preset" in wanted:
        start, end = _preset(wanted["preset"])
    elif "from" in wanted and "to" in wanted:
        first, last = parse_moment(wanted["from"]), parse_moment(wanted["to"])
        if first is None or last is None:
            raise invalid('"value" must match format "date-time"')
        start, end = first, last
    else:
        return lambda _value: False

    def test(value: Any) -> bool:
        moment = parse_moment(value)
        return moment is not None and start <= moment <= end

    return test


_DAYS_BACK = {
    "lastDay": 1,
    "lastWeek": 7,
    "last2Weeks": 14,
    "lastMonth": 30,
    "last3Months": 91,
    "last6Months": 182,
    "last12Months": 365,
}


def _preset(name: str) -> tuple[datetime, datetime]:
    moment = datetime.now(UTC)
    if name in _DAYS_BACK:
        return moment - timedelta(days=_DAYS_BACK[name]), moment
    today = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    start = today + timedelta(days={"yesterday": -1, "today": 0, "tomorrow": 1}[name])
    return start, start + timedelta(days=1) - timedelta(microseconds=1)
