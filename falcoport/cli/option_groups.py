"""Options that several commands have in common, and what they mean together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.errors import UsageError
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.cli.command import Run
    from falcoport.commands.choices import SetupChoices
    from falcoport.commands.webhook_secret import SecretRequest
    from falcoport.manifests.loading import Manifest, Manifests
    from falcoport.mapping.limited_process import Limits
    from falcoport.mapping.namespace_expressions import Clusters


@dataclass(frozen=True)
class WebhookOptions:
    """Which webhook a command is about."""

    webhook_config: options.WebhookConfigFile = None
    webhook_id: options.WebhookId = None
    webhook_title: options.WebhookTitle = None

    def load(self) -> Manifest:
        """Read the webhook's manifest; raise ManifestError."""
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
        """Read the manifests; raise ManifestError."""
        from falcoport.manifests.loading import load, renamed

        manifests = load(self.blueprint, self.webhook_config)
        webhook = renamed(manifests.webhook, identifier=self.webhook_id, title=self.webhook_title)
        return replace(manifests, webhook=webhook)


@dataclass(frozen=True)
class MappingOptions:
    """How the mapping of a set-up differs from the manifest's."""

    no_relation: options.NoRelation = False
    namespace_blueprint: options.NamespaceBlueprint = None
    identifier: options.AlertIdentifier = None
    cluster: options.Clusters = None
    no_cluster: options.NoCluster = False
    ensure_namespaces: options.EnsureNamespaces = None
    workload: options.Workload = None

    def choices(self, *, create_namespace_blueprint: bool = False) -> SetupChoices:
        """Return what the options choose; raise UsageError."""
        from falcoport.commands.choices import SetupChoices, parse_identifier

        return SetupChoices(
            relation=False if self.no_relation else None,
            create_namespace_blueprint=create_namespace_blueprint,
            namespace_blueprint=self.namespace_blueprint,
            identifier=parse_identifier(self.identifier),
            clusters=self._clusters(),
            ensure_namespaces=self.ensure_namespaces,
            workload=self.workload,
        )

    def _clusters(self) -> Clusters | None:
        from falcoport.mapping.namespace_expressions import NO_CLUSTER, Clusters

        if self.no_cluster and self.cluster:
            raise UsageError(
                "--cluster and --no-cluster contradict each other.", where="--no-cluster"
            )
        if self.no_cluster:
            return NO_CLUSTER
        return Clusters.named(tuple(dict.fromkeys(self.cluster))) if self.cluster else None


@dataclass(frozen=True)
class SetupOptions(MappingOptions):
    """What `setup` does, and `plan` shows."""

    create_namespace_blueprint: options.CreateNamespaceBlueprint = False
    allow_mapping_errors: options.AllowMappingErrors = False

    def setup_choices(self) -> SetupChoices:
        """Return what the options choose; raise UsageError."""
        return self.choices(create_namespace_blueprint=self.create_namespace_blueprint)


@dataclass(frozen=True)
class LimitOptions:
    """How much time and memory expressions of a mapping may take."""

    jq_timeout: options.JqTimeout = 2.0
    jq_memory: options.JqMemory = 512

    def limits(self) -> Limits:
        """Return the limits for one alert."""
        from falcoport.mapping.limited_process import Limits

        return Limits(self.jq_timeout, self.jq_memory)


@dataclass(frozen=True)
class SecurityOptions:
    """The options that secure a webhook."""

    secure: options.Secure = False
    header: options.HeaderName = None
    webhook_secret_file: options.WebhookSecretFile = None
    rotate_secret: options.RotateSecret = False
    secret_out: options.SecretOut = None
    force: options.Force = False

    def request(self, run: Run) -> SecretRequest | None:
        """Return the secret that is asked for, None where security is left as it is.

        Raise UsageError.
        """
        asked = self.secure or self.rotate_secret
        companions = {
            "--header": self.header,
            "--webhook-secret-file": self.webhook_secret_file,
            "--secret-out": self.secret_out,
        }
        alone = [name for name, value in companions.items() if value is not None and not asked]
        if alone:
            raise UsageError(
                f"{alone[0]} says how to secure the webhook: give --secure as well.",
                where=alone[0],
            )
        if not asked:
            return None
        from falcoport.commands.webhook_secret import SecretRequest

        secret = read_webhook_secret(run, self.webhook_secret_file)
        return SecretRequest(self.header, secret, self.rotate_secret, self.secret_out, self.force)


def read_webhook_secret(run: Run, file: Path | None) -> str | None:
    """Return the webhook's secret that the user gave, hidden from here on; None if none was.

    Raise UsageError.
    """
    secret = run.read_secret(file, "--webhook-secret-file") or run.environment.get(WEBHOOK_SECRET)
    if secret:
        run.output.mask(secret)
    return secret or None
