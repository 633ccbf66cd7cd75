"""The command that hands over to Falcosidekick what `setup` made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import EXIT_CODES_WITH_CHECK, CommandResult, Run, add
from falcoport.cli.option_groups import WebhookOptions, read_webhook_secret
from falcoport.errors import ConflictError, NotSetUpError, UsageError
from falcoport.falcosidekick.handover.contents import NAMESPACE, SECRET_NAME
from falcoport.falcosidekick.handover.interface import Format
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from falcoport.falcosidekick.handover.contents import Handover, QueueAddress, SecretStore
    from falcoport.falcosidekick.header import Header


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "show-url",
        exits=EXIT_CODES_WITH_CHECK,
        example="falcoport show-url --format helm --existing-secret falcosidekick-webhook "
        "-f falcoport-values.yaml",
    )(show_url)


@dataclass(frozen=True)
class FalcosidekickOptions:
    """What Falcosidekick does beside posting to the URL."""

    min_priority: options.MinimumPriority = None
    custom_tag: options.CustomTags = None
    max_concurrent: options.MaxConcurrent = None
    queue: options.QueueUrl = None


@dataclass(frozen=True)
class KubernetesOptions:
    """The Kubernetes objects that carry the URL and the secret."""

    kube_namespace: options.KubernetesNamespace = NAMESPACE
    existing_secret: options.ExistingSecret = None
    secret_name: options.SecretName = SECRET_NAME
    label: options.Labels = None
    annotation: options.Annotations = None
    secret_store: options.SecretStoreName = None
    secret_store_kind: options.SecretStoreKindOption = options.SecretStoreKind.CLUSTER
    remote_key: options.RemoteKey = None

    @property
    def store(self) -> SecretStore | None:
        """The store that was named; raises UsageError for a key without one."""
        from falcoport.falcosidekick.handover.contents import SecretStore

        if self.secret_store is not None:
            key = self.remote_key or self.secret_name
            return SecretStore(self.secret_store, str(self.secret_store_kind), key)
        if self.remote_key is not None:
            raise UsageError(
                "The key in a store was given, but not the store's name.",
                where="--secret-store",
                hint="Give the store's name as well, such as --secret-store vault.",
            )
        return None


_URL_TO_COME = "https://port.invalid"
"""Stands for the webhook's URL until Port was asked."""


def show_url(
    run: Run,
    webhook: WebhookOptions,
    falcosidekick: FalcosidekickOptions,
    kubernetes: KubernetesOptions,
    form: options.HandoverFormat = Format.URL,
    file: options.File = None,
    force: options.Force = False,
    webhook_secret_file: options.WebhookSecretFile = None,
) -> CommandResult:
    """For a secured webhook, a format that holds the header needs its secret as well: all but url,
    docker, external-secret, prometheus-rule, relay-…, and Helm values with --existing-secret.
    """
    from falcoport.falcosidekick.handover.interface import check_options, holds_secret, render
    from falcoport.falcosidekick.header import PLACEHOLDER
    from falcoport.render.files import deliver_text

    secret = read_webhook_secret(run, webhook_secret_file)
    # Before Port is asked: a mistake in the options shows at once.
    wanted = _wanted(falcosidekick, kubernetes, webhook_secret_file)
    check_options(wanted, form)
    identifier = webhook.load().identifier
    with run.api() as api:
        live = api.webhook(identifier)
    if live is None:
        raise NotSetUpError.missing("webhook", identifier)
    _warn_if_disabled(run, live)
    _warn_of_tags(run, wanted, form)
    url = str(live["url"])
    known = secret if holds_secret(wanted, form) else PLACEHOLDER
    handover = replace(wanted, url=url, header=_header(run, live, known, form))
    text = render(handover, form)
    data = {"webhook_url": url, "enabled": live.get("enabled", True), "format": str(form)}
    return CommandResult(
        {**data, **deliver_text(run.output, text, file, private=True, force=force)}
    )


def _wanted(
    falcosidekick: FalcosidekickOptions, kubernetes: KubernetesOptions, secret_file: Path | None
) -> Handover:
    """Return what the options ask for, URL and header left open; raises InputError, UsageError."""
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.handover.kubernetes import parse_pairs

    is_file = secret_file is not None and str(secret_file) != "-"
    return Handover(
        url=_URL_TO_COME,
        minimum_priority=falcosidekick.min_priority,
        custom_tags=tuple(falcosidekick.custom_tag or ()),
        max_concurrent=falcosidekick.max_concurrent,
        queue=_queue(falcosidekick.queue),
        namespace=kubernetes.kube_namespace,
        secret_file=str(secret_file) if is_file else None,
        existing_secret=kubernetes.existing_secret,
        secret_name=kubernetes.secret_name,
        labels=parse_pairs(kubernetes.label or (), "--label"),
        annotations=parse_pairs(kubernetes.annotation or (), "--annotation"),
        store=kubernetes.store,
    )


def _queue(url: str | None) -> QueueAddress | None:
    """Return the queue that an option names; raises UsageError."""
    from falcoport.delivery.relay.source import parse_source
    from falcoport.falcosidekick.handover.contents import QueueAddress

    if url is None:
        return None
    source = parse_source(url, option="--queue")
    return QueueAddress(source.scheme, source.servers, source.name)


def _warn_of_tags(run: Run, wanted: Handover, form: Format) -> None:
    if form is Format.ENV and wanted.custom_tags:
        run.output.warn(
            "CUSTOMTAGS has no effect in a Secret of the Helm charts: they set it themselves, and "
            "theirs wins. There, use --format k8s-secret or helm."
        )


def _warn_if_disabled(run: Run, webhook: dict[str, Any]) -> None:
    if webhook.get("enabled") is False:
        run.output.warn(
            f"webhook {webhook['identifier']} is disabled in Port: alerts sent to it are dropped. "
            "`falcoport setup` enables it."
        )


def _header(run: Run, webhook: dict[str, Any], secret: str | None, form: Format) -> Header | None:
    """Return the header that the webhook asks for, as far as the format has a place for it."""
    from falcoport.falcosidekick.header import PLACEHOLDER
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
        if secret not in (None, PLACEHOLDER):
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
