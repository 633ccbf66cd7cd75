"""What Port computes of an entity: mirror, aggregation and calculation properties, teams, levels.

All of it is made when an entity is read, of what is stored then, so that nothing is ever out of
date: mirror properties first, then aggregations, calculations of both, and scorecards of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.sandbox.expressions.limited import JqError
from falcoport.sandbox.storage.search import Candidate, compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.sandbox.expressions.limited import LimitedJq
    from falcoport.sandbox.storage.aggregates import Aggregates
    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.documents import Documents
    from falcoport.sandbox.storage.entities import Entities, Row
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

_DEPTH = 5
"""How many computed values of others one may look through; more would be a circle."""
_AT_ONCE = 500


class Computed:
    """Computes the values of one sandbox's entities."""

    def __init__(
        self,
        store: Store,
        blueprints: Blueprints,
        entities: Entities,
        aggregates: Aggregates,
        scorecards: Documents,
        jq: LimitedJq,
    ) -> None:
        self._store = store
        self._blueprints = blueprints
        self._entities = entities
        self._aggregates = aggregates
        self._scorecards = scorecards
        self._jq = jq

    def is_needed(self, blueprint: Blueprint) -> bool:
        """Return whether the entities of a blueprint have anything to compute."""
        return blueprint.has_computed or bool(self._scorecards.all(blueprint.key))

    def add(
        self, blueprint: Blueprint, rows: Sequence[Row], shown: Sequence[Document], depth: int = 0
    ) -> None:
        """Put what is computed into entities of one blueprint."""
        if depth > _DEPTH:
            return
        document = blueprint.document
        keys = [row.key for row in rows]
        for name, mirror in document["mirrorProperties"].items():
            for one, value in zip(shown, self._mirror(blueprint, mirror, keys, depth), strict=True):
                one["properties"][name] = value
        ownership = document.get("ownership") or {}
        if ownership.get("type") == "Inherited":
            path = ownership["path"].removesuffix(".$team") + ".$team"
            found = self._mirror(blueprint, {"path": path}, keys, depth)
            for one, value in zip(shown, found, strict=True):
                one["team"] = _flatten(value)
        for name in document["aggregationProperties"]:
            figures = self._aggregates.values(blueprint, name, keys)
            for one, value in zip(shown, figures, strict=True):
                one["properties"][name] = value
        for name, calculation in document["calculationProperties"].items():
            for one in shown:
                one["properties"][name] = self._calculate(calculation["calculation"], one)
        self._add_scorecards(blueprint, rows, shown)

    # --- mirror properties ------------------------------------------------------------------

    def _mirror(
        self, blueprint: Blueprint, mirror: Mapping[str, Any], keys: Sequence[int], depth: int
    ) -> list[Any]:
        """Return what a path of relations shows of the entities at its end."""
        *relations, subject = mirror["path"].split(".")
        ends: dict[int, list[int]] = {key: [key] for key in keys}
        here: Blueprint | None = blueprint
        many = False
        for name in relations:
            if here is None or name not in here.relations:
                return [None for _ in keys]
            many = many or here.relation(name)["many"]
            places = sorted({place for some in ends.values() for place in some})
            edges = self._targets(places, here.relations[name])
            ends = {
                key: [end for place in some for end in edges.get(place, ())]
                for key, some in ends.items()
            }
            here = self._blueprints.all().get(here.relation(name)["target"])
        if here is None:
            return [None for _ in keys]
        values = self._values(
            here, sorted({end for some in ends.values() for end in some}), subject, depth
        )
        found: list[Any] = []
        for key in keys:
            some = [values.get(end) for end in ends[key]]
            found.append(some if many else some[0] if some else None)
        return found

    def _targets(self, keys: Sequence[int], slot: str) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for source, target in self._store.execute(
                "SELECT source, target FROM relation "  # noqa: S608 - question marks
                f"WHERE source IN ({marks}) AND slot = ? ORDER BY source, position",
                (*some, slot),
            ):
                found.setdefault(source, []).append(target)
        return found

    def _values(
        self, blueprint: Blueprint, keys: Sequence[int], subject: str, depth: int
    ) -> dict[int, Any]:
        """Return one value of each of some entities, a computed one if it is one."""
        is_stored = subject in blueprint.properties or (
            subject.startswith("$") and subject != "$team"
        )
        found: dict[int, Any] = {}
        for start in range(0, len(keys), _AT_ONCE):
            rows = self._entities.rows(keys[start : start + _AT_ONCE])
            shown = self._entities.stored(rows)
            if not is_stored and self.is_needed(blueprint):
                self.add(blueprint, rows, shown, depth + 1)
            for row, document in zip(rows, shown, strict=True):
                found[row.key] = Candidate(row, blueprint, document).value(subject)
        return found

    # --- calculation properties -------------------------------------------------------------

    def _calculate(self, expression: str, entity: Document) -> Any:
        try:
            return self._jq.evaluate(expression, entity)
        except JqError:
            return None

    # --- scorecards -------------------------------------------------------------------------

    def _add_scorecards(
        self, blueprint: Blueprint, rows: Sequence[Row], shown: Sequence[Document]
    ) -> None:
        scorecards = self._scorecards.all(blueprint.key)
        if not scorecards:
            return
        for row, document in zip(rows, shown, strict=True):
            candidate = Candidate(row, blueprint, document)
            found = {}
            for stored in scorecards:
                result = _score(stored.document, candidate)
                if result is not None:
                    found[stored.identifier] = result
            document["scorecards"] = found


def _score(scorecard: Mapping[str, Any], candidate: Candidate) -> Document | None:
    """Return an entity's level and what it makes of each rule; None if a filter leaves it out.

    An entity is at the highest level of which it fulfils every rule, and every rule of the levels
    below (Port docs, Scorecards). What a level without rules is worth is not documented; here
    nobody is at one but at the first.
    """
    if "filter" in scorecard and not _holds(scorecard["filter"], candidate):
        return None
    results = [
        {
            "identifier": rule["identifier"],
            "status": "SUCCESS" if _holds(rule["query"], candidate) else "FAILURE",
            "level": rule["level"],
        }
        for rule in scorecard["rules"]
    ]
    failed = {result["level"] for result in results if result["status"] == "FAILURE"}
    ruled = {result["level"] for result in results}
    level, *higher = [one["title"] for one in scorecard["levels"]]
    for title in higher:
        if title in failed:
            break
        level = title if title in ruled else level
    return {"level": level, "rules": results}


def _holds(query: Mapping[str, Any], candidate: Candidate) -> bool:
    tests = (_condition(condition, candidate) for condition in query["conditions"])
    return any(tests) if query["combinator"] == "or" else all(tests)


def _condition(condition: Mapping[str, Any], candidate: Candidate) -> bool:
    subject = condition.get("property") or condition.get("relation") or ""
    holds = compare(condition["operator"], candidate.value(subject), condition.get("value"))
    return holds != bool(condition.get("not"))


def _flatten(value: Any) -> list[str]:
    """Return the teams in what a path shows, each once."""
    some = value if isinstance(value, list) else [value]
    teams = [team for one in some for team in (one if isinstance(one, list) else [one])]
    return list(dict.fromkeys(team for team in teams if isinstance(team, str)))
