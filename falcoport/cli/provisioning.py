"""The commands around a set-up: setup, plan, add-relation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import (
    EXIT_CODES_WITH_CHECK,
    PORT_EXIT_CODES,
    CommandResult,
    Run,
    add,
)
from falcoport.cli.securing import SecurityOptions, WebhookSecret, webhook_secret
from falcoport.errors import (
    EXIT_CHECK,
    EXIT_OK,
    FalcoportError,
    ManifestError,
    UnexpectedAnswerError,
    UsageError,
)
from falcoport.render.text import Cell, Style

if TYPE_CHECKING:
    import typer

    from falcoport.manifests.loading import Manifest, Manifests
    from falcoport.reconcile.planning import Change, Desired, Plan

_DONE = {
    "create": Cell("created", Style.GOOD),
    "update": Cell("updated", Style.CHANGED),
    "delete": Cell("deleted", Style.BAD),
    "unchanged": Cell("already right", Style.FAINT),
}


def register(app: typer.Typer) -> None:
    """Add this module's commands to the app."""
    add(app, "setup", exits=PORT_EXIT_CODES, example="URL=$(falcoport setup)")(setup)
    add(app, "plan", exits=EXIT_CODES_WITH_CHECK, example="falcoport plan --exit-code -o json")(
        plan
    )
    add(
        app,
        "add-relation",
        exits=PORT_EXIT_CODES,
        example="falcoport add-relation --relation team --target team --tag-prefix team-",
    )(add_relation)


@dataclass(frozen=True)
class WebhookOptions:
    """Which webhook a command is about."""

    webhook_config: options.WebhookConfigFile = None
    webhook_id: options.WebhookId = None
    webhook_title: options.WebhookTitle = None

    def load(self) -> Manifest:
        """Read the webhook's manifest; raises ManifestError."""
        from falcoport.manifests.loading import load_webhook, renamed

        manifest = load_webhook(self.webhook_config)
        return renamed(manifest, identifier=self.webhook_id, title=self.webhook_title)


@dataclass(frozen=True)
class ManifestOptions:
    """Which blueprint and webhook a command is about."""

    blueprint: options.BlueprintFile = None
    webhook_config: options.WebhookConfigFile = None
    webhook_id: options.WebhookId = None
    webhook_title: options.WebhookTitle = None

    def load(self) -> Manifests:
        """Read the manifests; raises ManifestError."""
        from falcoport.manifests.loading import load, renamed

        manifests = load(self.blueprint, self.webhook_config)
        webhook = renamed(manifests.webhook, identifier=self.webhook_id, title=self.webhook_title)
        return replace(manifests, webhook=webhook)


@dataclass(frozen=True)
class MappingOptions:
    """How the mapping of a set-up differs from the manifest's."""

    no_relation: options.NoRelation = False
    identifier: options.AlertIdentifier = None
    cluster: options.Cluster = None
    ensure_namespaces: options.EnsureNamespaces = False

    def desired(self, manifests: Manifests, *, create_namespace_blueprint: bool = False) -> Desired:
        """Return what is to be in Port; raises InputError and UsageError."""
        from falcoport.commands.desired import SetupChoices, for_setup
        from falcoport.mapping.option_expressions import Identifier

        identifier = None
        if self.identifier is not None:
            if self.identifier not in list(Identifier):
                raise UsageError(
                    f"--identifier is {self.identifier!r}; it takes {', '.join(Identifier)}.",
                    where="--identifier",
                )
            identifier = Identifier(self.identifier)
        return for_setup(
            manifests,
            SetupChoices(
                relation=not self.no_relation,
                create_namespace_blueprint=create_namespace_blueprint,
                identifier=identifier,
                cluster=self.cluster,
                ensure_namespaces=self.ensure_namespaces,
            ),
        )


@dataclass(frozen=True)
class SetupOptions(MappingOptions):
    """What `setup` does, and `plan` shows."""

    create_namespace_blueprint: options.CreateNamespaceBlueprint = False
    allow_mapping_errors: options.AllowMappingErrors = False

    def checked(self, run: Run, manifests: Manifests) -> Desired:
        """Return what is to be in Port if its mapping works on the samples.

        Raises InputError and UsageError.
        """
        from falcoport.mapping.sample_check import mapping_problems

        desired = self.desired(
            manifests, create_namespace_blueprint=self.create_namespace_blueprint
        )
        problems = mapping_problems(desired.webhook["mappings"], manifests.webhook.source)
        if problems and not self.allow_mapping_errors:
            raise ManifestError("The mapping fails on sample alerts.", problems=problems)
        for problem in problems:
            run.output.warn(problem.message)
        return desired


def setup(
    run: Run,
    manifest: ManifestOptions,
    security: SecurityOptions,
    choices: SetupOptions,
    dry_run: options.DryRun = False,
) -> CommandResult:
    """Running it again changes nothing; what others added in Port stays."""
    desired = choices.checked(run, manifest.load())
    secret = webhook_secret(run, security, dry_run=dry_run)
    if dry_run:
        return _planned(run, desired, secret)
    provisioned = _told(run, desired, secret)
    handed = secret.finished(provisioned.webhook)
    _hand_over(run, provisioned)
    run.output.result(provisioned.url)
    return _finished(provisioned, handed)


def plan(
    run: Run,
    manifest: ManifestOptions,
    security: SecurityOptions,
    choices: SetupOptions,
    exit_code: options.ExitCode = False,
) -> CommandResult:
    """`setup` with the same options then does exactly this."""
    desired = choices.checked(run, manifest.load())
    secret = webhook_secret(run, security, dry_run=True)
    return _planned(run, desired, secret, exit_code=exit_code)


def _planned(
    run: Run, desired: Desired, secret: WebhookSecret, *, exit_code: bool = False
) -> CommandResult:
    from falcoport.reconcile import applying, planning

    _hide_secret(run, desired)
    with run.api() as api:
        live = applying.read(api, desired)
    found = planning.plan(secret.desired(desired, live), live)
    show_plan(run, found)
    code = EXIT_CHECK if exit_code and found.pending else EXIT_OK
    return CommandResult(plan_data(found), code)


def plan_data(found: Plan) -> dict[str, object]:
    """Return a plan as JSON data."""
    from falcoport.reconcile.planning import field_values

    return {"pending": found.pending, "changes": field_values(found.changes)}


_MARKS = {
    "create": ("+", Style.GOOD),
    "update": ("~", Style.CHANGED),
    "delete": ("-", Style.BAD),
    "unchanged": ("=", Style.FAINT),
}


def show_plan(run: Run, found: Plan) -> None:
    """Show a plan on stdout: a line per resource and, for updates, each field from and to."""
    counts: dict[str, int] = {}
    for change in found.changes:
        action = str(change.action)
        counts[action] = counts.get(action, 0) + 1
        mark, style = _MARKS[action]
        note = f" ({change.note})" if change.note else ""
        text = f"{mark} {change.resource} {change.identifier}: {action}{note}"
        run.output.styled_result(text, style)
        if action == "create":
            _show_created(run, change)
        elif action == "update":
            _show_updated(run, change)
    told = ", ".join(f"{counts[action]} to {action}" for action in _MARKS if action in counts)
    run.output.note(told.replace("to unchanged", "unchanged"), Style.STRONG)


def _show_created(run: Run, change: Change) -> None:
    from falcoport.reconcile.planning import shown_inline

    for field in change.fields:
        if field.after not in ({}, []):
            run.output.styled_result(f"    {field.field}: {shown_inline(field.field, field.after)}")


def _show_updated(run: Run, change: Change) -> None:
    from falcoport.reconcile.planning import shown_value

    for field in change.fields:
        run.output.styled_result(f"    {field.field}")
        run.output.styled_result(shown_value(field.field, field.before, "      - "), Style.BAD)
        run.output.styled_result(shown_value(field.field, field.after, "      + "), Style.GOOD)


def add_relation(
    run: Run,
    manifest: ManifestOptions,
    relation: options.Relation = None,
    target: options.Target = None,
    title: options.RelationTitle = None,
    tag_prefix: options.TagPrefix = None,
    many: options.Many = False,
    cluster: options.Cluster = None,
    ensure_namespaces: options.EnsureNamespaces = False,
) -> CommandResult:
    """Without options it is the relation to the namespace, which `setup --no-relation` left out."""
    from falcoport.commands.desired import RelationChoices, for_relation

    choices = RelationChoices(relation, target, title, tag_prefix, many, cluster, ensure_namespaces)
    return _finished(_told(run, for_relation(manifest.load(), choices)))


def _told(run: Run, desired: Desired, secret: WebhookSecret | None = None) -> Provisioned:
    provisioned = provision(run, desired, secret)
    run.output.table(("", "", "", ""), change_rows(provisioned.changes))
    return provisioned


def _finished(provisioned: Provisioned, further: dict[str, Any] | None = None) -> CommandResult:
    from falcoport.reconcile.planning import field_values
    from falcoport.resources.webhook_security import guard

    return CommandResult(
        {
            "webhook_url": provisioned.url,
            "security": str(guard(provisioned.webhook)),
            "changes": field_values(provisioned.changes),
            **(further or {}),
        }
    )


@dataclass(frozen=True)
class Provisioned:
    """What was changed, and the webhook as Port has it now."""

    changes: tuple[Change, ...]
    webhook: dict[str, Any]

    @property
    def url(self) -> str:
        """The webhook's URL."""
        return str(self.webhook["url"])


def provision(run: Run, desired: Desired, secret: WebhookSecret | None = None) -> Provisioned:
    """Bring Port to what is desired; raises what planning and applying raise."""
    from falcoport.reconcile import applying
    from falcoport.reconcile.planning import plan

    _hide_secret(run, desired)
    secret = secret or WebhookSecret(run)
    run.journal = secret.journal
    try:
        with run.api() as api:
            applied = applying.apply(
                api,
                lambda live: plan(secret.desired(desired, live), live),
                lambda: applying.read(api, desired),
                journal=secret.journal,
            )
    except (FalcoportError, KeyboardInterrupt):
        secret.failed()
        raise
    webhook = applied.live.webhook
    if webhook is None:
        raise UnexpectedAnswerError("Port lost the webhook that was just written.")
    return Provisioned(applied.changes, webhook)


def _hide_secret(run: Run, desired: Desired) -> None:
    """Keep a secret that stands in a manifest off the screen."""
    secret = (desired.webhook.get("security") or {}).get("secret")
    if secret:
        run.output.mask(secret)


def change_rows(changes: tuple[Change, ...]) -> list[list[Cell | str]]:
    """Return a table's rows that tell what was done to each resource."""
    return [
        [
            str(change.resource),
            Cell(change.identifier, Style.STRONG),
            Cell(change.note, Style.FAINT) if _is_noted(change) else _DONE[change.action],
            _told_fields(change),
        ]
        for change in changes
    ]


def _is_noted(change: Change) -> bool:
    return str(change.action) == "unchanged" and bool(change.note)


def _told_fields(change: Change) -> str:
    fields = _told_once(change) if str(change.action) == "update" else []
    notes = [change.note] if change.note and not _is_noted(change) else []
    return ", ".join([*fields, *notes])


def _told_once(change: Change) -> list[str]:
    """Return the names of the changed fields, a mapping that is new as a whole by its own."""
    names = [field.field for field in change.fields]
    added = {
        field.field.removesuffix("].blueprint") + "]"
        for field in change.fields
        if field.field.endswith("].blueprint") and field.before is None
    }
    whole = {name: next((one for one in added if name.startswith(one)), name) for name in names}
    return list(dict.fromkeys(whole[name] for name in names))


def _hand_over(run: Run, provisioned: Provisioned) -> None:
    """Tell a person where to paste the URL; never with the webhook's secret."""
    if run.output.quiet or run.output.is_json:
        return
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.handover.interface import Format, render
    from falcoport.falcosidekick.header import PLACEHOLDER
    from falcoport.resources.webhook_security import header_for

    header = header_for(provisioned.webhook, PLACEHOLDER)
    handover = Handover(provisioned.url, header)
    run.output.note()
    run.output.note("Falcosidekick in Docker:", Style.STRONG)
    run.output.note(_indented(render(handover, Format.DOCKER)))
    run.output.note("Falcosidekick with Helm, values for the falco chart:", Style.STRONG)
    run.output.note(_indented(render(handover, Format.HELM)))
    if header is not None:
        run.output.note(
            f"Port asks for the header {header.name}: `falcoport show-url --format helm` "
            "(k8s-secret, compose, …) writes the secret in its place; Docker reads it from "
            "the environment."
        )
        run.output.note()
    run.output.note("The webhook URL:", Style.STRONG)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.rstrip("\n").split("\n"))
