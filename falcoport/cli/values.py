"""The values that options take, for a shell's completion: read when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

Candidates = list[tuple[str, str]]
"""Values with what each means, which may be nothing."""


def complete_priorities() -> Candidates:
    """Return Falco's priorities, as options are usually given them."""
    from falcoport.falco.priorities import PRIORITIES

    return [(name.lower(), "") for name in PRIORITIES]


def complete_samples() -> Candidates:
    """Return falcoport's sample alerts."""
    from falcoport.falco.samples import samples

    return [(one.name, one.description) for one in samples()]


def complete_finding_keys(incomplete: str) -> Candidates:
    """Return what may tell findings apart, behind the keys that are there already."""
    from falcoport.mapping.finding_expressions import Key

    return _behind_commas(incomplete, Key)


def complete_extras(incomplete: str) -> Candidates:
    """Return what `--with` adds, behind the extras that are there already."""
    from falcoport.manifests.extra_names import Extra

    return _behind_commas(incomplete, Extra)


def complete_clusters(ctx: typer.Context) -> Candidates:
    """Return the clusters of falcoport.yaml; none if it cannot be read."""
    import os
    from pathlib import Path

    from falcoport.config import find_config, load_config
    from falcoport.errors import FalcoportError

    named = ctx.params.get("config")
    path = find_config(Path(named) if named else None, os.environ, Path.cwd())
    try:
        names = load_config(path).clusters if path is not None else None
    except FalcoportError:
        names = None
    return [(name, "") for name in names or ()]


def complete_organizations() -> Candidates:
    """Return the organizations that Port's own CLI knows; none if they cannot be read."""
    import os
    from pathlib import Path

    from falcoport.errors import FalcoportError
    from falcoport.port_cli_config import list_organizations

    home = Path(os.environ.get("HOME") or Path("~").expanduser())
    try:
        names = list_organizations(os.environ, home)
    except FalcoportError:
        names = ()
    return [(name, "") for name in names]


def complete_statuses() -> Candidates:
    """Return the statuses that an alert may have."""
    return [("Open", ""), ("Acknowledged", ""), ("Resolved", ""), ("False positive", "")]


def complete_namespace_blueprints() -> Candidates:
    """Return the blueprints of namespaces that Port's Kubernetes exporters make."""
    return [("k8s_namespace", "today's exporter"), ("namespace", "the older exporter, the guide")]


def _behind_commas(incomplete: str, words: Iterable[str]) -> Candidates:
    before, comma, _typed = incomplete.rpartition(",")
    used = before.split(",")
    return [(f"{before}{comma}{word}", "") for word in words if word not in used]
