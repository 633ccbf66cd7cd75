"""A PrometheusRule that alarms on lost alerts.

Falcosidekick sends an alert once: what Port does not take is gone, and the only sign of it is its
own counter (`stats_prometheus.go`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.kubernetes_objects import metadata
from falcoport.falcosidekick.handover.yaml_text import Tree, comment, write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset({"labels", "annotations"})
HOLDS_SECRET = False
"""An alarm needs none."""

_NAME = "falcosidekick-webhook"
_SERIES = 'falcosecurity_falcosidekick_outputs_total{destination="webhook",status="error"}'
_WINDOW = "10m"

# A counter begins with its first error, which `increase` cannot see: hence the second half.
_LOST = (
    f"sum by (namespace) (increase({_SERIES}[{_WINDOW}])) > 0 "
    f"or sum by (namespace) ({_SERIES} unless {_SERIES} offset {_WINDOW}) > 0"
)


def render(handover: Handover) -> str:
    """Return the rule; Prometheus finds it by its labels, as the operator's `ruleSelector` says."""
    head = (
        f"Apply with `kubectl apply -f -`; the namespace {handover.namespace} must exist, and the",
        "Prometheus operator's ruleSelector must match: kube-prometheus-stack wants",
        "--label release=NAME-OF-ITS-RELEASE. Prometheus reads Falcosidekick's counters where the",
        "chart's value serviceMonitor.enabled (chart falco: falcosidekick.serviceMonitor.enabled)",
        "is true.",
    )
    rule: dict[str, Tree] = {
        "alert": "FalcoAlertsLost",
        "expr": _LOST,
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": "Falcosidekick could not hand Falco alerts over to Port",
            "description": "Falcosidekick in {{ $labels.namespace }} failed to post {{ $value | "
            "humanize }} alerts to Port within 10 minutes. It does not send them again. Its log "
            "has a line with Webhook and the reason; `falcoport send-test --via` names it.",
        },
    }
    tree: dict[str, Tree] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata(handover, _NAME),
        "spec": {"groups": ({"name": "falcosidekick-webhook", "rules": (rule,)},)},
    }
    return comment(head) + write_yaml(tree)
