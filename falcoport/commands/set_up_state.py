"""What `status` tells: whether a set-up is whole, and what its alerts look like. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from falcoport.reconcile.planning import named_webhook
from falcoport.resources.merging import difference, merge, own_mapping
from falcoport.resources.webhook_security import SIGNED, UNSIGN, Guard, guard, header_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.reconcile.planning import Desired, Live
    from falcoport.resources.merging import Json


class State(StrEnum):
    """How one part of a set-up is."""

    OK = "ok"
    MISSING = "missing"
    DRIFTED = "drifted"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Part:
    """One part of a set-up: what it is, its identifier, how it is, and what to know about it."""

    name: str
    identifier: str
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Alerts:
    """The alerts in the catalog: `newest` is the latest alert's own time, None without alerts.

    `by_priority` and `by_namespace` count those that were looked at, which is all of them where
    `complete`.
    """

    count: int
    newest: datetime | None
    by_priority: dict[str, int]
    by_namespace: dict[str, int]
    without_namespace: int
    complete: bool


def parts(desired: Desired, live: Live) -> tuple[Part, ...]:
    """Return how every part of a set-up is, compared with what `setup` would make of it."""
    blueprint = _drift(live.blueprint, desired.blueprint)
    webhook = _drift(live.webhook, named_webhook(desired, live.webhook), desired.own_mappings)
    return (
        _part(
            "blueprint",
            desired.blueprint["identifier"],
            live.blueprint,
            [field for field in blueprint if not field.startswith("relations.")],
        ),
        *_relations(desired, live, blueprint),
        _webhook(desired, live, [f for f in webhook if not f.startswith("mappings")]),
        _mapping(desired, live, [field for field in webhook if field.startswith("mappings")]),
    )


def _drift(live: Json | None, named: Json, own_mappings: Sequence[Json] = ()) -> list[str]:
    """List the fields that are not as named; none where there is nothing to compare."""
    if live is None:
        return []
    return sorted(f.field for f in difference(live, merge(live, named, own_mappings)))


def _part(name: str, identifier: str, live: Json | None, drifted: Sequence[str]) -> Part:
    if live is None:
        return Part(name, identifier, State.MISSING)
    if drifted:
        return Part(name, identifier, State.DRIFTED, ", ".join(drifted))
    return Part(name, identifier, State.OK)


def _relations(desired: Desired, live: Live, drifted: Sequence[str]) -> list[Part]:
    result = []
    live_relations = (live.blueprint or {}).get("relations") or {}
    for name, relation in (desired.blueprint.get("relations") or {}).items():
        target = relation["target"]
        found = live_relations.get(name)
        own = [field for field in drifted if field.startswith(f"relations.{name}.")]
        part = _part("relation", name, found, own)
        if found and live.others.get(target) is None and target != desired.blueprint["identifier"]:
            part = Part("relation", name, State.MISSING, f"blueprint {target} is not there")
        result.append(part if part.detail else replace(part, detail=f"→ {target}"))
    return result


def _mapping(desired: Desired, live: Live, drifted: Sequence[str]) -> Part:
    name, identifier = "mapping", desired.webhook["identifier"]
    if live.webhook is not None:
        mappings = live.webhook.get("mappings") or []
        missing = [one for one in desired.own_mappings if own_mapping(mappings, one) is None]
        if missing:
            told = ", ".join(str(one["blueprint"]) for one in missing)
            return Part(name, identifier, State.MISSING, f"none for blueprint {told}")
    return _part(name, identifier, live.webhook, drifted)


def _webhook(desired: Desired, live: Live, drifted: Sequence[str]) -> Part:
    part = _part("webhook", desired.webhook["identifier"], live.webhook, drifted)
    if live.webhook is None:
        return part
    if live.webhook.get("enabled") is False:
        return replace(part, state=State.DISABLED, detail="alerts sent to it are dropped")
    if guard(live.webhook) is Guard.SIGNATURE:
        return replace(part, state=State.DRIFTED, detail=_guarded(live.webhook))
    return part if part.detail else replace(part, detail=_guarded(live.webhook))


def _guarded(webhook: Json) -> str:
    """Say what a webhook asks of its senders."""
    asked = guard(webhook)
    if asked is Guard.HEADER:
        return f"secured: asks for the header {header_name(webhook)}"
    if asked is Guard.SIGNATURE:
        return f"{SIGNED}; {UNSIGN}"
    return "open to whoever knows its URL; `falcoport setup --secure` closes it"


def alerts(
    count: int, entities: Sequence[Mapping[str, Any]], relation: str, *, complete: bool
) -> Alerts:
    """Count alerts by priority and by what their `relation` points to."""
    priorities: Counter[str] = Counter()
    namespaces: Counter[str] = Counter()
    without = 0
    newest: datetime | None = None
    for entity in entities:
        properties = entity.get("properties") or {}
        priorities[str(properties.get("priority") or "(none)")] += 1
        related = (entity.get("relations") or {}).get(relation)
        names = related if isinstance(related, list) else [related] if related else []
        without += not names
        namespaces.update(str(name) for name in names)
        time = moment(properties.get("time"))
        if time is not None and (newest is None or time > newest):
            newest = time
    return Alerts(
        count=count,
        newest=newest,
        by_priority=dict(priorities.most_common()),
        by_namespace=dict(namespaces.most_common()),
        without_namespace=without,
        complete=complete,
    )


def moment(text: object) -> datetime | None:
    """Read a time as Falco writes it (nine digits of a second), None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
