"""An alert's namespace and workload: what libjq and the jq program find, and reading it back."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import jq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.alerts import VALUES

from falcoport.errors import OptionValueError
from falcoport.mapping.alert_fields import (
    CLUSTER_FROM_URL,
    NAMESPACE_FIELDS,
    OWN_NAMESPACE,
    OWN_WORKLOAD,
    cluster_literal,
    is_usable,
    read_workload_expression,
    workload_expression,
)

JQ = shutil.which("jq")
PROD = workload_expression(cluster_literal("prod"))
POD = {"k8s.ns.name": "auth", "k8s.pod.name": "login-api-6d9f7c5b8c-x2k4q"}

PODS = [
    ("login-api-6d9f7c5b8c-x2k4q", "login-api-Deployment"),
    ("checkout-5b7d9c-qq8zt", "checkout-Deployment"),
    # "exporter" holds letters that Kubernetes never generates, so this is no Deployment "node".
    ("node-exporter-x7k2p", "node-exporter-DaemonSet"),
    ("web-0", "web-StatefulSet"),
    ("kafka-broker-12", "kafka-broker-StatefulSet"),
    # A CronJob's pod: its job ends in the minute it was due.
    ("backup-28994555-x7k2p", None),
    # 63 characters: Kubernetes may have cut the name.
    ("a" * 57 + "-x7k2p", None),
    ("debug", None),
    ("x7k2p", None),
    ("login-api-6d9f7c5b8c-x2k4a", None),
]


def evaluate(expression: str, event: dict[str, Any]) -> Any:
    """Return the one result of libjq, and check that the jq program gives the same."""
    [found] = jq.compile(expression).input_text(json.dumps(event)).all()
    if JQ is not None:
        ran = subprocess.run(
            [JQ, "-c", expression],
            input=json.dumps(event),
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(ran.stdout) == found
    return found


@pytest.mark.parametrize(("pod", "workload"), PODS)
def test_a_generated_pod_name_tells_its_workload(pod: str, workload: str | None) -> None:
    fields = {"k8s.ns.name": "auth", "k8s.pod.name": pod}
    expected = workload and f"{workload}-auth-prod"
    assert evaluate(PROD, {"body": {"output_fields": fields}}) == expected


@pytest.mark.parametrize(
    ("fields", "workload"),
    [
        # The metadata plugin knows it exactly, whatever the pod is called.
        ({**POD, "k8smeta.deployment.name": "login"}, "login-Deployment-auth-prod"),
        ({**POD, "k8smeta.deployment.name": "<NA>"}, "login-api-Deployment-auth-prod"),
        ({"k8smeta.ns.name": "auth", "k8smeta.pod.name": "web-0"}, "web-StatefulSet-auth-prod"),
        (
            {
                "ka.target.namespace": "shop",
                "ka.target.resource": "pods",
                "ka.target.name": "cart-7c9b5d4f6-zx9wv",
            },
            "cart-Deployment-shop-prod",
        ),
        (
            {
                "ka.target.namespace": "shop",
                "ka.target.resource": "daemonsets",
                "ka.target.name": "agent",
            },
            "agent-DaemonSet-shop-prod",
        ),
        (
            {
                "ka.target.namespace": "shop",
                "ka.target.resource": "configmaps",
                "ka.target.name": "web-0",
            },
            None,
        ),
        ({**POD, "k8s.ns.name": None}, None),
        ({**POD, "k8s.ns.name": "kube-system"}, None),
        ({"k8s.ns.name": "auth", "k8s.pod.name": "<NA>"}, None),
        ({"k8s.ns.name": "auth", "k8s.pod.name": 7}, None),
        ({}, None),
    ],
)
def test_the_workload_comes_from_where_the_source_has_it(
    fields: dict[str, Any], workload: str | None
) -> None:
    assert evaluate(PROD, {"body": {"output_fields": fields}}) == workload


@pytest.mark.parametrize("query", [{}, {"cluster": ""}])
def test_without_its_cluster_a_workload_is_not_named(query: dict[str, str]) -> None:
    expression = workload_expression(CLUSTER_FROM_URL)
    event = {"body": {"output_fields": POD}, "queryParams": query}
    assert evaluate(expression, event) is None
    event["queryParams"] = {"cluster": "stage"}
    assert evaluate(expression, event) == "login-api-Deployment-auth-stage"


@given(st.dictionaries(st.sampled_from([*NAMESPACE_FIELDS, "k8s.pod.name"]), VALUES))
def test_no_value_of_a_field_makes_an_expression_fail(fields: dict[str, Any]) -> None:
    event = json.dumps({"body": {"output_fields": fields}})
    for expression in (PROD, OWN_WORKLOAD):
        [found] = jq.compile(expression).input_text(event).all()
        assert found is None or isinstance(found, str)
    [namespace] = jq.compile(OWN_NAMESPACE).input_text(event).all()
    usable = [v for name in NAMESPACE_FIELDS if is_usable(v := fields.get(name))]
    assert namespace == (usable[0] if usable else None)


@given(st.text("abcXYZ019@_.+:=-", min_size=1, max_size=253))
def test_the_cluster_is_read_back_from_what_was_written(name: str) -> None:
    literal = cluster_literal(name)
    assert read_workload_expression(workload_expression(literal)) == literal


def test_what_was_not_written_is_not_read_back() -> None:
    assert read_workload_expression(workload_expression(CLUSTER_FROM_URL)) == CLUSTER_FROM_URL
    assert read_workload_expression(PROD.replace("kube", "cube")) is None
    assert read_workload_expression(".body.workload") is None
    assert read_workload_expression(None) is None


@pytest.mark.parametrize("name", ["", "a b", "é", "a/b", "x" * 254])
def test_a_cluster_that_no_identifier_can_hold_is_refused(name: str) -> None:
    with pytest.raises(OptionValueError):
        cluster_literal(name)
