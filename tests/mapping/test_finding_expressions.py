"""Findings: one entity for the same rule in the same place, and its keys read back."""

from __future__ import annotations

import json
from typing import Any

import jq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line

from falcoport.errors import OptionValueError
from falcoport.falco.samples import sample, samples
from falcoport.falcosidekick.forward import HEADERS, forwarded
from falcoport.manifests.loading import load_findings
from falcoport.mapping.alert_fields import CLUSTER_FROM_URL, cluster_literal
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.finding_expressions import (
    _PLACE_FIELDS,
    DEFAULT_KEYS,
    Key,
    find_place,
    parse_keys,
    read_identifier,
    write_identifier,
    write_title,
)
from falcoport.port.entity_check import EntityCheck
from falcoport.port.identifiers import ENTITY

KEYS = st.lists(st.sampled_from(list(Key)), min_size=1, unique=True).map(tuple)
CLUSTERS = st.none() | st.just(CLUSTER_FROM_URL) | st.just(cluster_literal("prod"))


def evaluate(expression: str, body: dict[str, Any]) -> Any:
    [found] = jq.compile(expression).input_text(json.dumps({"body": body})).all()
    return found


@given(KEYS, CLUSTERS)
def test_the_keys_are_read_back_from_what_was_written(
    keys: tuple[Key, ...], cluster: str | None
) -> None:
    assert read_identifier(write_identifier(keys, cluster)) == (keys, cluster)


@pytest.mark.parametrize("text", [None, ".body.uuid", "[] | length", write_title(DEFAULT_KEYS)])
def test_what_was_not_written_is_not_read_back(text: object) -> None:
    assert read_identifier(text) is None


@given(ALERTS, KEYS, CLUSTERS)
def test_every_alert_has_a_finding_that_port_takes(
    one: dict[str, Any], keys: tuple[Key, ...], cluster: str | None
) -> None:
    body = json.loads(forwarded(as_line(one)))
    assert ENTITY.accepts(evaluate(write_identifier(keys, cluster), body))
    assert isinstance(evaluate(write_title(keys), body), str)


@given(st.lists(st.text(), min_size=2, max_size=2), st.lists(st.text(), min_size=2, max_size=2))
def test_no_two_lists_of_values_become_one_identifier(one: list[str], other: list[str]) -> None:
    expression = write_identifier((Key.RULE, Key.HOST))
    first, second = (
        evaluate(expression, {"rule": rule, "hostname": host}) for rule, host in (one, other)
    )
    assert (first == second) == (one == other)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("fileless-execution", "auth-namespace/login-api-Deployment"),
        ("exec-into-pod", "auth-namespace/login-api-Deployment"),
        ("list-and-flags", "kube-system/"),
        ("sensitive-file-on-host", "host/bastion-01"),
        ("console-login-without-mfa", "aws_cloudtrail/123456789012"),
        ("public-repository", "github/billing"),
        ("database-backup-deleted", "gcp_auditlog/example-prod"),
    ],
)
def test_the_place_is_the_workload_else_the_namespace_else_what_the_source_has(
    name: str, place: str
) -> None:
    alert = sample(name).alert
    found = evaluate(write_identifier(DEFAULT_KEYS, cluster_literal("prod")), alert)
    _, _, rest = found.partition(":")
    assert rest == f"{place}:prod"
    assert evaluate(write_title(DEFAULT_KEYS), alert) == f"{alert['rule']}: {place}"


PLACES = st.sampled_from(
    [
        None,
        "",
        "<NA>",
        7,
        "auth",
        "pods",
        "daemonsets",
        "login-6d9f7c5b8c-x2k4q",
        "web-0",
        "a-x2k4q",
    ]
)


@given(
    st.dictionaries(st.sampled_from(_PLACE_FIELDS), PLACES),
    st.sampled_from([{}, {"hostname": "h"}, {"hostname": None}]),
)
def test_the_place_is_the_same_without_jq(fields: dict[str, Any], more: dict[str, Any]) -> None:
    body = {"rule": "r", "source": "s", "output_fields": fields, **more}
    assert evaluate(write_title(DEFAULT_KEYS), body) == f"r: {find_place(body)}"


def test_another_pod_of_the_same_workload_is_the_same_finding() -> None:
    alert = sample("fileless-execution").alert
    fields = {**alert["output_fields"], "k8s.pod.name": "login-api-6d9f7c5b8c-zz9zz"}
    expression = write_identifier(DEFAULT_KEYS)
    assert evaluate(expression, alert) == evaluate(expression, {**alert, "output_fields": fields})
    by_pod = write_identifier((Key.RULE, Key.POD))
    assert evaluate(by_pod, alert) != evaluate(by_pod, {**alert, "output_fields": fields})


def test_keys_are_named_once_each_in_their_order() -> None:
    assert parse_keys("rule, Namespace,rule") == (Key.RULE, Key.NAMESPACE)
    for text in ("", "rule,", "rules"):
        with pytest.raises(OptionValueError):
            parse_keys(text)


def test_a_finding_fills_what_its_blueprint_has_but_what_people_set() -> None:
    findings = load_findings()
    blueprint = findings.blueprint.body
    mapped = set(findings.mapping["entity"]["properties"])
    assert mapped == set(blueprint["schema"]["properties"]) - {"status", "resolvedAt"}
    assert findings.relation["target"] == blueprint["identifier"]
    assert findings.mapping["entity"]["identifier"] == write_identifier(DEFAULT_KEYS)


def test_every_sample_becomes_a_finding_that_port_takes() -> None:
    findings = load_findings()
    check = EntityCheck({"falco_finding": findings.blueprint.body})
    evaluator = Evaluator([findings.mapping])
    for one in samples():
        body = json.loads(forwarded(one.line, custom_tags=one.custom_tags))
        event = json.dumps({"body": body, "headers": HEADERS, "queryParams": {}})
        [outcome] = evaluator.evaluate(event)
        assert outcome.errors == ()
        assert outcome.entity is not None
        assert list(check.problems("falco_finding", outcome.entity)) == []


@pytest.mark.parametrize(
    ("status", "resolved", "expected"),
    [
        ("Resolved", "2026-08-17T09:00:00.000Z", True),
        ("Resolved", "2026-08-18T09:00:00.000Z", False),
        ("Resolved", None, False),
        ("Open", "2026-08-17T09:00:00.000Z", False),
    ],
)
def test_a_finding_that_is_seen_again_shows_it(
    status: str, resolved: str | None, expected: bool
) -> None:
    [calculation] = load_findings().blueprint.body["calculationProperties"].values()
    entity = {
        "properties": {
            "status": status,
            "resolvedAt": resolved,
            "lastSeen": "2026-08-17T09:47:21.123456789Z",
        }
    }
    [found] = jq.compile(calculation["calculation"]).input_value(entity).all()
    assert found is expected
