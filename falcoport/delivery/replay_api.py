"""Writing staged alerts straight into the catalog: mapped here, 20 entities a request.

Twenty times fewer requests than the webhook takes, and a verdict for each alert, which the
webhook's 202 is not. The mappings are the webhook's own, so the entities are the same.
"""

from __future__ import annotations

import random
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from falcoport.delivery.pacing import Pauses
from falcoport.errors import PortError, RefusedError, UnreachableError
from falcoport.port.errors import NotFoundError, UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from falcoport.delivery.replay import Ledger
    from falcoport.delivery.staging import StagedAlert
    from falcoport.json_types import Json
    from falcoport.mapping.outcomes import Outcome
    from falcoport.port.api import PortApi

    Evaluate = Callable[[Sequence[bytes]], list[list[Outcome] | str]]
    """Gives, for each body, what the mappings make of it, or why it cannot be read."""

BULK = 20
"""The most entities of one request (Port's API reference, `entities/bulk`)."""

GROUP = 100
"""How many alerts are mapped and sent together: five requests."""


@dataclass
class _Group:
    """Some alerts, and what Port is to have of each; a failure of any part is the alert's."""

    alerts: list[StagedAlert]
    outcomes: list[list[Outcome] | str]
    reasons: dict[int, str] = field(default_factory=dict)
    """Why an alert was refused, by its place among the alerts."""


class ApiReplay:
    """Sends alerts through Port's API; `evaluate` maps bodies with the webhook's mappings.

    `workers` requests run at once, `rate` alerts a second are sent at most. Nothing is given up
    before nothing has succeeded for `away_seconds`.
    """

    def __init__(
        self,
        api: PortApi,
        evaluate: Evaluate,
        *,
        workers: int,
        rate: float | None,
        away_seconds: float,
        pauses: Pauses | None = None,
    ) -> None:
        self._api = api
        self._evaluate = evaluate
        self._workers = workers
        self._rate = rate
        self._away_seconds = away_seconds
        self._pauses = pauses or Pauses()
        self._last_success = time.monotonic()

    def run(self, alerts: Iterable[StagedAlert], ledger: Ledger) -> None:
        """Send alerts in their order, and note what becomes of each.

        Raise AccessError and PortError where none would be taken.
        """
        self._last_success = started = time.monotonic()
        sent = 0
        groups: deque[Future[_Group]] = deque()
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for batch in _batches(alerts, GROUP):
                    group = _Group(batch, self._evaluate([alert.body for alert in batch]))
                    groups.append(pool.submit(self._send, group))
                    sent += len(batch)
                    while len(groups) >= self._workers:
                        self._settle(groups.popleft().result(), ledger)
                    if self._rate:
                        time.sleep(max(0.0, started + sent / self._rate - time.monotonic()))
                while groups:
                    self._settle(groups.popleft().result(), ledger)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _settle(self, group: _Group, ledger: Ledger) -> None:
        """Note what became of a group; accepted ones first, since those are not to be repeated."""
        accepted: list[StagedAlert] = []
        skipped: list[StagedAlert] = []
        for place, alert in enumerate(group.alerts):
            if place in group.reasons:
                continue
            outcomes = group.outcomes[place]
            (accepted if _stores(outcomes) else skipped).append(alert)
        ledger.accept(accepted)
        for alert in skipped:
            ledger.skip(alert)
        for place, reason in group.reasons.items():
            ledger.refuse(group.alerts[place], reason)

    def _send(self, group: _Group) -> _Group:
        """Write what the mappings made, in the mappings' order: targets come before alerts."""
        for place, outcomes in enumerate(group.outcomes):
            if reason := _refusal(outcomes):
                group.reasons[place] = reason
        for mapping in sorted(_mappings(group)):
            wanted = list(_of_mapping(group, mapping))
            for blueprint in dict.fromkeys(outcome.blueprint for _, outcome in wanted):
                own = [one for one in wanted if one[1].blueprint == blueprint]
                self._write(group, blueprint, own)
        return group

    def _write(self, group: _Group, blueprint: str, wanted: list[tuple[int, Outcome]]) -> None:
        """Write the entities of one mapping; several of the same identifier as one."""
        merged: dict[str, tuple[Json, list[int]]] = {}
        for place, outcome in wanted:
            entity = outcome.entity
            assert entity is not None  # _of_mapping yields no others
            name = str(entity["identifier"])
            if outcome.operation == "delete":
                self._call(lambda name=name: _delete(self._api, blueprint, name))  # type: ignore[misc] # bound now
                merged.pop(name, None)
                continue
            if name in merged:
                merged[name] = (_merge(merged[name][0], entity), [*merged[name][1], place])
            else:
                merged[name] = (entity, [place])
        for part in _batches(merged.values(), BULK):
            entities = [entity for entity, _places in part]
            for error in self._call(lambda e=entities: self._upsert(blueprint, e)):  # type: ignore[misc] # bound now
                for place in part[error["index"]][1]:
                    message = str(error.get("message") or error.get("error") or "no reason given")
                    group.reasons.setdefault(place, f"Port refuses it: {message}")

    def _upsert(self, blueprint: str, entities: list[Json]) -> list[Json]:
        try:
            return self._api.upsert_entities(blueprint, entities)
        except RefusedError as error:
            if len(entities) == 1:
                return [{"index": 0, "message": error.message}]
            # One that the request as a whole is refused for must not take the others along.
            return [
                {**one, "index": index}
                for index, entity in enumerate(entities)
                for one in self._upsert(blueprint, [entity])
            ]

    def _call(self, once: Callable[[], Any]) -> Any:
        """Make a request that may be made again until it is answered, for a bounded time."""
        failures = 0
        while True:
            try:
                answer = once()
            except (UnknownOutcomeError, UnreachableError, PortError) as error:
                failures += 1
                is_final = isinstance(error, NotFoundError)
                if is_final or time.monotonic() - self._last_success > self._away_seconds:
                    raise
                time.sleep(self._pauses.after(failures) * random.uniform(0.9, 1.1))  # noqa: S311 -- spreads load
            else:
                self._last_success = time.monotonic()
                return answer


def _delete(api: PortApi, blueprint: str, identifier: str) -> None:
    try:
        api.delete_entity(blueprint, identifier)
    except NotFoundError:
        return


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _mappings(group: _Group) -> set[int]:
    return {
        outcome.mapping
        for outcomes in group.outcomes
        if not isinstance(outcomes, str)
        for outcome in outcomes
    }


def _of_mapping(group: _Group, mapping: int) -> Iterator[tuple[int, Outcome]]:
    """Yield what one mapping made of each alert that was not refused, with the alert's place."""
    for place, outcomes in enumerate(group.outcomes):
        if isinstance(outcomes, str) or place in group.reasons:
            continue
        for outcome in outcomes:
            if outcome.mapping == mapping and outcome.entity is not None:
                yield place, outcome


def _stores(outcomes: list[Outcome] | str) -> bool:
    return not isinstance(outcomes, str) and any(one.entity is not None for one in outcomes)


def _refusal(outcomes: list[Outcome] | str) -> str:
    """Say why an alert cannot be written at all; empty if it can."""
    if isinstance(outcomes, str):
        return outcomes
    for outcome in outcomes:
        if outcome.entity is None and outcome.errors:
            first = outcome.errors[0]
            return f"the mapping fails on it: {first.field}: {first.message}"
        if outcome.entity is None and outcome.skipped != "filter is false":
            return f"the mapping stores nothing: {outcome.skipped}"
        if outcome.entity is not None and not isinstance(outcome.entity["identifier"], str):
            return "the mapping finds its entity by a search: replay it through the webhook"
    return ""


def _merge(one: Json, other: Json) -> Json:
    """Return two bodies of the same entity as one, as if they were merged one after the other."""
    merged = {**one, **other}
    for part in ("properties", "relations"):
        if part in one and part in other:
            merged[part] = {**one[part], **other[part]}
    return merged
