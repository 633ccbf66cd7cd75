"""The commands that change Port: setup, plan, add-relation; and show-url, which only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, Finished, Run, add
from falcoport.errors import EXIT_CHECK, CheckFailedError, UnexpectedAnswerError
from falcoport.output import Cell, Style

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from falcoport.provision.manifests import Manifests
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
    add(
        app,
        "show-url",
        exits=(*PORT_EXIT_CODES[:2], EXIT_CHECK, *PORT_EXIT_CODES[2:]),
        example="falcoport show-url | xclip",
    )(show_url)


def setup(
    run: Run,
    blueprint: options.BlueprintFile = None,
    webhook_config: options.WebhookConfigFile = None,
    no_relation: options.NoRelation = False,
    create_namespace_blueprint: options.CreateNamespaceBlueprint = False,
) -> Finished:
    """Create or bring up to date blueprint, relation, webhook and mapping; print the URL.

    Running it again changes nothing; what others added in Port stays.
    """
    from falcoport.provision.desired import SetupChoices, for_setup

    manifests = _manifests(blueprint, webhook_config)
    choices = SetupChoices(not no_relation, create_namespace_blueprint)
    provisioned = _told(run, for_setup(manifests, choices))
    _hand_over(run, provisioned.url)
    run.output.result(provisioned.url)
    return _finished(provisioned)


def add_relation(
    run: Run,
    relation: options.Relation = None,
    target: options.Target = None,
    title: options.RelationTitle = None,
    tag_prefix: options.TagPrefix = None,
    many: options.Many = False,
    blueprint: options.BlueprintFile = None,
    webhook_config: options.WebhookConfigFile = None,
) -> Finished:
    """Relate alerts to namespaces, or to any other blueprint, in a set-up that lacks it."""
    from falcoport.provision.desired import RelationChoices, for_relation

    manifests = _manifests(blueprint, webhook_config)
    choices = RelationChoices(relation, target, title, tag_prefix, many)
    return _finished(_told(run, for_relation(manifests, choices)))


def show_url(run: Run, webhook_config: options.WebhookConfigFile = None) -> Finished:
    """Print the URL of the webhook that `setup` made."""
    from falcoport.provision.manifests import load_webhook

    identifier = load_webhook(webhook_config).identifier
    with run.api() as api:
        webhook = api.webhook(identifier)
    if webhook is None:
        raise CheckFailedError(
            f"There is no webhook {identifier!r} in Port.",
            code="not_set_up",
            where=f"webhook {identifier}",
            hint="Run `falcoport setup` first.",
        )
    if webhook.get("enabled") is False:
        run.output.warn(
            f"webhook {identifier} is disabled in Port: alerts sent to it are dropped. "
            "`falcoport setup` enables it."
        )
    url = str(webhook["url"])
    run.output.result(url)
    return Finished({"webhook_url": url, "enabled": webhook.get("enabled", True)})


def _told(run: Run, desired: Desired) -> Provisioned:
    provisioned = provision(run, desired)
    run.output.table(("", "", "", ""), change_rows(provisioned.changes))
    return provisioned


def _finished(provisioned: Provisioned) -> Finished:
    from falcoport.provision.planning import field_values

    return Finished({"webhook_url": provisioned.url, "changes": field_values(provisioned.changes)})


def _manifests(blueprint: Path | None, webhook_config: Path | None) -> Manifests:
    from falcoport.provision.manifests import load

    return load(blueprint, webhook_config)


@dataclass(frozen=True)
class Provisioned:
    """What was changed, and the webhook's URL."""

    changes: tuple[Change, ...]
    url: str


def provision(run: Run, desired: Desired) -> Provisioned:
    """Bring Port to what is desired; raises what planning and applying raise."""
    from falcoport.provision import applying
    from falcoport.provision.planning import plan

    with run.api() as api:
        applied = applying.apply(
            api, lambda live: plan(desired, live), lambda: applying.read(api, desired)
        )
    webhook = applied.live.webhook
    if webhook is None:
        raise UnexpectedAnswerError("Port lost the webhook that was just written.")
    return Provisioned(applied.changes, str(webhook["url"]))


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


def _hand_over(run: Run, url: str) -> None:
    """Tell a person where to paste the URL."""
    if run.output.quiet or run.output.is_json:
        return
    from falcoport.falco.sidekick import Format, Handover, render

    handover = Handover(url)
    run.output.note()
    run.output.note("Falcosidekick in Docker:", Style.STRONG)
    run.output.note(_indented(render(handover, Format.DOCKER)))
    run.output.note("Falcosidekick with Helm, values for the falco chart:", Style.STRONG)
    run.output.note(_indented(render(handover, Format.HELM)))
    run.output.note("The webhook URL:", Style.STRONG)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.rstrip("\n").split("\n"))
