"""Figures of entities: aggregate, aggregate over time, and the history of properties.

Port publishes the bodies. Of the answers it publishes the frame alone, so that the sandbox chose:
`result` of `aggregate` is a number, or for `countValues` a list of `{value, count}`; `data` over
time is a list of `{date, value}`, or with a breakdown `{date, values: {name: number}}`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from falcoport.sandbox import errors
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import (
    QUERY,
    STRING,
    STRINGS,
    Schema,
    enum_of,
    object_of,
    with_queries,
)
from falcoport.sandbox.storage.moments import parse_moment
from falcoport.sandbox.storage.statistics import (
    INTERVALS,
    PRESETS,
    Sample,
    as_number,
    buckets,
    compute,
    count_values,
    default_interval,
    milliseconds,
    period_of,
    place,
)
from falcoport.sandbox.storage.stored_figures import (
    count_stored_values,
    find_only_blueprint,
    read_stored_moments,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.search import Candidate

router = Router()

_AVERAGE_OF = enum_of("hour", "day", "week", "month", "total")
_BY_ENTITIES = object_of(
    {
        "func": enum_of("average", "count"),
        "averageOf": _AVERAGE_OF,
        "measureTimeBy": STRING,
        "calculationBy": STRING,
        "query": QUERY,
    },
    ("func", "query"),
)
_BY_PROPERTY = object_of(
    {
        "property": STRING,
        "func": enum_of("sum", "average", "min", "max", "median"),
        "averageOf": _AVERAGE_OF,
        "measureTimeBy": STRING,
        "calculationBy": STRING,
        "query": QUERY,
    },
    ("property", "func", "query"),
)
_SUBJECTS = (("property",), ("relation",), ("scorecard",), ("rule", "scorecard"))
_BY_VALUES = [
    object_of(
        {"func": enum_of("countValues"), "query": QUERY, **dict.fromkeys(names, STRING)},
        ("func", "query", *names),
    )
    for names in _SUBJECTS
]
AGGREGATE = with_queries({"anyOf": [_BY_ENTITIES, _BY_PROPERTY, *_BY_VALUES], "type": "object"})
_TIME: Schema = {
    "blueprint": STRING,
    "timeRange": object_of({"preset": enum_of(*PRESETS), "timeZone": STRING}, ("preset",)),
    "timeInterval": enum_of(*INTERVALS),
    "query": QUERY,
    "measureTimeBy": STRING,
}
_ALWAYS = ("blueprint", "timeRange", "timeInterval", "query", "measureTimeBy", "aggregationType")
OVER_TIME = with_queries(
    {
        "type": "object",
        "anyOf": [
            object_of(
                {
                    **_TIME,
                    "aggregationType": enum_of("aggregatePropertiesValues"),
                    "func": enum_of("average", "sum", "min", "max", "median", "last"),
                    "properties": STRINGS,
                },
                (*_ALWAYS, "func", "properties"),
            ),
            object_of(
                {
                    **_TIME,
                    "aggregationType": enum_of("countEntities"),
                    "func": enum_of("count", "average"),
                    "breakdownProperty": STRING,
                },
                (*_ALWAYS, "func"),
            ),
        ],
    }
)
HISTORY = object_of(
    {
        "entityIdentifier": STRING,
        "blueprintIdentifier": STRING,
        "propertyNames": STRINGS,
        "timeInterval": enum_of(*INTERVALS),
        "timeRange": object_of({"preset": enum_of(*PRESETS), "timeZone": STRING}, ("preset",)),
    },
    ("entityIdentifier", "blueprintIdentifier", "propertyNames"),
    more=True,
)


@router.read("POST", "/v1/entities/aggregate", AGGREGATE)
async def aggregate(state: State, call: Call) -> Answer:
    """Give one figure of the entities that match a query."""
    body = call.body
    counted = _count_at_once(state, body)
    if counted is not None:
        return counted
    matching: list[str] = []
    found: list[Any] = []
    async for candidate in _matches(state, body["query"]):
        if candidate.blueprint.identifier not in matching:
            matching.append(candidate.blueprint.identifier)
        found.append(_subject(candidate, body))
    result: Any
    if body["func"] == "countValues":
        result = count_values(found)
    else:
        result = compute(
            body["func"],
            found,
            state.store.clock.now(),
            by_entities="property" not in body,
            average_of=body.get("averageOf", ""),
        )
    # Port's description has an empty list of entities in every answer.
    return ok(matchingBlueprints=matching, entities=[], result=result)


def _count_at_once(state: State, body: Document) -> Answer | None:
    """Return how often each value occurs among all entities of a blueprint, where SQLite says."""
    name = find_only_blueprint(body["query"])
    subject = body.get("relation") or body.get("property")
    known = state.blueprints.all()
    if body["func"] != "countValues" or subject is None or name not in known:
        return None
    result = count_stored_values(state.store, known[name], subject)
    if result is None:
        return None
    return ok(matchingBlueprints=[name] if result else [], entities=[], result=result)


def _subject(candidate: Candidate, body: Document) -> Any:
    """Return what one entity adds to a figure."""
    if body["func"] == "countValues":
        if "scorecard" in body:
            return candidate.scorecard_value(body["scorecard"], body.get("rule"))
        return candidate.value(body.get("relation") or body["property"])
    moment = parse_moment(candidate.value(body.get("measureTimeBy", "$createdAt")))
    if "property" not in body:
        return Sample(None, moment)
    return Sample(as_number(candidate.value(body["property"])), moment)


@router.read("POST", "/v1/entities/aggregate-over-time", OVER_TIME)
async def aggregate_over_time(state: State, call: Call) -> Answer:
    """Give a figure of the entities of a blueprint for each interval of a period."""
    body = call.body
    state.blueprints.get(body["blueprint"])
    start, end, starts = _period(state, body)
    named = {"property": "$blueprint", "operator": "=", "value": body["blueprint"]}
    query = {"combinator": "and", "rules": [named, body["query"]]}
    cells: list[dict[str, list[Sample]]] = [{} for _ in starts]
    stored = _read_at_once(state, body, start)
    for text in stored or ():
        moment = parse_moment(text)
        position = None if moment is None or moment > end else place(moment, starts)
        if moment is not None and moment >= start and position is not None:
            cells[position].setdefault("", []).append(Sample(None, moment))
    async for candidate in _matches(state, query) if stored is None else _nothing():
        moment = parse_moment(candidate.value(body["measureTimeBy"]))
        if moment is None or not start <= moment <= end:
            continue
        position = place(moment, starts)
        if position is not None:
            for name, sample in _samples(candidate, body, moment):
                cells[position].setdefault(name, []).append(sample)
    names = list(dict.fromkeys(name for cell in cells for name in cell))
    data = [
        _point(body, moment, {name: _figure(state, body, cell.get(name, [])) for name in names})
        for moment, cell in zip(starts, cells, strict=True)
    ]
    return ok(result={"minDate": milliseconds(start), "maxDate": milliseconds(end), "data": data})


def _read_at_once(state: State, body: Document, start: datetime) -> Iterator[Any] | None:
    """Return the moments of all entities of a blueprint, where SQLite says; None elsewhere."""
    is_plain = body["aggregationType"] == "countEntities" and "breakdownProperty" not in body
    if not is_plain or body["query"].get("rules"):
        return None
    blueprint = state.blueprints.get(body["blueprint"])
    return read_stored_moments(state.store, blueprint, body["measureTimeBy"], start)


async def _nothing() -> AsyncIterator[Candidate]:
    """Yield nothing: all was read at once."""
    none: tuple[Candidate, ...] = ()
    for one in none:
        yield one


def _samples(candidate: Candidate, body: Document, moment: datetime) -> list[tuple[str, Sample]]:
    """Return what an entity adds, under the name of the line that it is added to."""
    if body["aggregationType"] == "aggregatePropertiesValues":
        return [
            (name, Sample(as_number(candidate.value(name)), moment)) for name in body["properties"]
        ]
    value = candidate.value(body["breakdownProperty"]) if "breakdownProperty" in body else ""
    return [
        ("" if one is None else str(one), Sample(None, moment))
        for one in (value if isinstance(value, list) else [value])
    ]


def _figure(state: State, body: Document, samples: list[Sample]) -> Any:
    by_entities = body["aggregationType"] == "countEntities"
    func = "count" if by_entities else body["func"]
    now = state.store.clock.now()
    return compute(func, samples, now, by_entities=by_entities, average_of="")


def _point(body: Document, moment: datetime, values: Document) -> Document:
    date = milliseconds(moment)
    if "breakdownProperty" in body or "properties" in body:
        return {"date": date, "values": values}
    return {"date": date, "value": values.get("", 0)}


@router.read("POST", "/v1/entities/properties-history", HISTORY)
def get_history(state: State, call: Call) -> Answer:
    """Give what number properties of an entity were at the end of each interval.

    Port publishes a list of numbers: that of one property, or of several behind one another. An
    interval before the first value has 0.
    """
    body = call.body
    blueprint = state.blueprints.get(body["blueprintIdentifier"])
    row = state.entities.existing(blueprint, body["entityIdentifier"])
    start, end, starts = _period(state, body)
    changes = [
        (moment, entity)
        for at, entity in state.audit.history(row.key)
        if (moment := parse_moment(at)) is not None
    ]
    current = state.entities.by_key(row.key)
    data: list[float] = []
    for name in body["propertyNames"]:
        short = name.removeprefix("properties.").rpartition("#")[2]
        for position in range(len(starts)):
            until = starts[position + 1] if position + 1 < len(starts) else None
            values = [
                (entity or {}).get("properties", {}).get(short)
                for moment, entity in changes
                if until is None or moment < until
            ]
            known = values[-1] if values else None
            if until is None and known is None:
                known = current["properties"].get(short)
            data.append(as_number(known) or 0)
    return ok(result={"minDate": milliseconds(start), "maxDate": milliseconds(end), "data": data})


def _period(state: State, body: Document) -> tuple[datetime, datetime, list[datetime]]:
    """Return the period that is asked about, and the first moment of each of its intervals."""
    asked = body.get("timeRange", {})
    preset, zone = asked.get("preset", "lastMonth"), asked.get("timeZone", "UTC")
    if zone not in available_timezones():
        raise errors.invalid('"timeRange.timeZone" must be equal to one of the allowed values')
    start, end = period_of(preset, state.store.clock.now(), zone)
    interval = body.get("timeInterval") or default_interval(preset)
    return start, end, buckets(start, end, interval)


async def _matches(state: State, query: Document) -> AsyncIterator[Candidate]:
    for blueprint in state.search.blueprints_of(query):
        async for page in state.search.pages(blueprint, query):
            for candidate in page:
                yield candidate
            await asyncio.sleep(0)
