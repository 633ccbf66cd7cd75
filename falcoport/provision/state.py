"""What `status` tells: whether a set-up is whole, and what its alerts look like. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from falcoport.errors import InputError
from falcoport.provision.planning import Action, Resource, plan
from falcoport.provision.security import Guard, guard, header_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.provision.merging import Json
    from falcoport.provision.planning import Change, Desired, Live


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
    try:
        changes: Sequence[Change] = plan(desired, live).changes
        conflicts: tuple[str, ...] = ()
    except InputError as error:
        changes, conflicts = (), tuple(problem.message for problem in error.problems)
    found = {(change.resource, change.identifier): change for change in changes}
    return (
        _blueprint(desired, live, found, conflicts),
        *_relations(desired, live, found, conflicts),
        _webhook(desired, live),
        _mapping(desired, live, found, conflicts),
    )


_Found = dict[tuple[Resource, str], "Change"]


def _blueprint(desired: Desired, live: Live, found: _Found, conflicts: tuple[str, ...]) -> Part:
    identifier = desired.blueprint["identifier"]
    if live.blueprint is None:
        return Part("blueprint", identifier, State.MISSING)
    return _compared(
        "blueprint", identifier, found.get((Resource.BLUEPRINT, identifier)), conflicts
    )


def _relations(
    desired: Desired, live: Live, found: _Found, conflicts: tuple[str, ...]
) -> list[Part]:
    result = []
    live_relations = (live.blueprint or {}).get("relations") or {}
    for name, relation in (desired.blueprint.get("relations") or {}).items():
        target = relation["target"]
        if name not in live_relations:
            part = Part("relation", name, State.MISSING)
        elif live.others.get(target) is None and target != desired.blueprint["identifier"]:
            part = Part("relation", name, State.MISSING, f"blueprint {target} is not there")
        else:
            part = _compared("relation", name, found.get((Resource.RELATION, name)), conflicts)
        result.append(part if part.detail else _with_detail(part, f"→ {target}"))
    return result


def _with_detail(part: Part, detail: str) -> Part:
    return Part(part.name, part.identifier, part.state, detail)


def _webhook(desired: Desired, live: Live) -> Part:
    identifier = desired.webhook["identifier"]
    if live.webhook is None:
        return Part("webhook", identifier, State.MISSING)
    if live.webhook.get("enabled") is False:
        return Part("webhook", identifier, State.DISABLED, "alerts sent to it are dropped")
    state = State.DRIFTED if guard(live.webhook) is Guard.SIGNATURE else State.OK
    return Part("webhook", identifier, state, _guarded(live.webhook))


def _guarded(webhook: Json) -> str:
    """Say what a webhook asks of its senders."""
    asked = guard(webhook)
    if asked is Guard.HEADER:
        return f"secured: asks for the header {header_name(webhook)}"
    if asked is Guard.SIGNATURE:
        return "asks for signed bodies, which Falcosidekick cannot send"
    return "open to whoever knows its URL; `falcoport setup --secure` closes it"


def _mapping(desired: Desired, live: Live, found: _Found, conflicts: tuple[str, ...]) -> Part:
    identifier = desired.webhook["identifier"]
    if live.webhook is None:
        return Part("mapping", identifier, State.MISSING)
    change = found.get((Resource.WEBHOOK, identifier))
    return _compared("mapping", identifier, change, conflicts, ignored=("enabled",))


def _compared(
    name: str,
    identifier: str,
    change: Change | None,
    conflicts: tuple[str, ...],
    ignored: tuple[str, ...] = (),
) -> Part:
    if change is None:
        return Part(name, identifier, State.DRIFTED, " ".join(conflicts))
    fields = [field.field for field in change.fields if field.field not in ignored]
    if change.action is Action.UNCHANGED or not fields:
        return Part(name, identifier, State.OK)
    return Part(name, identifier, State.DRIFTED, ", ".join(fields))


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
