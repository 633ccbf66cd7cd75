"""The blueprints that Port's Kubernetes exporter brings, as two generations of it make them.

Today's are made by Port itself; their properties are those that its default mapping fills (Port
docs, Kubernetes, default mapping configuration, 2026-01). The older ones were made by the exporter
(port-k8s-exporter 2026-08, its default resources).
"""

from __future__ import annotations

from typing import Any

from falcoport.sandbox.options import Catalog

Document = dict[str, Any]

_DATE: Document = {"type": "string", "format": "date-time", "title": "Created"}
_LABELS: Document = {"type": "object", "title": "Labels"}
_REPLICAS: Document = {
    "replicas": {"type": "number", "title": "Wanted Replicas"},
    "availableReplicas": {"type": "number", "title": "Running Replicas"},
    "strategy": {"type": "string", "title": "Strategy"},
    "hasPrivileged": {"type": "boolean", "title": "Has Privileged Container"},
    "hasLatest": {"type": "boolean", "title": "Has 'latest' tag"},
    "hasLimits": {"type": "boolean", "title": "All containers have limits"},
    "containers": {"type": "array", "title": "Containers", "default": []},
    "isHealthy": {
        "type": "string",
        "title": "Workload Health",
        "enum": ["Healthy", "Unhealthy"],
        "enumColors": {"Healthy": "green", "Unhealthy": "red"},
    },
    "creationTimestamp": _DATE,
    "labels": _LABELS,
}


def blueprints_of(catalog: Catalog) -> list[Document]:
    """Return the blueprints of a catalog, each after those that its relations target."""
    if catalog is Catalog.EMPTY:
        return []
    is_legacy = catalog is Catalog.EXPORTER_LEGACY
    prefix = "" if is_legacy else "k8s_"
    kinds = ["StatefulSet", "DaemonSet", "Deployment", *(["Rollout"] if is_legacy else [])]
    workload = {
        "kind": {"type": "string", "title": "Workload Kind", "enum": kinds},
        "strategyConfig": {"type": "object", "title": "Strategy Config"},
        **_REPLICAS,
    }
    namespace = {"creationTimestamp": _DATE, "labels": _LABELS}
    found = [
        _blueprint(f"{prefix}cluster", "Cluster", "Cluster", {}),
        _blueprint(
            f"{prefix}namespace",
            "Namespace",
            "Environment",
            namespace,
            {"Cluster": f"{prefix}cluster"},
        ),
        _blueprint(
            f"{prefix}workload",
            "Workload",
            "Deployment",
            workload,
            {"Namespace": f"{prefix}namespace"},
        )
        | {
            "mirrorProperties": {
                "Cluster": {"title": "Cluster", "path": "Namespace.Cluster.$title"},
                "namespace": {"title": "Namespace", "path": "Namespace.$title"},
            }
        },
    ]
    return found if is_legacy else [*found, *_newer_blueprints()]


def _newer_blueprints() -> list[Document]:
    """Return the blueprints that only today's exporter fills."""
    node = {
        "creationTimestamp": _DATE,
        "totalCPU": {"type": "string", "title": "Total CPU"},
        "totalMemory": {"type": "string", "title": "Total Memory"},
        "labels": _LABELS,
        "kubeletVersion": {"type": "string", "title": "Kubelet Version"},
        "ready": {"type": "string", "title": "Node Readiness"},
    }
    pod = {
        "startTime": {"type": "string", "format": "date-time", "title": "Started"},
        "phase": {"type": "string", "title": "Pod Phase"},
        "labels": _LABELS,
    }
    return [
        _blueprint("k8s_node", "Node", "Node", node, {"Cluster": "k8s_cluster"}),
        _blueprint(
            "k8s_replicaSet",
            "ReplicaSet",
            "Deployment",
            _REPLICAS,
            {"replicaSetManager": "k8s_workload"},
        ),
        _blueprint(
            "k8s_pod",
            "Pod",
            "Microservice",
            pod,
            {"replicaSet": "k8s_replicaSet", "Node": "k8s_node", "k8s_workload": "k8s_workload"},
        ),
    ]


def _blueprint(
    identifier: str,
    title: str,
    icon: str,
    properties: Document,
    relations: dict[str, str] | None = None,
) -> Document:
    return {
        "identifier": identifier,
        "title": title,
        "icon": icon,
        "schema": {"properties": properties, "required": []},
        "mirrorProperties": {},
        "calculationProperties": {},
        "relations": {
            name: {"title": name, "target": target, "required": False, "many": False}
            for name, target in (relations or {}).items()
        },
    }
