"""Maps the alerts of a chunk of lines: what Port would store for each, and what fails.

Pure; one `Mapper` per process.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from zlib import crc32

from falcoport.falco.inputs.interface import find_alerts
from falcoport.mapping.expressions import expressions
from falcoport.mapping.finding_expressions import read_identifier
from falcoport.mapping.limited_process import Limits
from falcoport.mapping.outcomes import EventError, FieldError
from falcoport.port.entity_check import EntityCheck
from falcoport.preview.interface import NotAnAlertError
from falcoport.preview.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from falcoport.falco.inputs.interface import Chunk
    from falcoport.mapping.limited_process import Watch
    from falcoport.mapping.outcomes import Outcome
    from falcoport.preview.interface import Pipeline

NAMED = 20
"""How many bad lines are named, per chunk and in all; the others are counted."""

TOGETHER = 16
"""How many alerts share the time that one alert may take, where it is limited."""

_FILTERED = "filter is false"
_IDENTIFIER = "entity.identifier"


@dataclass(frozen=True)
class MapperOptions:
    """What a preview maps with.

    `mappings` are the webhook's, `blueprints` the blueprints that values are checked against, by
    identifier; `custom_tags` are those of Falcosidekick's settings. `fast` takes the speed path,
    whose results are the same; `limits` hold for expressions that might not end. `tallies` also
    counts what a forecast needs, `trusted` are expressions that need no limits.
    """

    mappings: Sequence[Mapping[str, Any]]
    blueprints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    custom_tags: tuple[str, ...] = ()
    fast: bool = True
    limits: Limits = field(default_factory=Limits)
    tallies: bool = False
    trusted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LineProblem:
    """A line that is no alert, and why."""

    source: str
    line: int
    message: str


@dataclass
class Failure:
    """One way in which a field fails: how often, and where first."""

    field: str
    expression: str
    message: str
    source: str
    line: int
    count: int = 0


class Failures:
    """The different ways in which fields fail, up to a number of them, in order of appearance."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Failure] = {}

    def add(self, failure: Failure) -> None:
        """Count a failure, as another of a known kind or as a new one."""
        key = (failure.field, failure.expression, failure.message)
        known = self._found.get(key)
        if known is not None:
            known.count += failure.count
        elif len(self._found) < NAMED:
            self._found[key] = failure

    def __iter__(self) -> Iterator[Failure]:
        return iter(self._found.values())


@dataclass
class Page:
    """What became of one chunk.

    `records` are JSON Lines in UTF-8, one per entity; `failures` counts those with an error, which
    `failed` tells apart; `unrelated` alerts without an entity in a relation, by its name;
    `filtered` what a filter left out, `plain` lines of text; `problems` names
    the first `bad` ones; `sightings` are triples of 64-bit integers for counting collisions: an
    identifier's hash, an alert's hash, the line. `tally` is empty unless it was asked for.
    """

    records: bytes = b""
    alerts: int = 0
    entities: int = 0
    failures: int = 0
    failed: Failures = field(default_factory=Failures)
    unrelated: Counter[str] = field(default_factory=Counter)
    filtered: int = 0
    bad: int = 0
    plain: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    sightings: array[int] = field(default_factory=lambda: array("q"))
    tally: Tally = field(default_factory=Tally)

    def blame(self, source: str, line: int, message: str) -> None:
        """Count a bad line, and name it if it is one of the first."""
        self.bad += 1
        if len(self.problems) < NAMED:
            self.problems.append(LineProblem(source, line, message))


def build_pipeline(options: MapperOptions) -> Pipeline:
    """Return the way in which alerts are mapped: the one switch between plain and fast."""
    if options.fast:
        from falcoport.preview import fast

        return fast.build_pipeline(options.mappings, options.custom_tags, options.trusted)
    from falcoport.preview import plain

    return plain.build_pipeline(options.mappings, options.custom_tags)


class Mapper:
    """Maps chunks of lines with the mappings of one webhook."""

    def __init__(self, options: MapperOptions) -> None:
        self._pipeline = build_pipeline(options)
        self._texts = [{e.field: e.text for e in expressions(m)} for m in options.mappings]
        self._counted = [_is_counted(mapping, options.mappings) for mapping in options.mappings]
        self._check = EntityCheck(options.blueprints)
        self._tallies = options.tallies
        self._encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        self._blueprints = [self._encode(mapping.get("blueprint")) for mapping in options.mappings]

    def page(self, source: str, chunk: Chunk, watch: Watch | None = None) -> Page:
        """Map all alerts of a chunk of the source of that name.

        `watch` is called with the first and the last line of a few alerts before those are mapped.
        """
        page = Page()
        alerts: list[tuple[int, dict[str, Any]]] = []
        for found in find_alerts(chunk):
            if found.problem:
                page.blame(source, found.line, found.problem)
            elif found.text:
                try:
                    alerts.append((found.line, self._pipeline.read(found.text)))
                except NotAnAlertError as error:
                    page.blame(source, found.line, str(error))
            else:
                page.plain += 1
        name = self._encode(source)
        records: list[str] = []
        evaluated = (
            self._evaluate(source, alerts, page)
            if watch is None
            else self._evaluate_watched(source, alerts, page, watch)
        )
        for line, body, outcomes in evaluated:
            page.alerts += 1
            if self._tallies:
                passes = any(outcome.skipped != _FILTERED for outcome in outcomes)
                page.tally.count(body, outcomes, passes=passes)
            for outcome in outcomes:
                if outcome.skipped == _FILTERED:
                    page.filtered += 1
                else:
                    errors = self._errors(page, source, line, outcome)
                    records.append(self._record(page, name, line, body, outcome, errors))
        page.records = "".join(records).encode(errors="replace")
        return page

    def _evaluate_watched(
        self,
        source: str,
        alerts: Sequence[tuple[int, dict[str, Any]]],
        page: Page,
        watch: Watch,
    ) -> Iterator[tuple[int, dict[str, Any], list[Outcome]]]:
        for start in range(0, len(alerts), TOGETHER):
            some = alerts[start : start + TOGETHER]
            watch((some[0][0], some[-1][0]))
            yield from self._evaluate(source, some, page)

    def _evaluate(
        self, source: str, alerts: Sequence[tuple[int, dict[str, Any]]], page: Page
    ) -> Iterator[tuple[int, dict[str, Any], list[Outcome]]]:
        try:
            evaluated = self._pipeline.evaluate([body for _, body in alerts])
        except EventError:
            # One of them cannot be read: which one shows when each is evaluated alone.
            for line, body in alerts:
                try:
                    yield line, body, self._pipeline.evaluate([body])[0]
                except EventError as error:
                    page.blame(source, line, str(error))
            return
        for (line, body), outcomes in zip(alerts, evaluated, strict=True):
            yield line, body, outcomes

    def _errors(self, page: Page, source: str, line: int, outcome: Outcome) -> list[FieldError]:
        """Return what failed and what Port would refuse, counted in the page."""
        errors = [*outcome.errors, *self._objections(outcome)]
        page.failures += bool(errors)
        for e in errors:
            page.failed.add(Failure(e.field, e.expression, e.message, source, line, 1))
        return errors

    def _record(
        self,
        page: Page,
        source: str,
        line: int,
        body: dict[str, Any],
        outcome: Outcome,
        errors: list[FieldError],
    ) -> str:
        entity = "null"
        if outcome.entity is not None:
            page.entities += 1
            entity = self._encode(_COMPLETE | outcome.entity)
            identifier = outcome.entity["identifier"]
            if self._counted[outcome.mapping]:
                for name, target in (outcome.entity.get("relations") or {}).items():
                    if target is None or target == []:
                        page.unrelated[name] += 1
            if self._counted[outcome.mapping] and isinstance(identifier, str):
                page.sightings.extend((_hash(outcome.blueprint, identifier), _alert(body), line))
        failed = "[]" if not errors else self._encode([vars(error) for error in errors])
        blueprint = self._blueprints[outcome.mapping]
        return (
            f'{{"source":{source},"line":{line},"blueprint":{blueprint},'
            f'"entity":{entity},"errors":{failed}}}\n'
        )

    def _objections(self, outcome: Outcome) -> Iterator[FieldError]:
        """Yield what Port would refuse although no expression failed."""
        texts = self._texts[outcome.mapping]
        if outcome.entity is not None:
            for name, problem in self._check.problems(outcome.blueprint, outcome.entity):
                yield FieldError(name, texts.get(name, ""), problem)
        elif not any(e.field in ("filter", "itemsToParse", _IDENTIFIER) for e in outcome.errors):
            name = _IDENTIFIER if "identifier" in outcome.skipped else outcome.skipped.split()[0]
            yield FieldError(name, texts.get(name, ""), f"{outcome.skipped}: Port stores nothing")


_COMPLETE: dict[str, Any] = {"identifier": None, "title": None, "properties": {}, "relations": {}}


def _is_counted(mapping: Mapping[str, Any], mappings: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a mapping is meant to give each alert an entity of its own.

    One whose identifier is another mapping's relation makes the targets that alerts share, and
    findings are shared by what they are.
    """
    own = mapping.get("entity", {}).get("identifier")
    if read_identifier(own) is not None:
        return False
    relations = (m.get("entity", {}).get("relations") or {} for m in mappings)
    return isinstance(own, str) and all(own not in shared.values() for shared in relations)


def _alert(body: Mapping[str, Any]) -> int:
    """Return a number that two alerts share only if they are the same one, sent again or not.

    It tells apart what has the same identifier, and so hardly more than a few.
    """
    told = f"{body.get('rule')}\0{body.get('source')}\0{body.get('hostname')}\0{body.get('time')}"
    return crc32(told.encode(errors="replace"))


def _hash(blueprint: str, identifier: str) -> int:
    text = f"{blueprint}\0{identifier}"
    digest = blake2b(text.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
