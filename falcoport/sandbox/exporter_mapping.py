"""What Port configures the Kubernetes exporter with when it makes the blueprints itself.

Our own mapping to the blueprints of `--catalog exporter`: the same kinds, identifiers, properties
and relations as Port's default (Port docs, Kubernetes, default mapping configuration, 2026-01).
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

_CLUSTER = "env.CLUSTER_NAME"
_IN_NAMESPACE = '.metadata.namespace + "-" + env.CLUSTER_NAME'
_NOT_SYSTEM = '.metadata.namespace | startswith("kube") | not'
_OWNER = ".metadata.ownerReferences[0]"
_CONTAINERS = "(.spec.template.spec.containers // [])"
_NODE = '(split(".") | join("_"))'


def default_config() -> Document:
    """Return the configuration of a new Kubernetes exporter."""
    return {
        "deleteDependents": True,
        "createMissingRelatedEntities": True,
        "resources": [
            _cluster(),
            _namespaces(),
            _nodes(),
            *(_workloads(kind) for kind in ("Deployment", "DaemonSet", "StatefulSet")),
            _replica_sets(),
            *_pods(),
        ],
    }


def _resource(kind: str, query: str, blueprint: str, entity: Document) -> Document:
    mapping = {**entity, "blueprint": f'"{blueprint}"'}
    return {
        "kind": kind,
        "selector": {"query": query},
        "port": {"entity": {"mappings": [mapping]}},
    }


def _add_dates(**properties: str) -> Document:
    return {
        "creationTimestamp": ".metadata.creationTimestamp",
        "labels": ".metadata.labels",
        **properties,
    }


def _cluster() -> Document:
    entity = {"identifier": _CLUSTER, "title": _CLUSTER}
    return _resource("v1/namespaces", '.metadata.name == "kube-system"', "k8s_cluster", entity)


def _namespaces() -> Document:
    entity = {
        "identifier": '.metadata.name + "-" + env.CLUSTER_NAME',
        "title": ".metadata.name",
        "properties": _add_dates(),
        "relations": {"Cluster": _CLUSTER},
    }
    query = '.metadata.name | startswith("kube") | not'
    return _resource("v1/namespaces", query, "k8s_namespace", entity)


def _nodes() -> Document:
    entity = {
        "identifier": f'(.metadata.name | {_NODE}) + "-" + env.CLUSTER_NAME',
        "title": '.metadata.name + "-" + env.CLUSTER_NAME',
        "properties": _add_dates(
            totalCPU=".status.allocatable.cpu",
            totalMemory=".status.allocatable.memory",
            kubeletVersion='.status.nodeInfo.kubeletVersion | split("-") | .[0]',
            ready='[.status.conditions[] | select(.type == "Ready") | .status] | .[0]',
        ),
        "relations": {"Cluster": _CLUSTER},
    }
    return _resource("v1/nodes", "true", "k8s_node", entity)


def _replicate() -> Document:
    return _add_dates(
        replicas=".spec.replicas",
        availableReplicas=".status.availableReplicas",
        strategy=".spec.strategy.type",
        hasPrivileged=f"{_CONTAINERS} | map(.securityContext.privileged) | any",
        hasLatest=f'{_CONTAINERS} | map(.image | contains(":latest")) | any',
        hasLimits=f"{_CONTAINERS} | all(.resources.limits.memory and .resources.limits.cpu)",
        containers=f"{_CONTAINERS} | map({{name, image, resources}})",
        isHealthy='if .spec.replicas == .status.availableReplicas then "Healthy" '
        'else "Unhealthy" end',
    )


def _workloads(kind: str) -> Document:
    entity = {
        "identifier": f'.metadata.name + "-{kind}-" + {_IN_NAMESPACE}',
        "title": ".metadata.name",
        "properties": {
            "kind": f'"{kind}"',
            "strategyConfig": ".spec.strategy // {}",
            **_replicate(),
        },
        "relations": {"Namespace": _IN_NAMESPACE},
    }
    return _resource(f"apps/v1/{kind.lower()}s", _NOT_SYSTEM, "k8s_workload", entity)


def _owner(kind: str) -> str:
    return f'{_OWNER}.name + "-" + {kind} + "-" + {_IN_NAMESPACE}'


def _replica_sets() -> Document:
    entity = {
        "identifier": f'.metadata.name + "-ReplicaSet-" + {_IN_NAMESPACE}',
        "title": ".metadata.name",
        "properties": _replicate(),
        "relations": {"replicaSetManager": _owner(f"{_OWNER}.kind")},
    }
    return _resource("apps/v1/replicasets", _NOT_SYSTEM, "k8s_replicaSet", entity)


def _pods() -> list[Document]:
    """Return the pods of replica sets, and those that a workload owns itself."""
    owned = {
        "==": {"replicaSet": _owner('"ReplicaSet"')},
        "!=": {"k8s_workload": _owner(f"{_OWNER}.kind")},
    }
    return [
        _resource(
            "v1/pods",
            f'({_OWNER}.kind {comparison} "ReplicaSet") and ({_NOT_SYSTEM})',
            "k8s_pod",
            {
                "identifier": f'.metadata.name + "-" + {_IN_NAMESPACE}',
                "title": ".metadata.name",
                "properties": {
                    "startTime": ".status.startTime",
                    "phase": ".status.phase",
                    "labels": ".metadata.labels",
                },
                "relations": {
                    "Node": f'(.spec.nodeName | {_NODE}) + "-" + env.CLUSTER_NAME',
                    **relations,
                },
            },
        )
        for comparison, relations in owned.items()
    ]
