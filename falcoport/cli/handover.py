"""The command that hands over to Falcosidekick what `setup` made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import EXIT_CODES_WITH_CHECK, CommandResult, Run, add
from falcoport.cli.option_groups import WebhookOptions, read_webhook_secret
from falcoport.errors import ConflictError, UsageError
from falcoport.falcosidekick.handover.contents import NAMESPACE
from falcoport.falcosidekick.handover.interface import Format
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    import typer

    from falcoport.falcosidekick.header import Header


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "show-url",
        exits=EXIT_CODES_WITH_CHECK,
        example="falcoport show-url --format helm --min-priority warning -f values.yaml",
    )(show_url)


def show_url(
    run: Run,
    webhook: WebhookOptions,
    form: options.HandoverFormat = Format.URL,
    file: options.File = None,
    force: options.Force = False,
    min_priority: options.MinimumPriority = None,
    custom_tag: options.CustomTags = None,
    kube_namespace: options.KubernetesNamespace = NAMESPACE,
    webhook_secret_file: options.WebhookSecretFile = None,
) -> CommandResult:
    """For a secured webhook, every format but url needs the secret as well."""
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.handover.interface import render
    from falcoport.reconcile.plan import not_set_up
    from falcoport.render.files import deliver_text
    from falcoport.resources.interface import Key

    secret = read_webhook_secret(run, webhook_secret_file)
    identifier = webhook.load().identifier
    with run.api() as api:
        live = api.webhook(identifier)
    if live is None:
        raise not_set_up(Key("webhook", identifier))
    _warn_if_disabled(run, live)
    url = str(live["url"])
    handover = Handover(
        url,
        _header(run, live, secret, form),
        min_priority,
        tuple(custom_tag or ()),
        kube_namespace,
    )
    text = render(handover, form)
    data = {"webhook_url": url, "enabled": live.get("enabled", True), "format": str(form)}
    return CommandResult(
        {**data, **deliver_text(run.output, text, file, private=True, force=force)}
    )


def _warn_if_disabled(run: Run, webhook: dict[str, Any]) -> None:
    if webhook.get("enabled") is False:
        run.output.warn(
            f"webhook {webhook['identifier']} is disabled in Port: alerts sent to it are dropped. "
            "`falcoport setup` enables it."
        )


def _header(run: Run, webhook: dict[str, Any], secret: str | None, form: Format) -> Header | None:
    """Return the header that the webhook asks for, as far as the format has a place for it."""
    from falcoport.resources.webhook_security import (
        SIGNED,
        UNSIGN,
        Guard,
        guard,
        header_for,
        header_name,
    )

    identifier, guarded = webhook["identifier"], guard(webhook)
    if guarded is Guard.OPEN:
        if secret is not None:
            run.output.warn(
                f"webhook {identifier} is open, so the secret is left out: `falcoport setup "
                "--secure` makes Port ask for it."
            )
        return None
    if form is Format.URL:
        if guarded is Guard.HEADER:
            run.output.note(
                f"The webhook asks for the header {header_name(webhook)} as well: "
                "the other --format choices write it."
            )
        else:
            run.output.warn(f"webhook {identifier} {SIGNED}.")
        return None
    if guarded is Guard.SIGNATURE:
        raise ConflictError(
            f"Webhook {identifier!r} {SIGNED}.",
            code="secured_otherwise",
            where=f"webhook {identifier}: security",
            hint=f"{UNSIGN}.",
        )
    if secret is None:
        raise UsageError(
            f"Webhook {identifier!r} asks for the header {header_name(webhook)}, and its secret "
            "was not given.",
            code="no_webhook_secret",
            where=f"--format {form}",
            hint=f"Set {WEBHOOK_SECRET} or give --webhook-secret-file. Port does not give the "
            "secret back; `falcoport setup --rotate-secret` makes a new one.",
        )
    return header_for(webhook, secret)
