"""Bring Port to what the manifests and options say, or show what that would change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.extras.choices import ExtraChoices
from falcoport.commands.set_up import SetupChoices, build_setup_goal, find_webhook
from falcoport.commands.webhook_secret import SecretHandover, SecretOutcome, SecretRequest
from falcoport.errors import FalcoportError, ManifestError, UnexpectedAnswerError
from falcoport.falcosidekick.header import PLACEHOLDER
from falcoport.mapping.sample_check import mapping_problems
from falcoport.reconcile.apply import Task, apply
from falcoport.reconcile.journal import Journal
from falcoport.resources.webhook_security import SecretHeader

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcoport.commands.context import Context
    from falcoport.manifests.loading import Manifests
    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.goal import Goal
    from falcoport.reconcile.plan import Plan
    from falcoport.resources.interface import Json


@dataclass(frozen=True)
class SetupRequest:
    """What `setup` is asked for, and `plan` to show.

    `secret` is None where the webhook's security is left as it is. `allow_mapping_errors` only
    warns where the mapping fails on the sample alerts.
    """

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)
    secret: SecretRequest | None = None
    allow_mapping_errors: bool = False
    extras: ExtraChoices = field(default_factory=ExtraChoices)


@dataclass(frozen=True)
class SetupResult:
    """What was changed, the webhook as Port has it now, and what became of its secret."""

    changes: tuple[Change, ...]
    webhook: Json
    secret: SecretOutcome

    @property
    def url(self) -> str:
        """The webhook's URL."""
        return str(self.webhook["url"])


def setup(request: SetupRequest, context: Context) -> SetupResult:
    """Bring Port to what is asked for. Raise what planning and applying raise."""
    _mask_manifest_secret(request, context)
    bare = _build_checked_goal(request, context)
    webhook = find_webhook(bare).key
    handover = SecretHandover(request.secret, webhook, context)
    goal = build_setup_goal(request.manifests, request.choices, handover.header)
    journal = Journal()
    try:
        with context.connect() as api:
            task = _make_task(goal, request.extras, handover.prepare)
            applied = apply(api, task, journal)
    except (FalcoportError, KeyboardInterrupt):
        handover.abandon(journal)
        raise
    live = applied.catalog.get(webhook)
    outcome = handover.hand_over(journal)
    if live is None:
        raise UnexpectedAnswerError("Port lost the webhook that was just written.")
    return SetupResult(applied.changes, live, outcome)


def plan_setup(request: SetupRequest, context: Context) -> Plan:
    """Return what `setup` would change; change nothing. Raise what planning raises."""
    _mask_manifest_secret(request, context)
    _build_checked_goal(request, context)
    goal = build_setup_goal(request.manifests, request.choices, _placeholder(request.secret))
    task = _make_task(goal, request.extras)
    with context.connect() as api:
        return task.plan(task.read(api))


def _make_task(
    goal: Goal, extras: ExtraChoices, before_writes: Callable[[Plan], None] = lambda _planned: None
) -> Task:
    """Return what a run is to reach: the set-up with its extras."""
    if not extras:
        return Task(goal.keys, lambda _catalog: goal, before_writes=before_writes)
    from falcoport.commands.extras.build import add_extras, list_keys

    keys = (*goal.keys, *list_keys(goal, (*extras.wanted, *extras.unwanted)))
    return Task(
        keys,
        lambda catalog: add_extras(goal, extras, catalog),
        neighbours=bool(extras.unwanted),
        before_writes=before_writes,
    )


def _build_checked_goal(request: SetupRequest, context: Context) -> Goal:
    """Return the goal if its mapping works on the samples. Raise InputError."""
    goal = build_setup_goal(request.manifests, request.choices)
    mappings = find_webhook(goal).body["mappings"]
    problems = mapping_problems(mappings, request.manifests.webhook.source)
    if problems and not request.allow_mapping_errors:
        raise ManifestError("The mapping fails on sample alerts.", problems=problems)
    for problem in problems:
        context.warn(problem.message)
    return goal


def _placeholder(secret: SecretRequest | None) -> SecretHeader | None:
    """Return a header for a plan, whose secret is never sent and shown as `***`."""
    if secret is None:
        return None
    text = secret.secret if secret.secret is not None else PLACEHOLDER
    given = secret.secret is not None
    return SecretHeader(text, secret.header, rotate=secret.rotate, given=given)


def _mask_manifest_secret(request: SetupRequest, context: Context) -> None:
    """Keep a secret that stands in a manifest off the screen."""
    secret = (request.manifests.webhook.body.get("security") or {}).get("secret")
    if secret:
        context.mask(secret)
