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
                "--remote-key needs the name of the store.",
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
    cluster: options.HandoverCluster = None,
    all_clusters: options.AllClusters = False,
) -> CommandResult:
    """For a secured webhook, a format that holds the header needs its secret as well: all but url,
    docker, external-secret, prometheus-rule, relay-…, and Helm values with --existing-secret.
    """
    from falcoport.commands.show_url import ShowUrlRequest
    from falcoport.commands.show_url import show_url as find_text
    from falcoport.render.files import deliver_text

    secret = read_webhook_secret(run, webhook_secret_file)
    handover = _handover(falcosidekick, kubernetes, webhook_secret_file)
    clusters = _clusters(run, cluster, file, all_clusters=all_clusters)
    request = ShowUrlRequest(webhook.load(run.config).identifier, handover, form, secret, clusters)
    result = find_text(request, run.context())
    data = {"enabled": result.enabled, "format": str(form)}
    if not all_clusters:
        [one] = result.handovers
        delivered = deliver_text(run.output, one.text, file, private=True, force=force)
        return CommandResult({"webhook_url": one.url, **data, **delivered})
    assert file is not None  # all clusters go into a folder
    written = []
    for one in result.handovers:
        place = file / f"{one.cluster}{_SUFFIXES.get(form, '.yaml')}"
        delivered = deliver_text(run.output, one.text, place, private=True, force=force)
        written.append({"cluster": one.cluster, "webhook_url": one.url, **delivered})
    return CommandResult({**data, "clusters": written})


_SUFFIXES = {Format.URL: ".txt", Format.DOCKER: ".sh", Format.ENV: ".env", Format.JSON: ".json"}


def _clusters(
    run: Run, cluster: str | None, folder: Path | None, *, all_clusters: bool
) -> tuple[str, ...]:
    """Return the clusters to write for; raise UsageError where it is not clear which or where."""
    if not all_clusters:
        return () if cluster is None else (cluster,)
    if cluster is not None:
        raise UsageError(
            "--cluster and --all-clusters contradict each other.", where="--all-clusters"
        )
    if not run.config.clusters:
        raise UsageError(
            "There are no clusters to write for.",
            where="--all-clusters",
            hint="List them in falcoport.yaml, under clusters.",
        )
    if folder is None or not folder.is_dir():
        raise UsageError(
            "--all-clusters writes a file per cluster: it needs a folder.",
            where="--file",
            hint="Name one that exists, such as -f clusters/.",
        )
    return run.config.clusters


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
