"""The commands that change Port: setup, plan, add-relation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, Finished, Run, add
from falcoport.cli.securing import SecurityOptions, WebhookSecret, webhook_secret
from falcoport.errors import FalcoportError, UnexpectedAnswerError
from falcoport.output import Cell, Style

if TYPE_CHECKING:
    import typer

    from falcoport.provision.manifests import Manifest, Manifests
    from falcoport.provision.planning import Change, Desired

_DONE = {
    "create": Cell("created", Style.GOOD),
    "update": Cell("updated", Style.CHANGED),
    "delete": Cell("deleted", Style.BAD),
    "unchanged": Cell("already right", Style.FAINT),
}


def register(app: typer.Typer) -> None:
    """Add this module's commands to the app."""
    add(app, "setup", exits=PORT_EXIT_CODES, example="URL=$(falcoport setup)")(setup)
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
        from falcoport.provision.manifests import load_webhook, renamed

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
        from falcoport.provision.manifests import load, renamed

        manifests = load(self.blueprint, self.webhook_config)
        webhook = renamed(manifests.webhook, identifier=self.webhook_id, title=self.webhook_title)
        return replace(manifests, webhook=webhook)


def setup(
    run: Run,
    manifest: ManifestOptions,
    security: SecurityOptions,
    no_relation: options.NoRelation = False,
    create_namespace_blueprint: options.CreateNamespaceBlueprint = False,
) -> Finished:
    """Create or bring up to date blueprint, relation, webhook and mapping; print the URL.

    Running it again changes nothing; what others added in Port stays.
    """
    from falcoport.provision.desired import SetupChoices, for_setup

    manifests = manifest.load()
    choices = SetupChoices(not no_relation, create_namespace_blueprint)
    secret = webhook_secret(run, security)
    provisioned = _told(run, for_setup(manifests, choices), secret)
    _hand_over(run, provisioned)
    handed = secret.finished()
    run.output.result(provisioned.url)
    return _finished(provisioned, handed)


def add_relation(
    run: Run,
    manifest: ManifestOptions,
    relation: options.Relation = None,
    target: options.Target = None,
    title: options.RelationTitle = None,
    tag_prefix: options.TagPrefix = None,
    many: options.Many = False,
) -> Finished:
    """Relate alerts to namespaces, or to any other blueprint, in a set-up that lacks it."""
    from falcoport.provision.desired import RelationChoices, for_relation

    manifests = manifest.load()
    choices = RelationChoices(relation, target, title, tag_prefix, many)
    return _finished(_told(run, for_relation(manifests, choices)))


def _told(run: Run, desired: Desired, secret: WebhookSecret | None = None) -> Provisioned:
    provisioned = provision(run, desired, secret)
    run.output.table(("", "", "", ""), change_rows(provisioned.changes))
    return provisioned


def _finished(provisioned: Provisioned, further: dict[str, Any] | None = None) -> Finished:
    from falcoport.provision.planning import field_values
    from falcoport.provision.security import guard

    return Finished(
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
    from falcoport.provision import applying
    from falcoport.provision.planning import plan

    secret = secret or WebhookSecret(run, None, None, force=False)
    try:
        with run.api() as api:
            applied = applying.apply(
                api,
                lambda live: plan(secret.desired(desired, live), live),
                lambda: applying.read(api, desired),
                confirmed=secret.confirm,
            )
    except FalcoportError as error:
        secret.failed(error)
        raise
    webhook = applied.live.webhook
    if webhook is None:
        raise UnexpectedAnswerError("Port lost the webhook that was just written.")
    return Provisioned(applied.changes, webhook)


def change_rows(changes: tuple[Change, ...]) -> list[list[Cell | str]]:
    """Return a table's rows that tell what was done to each resource."""
    return [
        [
            str(change.resource),
            Cell(change.identifier, Style.STRONG),
            _DONE[change.action],
            ", ".join(field.field for field in change.fields)
            if str(change.action) == "update"
            else "",
        ]
        for change in changes
    ]


def _hand_over(run: Run, provisioned: Provisioned) -> None:
    """Tell a person where to paste the URL; never with the webhook's secret."""
    if run.output.quiet or run.output.is_json:
        return
    from falcoport.falco.header import PLACEHOLDER
    from falcoport.falco.sidekick import Format, Handover, render
    from falcoport.provision.security import header_for

    header = header_for(provisioned.webhook, PLACEHOLDER)
    handover = Handover(provisioned.url, header)
    run.output.note()
    run.output.note("Falcosidekick in Docker:", Style.STRONG)
    run.output.note(_indented(render(handover, Format.DOCKER)))
    run.output.note("Falcosidekick with Helm, values for the falco chart:", Style.STRONG)
    run.output.note(_indented(render(handover, Format.HELM)))
    if header is not None:
        run.output.note(
            f"Port asks for the header {header.name}. `falcoport show-url --format docker|helm|… "
            "-f FILE` writes all of this with the secret in its place."
        )
        run.output.note()
    run.output.note("The webhook URL:", Style.STRONG)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.rstrip("\n").split("\n"))
