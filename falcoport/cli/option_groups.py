"""Options that several commands have in common, and what they mean together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.errors import OptionValueError, UsageError
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.cli.command import Run
    from falcoport.commands.choices import FindingsMode, SetupChoices
    from falcoport.commands.webhook_secret import SecretRequest
    from falcoport.config import Config
    from falcoport.manifests.loading import Manifest, Manifests
    from falcoport.mapping.finding_expressions import Key as FindingKey
    from falcoport.mapping.limited_process import Limits
    from falcoport.mapping.namespace_expressions import Clusters


@dataclass(frozen=True)
class WebhookOptions:
    """Which webhook a command is about."""

    webhook_config: options.WebhookConfigFile = None
    webhook_id: options.WebhookId = None
    webhook_title: options.WebhookTitle = None

    def load(self, config: Config) -> Manifest:
        """Read the webhook's manifest; raise ManifestError."""
        from falcoport.manifests.loading import load_webhook, renamed

        manifest = load_webhook(self.webhook_config or config.webhook_config)
        return renamed(
            manifest,
            identifier=_first(self.webhook_id, config.webhook_id),
            title=_first(self.webhook_title, config.webhook_title),
        )


@dataclass(frozen=True)
class ManifestOptions:
    """Which blueprint and webhook a command is about."""

    blueprint: options.BlueprintFile = None
    webhook_config: options.WebhookConfigFile = None
    webhook_id: options.WebhookId = None
    webhook_title: options.WebhookTitle = None

    def load(self, config: Config) -> Manifests:
        """Read the manifests; raise ManifestError."""
        from falcoport.manifests.loading import load, rename_webhook

        manifests = load(
            self.blueprint or config.blueprint, self.webhook_config or config.webhook_config
        )
        return rename_webhook(
            manifests,
            identifier=_first(self.webhook_id, config.webhook_id),
            title=_first(self.webhook_title, config.webhook_title),
        )


@dataclass(frozen=True)
class FindingsOptions:
    """Whether alerts become findings, and what tells those apart."""

    findings: options.Findings = None
    findings_only: options.FindingsOnly = False
    findings_by: options.FindingsBy = None

    def findings_mode(self) -> FindingsMode | None:
        """Return what the options choose, None where they say nothing; raise UsageError."""
        from falcoport.commands.choices import FindingsMode

        if self.findings_only:
            if self.findings is False:
                raise UsageError(
                    "--findings-only and --no-findings contradict each other.",
                    where="--no-findings",
                )
            return FindingsMode.ONLY
        if self.findings is None:
            # Saying what tells them apart asks for them; how many is as it was.
            return None
        return FindingsMode.WITH_ALERTS if self.findings else FindingsMode.OFF

    def findings_keys(self) -> tuple[FindingKey, ...] | None:
        """Return what tells findings apart, None where nothing was said; raise UsageError."""
        from falcoport.mapping.finding_expressions import parse_keys

        return None if self.findings_by is None else parse_keys(self.findings_by)


@dataclass(frozen=True)
class MappingOptions(FindingsOptions):
    """How the mapping of a set-up differs from the manifest's."""

    no_relation: options.NoRelation = False
    namespace_blueprint: options.NamespaceBlueprint = None
    identifier: options.AlertIdentifier = None
    cluster: options.Clusters = None
    no_cluster: options.NoCluster = False
    ensure_namespaces: options.EnsureNamespaces = None
    workload: options.Workload = None
    profile: options.ProfileName = None
    min_priority: options.PassPriority = None
    only_rules: options.OnlyRules = None
    skip_rules: options.SkipRules = None
    only_namespaces: options.OnlyNamespaces = None
    skip_namespaces: options.SkipNamespaces = None
    no_filter: options.NoFilter = False

    def choices(self, config: Config, *, create_namespace_blueprint: bool = False) -> SetupChoices:
        """Return what the options choose, else the file; raise UsageError."""
        from falcoport.commands.choices import SetupChoices, parse_identifier, parse_profile

        return SetupChoices(
            profile=parse_profile(self.profile),
            findings=self.findings_mode(),
            findings_by=self.findings_keys(),
            **self._filter(),
            relation=False if self.no_relation else None,
            create_namespace_blueprint=create_namespace_blueprint,
            namespace_blueprint=self.namespace_blueprint,
            identifier=parse_identifier(self.identifier),
            clusters=self._clusters(),
            ensure_namespaces=self.ensure_namespaces,
            workload=self.workload,
        ).or_else(configured_choices(config))

    def _filter(self) -> dict[str, Any]:
        """Return what the filters choose, each one None where it is left as it is."""
        from falcoport.falco.priorities import PRIORITIES
        from falcoport.mapping.filter_expressions import AlertFilter, check_filter

        names = ("only_rules", "skip_rules", "only_namespaces", "skip_namespaces")
        given: dict[str, Any] = {
            name: tuple(value) for name in names if (value := getattr(self, name)) is not None
        }
        if self.min_priority is not None:
            given["min_priority"] = self.min_priority
        check_filter(AlertFilter(**given))
        if self.no_filter:
            # The lowest priority lets everything pass, and so do empty lists.
            given = {"min_priority": PRIORITIES[-1], **dict.fromkeys(names, ()), **given}
        return given

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

    def setup_choices(self, config: Config) -> SetupChoices:
        """Return what the options choose, else the file; raise UsageError."""
        return self.choices(config, create_namespace_blueprint=self.create_namespace_blueprint)


def configured_choices(config: Config) -> SetupChoices:
    """Return what the file chooses. Raise OptionValueError."""
    from falcoport.commands.choices import (
        FindingsMode,
        SetupChoices,
        parse_identifier,
        parse_profile,
    )
    from falcoport.mapping.finding_expressions import Key
    from falcoport.mapping.namespace_expressions import Clusters

    return SetupChoices(
        profile=parse_profile(config.profile),
        findings=None if config.findings is None else FindingsMode(config.findings),
        findings_by=None if config.findings_by is None else tuple(map(Key, config.findings_by)),
        min_priority=config.min_priority,
        only_rules=config.only_rules,
        skip_rules=config.skip_rules,
        only_namespaces=config.only_namespaces,
        skip_namespaces=config.skip_namespaces,
        relation=config.namespace,
        namespace_blueprint=config.namespace_blueprint,
        identifier=parse_identifier(config.identifier),
        clusters=None if config.clusters is None else Clusters.named(config.clusters),
        ensure_namespaces=config.ensure_namespaces,
        workload=config.workload,
    )


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
        asked = self.secure or self.rotate_secret or bool(run.config.secured)
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
        if secret is None and run.environment.get(WEBHOOK_SECRET) == "":
            raise OptionValueError(
                f"{WEBHOOK_SECRET} is empty.",
                where=WEBHOOK_SECRET,
                hint="Unset it to have a secret generated, or set it to the secret.",
            )
        on_stdout = self.secret_out is not None and str(self.secret_out) == "-"
        return SecretRequest(
            self.header or run.config.header,
            secret,
            self.rotate_secret,
            None if on_stdout else self.secret_out,
            self.force,
            on_stdout,
        )


def read_webhook_secret(run: Run, file: Path | None) -> str | None:
    """Return the webhook's secret that the user gave, hidden from here on; None if none was.

    Raise UsageError.
    """
    secret = run.read_secret(file, "--webhook-secret-file") or run.environment.get(WEBHOOK_SECRET)
    if secret:
        run.output.mask(secret)
    return secret or None


def _first(option: str | None, configured: str | None) -> str | None:
    """Return what an option says, even if it is nothing, else what the file says."""
    return option if option is not None else configured
