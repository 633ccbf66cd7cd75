"""Take away what falcoport made, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.choices import SetupChoices
from falcoport.commands.extras.build import list_keys, remove_extras
from falcoport.commands.goals.removal import RemovalChoices, build_removal_goal, removal_keys
from falcoport.commands.goals.setup import build_setup_goal
from falcoport.errors import UsageError
from falcoport.mapping import finding_expressions
from falcoport.reconcile.apply import Task, apply
from falcoport.reconcile.changes import Action
from falcoport.reconcile.journal import Journal
from falcoport.resources.interface import Key

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.manifests.loading import Manifests
    from falcoport.port.api import PortApi
    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.goal import Goal
    from falcoport.reconcile.plan import Plan
    from falcoport.resources.interface import Catalog


@dataclass(frozen=True)
class TeardownRequest:
    """Which set-up goes and how much of it; `confirmed` says that nobody need be asked."""

    manifests: Manifests
    choices: RemovalChoices = field(default_factory=RemovalChoices)
    confirmed: bool = False


def teardown(request: TeardownRequest, context: Context) -> tuple[Change, ...]:
    """Take a set-up away; return what was done. Raise what planning and applying raise."""
    task = _make_task(request)
    with context.connect() as api:
        if not request.confirmed:
            _ask(task, request, api, context)
        return apply(api, task, Journal()).changes


def plan_teardown(request: TeardownRequest, context: Context) -> Plan:
    """Return what `teardown` would do; change nothing."""
    task = _make_task(request)
    with context.connect() as api:
        return task.plan(task.read(api))


def _make_task(request: TeardownRequest) -> Task:
    choices = request.choices
    if choices.delete_alerts and choices.keep_blueprint:
        raise UsageError("--delete-alerts and --keep-blueprint contradict each other.")
    setup = build_setup_goal(request.manifests, SetupChoices())
    # Other clusters' webhooks may still fill the blueprint, so what shows its alerts stays with it.
    extras = () if choices.keep_blueprint else list_keys(setup)

    def build(catalog: Catalog) -> Goal:
        goal = build_removal_goal(request.manifests, choices, catalog)
        if not extras:
            return goal
        whole = build_setup_goal(request.manifests, SetupChoices(), catalog)
        return remove_extras(goal, whole, catalog)

    keys = (*removal_keys(request.manifests), *extras)
    return Task(keys, build, neighbours=True)


def _ask(task: Task, request: TeardownRequest, api: PortApi, context: Context) -> None:
    """Say what goes, and go on only if a person agrees. Raise UsageError."""
    catalog = task.read(api)
    planned = task.plan(catalog)  # what cannot be done is said before anything is asked
    if not planned.pending:
        return
    sentence = describe_loss(planned, catalog, request.manifests.blueprint.identifier)
    if context.confirm is None:
        raise UsageError(
            sentence,
            code="needs_yes",
            where="--yes",
            hint="There is no terminal to confirm it: add --yes if that is what you want.",
        )
    if not context.confirm(f"{sentence} Continue?"):
        raise UsageError("Nothing was deleted.", code="declined")


def describe_loss(planned: Plan, catalog: Catalog, blueprint: str) -> str:
    """Say in a sentence or two what a plan deletes and what that means."""
    deleted = [write.key for write in planned.writes if write.action is Action.DELETE]
    counts = _count_entities(deleted, catalog, blueprint)
    others = [str(key) for key in deleted if key.kind not in ("alerts", "entities")]
    sentences = []
    if others:
        sentences.append(f"This deletes {_join(others)} from Port.")
    if counts:
        sentences.append(f"{_join(counts)} will be deleted and cannot be brought back.")
    if any(key.kind == "webhook" for key in deleted):
        sentences.append(
            "A new webhook has a new URL: a Falcosidekick with the old one can no longer deliver."
        )
    return " ".join(sentences) or "This removes falcoport's own part from what others share."


def _count_entities(deleted: list[Key], catalog: Catalog, blueprint: str) -> list[str]:
    """Return how many alerts and findings are deleted, as `2 alerts`."""
    words = {
        Key("alerts", blueprint): "alert",
        Key("entities", finding_expressions.BLUEPRINT): "finding",
    }
    counts = []
    for key, word in words.items():
        count = (catalog.get(key) or {}).get("count", 0)
        if key in deleted and count:
            counts.append(f"{count} {word}" if count == 1 else f"{count} {word}s")
    return counts


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
