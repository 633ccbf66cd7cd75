"""JQ for what an alert says about itself: its namespace, its workload, its cluster.

The names of the fields are those of Falco's plugins `container`, `k8smeta` and `k8saudit`
(falcosecurity/plugins, `pkg/fields.go` and READMEs). A value that Falco could not find is `null`,
`""` or `<NA>`, so only other texts count.

Pure. Each expression can be read back: `read_workload_expression` is the inverse of
`workload_expression`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from falcoport.errors import OptionValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

CLUSTER_FROM_URL = ".queryParams.cluster"
"""JQ for the cluster that a Falcosidekick names in its webhook address, `?cluster=NAME`."""

KNOWN = 'strings | select(. != "" and . != "<NA>")'
"""JQ for a value that says something; no output for any other, so that Port stores nothing."""

_USABLE = 'map(select(type == "string" and . != "" and . != "<NA>"))'
NAMESPACE_FIELDS = ("k8s.ns.name", "k8smeta.ns.name", "ka.target.namespace")
"""The output fields that hold a namespace, by source, in the order they are looked at."""

_POD_FIELDS = ("k8s.pod.name", "k8smeta.pod.name", "ka.target.pod.name")

# Kubernetes makes the generated parts of a name from these letters alone (apimachinery,
# `rand.String` and `SafeEncodeString`), which tells `node-exporter-x7k2p`, the pod of a DaemonSet,
# from a pod of a Deployment `node`.
_GENERATED = "[bcdfghjklmnpqrstvwxz2456789]"
# A name of 63 characters may be cut, and eight digits before the last part are a CronJob's time:
# both are ambiguous. The name of the group that matches is the kind of the workload. A Job's or a
# bare ReplicaSet's pod looks like a DaemonSet's; nothing in the alert tells those apart.
_POD_NAME = (
    rf"\A(?!.{{63}})(?!.+-[0-9]{{8}}-{_GENERATED}{{5}}\z)"
    rf"(?:(?<Deployment>.+)-{_GENERATED}{{6,10}}-{_GENERATED}{{5}}"
    rf"|(?<DaemonSet>.+)-{_GENERATED}{{5}}"
    r"|(?<StatefulSet>.+)-[0-9]+)\z"
)
# The audit log names the resource that was touched; of these Port has entities.
_AUDITED_KINDS = {
    "deployments": "Deployment",
    "daemonsets": "DaemonSet",
    "statefulsets": "StatefulSet",
}
_AUDITED_KINDS_JQ = json.dumps(_AUDITED_KINDS)


def is_usable(value: object) -> bool:
    """Tell whether an output field's value says something, as the expressions here see it."""
    return isinstance(value, str) and value not in ("", "<NA>")


def first_usable(*fields: str) -> str:
    """Return JQ for the first of these output fields that holds a text; null if none does."""
    values = ", ".join(f".body.output_fields[{json.dumps(field)}]" for field in fields)
    return f"[{values}] | {_USABLE} | .[0]"


OWN_NAMESPACE = first_usable(*NAMESPACE_FIELDS)
"""JQ for the namespace that an alert happened in; null outside of Kubernetes."""

_AUDITED_POD = (
    '(.body.output_fields | select(.["ka.target.resource"] == "pods") '
    '| .["ka.target.name"], .["ka.resp.name"])'
)
OWN_POD = (
    "["
    + ", ".join(f".body.output_fields[{json.dumps(field)}]" for field in _POD_FIELDS)
    + f", {_AUDITED_POD}] | {_USABLE} | .[0]"
)
"""JQ for the pod that an alert is about; null if there is none."""

_FROM_K8SMETA = f'({first_usable("k8smeta.deployment.name")} | strings + "-Deployment")'
_FROM_AUDIT = (
    f'(.body.output_fields | {_AUDITED_KINDS_JQ}[.["ka.target.resource"] | strings] as $kind '
    f'| select($kind) | .["ka.target.name"] | {KNOWN} | . + "-" + $kind)'
)
_FROM_POD = (
    f"({OWN_POD} | strings | capture({json.dumps(_POD_NAME)}) | to_entries[] "
    '| select(.value) | .value + "-" + .key)'
)
OWN_WORKLOAD = f"[{_FROM_K8SMETA}, {_FROM_AUDIT}, {_FROM_POD}] | .[0]"
"""JQ for an alert's workload as `<name>-<Kind>`; null where it is ambiguous or there is none.

Exact from `k8smeta.deployment.name` and from the resource that the audit log names, else read from
the generated name of the pod (Deployment, DaemonSet, StatefulSet).
"""

# The same in Python, for counting without jq; a test compares the two.
_POD_PATTERN = re.compile(_POD_NAME.replace("(?<", "(?P<").replace(r"\z", r"\Z"))
PLACE_FIELDS = (
    *NAMESPACE_FIELDS,
    *_POD_FIELDS,
    "k8smeta.deployment.name",
    "ka.target.resource",
    "ka.target.name",
    "ka.resp.name",
)
"""The output fields that say where an alert happened."""


def find_namespace(fields: Mapping[str, object]) -> str:
    """Return what OWN_NAMESPACE finds in output fields; empty if there is none."""
    return _first(fields, NAMESPACE_FIELDS)


def find_workload(fields: Mapping[str, object]) -> str:
    """Return what OWN_WORKLOAD finds in output fields; empty if there is none."""
    deployment = _first(fields, ("k8smeta.deployment.name",))
    if deployment:
        return f"{deployment}-Deployment"
    resource, name = fields.get("ka.target.resource"), _first(fields, ("ka.target.name",))
    if resource in _AUDITED_KINDS and name:
        return f"{name}-{_AUDITED_KINDS[str(resource)]}"
    pod = _first(fields, _POD_FIELDS)
    if not pod and resource == "pods":
        pod = _first(fields, ("ka.target.name", "ka.resp.name"))
    match = _POD_PATTERN.match(pod)
    if match is None:
        return ""
    return next(f"{name}-{kind}" for kind, name in match.groupdict().items() if name)


def _first(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    return next((str(fields[name]) for name in names if is_usable(fields.get(name))), "")


def cluster_literal(name: str) -> str:
    """Return JQ for a cluster that is known by name.

    Raise OptionValueError for a name that cannot be part of an identifier in Port.
    """
    check_cluster_name(name)
    return json.dumps(name)


def check_cluster_name(name: str) -> None:
    """Raise OptionValueError for a cluster's name that cannot be part of an identifier in Port."""
    if not _CLUSTER.fullmatch(name) or len(name) > _LONGEST_CLUSTER:
        raise OptionValueError(
            f"--cluster {name!r} cannot be part of an identifier in Port.",
            where="--cluster",
            hint="Give the name that the Kubernetes exporter has as CLUSTER_NAME: letters, digits "
            "and @ _ . + : = -",
        )


_LONGEST_CLUSTER = 253
_CLUSTER = re.compile(r"[A-Za-z0-9@_.+:=-]+")


def workload_expression(cluster: str) -> str:
    """Return JQ for the entity of an alert's workload, as Port's Kubernetes exporter names it.

    That is `<name>-<Kind>-<namespace>-<cluster>` (Port docs, default mapping of the exporter).
    `cluster` is JQ: `cluster_literal(name)`, or CLUSTER_FROM_URL where one webhook serves several.
    Null where the workload is ambiguous, where namespace or cluster is not known, and in namespaces
    that begin with `kube`, which the exporter passes over.
    """
    return (
        f"({OWN_WORKLOAD}) as $workload | ({OWN_NAMESPACE}) as $namespace "
        f"| ({cluster}) as $cluster "
        '| if $workload and $namespace and ($cluster // "") != "" '
        'and ($namespace | startswith("kube") | not) '
        'then $workload + "-" + $namespace + "-" + $cluster else null end'
    )


def read_workload_expression(text: object) -> str | None:
    """Return the cluster's JQ that `workload_expression` wrote into `text`; None if it did not."""
    if not isinstance(text, str):
        return None
    found = re.search(r" \| \((\"[^\"\\]+\"|\.queryParams\.cluster)\) as \$cluster ", text)
    if found is None or workload_expression(found[1]) != text:
        return None
    return found[1]
