"""Bring Port to what the manifests and options say, or show what that would change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from falcoport.commands.choices import SetupChoices, recall_choices
from falcoport.commands.extras.build import add_extras, list_keys
from falcoport.commands.extras.choices import ExtraChoices
from falcoport.commands.goals.setup import (
    build_first_goal,
    build_setup_goal,
    find_webhook,
    setup_keys,
)
from falcoport.commands.webhook_secret import SecretHandover, SecretOutcome, SecretRequest
from falcoport.errors import FalcoportError, ManifestError, UnexpectedAnswerError
from falcoport.falcosidekick.header import PLACEHOLDER
from falcoport.mapping.limited_process import Limits
from falcoport.mapping.sample_check import mapping_problems
from falcoport.reconcile.apply import Task, apply
from falcoport.reconcile.journal import Journal
from falcoport.resources.interface import Key
from falcoport.resources.webhook_security import SecretHeader

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.goal import Goal
    from falcoport.reconcile.plan import Plan
    from falcoport.resources.interface import Catalog


@dataclass(frozen=True)
class SetupRequest:
    """What `setup` is asked for, and `plan` to show.

    `secret` is None where the webhook's security is left as it is. `allow_mapping_errors` only
    warns where the mapping fails on the sample alerts; `limits` hold for trying it.
    """

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)
    secret: SecretRequest | None = None
    allow_mapping_errors: bool = False
    limits: Limits = field(default_factory=Limits)
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
    webhook = _webhook_key(request)
    handover = SecretHandover(request.secret, webhook, context)
    task = _make_task(request, context, handover.header, handover.prepare)
    journal = Journal()
    try:
        with context.connect() as api:
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
    task = _make_task(request, context, _placeholder(request.secret))
    with context.connect() as api:
        return task.plan(task.read(api))


def _make_task(
    request: SetupRequest,
    context: Context,
    secret_header: SecretHeader | None,
    before_writes: Callable[[Plan], None] = lambda _planned: None,
) -> Task:
    """Return the task, after the mapping was tried on the samples. Raise InputError.

    What is remembered in Port may change the mapping, so it is tried again once that was read.
    """
    check = _MappingCheck(request, context)
    empty = build_first_goal(request.manifests, request.choices)
    check.run(empty)
    extras = replace(request.extras, api_url=context.settings.api_url.value)

    said: set[str] = set()

    def build(catalog: Catalog) -> Goal:
        # The catalog is read again where somebody else writes at the same time.
        warning = describe_new_urls(request, catalog)
        if warning and warning not in said:
            said.add(warning)
            context.warn(warning)
        goal = build_setup_goal(request.manifests, request.choices, catalog, secret_header)
        goal = add_extras(goal, extras, catalog)
        check.run(goal)
        return goal

    keys = (*setup_keys(request.manifests, request.choices), *list_keys(empty, extras.named))
    return Task(keys, build, neighbours=bool(extras.unwanted), before_writes=before_writes)


def describe_new_urls(request: SetupRequest, catalog: Catalog) -> str:
    """Say which Falcosidekick is related wrongly until it has another URL; empty for none.

    A mapping for several clusters reads the cluster from the URL, one for a single cluster holds
    its name.
    """
    before = recall_choices(request.manifests, catalog).clusters
    after = request.choices.clusters
    if before is None or after is None or not after.names:
        return ""
    if after.from_url and before.names:
        [name] = before.names
        return (
            f"the Falcosidekick of cluster {name} needs its new URL, which names the cluster: "
            f"`falcoport show-url --cluster {name}`. Until then its alerts are related by their "
            "tags alone."
        )
    if before.from_url and not after.from_url:
        return (
            f"every alert will be related to cluster {after.names[0]}, whatever cluster its URL "
            "names: give each --cluster, if this webhook serves several."
        )
    return ""


def _webhook_key(request: SetupRequest) -> Key:
    return Key("webhook", request.manifests.webhook.identifier)


class _MappingCheck:
    """Tries the mapping of a goal on the samples, each mapping once."""

    def __init__(self, request: SetupRequest, context: Context) -> None:
        self._request = request
        self._context = context
        self._tried: list[Json] = []

    def run(self, goal: Goal) -> None:
        """Raise ManifestError where a mapping fails, or warn where that is allowed."""
        mappings = find_webhook(goal).body["mappings"]
        if mappings in self._tried:
            return
        self._tried.append(mappings)
        manifests = self._request.manifests
        problems = mapping_problems(
            mappings,
            manifests.webhook.source,
            self._request.limits,
            manifests.trusted_expressions(mappings),
        )
        if problems and not self._request.allow_mapping_errors:
            raise ManifestError("The mapping fails on sample alerts.", problems=problems)
        for problem in problems:
            self._context.warn(problem.message)


def _placeholder(secret: SecretRequest | None) -> SecretHeader | None:
    """Return a header for a plan, whose secret is never sent and shown as `***`."""
    if secret is None:
        return None
    text = secret.secret if secret.secret is not None else PLACEHOLDER
    given = secret.secret is not None
    # Nobody can tell whether a given secret differs, so a plan does not call it a change.
    return SecretHeader(text, secret.header, rotate=secret.rotate, given=given, rewrites=False)


def _mask_manifest_secret(request: SetupRequest, context: Context) -> None:
    """Keep a secret that stands in a manifest off the screen."""
    secret = (request.manifests.webhook.body.get("security") or {}).get("secret")
    if secret:
        context.mask(secret)
