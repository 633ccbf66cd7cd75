"""Relate the alerts of a set-up to one more blueprint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.goals.relation import RelationChoices, build_relation_goal, relation_keys
from falcoport.errors import UnexpectedAnswerError
from falcoport.reconcile.apply import Task, apply
from falcoport.reconcile.journal import Journal
from falcoport.resources.interface import Key

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.reconcile.changes import Change


@dataclass(frozen=True)
class AddRelationRequest:
    """Which set-up, and which relation."""

    manifests: Manifests
    choices: RelationChoices = field(default_factory=RelationChoices)


@dataclass(frozen=True)
class AddRelationResult:
    """What was changed, and the webhook as Port has it now."""

    changes: tuple[Change, ...]
    webhook: Json


def add_relation(request: AddRelationRequest, context: Context) -> AddRelationResult:
    """Add a relation and what fills it. Raise what planning and applying raise."""
    task = Task(
        relation_keys(request.manifests, request.choices),
        lambda catalog: build_relation_goal(request.manifests, request.choices, catalog),
    )
    # What is wrong in the options shows before Port is asked.
    build_relation_goal(request.manifests, request.choices)
    with context.connect() as api:
        applied = apply(api, task, Journal())
    webhook = applied.catalog.get(Key("webhook", request.manifests.webhook.identifier))
    if webhook is None:
        raise UnexpectedAnswerError("Port lost the webhook that was just written.")
    return AddRelationResult(applied.changes, webhook)
