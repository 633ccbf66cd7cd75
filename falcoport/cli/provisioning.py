"""The commands around a set-up: setup, plan, add-relation, show-url."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import (
    EXIT_CODES_WITH_CHECK,
    PORT_EXIT_CODES,
    Finished,
    Run,
    add,
)
from falcoport.errors import EXIT_CHECK, EXIT_OK, CheckFailedError, UnexpectedAnswerError
from falcoport.output import Cell, Style

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from falcoport.provision.planning import Change, Desired, Plan

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
    add(
        app,
        "show-url",
        exits=EXIT_CODES_WITH_CHECK,
        example="falcoport show-url | xclip",
    )(show_url)


def setup(
    run: Run,
    blueprint: options.BlueprintFile = None,
    webhook_config: options.WebhookConfigFile = None,
    no_relation: options.NoRelation = False,
    create_namespace_blueprint: options.CreateNamespaceBlueprint = False,
    dry_run: options.DryRun = False,
) -> Finished:
    """Create or bring up to date blueprint, relation, webhook and mapping; print the URL.

    Running it again changes nothing; what others added in Port stays.
    """
    desired = desired_setup(
        blueprint,
        webhook_config,
        no_relation=no_relation,
        create_namespace_blueprint=create_namespace_blueprint,
    )
    if dry_run:
        return _planned(run, desired)
    provisioned = _told(run, desired)
    _hand_over(run, provisioned.url)
    run.output.result(provisioned.url)
    return _finished(provisioned)


def plan(
    run: Run,
    blueprint: options.BlueprintFile = None,
    webhook_config: options.WebhookConfigFile = None,
    no_relation: options.NoRelation = False,
    create_namespace_blueprint: options.CreateNamespaceBlueprint = False,
    exit_code: options.ExitCode = False,
) -> Finished:
    """Show what `setup` with the same options would change; change nothing."""
    desired = desired_setup(
        blueprint,
        webhook_config,
        no_relation=no_relation,
        create_namespace_blueprint=create_namespace_blueprint,
    )
    return _planned(run, desired, exit_code=exit_code)


def desired_setup(
    blueprint: Path | None,
    webhook_config: Path | None,
    *,
    no_relation: bool,
    create_namespace_blueprint: bool = False,
) -> Desired:
    """Return what `setup` wants with these options; raises ManifestError."""
    from falcoport.provision.desired import SetupChoices, for_setup
    from falcoport.provision.manifests import load

    choices = SetupChoices(not no_relation, create_namespace_blueprint)
    return for_setup(load(blueprint, webhook_config), choices)


def _planned(run: Run, desired: Desired, *, exit_code: bool = False) -> Finished:
    from falcoport.provision import applying, planning

    with run.api() as api:
        found = planning.plan(desired, applying.read(api, desired))
    show_plan(run, found)
    code = EXIT_CHECK if exit_code and found.pending else EXIT_OK
    return Finished(plan_data(found), code)


def plan_data(found: Plan) -> dict[str, object]:
    """Return a plan as JSON data."""
    from falcoport.provision.planning import field_values

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
    from falcoport.provision.planning import shown_inline

    for field in change.fields:
        if field.after not in ({}, []):
            run.output.styled_result(f"    {field.field}: {shown_inline(field.field, field.after)}")


def _show_updated(run: Run, change: Change) -> None:
    from falcoport.provision.planning import shown_value

    for field in change.fields:
        run.output.styled_result(f"    {field.field}")
        run.output.styled_result(shown_value(field.field, field.before, "      - "), Style.BAD)
        run.output.styled_result(shown_value(field.field, field.after, "      + "), Style.GOOD)


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
    from falcoport.provision.manifests import load

    choices = RelationChoices(relation, target, title, tag_prefix, many)
    return _finished(_told(run, for_relation(load(blueprint, webhook_config), choices)))


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
            Cell(change.note, Style.FAINT) if _is_noted(change) else _DONE[change.action],
            _told_fields(change),
        ]
        for change in changes
    ]


def _is_noted(change: Change) -> bool:
    return str(change.action) == "unchanged" and bool(change.note)


def _told_fields(change: Change) -> str:
    fields = [field.field for field in change.fields] if str(change.action) == "update" else []
    notes = [change.note] if change.note and not _is_noted(change) else []
    return ", ".join([*fields, *notes])


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
