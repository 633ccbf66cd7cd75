"""Which of the Kubernetes exporter's data models a catalog has: looked up, never assumed. Pure.

Accounts since about 2025-05 have `k8s_namespace`, `k8s_workload` and `k8s_cluster`, which Port
makes; older ones have `namespace`, `workload` and `cluster`, which the exporter made (Port docs,
Kubernetes, default mapping configuration; port-k8s-exporter 2026-08).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import ConflictError
from falcoport.resources.interface import Key

if TYPE_CHECKING:
    from falcoport.resources.interface import Catalog


@dataclass(frozen=True)
class Model:
    """The identifiers of one generation of the exporter's blueprints."""

    namespace: str
    workload: str
    cluster: str


NEWER = Model("k8s_namespace", "k8s_workload", "k8s_cluster")
OLDER = Model("namespace", "workload", "cluster")
MODELS = (NEWER, OLDER)


def model_keys() -> tuple[Key, ...]:
    """Return what must be read to tell which model a catalog has, and which is in use."""
    return tuple(
        Key(kind, name)
        for model in MODELS
        for kind, name in (
            ("blueprint", model.namespace),
            ("blueprint", model.workload),
            ("blueprint", model.cluster),
            ("entities", model.namespace),
        )
    )


@dataclass(frozen=True)
class NamespaceBlueprint:
    """The blueprint that alerts are related to, and what to do where Port does not have it."""

    identifier: str
    hint: str = ""


def choose_namespace_blueprint(
    catalog: Catalog, *, named: str | None, related: str | None
) -> NamespaceBlueprint:
    """Return the blueprint of namespaces that a catalog has.

    `named` is what `--namespace-blueprint` says and decides; else `related` does, the target of the
    relation that is in Port already; else what exists; of two, the one that has entities; of two
    without, the newer. Raise ConflictError where both are in use.
    """
    if named is not None:
        return NamespaceBlueprint(named, f"There is no blueprint {named!r}: name another one.")
    if related is not None:
        return NamespaceBlueprint(related)
    there = [m for m in MODELS if catalog.get(Key("blueprint", m.namespace)) is not None]
    if not there:
        return _missing(catalog)
    used = [m for m in there if catalog.get(Key("entities", m.namespace)) is not None]
    if len(used) > 1:
        names = " and ".join(repr(model.namespace) for model in used)
        raise ConflictError(
            f"Both {names} have entities in Port; which one are alerts to be related to?",
            code="ambiguous_namespace_blueprint",
            where="relation namespace",
            hint="Name it with --namespace-blueprint, such as --namespace-blueprint k8s_namespace.",
        )
    return NamespaceBlueprint((used or there)[0].namespace)


def _missing(catalog: Catalog) -> NamespaceBlueprint:
    """Return the blueprint that would fit, and the ways out."""
    found = [m for m in MODELS if catalog.get(Key("blueprint", m.cluster)) is not None]
    ways = (
        "--create-namespace-blueprint makes the blueprint, --namespace-blueprint names another "
        "one, --no-relation leaves the relation out (add-relation adds it later)."
    )
    if found:
        model = found[0]
        return NamespaceBlueprint(
            model.namespace,
            f"Port has {model.cluster!r} of the Kubernetes exporter, but not {model.namespace!r}: "
            f"add namespaces to what the exporter sends, or choose: {ways}",
        )
    return NamespaceBlueprint(
        OLDER.namespace, f"Install Port's Kubernetes exporter, or choose: {ways}"
    )


def choose_workload_blueprint(catalog: Catalog, namespace: str) -> str | None:
    """Return the blueprint of workloads that goes with that of namespaces; None without any."""
    there = [m for m in MODELS if catalog.get(Key("blueprint", m.workload)) is not None]
    fitting = [model for model in there if model.namespace == namespace]
    return next((model.workload for model in (*fitting, *there)), None)
