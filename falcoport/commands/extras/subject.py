"""What extras are about: the entities that people act on, as their blueprint will be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.errors import UsageError
from falcoport.mapping.finding_expressions import BLUEPRINT as FINDING
from falcoport.reconcile.goal import Goal, lay_over
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import Key
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.manifests.extra_names import Extra
    from falcoport.resources.interface import Catalog, Part, Resource

ALERT = "falco_alert"
"""How the shipped manifests call the blueprint of alerts."""
STATUS = "status"


@dataclass(frozen=True)
class Subject:
    """Findings where a set-up has them, alerts otherwise; `blueprint` is as it will be.

    `webhook` is what receives them. `alerts` are those beside findings, None where there are none.
    """

    blueprint: Json
    is_finding: bool
    webhook: Webhook
    alerts: Subject | None = None

    @property
    def identifier(self) -> str:
        """The blueprint's identifier."""
        return str(self.blueprint["identifier"])

    @property
    def shipped_name(self) -> str:
        """What the shipped manifests call that blueprint."""
        return FINDING if self.is_finding else ALERT

    @property
    def properties(self) -> Json:
        """The blueprint's properties."""
        found: Json = self.blueprint.get("schema", {}).get("properties", {})
        return found

    @property
    def relations(self) -> Json:
        """The blueprint's relations."""
        found: Json = self.blueprint.get("relations") or {}
        return found

    @property
    def has_status(self) -> bool:
        """Whether people say of each one how far they are."""
        return STATUS in self.properties

    @property
    def noun(self) -> str:
        """What several of them are called."""
        return "findings" if self.is_finding else "alerts"

    @property
    def time(self) -> str:
        """The property that says when it happened last."""
        return "lastSeen" if self.is_finding else "time"


@dataclass(frozen=True)
class Parts:
    """What one extra consists of, and the resources of others that its fragments live in."""

    own: tuple[Part, ...]
    owners: tuple[Resource, ...] = ()


def find_subject(goal: Goal, catalog: Catalog) -> Subject:
    """Return what a set-up is about."""
    planned = lay_over(goal, catalog).planned
    names = [
        part.key.identifier
        for part in goal.present
        if isinstance(part, Blueprint) and not part.create_only
    ]
    webhook = next(part for part in goal.present if isinstance(part, Webhook))

    def make(name: str, alerts: Subject | None = None) -> Subject:
        blueprint = planned.get(Key(Blueprint.kind, name))
        assert blueprint is not None  # the goal has it
        return Subject(blueprint, name == FINDING, webhook, alerts)

    others = [name for name in names if name != FINDING]
    alerts = make(others[0]) if others else None
    return make(FINDING, alerts) if FINDING in names else make(names[0])


def rename(value: Any, before: str, after: str) -> Any:
    """Return a manifest's body about another blueprint than that of the shipped file."""
    if isinstance(value, dict):
        return {
            (after if key == before else key): rename(one, before, after)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [rename(one, before, after) for one in value]
    return after if value == before else value


def refuse(extra: Extra, reason: str, hint: str) -> UsageError:
    """Return the error for an extra that a set-up cannot have."""
    return UsageError(f"There is no {extra} for this set-up: {reason}.", where="--with", hint=hint)
