"""The command that hands over what `setup` made to Falcosidekick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import WebhookOptions, read_webhook_secret
from falcoport.errors import UsageError
from falcoport.falcosidekick.handover.contents import NAMESPACE, SECRET_NAME
from falcoport.falcosidekick.handover.interface import Format

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from falcoport.falcosidekick.handover.contents import Handover, QueueAddress, SecretStore


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "show-url",
        exits=PORT_EXIT_CODES,
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
    from falcoport.commands.show_url import ShowUrlRequest
    from falcoport.commands.show_url import show_url as find_text
    from falcoport.render.files import deliver_text

    secret = read_webhook_secret(run, webhook_secret_file)
    handover = _handover(falcosidekick, kubernetes, webhook_secret_file)
    request = ShowUrlRequest(webhook.load().identifier, handover, form, secret)
    result = find_text(request, run.context())
    delivered = deliver_text(run.output, result.text, file, private=True, force=force)
    data = {"webhook_url": result.url, "enabled": result.enabled, "format": str(form)}
    return CommandResult({**data, **delivered})


def _handover(
    falcosidekick: FalcosidekickOptions, kubernetes: KubernetesOptions, secret_file: Path | None
) -> Handover:
    """Return what the options ask for, URL and header left open; raises InputError, UsageError."""
    from falcoport.commands.show_url import URL_TO_COME
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.handover.kubernetes import parse_pairs

    is_file = secret_file is not None and str(secret_file) != "-"
    return Handover(
        url=URL_TO_COME,
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
