"""Every option, declared once: its names, its environment variable, its help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from falcoport.cli import values
from falcoport.falco.inputs.interface import InputFormat
from falcoport.falco.rules_format import RulesFormat
from falcoport.falcosidekick.handover import interface as handover
from falcoport.falcosidekick.handover.contents import MAX_CONCURRENT
from falcoport.render.console import Format
from falcoport.terraform.language import ExportLanguage

_PORT = "Port"
_OUTPUT = "Output"
_SECURITY = "Securing the webhook"
_ALERTS = "Which alerts, and how they look"
_KUBERNETES = "Kubernetes objects"


class ResultFormat(StrEnum):
    """How a command shows its one result."""

    TEXT = Format.TEXT
    JSON = Format.JSON


class SecretStoreKind(StrEnum):
    """The kinds of store of the External Secrets operator."""

    CLUSTER = "ClusterSecretStore"
    NAMESPACE = "SecretStore"


ClientId = Annotated[
    str | None,
    typer.Option(
        "--client-id",
        metavar="ID",
        rich_help_panel=_PORT,
        help="Port client id. (env: PORT_CLIENT_ID)",
    ),
]
ClientSecretFile = Annotated[
    Path | None,
    typer.Option(
        "--client-secret-file",
        metavar="FILE",
        rich_help_panel=_PORT,
        help="File with the Port client secret, - for stdin. (env: PORT_CLIENT_SECRET, the "
        "secret itself)",
    ),
]
ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api-url",
        metavar="URL",
        rich_help_panel=_PORT,
        help="Port's API, such as https://api.port.io. (env: PORT_API_URL, PORT_BASE_URL)",
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="eu|us",
        rich_help_panel=_PORT,
        help="Port's region. (env: PORT_REGION; default: eu)",
    ),
]
Organization = Annotated[
    str | None,
    typer.Option(
        "--org",
        metavar="NAME",
        rich_help_panel=_PORT,
        autocompletion=values.complete_organizations,
        help="An organization in the configuration of Port's own CLI (~/.port/config.yaml or "
        "PORT_CONFIG_FILE), whose credentials are used if none are given. (env: PORT_DEFAULT_ORG)",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        rich_help_panel=_PORT,
        help="The set-up as a file, as `falcoport init` writes it. (env: FALCOPORT_CONFIG; "
        "default: "
        "falcoport.yaml in this folder)",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        rich_help_panel=_PORT,
        help="How long to wait for each answer of Port, from the connection to the last byte.",
    ),
]
_JSON = "text for people, json for scripts: one envelope on stdout, also on failure"
OutputFormat = Annotated[
    ResultFormat,
    typer.Option("-o", "--output", rich_help_panel=_OUTPUT, help=f"{_JSON}."),
]
StreamFormat = Annotated[
    Format,
    typer.Option(
        "-o", "--output", rich_help_panel=_OUTPUT, help=f"{_JSON}; jsonl: a record per line."
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", rich_help_panel=_OUTPUT, help="Only the result, warnings and errors."
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        rich_help_panel=_OUTPUT,
        help="Each request with its status and time; a traceback after an internal error.",
    ),
]

BlueprintFile = Annotated[
    Path | None,
    typer.Option(
        "--blueprint",
        metavar="FILE",
        help="Blueprint to use instead of the shipped falco_alert, YAML or JSON.",
    ),
]
WebhookConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--webhook-config",
        metavar="FILE",
        help="Webhook and mapping to use instead of the shipped ones, YAML or JSON.",
    ),
]
NoRelation = Annotated[
    bool,
    typer.Option(
        "--no-relation",
        help="Leave out the relation to the namespace, in blueprint and mapping; "
        "`falcoport add-relation` adds it later.",
    ),
]
CreateNamespaceBlueprint = Annotated[
    bool,
    typer.Option(
        "--create-namespace-blueprint",
        help="Create the namespace blueprint if Port lacks it, as Port's Kubernetes exporter "
        "would; an existing one is not changed.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, as `falcoport plan` does.")
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="End with 3 if any alert would not be stored as mapped; otherwise only if none would.",
    ),
]
ShowValues = Annotated[
    bool,
    typer.Option(
        "--show-values",
        help="Print Falcosidekick's Docker line and Helm values too, for people to paste.",
    ),
]
ExitCode = Annotated[
    bool,
    typer.Option(
        "--exit-code", help="End with 3 if something would change, with 0 if nothing would."
    ),
]
Relation = Annotated[
    str | None,
    typer.Option(
        "--relation",
        metavar="ID",
        help="The relation's identifier, such as team. (default: namespace)",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="BLUEPRINT",
        help="The blueprint to relate alerts to. (default: the relation's identifier)",
    ),
]
RelationTitle = Annotated[
    str | None,
    typer.Option("--title", metavar="TEXT", help="The relation's title, such as 'Owning team'."),
]
TagPrefix = Annotated[
    str | None,
    typer.Option(
        "--tag-prefix",
        metavar="PREFIX",
        help="Alerts are related by the tag that begins so; the rest of the tag is the target "
        "entity's identifier. (default: port-)",
    ),
]
Many = Annotated[
    bool, typer.Option("--many", help="Relate an alert to every entity tagged, not to one.")
]

Clusters = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        autocompletion=values.complete_clusters,
        help="Relate an alert without such a tag to the namespace it happened in, as the "
        "Kubernetes exporter names it with CLUSTER_NAME=NAME: <namespace>-NAME. Given more than "
        "once, each cluster's Falcosidekick names itself in the URL: `show-url --cluster NAME`.",
    ),
]
HandoverCluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        autocompletion=values.complete_clusters,
        help="The cluster whose Falcosidekick this is for, where one webhook serves several: it "
        "goes into the URL.",
    ),
]
AllClusters = Annotated[
    bool,
    typer.Option(
        "--all-clusters",
        help="Write one file for each cluster of falcoport.yaml, into the folder of --file.",
    ),
]
NoCluster = Annotated[
    bool,
    typer.Option("--no-cluster", help="Relate alerts by their tags alone; turns off --cluster."),
]
EnsureNamespaces = Annotated[
    bool | None,
    typer.Option(
        "--ensure-namespaces/--no-ensure-namespaces",
        help="Create the namespace entity that an alert is related to, if it is missing; existing "
        "ones are not changed.",
    ),
]
Workload = Annotated[
    bool | None,
    typer.Option(
        "--workload/--no-workload",
        help="Relate an alert to the Deployment, StatefulSet or DaemonSet that it happened in "
        "too; needs --cluster.",
    ),
]
NamespaceBlueprint = Annotated[
    str | None,
    typer.Option(
        "--namespace-blueprint",
        metavar="ID",
        autocompletion=values.complete_namespace_blueprints,
        help="The blueprint of namespaces to relate alerts to, such as k8s_namespace. (default: "
        "the one that the catalog has)",
    ),
]
AlertIdentifier = Annotated[
    str | None,
    typer.Option(
        "--identifier",
        metavar="hostname-time|hostname-time-rule|uuid",
        help="What an alert's identifier is made of; two rules may match one event with Falco's "
        "rule_matching: all. "
        "(default: the mapping's own, hostname-time)",
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="guide|standard",
        rich_help_panel=_ALERTS,
        help="What an alert looks like in Port: as Port's guide has it, or in Port's own style, "
        "with colors, a status, MITRE techniques, workload, process and user. (default: as in "
        "Port, else guide)",
    ),
]
Findings = Annotated[
    bool | None,
    typer.Option(
        "--findings/--no-findings",
        rich_help_panel=_ALERTS,
        help="Keep one finding for the same rule in the same workload (or namespace, or host), "
        "related to its alerts.",
    ),
]
FindingsOnly = Annotated[
    bool,
    typer.Option(
        "--findings-only",
        rich_help_panel=_ALERTS,
        help="Store findings and no alerts, so that there are no more entities than rules times "
        "workloads.",
    ),
]
FindingsBy = Annotated[
    str | None,
    typer.Option(
        "--findings-by",
        metavar="KEY,…",
        rich_help_panel=_ALERTS,
        autocompletion=values.complete_finding_keys,
        help="What identifies a finding: rule, workload, namespace, pod, host, image, process, "
        "priority, source. (default: rule,workload)",
    ),
]
PassPriority = Annotated[
    str | None,
    typer.Option(
        "--min-priority",
        metavar="PRIORITY",
        rich_help_panel=_ALERTS,
        autocompletion=values.complete_priorities,
        help="Drop alerts below this priority, such as warning, when they arrive in Port.",
    ),
]
OnlyRules = Annotated[
    list[str] | None,
    typer.Option(
        "--only-rules",
        metavar="GLOB",
        rich_help_panel=_ALERTS,
        help="Drop alerts of all other rules, such as --only-rules 'Terminal*'. Repeatable.",
    ),
]
SkipRules = Annotated[
    list[str] | None,
    typer.Option(
        "--skip-rules",
        metavar="GLOB",
        rich_help_panel=_ALERTS,
        help="Drop alerts of these rules, written as Falco writes them. Repeatable.",
    ),
]
OnlyNamespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--only-namespaces",
        metavar="GLOB",
        rich_help_panel=_ALERTS,
        help="Drop alerts of all other namespaces; '' names the alerts without one. Repeatable.",
    ),
]
SkipNamespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--skip-namespaces",
        metavar="GLOB",
        rich_help_panel=_ALERTS,
        help="Drop alerts of these namespaces, such as --skip-namespaces 'kube-*'. Repeatable.",
    ),
]
NoFilter = Annotated[
    bool,
    typer.Option(
        "--no-filter",
        rich_help_panel=_ALERTS,
        help="Remove all filters, except those given with it.",
    ),
]
EntityLimit = Annotated[
    int,
    typer.Option(
        "--entity-limit",
        metavar="N",
        min=1,
        help="How many entities your Port plan allows, to forecast when it is full.",
    ),
]
AllowMappingErrors = Annotated[
    bool,
    typer.Option(
        "--allow-mapping-errors",
        help="Only warn where the mapping fails on falcoport's sample alerts.",
    ),
]

WebhookId = Annotated[
    str | None,
    typer.Option(
        "--webhook-id",
        metavar="ID",
        help="The webhook's identifier, such as falco_prod for one of several clusters; at most "
        "30 characters. (default: falco_alert_mapper)",
    ),
]
WebhookTitle = Annotated[
    str | None,
    typer.Option(
        "--webhook-title",
        metavar="TEXT",
        help="The webhook's title, such as 'Falco prod'; at most 30 characters. "
        "(default: Falco Alert Mapper, where one that --webhook-id names does not have its own)",
    ),
]

Secure = Annotated[
    bool,
    typer.Option(
        "--secure",
        rich_help_panel=_SECURITY,
        help="Make Port require a secret header and reject an alert that comes twice. A "
        "webhook that "
        "already has such a header stays as it is.",
    ),
]
HeaderName = Annotated[
    str | None,
    typer.Option(
        "--header",
        metavar="NAME",
        rich_help_panel=_SECURITY,
        help="The header that carries the secret. (default: X-Falcoport-Secret)",
    ),
]
WebhookSecretFile = Annotated[
    Path | None,
    typer.Option(
        "--webhook-secret-file",
        metavar="FILE",
        rich_help_panel=_SECURITY,
        help="File with the webhook's secret, - for stdin. (env: FALCOPORT_WEBHOOK_SECRET, the "
        "secret itself)",
    ),
]
RotateSecret = Annotated[
    bool,
    typer.Option(
        "--rotate-secret",
        rich_help_panel=_SECURITY,
        help="Replace the secret with the one given or a generated one; implies --secure.",
    ),
]
SecretOut = Annotated[
    Path | None,
    typer.Option(
        "--secret-out",
        metavar="FILE",
        rich_help_panel=_SECURITY,
        help="Write a generated secret to this file, readable by you alone, or to stdout for -, "
        "instead of showing it. A run after one that was interrupted continues with its secret.",
    ),
]

File = Annotated[
    Path | None,
    typer.Option(
        "-f",
        "--file",
        metavar="FILE",
        help="Write to this file instead of stdout; an existing one is not replaced.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
HandoverFormat = Annotated[
    handover.Format,
    typer.Option(
        "--format",
        help=f"{handover.Format.describe_all()}.",
    ),
]
MinimumPriority = Annotated[
    str | None,
    typer.Option(
        "--min-priority",
        metavar="PRIORITY",
        autocompletion=values.complete_priorities,
        help="Send only alerts of this priority or above, such as warning.",
    ),
]
AlertInput = Annotated[
    InputFormat | None,
    typer.Option(
        "--input",
        help="How the alerts are stored. (default: what their content shows)",
        show_default=False,
    ),
]
AlertFiles = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE…|DIR…|-]",
        help="Files and folders with alerts: Falco's JSON lines, its logs from kubectl or Docker, "
        "Falcosidekick's bodies, what Loki, Kafka, S3 and others give back; - is stdin. "
        "(default: falcoport's samples)",
        show_default=False,
    ),
]
Live = Annotated[
    bool, typer.Option("--live", help="Take the mapping from the webhook in Port, not from a file.")
]
RuleNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RULE…]",
        help="Rules by their exact names; with --rules-file also patterns, such as '*container*'.",
        show_default=False,
    ),
]
NamespaceEntities = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        metavar="ID[=RULE]",
        help="The namespace's entity in Port, such as auth-prod; without RULE arguments with a "
        "rule or pattern of its own, such as 'auth-prod=*shell*'. May be given several times.",
    ),
]
PatternsFile = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="A YAML file with the rules of many namespaces, such as `auth-prod: ['*shell*']`; - "
        "is stdin.",
    ),
]
RulesFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--rules-file",
        metavar="FILE",
        help="A rules file that Falco loads; repeatable. - reads what "
        "`falco -L -o json_output=true` prints.",
    ),
]
RulesFormatOption = Annotated[
    RulesFormat,
    typer.Option("--format", help="yaml: a rules file · helm: customRules for the falco chart."),
]
AlertFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE|-]",
        help="A file whose first alert is sent, with the current time. (default: a sample)",
        show_default=False,
    ),
]
SampleName = Annotated[
    str | None,
    typer.Option(
        "--sample",
        metavar="NAME",
        autocompletion=values.complete_samples,
        help="Which of falcoport's samples, such as exec-into-pod. (default: "
        "sensitive-file-on-host, which needs no namespace)",
    ),
]
TestNamespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", metavar="ID", help="The namespace entity that the alert is to be related to."
    ),
]
TestPriority = Annotated[
    str | None,
    typer.Option(
        "--priority",
        metavar="PRIORITY",
        autocompletion=values.complete_priorities,
        help="Its priority, such as critical.",
    ),
]
Via = Annotated[
    str | None,
    typer.Option(
        "--via",
        metavar="URL",
        help="Send it through this Falcosidekick, such as http://localhost:2801, to test the whole "
        "chain.",
    ),
]
JqTimeout = Annotated[
    float,
    typer.Option(
        "--jq-timeout",
        metavar="SECONDS",
        min=0.1,
        max=600,
        help="How long the mapping's expressions may take for one alert, such as 5.",
    ),
]
JqMemory = Annotated[
    int,
    typer.Option(
        "--jq-memory",
        metavar="MIB",
        min=64,
        max=65536,
        help="How much memory the mapping's expressions may take for one alert, such as 1024.",
    ),
]
ArrivalWait = Annotated[
    float,
    typer.Option(
        "--wait", metavar="SECONDS", help="How long to wait for the alert in the catalog."
    ),
]
Cleanup = Annotated[
    bool,
    typer.Option("--cleanup", help="Delete it afterwards, with what earlier tests left."),
]
CustomTags = Annotated[
    list[str] | None,
    typer.Option(
        "--custom-tag",
        metavar="TAG",
        help="Add this tag to every alert, such as cluster-prod; repeatable.",
    ),
]
MaxConcurrent = Annotated[
    int | None,
    typer.Option(
        "--max-concurrent",
        metavar="NUMBER",
        help="How many alerts Falcosidekick sends at once, such as 50. Its own default, 1, means "
        f"about seven alerts a second. (default: {MAX_CONCURRENT})",
    ),
]
KubernetesNamespace = Annotated[
    str,
    typer.Option(
        "--kube-namespace",
        metavar="NAME",
        rich_help_panel=_KUBERNETES,
        help="The Kubernetes namespace of Falcosidekick, for the Helm and Secret formats.",
    ),
]
QueueUrl = Annotated[
    str | None,
    typer.Option(
        "--queue",
        metavar="URL",
        help="The queue, such as nats://nats.falco:4222 or kafka://kafka:9092/falco. (formats "
        "relay-nats, relay-kafka; default: the Service nats or kafka beside Falcosidekick)",
    ),
]
ExistingSecret = Annotated[
    str | None,
    typer.Option(
        "--existing-secret",
        metavar="NAME",
        rich_help_panel=_KUBERNETES,
        help="Values that only refer to this Secret, such as falcosidekick-webhook, and hold "
        "nothing secret. (formats helm, helm-sidekick)",
    ),
]
SecretName = Annotated[
    str,
    typer.Option(
        "--secret-name",
        metavar="NAME",
        rich_help_panel=_KUBERNETES,
        help="The name of the Secret to write, such as falco-port. (formats k8s-secret, "
        "external-secret)",
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="KEY=VALUE",
        rich_help_panel=_KUBERNETES,
        help="A label of the object, such as release=prometheus; repeatable. "
        "(formats k8s-secret, external-secret, prometheus-rule)",
    ),
]
Annotations = Annotated[
    list[str] | None,
    typer.Option(
        "--annotation",
        metavar="KEY=VALUE",
        rich_help_panel=_KUBERNETES,
        help="An annotation of the object, such as argocd.argoproj.io/sync-wave=-1; may be given "
        "several times. (the same formats)",
    ),
]
SecretStoreName = Annotated[
    str | None,
    typer.Option(
        "--secret-store",
        metavar="NAME",
        rich_help_panel=_KUBERNETES,
        help="The store that the External Secrets operator reads, such as vault. (format "
        "external-secret)",
    ),
]
SecretStoreKindOption = Annotated[
    SecretStoreKind,
    typer.Option(
        "--secret-store-kind",
        rich_help_panel=_KUBERNETES,
        help="Whether the store is one namespace's or the cluster's.",
    ),
]
RemoteKey = Annotated[
    str | None,
    typer.Option(
        "--remote-key",
        metavar="KEY",
        rich_help_panel=_KUBERNETES,
        help="The key of URL and header in the store, such as falco/port. (default: the Secret's "
        "name)",
    ),
]

ExportFormat = Annotated[
    ExportLanguage,
    typer.Option(
        "--format",
        help="terraform: HCL for provider port-labs/port-labs · json: the bodies of Port's API.",
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Do not ask Port: `export` writes what `setup` would create in an empty catalog, "
        "`tag-rules` does not check that the namespace exists.",
    ),
]
IncludeNamespaceBlueprint = Annotated[
    bool,
    typer.Option(
        "--include-namespace-blueprint",
        help="Include the namespace blueprint, where nothing else manages it.",
    ),
]
