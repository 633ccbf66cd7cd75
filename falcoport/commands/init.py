"""Write `falcoport.yaml`: what the options say, and what the catalog proposes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport.commands.catalog_model import MODELS, model_keys
from falcoport.config import FILE_NAME, SCHEMA_NAME, config_schema
from falcoport.errors import CredentialsMissingError, FalcoportError
from falcoport.files import write_file
from falcoport.manifests.extra_names import Extra
from falcoport.mapping.namespace_expressions import Clusters
from falcoport.port.errors import NotFoundError
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.interface import Key

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.port.api import PortApi

_MOST_CLUSTERS = 100


@dataclass(frozen=True)
class InitRequest:
    """Where to write, and what is known already; None or nothing where it is not.

    `force` replaces a file that is there. `findings` is a value of `findings.keep`, `findings_by`
    what tells them apart. `extras` are those of `setup --with`.
    """

    path: Path = Path(FILE_NAME)
    force: bool = False
    profile: str | None = None
    clusters: tuple[str, ...] = ()
    webhook: str | None = None
    findings: str | None = None
    findings_by: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What the catalog has: the blueprint of namespaces, and the exporter's clusters."""

    namespace_blueprint: str | None = None
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True)
class InitResult:
    """The files that were written, and what stands in the first."""

    path: Path
    schema: Path
    text: str


def init(request: InitRequest, context: Context) -> InitResult:
    """Write the file and its schema. Raise UsageError where one exists and `force` is not given."""
    Clusters.named(request.clusters)  # what Port would refuse shows before anything is asked
    if request.path.exists() and not request.force:
        # The same sentence as for any other file, before questions are asked for nothing.
        write_file(request.path, "", private=False, force=False)
    found = _look(context)
    clusters = request.clusters or _confirm_clusters(found, context)
    request = replace(request, profile=request.profile or _confirm_profile(context))
    text = build_text(request, found, clusters, _settings_lines(context))
    schema = request.path.with_name(SCHEMA_NAME)
    write_file(request.path, text, private=False, force=request.force)
    content = json.dumps(config_schema(), indent=2) + "\n"
    # The schema is falcoport's own: it is brought up to date whatever is there.
    write_file(schema, content, private=False, force=True)
    return InitResult(request.path, schema, text)


def _look(context: Context) -> Proposal:
    """Return what the catalog has; nothing where Port cannot be asked, which is no failure."""
    try:
        with context.connect() as api:
            catalog = read_catalog(api, model_keys())
            there = [m for m in MODELS if catalog.get(Key("blueprint", m.namespace)) is not None]
            clusters = _list_clusters(api, [model.cluster for model in there])
    except CredentialsMissingError:
        context.progress("No credentials, so the catalog was not asked.")
        return Proposal()
    except FalcoportError as error:
        context.warn(f"the catalog could not be asked: {error.message}")
        return Proposal()
    return Proposal(there[0].namespace if there else None, clusters)


def _list_clusters(api: PortApi, blueprints: list[str]) -> tuple[str, ...]:
    for blueprint in blueprints:
        try:
            entities, _ = api.search_entities(
                blueprint, {"limit": _MOST_CLUSTERS, "include": ["$identifier"]}
            )
        except NotFoundError:
            continue
        return tuple(sorted(str(entity["identifier"]) for entity in entities))
    return ()


def _confirm_clusters(found: Proposal, context: Context) -> tuple[str, ...]:
    """Return the clusters of the catalog if a person wants them; without a terminal, none."""
    if not found.clusters or context.confirm is None:
        return ()
    names = ", ".join(found.clusters)
    question = f"Port has the clusters {names}. Relate alerts to their namespaces?"
    return found.clusters if context.confirm(question) else ()


def _confirm_profile(context: Context) -> str | None:
    """Return the standard profile if a person wants it; without a terminal, none."""
    if context.confirm is None:
        return None
    question = (
        "Shall alerts have Port's own style (colored priorities, a status that people set, MITRE "
        "tactics, workloads), the profile standard? Otherwise they are as in Port's guide."
    )
    return "standard" if context.confirm(question) else None


def _settings_lines(context: Context) -> list[str]:
    try:
        settings = context.settings
    except FalcoportError:
        return []
    if settings.region.value == "custom":
        return [f"  api_url: {json.dumps(settings.api_url.value)}"]
    return [f"  region: {settings.region.value}"]


def build_text(
    request: InitRequest, found: Proposal, clusters: tuple[str, ...], port: list[str]
) -> str:
    """Return the file's text, with a comment for each part that is left as it is by default."""
    lines = [
        f"# yaml-language-server: $schema=./{SCHEMA_NAME}",
        "# What falcoport sets up in Port. Options and the environment win over this file.",
        "# Never put credentials or secrets here.",
        "port:",
        *(port or ["  region: eu"]),
        *_profile_lines(request),
    ]
    if request.webhook is not None:
        lines += ["webhook:", f"  identifier: {json.dumps(request.webhook)}"]
    lines += _cluster_lines(clusters, found)
    if found.namespace_blueprint is not None:
        lines.append(
            f"# Port has the namespace blueprint {found.namespace_blueprint}; it is found."
        )
    lines += [
        "# alerts:",
        "#   identifier: hostname-time-rule   # two rules on one event are two alerts",
        "#   min_priority: warning            # drop what is below it",
        *_findings_lines(request),
        "# relations:",
        "#   workload: true                   # needs clusters",
        "#   ensure_namespaces: true          # create namespaces that Port lacks",
        *_extra_lines(request),
    ]
    return "\n".join(lines) + "\n"


def _profile_lines(request: InitRequest) -> list[str]:
    if request.profile is not None:
        return [f"profile: {request.profile}"]
    return [
        "# standard: colored priorities, a status that people set, MITRE tactics, workloads.",
        "profile: guide                       # as Port's guide has it; or: standard",
    ]


def _findings_lines(request: InitRequest) -> list[str]:
    if request.findings is None:
        return [
            "# findings:",
            "#   keep: with_alerts                # one for a rule in a workload; or: only",
        ]
    by = [f"  by: [{', '.join(request.findings_by)}]"] if request.findings_by else []
    return ["findings:", f"  keep: {request.findings}", *by]


def _extra_lines(request: InitRequest) -> list[str]:
    chosen = request.extras
    lines = [
        f"with: [{', '.join(chosen)}]"
        if chosen
        else "# with: [dashboard, rollups, scorecard]  # also: triage, notify, retention"
    ]
    # Each of these is a comment, or a value to be made one's own.
    off = "" if Extra.NOTIFY in chosen else "# "
    lines += [
        f"{off}notify:",
        f"{off}  - channel: slack                 # teams, pagerduty, webhook",
        f"{off}    priority: critical",
        f"{off}    url_variable: SLACK_URL        # or url_file; needed where Port lacks it",
    ]
    off = "" if Extra.RETENTION in chosen else "# "
    return [*lines, f"{off}retention: 30d                       # Port counts a run for each"]


def _cluster_lines(clusters: tuple[str, ...], found: Proposal) -> list[str]:
    if clusters:
        return [
            "# Each one's Falcosidekick posts to its own URL: falcoport show-url --cluster NAME",
            "clusters:",
            *(f"  - {json.dumps(name)}" for name in clusters),
        ]
    example = found.clusters[0] if found.clusters else "prod"
    return [
        "# The CLUSTER_NAME of each cluster's Kubernetes exporter relates alerts to namespaces:",
        f"# clusters: [{example}]",
    ]
