"""The standard profile's mapping: right on every rule, sample and source, and the same in jq."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line
from support.rulesets import FIELDS, FOLDER, Rule, alert, alerts, rules

from falcoport.falco.samples import sample, samples
from falcoport.falcosidekick.forward import HEADERS, forwarded
from falcoport.manifests.loading import Profile, load
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.expressions import Expression, expressions
from falcoport.mapping.numbers import stored_float, stored_integer
from falcoport.mapping.option_expressions import Identifier, identifier_expression
from falcoport.port.entity_check import EntityCheck
from falcoport.preview.fast.evaluator import FastBodyEvaluator

JQ = shutil.which("jq")
MANIFESTS = load(profile=Profile.STANDARD)
MAPPINGS = MANIFESTS.webhook.body["mappings"]
PROPERTIES = MANIFESTS.blueprint.body["schema"]["properties"]
RAW = ("output_field", "tags", "output", "rule", "hostname", "source", "priority", "time")
_ABSENT: Any = object()


@cache
def evaluator() -> Evaluator:
    return Evaluator(MAPPINGS)


@cache
def fast_evaluator() -> FastBodyEvaluator:
    return FastBodyEvaluator(MAPPINGS, shipped=MANIFESTS.trusted_expressions(MAPPINGS))


def body_of(one: dict[str, Any]) -> dict[str, Any]:
    return read(forwarded(as_line(one)))


def read(sent: bytes) -> dict[str, Any]:
    """Read a body as Port does, whose numbers are JavaScript's."""
    body: dict[str, Any] = json.loads(sent, parse_int=stored_integer, parse_float=stored_float)
    return body


def entities(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each alert's entity, and check that no expression fails and both ways agree."""
    events = [json.dumps({"body": b, "headers": HEADERS, "queryParams": {}}) for b in bodies]
    found = []
    slow = evaluator().evaluate_many(events)
    for [outcome], [other] in zip(slow, fast_evaluator().evaluate(bodies), strict=True):
        assert outcome.errors == ()
        assert outcome.entity is not None
        assert other == outcome
        found.append(outcome.entity)
    return found


def properties(one: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that hold something else than a part of the alert as it is."""
    [entity] = entities([body_of(one)])
    return {name: v for name, v in entity["properties"].items() if name not in RAW}


def test_the_mapping_fills_every_property_but_the_status() -> None:
    [mapping] = MAPPINGS
    assert set(mapping["entity"]["properties"]) == set(PROPERTIES) - {"status"}
    assert PROPERTIES["status"]["default"] == "Open"


def test_the_guides_properties_keep_their_types() -> None:
    """Port refuses a change of type or format, and the guide's alerts must stay."""
    guide = load().blueprint.body["schema"]["properties"]
    for name, definition in guide.items():
        for key in ("type", "format"):
            assert PROPERTIES[name].get(key) == definition.get(key)
    assert MANIFESTS.blueprint.identifier == load().blueprint.identifier
    assert MANIFESTS.webhook.identifier == load().webhook.identifier


def test_the_identifier_is_the_one_that_an_option_writes() -> None:
    [mapping] = MAPPINGS
    expected = identifier_expression(Identifier.HOSTNAME_TIME_RULE)
    assert mapping["entity"]["identifier"] == expected


@pytest.mark.parametrize("one", samples(), ids=lambda one: one.name)
def test_a_sample_becomes_an_entity_that_port_takes(one: Any) -> None:
    body = read(forwarded(one.line, custom_tags=one.custom_tags))
    [entity] = entities([body])
    check = EntityCheck({"falco_alert": MANIFESTS.blueprint.body})
    assert list(check.problems("falco_alert", entity)) == []
    assert entity["title"] == body["rule"]
    assert_says_something(entity)


def assert_says_something(entity: dict[str, Any]) -> None:
    """Check that what does not apply is absent: never null, empty or "<NA>"."""
    for name, value in entity["properties"].items():
        if name not in RAW:
            assert value not in (None, "", "<NA>", []), name


SOURCES = {
    "fileless-execution": {
        "tactics": ["defense_evasion"],
        "techniques": ["T1620"],
        "techniqueUrl": "https://attack.mitre.org/techniques/T1620/",
        "maturity": "stable",
        "kubeNamespace": "auth-namespace",
        "kubeWorkload": "login-api-Deployment",
        "pod": "login-api-6d9f7c5b8c-x2k4q",
        "container": "login-api",
        "image": "registry.example.com/auth/login-api",
        "imageTag": "1.8.2",
        "process": "3",
        "commandLine": "3 --connect 203.0.113.50:4444",
        "parentProcess": "node",
        "user": "app",
        "action": "execve",
    },
    "sensitive-file-on-host": {
        "tactics": ["credential_access"],
        "techniques": ["T1555"],
        "techniqueUrl": "https://attack.mitre.org/techniques/T1555/",
        "maturity": "stable",
        "process": "python3",
        "commandLine": "python3 /opt/tools/audit.py --users",
        "parentProcess": "sudo",
        "file": "/etc/shadow",
        "user": "root",
        "action": "openat",
    },
    "exec-into-pod": {
        "kubeNamespace": "auth-namespace",
        "kubeWorkload": "login-api-Deployment",
        "pod": "login-api-6d9f7c5b8c-x2k4q",
        "user": "jane@example.com",
        "resource": "pods/login-api-6d9f7c5b8c-x2k4q",
    },
    "list-and-flags": {
        "kubeNamespace": "kube-system",
        "pod": "node-debug",
        "image": "docker.io/library/busybox",
        "imageTag": "1.36",
        "user": "system:admin",
        "resource": "pods/node-debug",
    },
    "console-login-without-mfa": {
        "user": "jane.doe",
        "action": "ConsoleLogin",
        "sourceIp": "203.0.113.77",
        "account": "123456789012",
        "region": "eu-central-1",
    },
    "okta-admin-permission": {
        "user": "Jane Doe",
        "resource": "Sam Example",
        "sourceIp": "198.51.100.20",
    },
    "public-repository": {
        "user": "jane-doe",
        "resource": "billing",
        "account": "example-shop",
        "repositoryUrl": "https://github.com/example-shop/billing",
    },
    "database-backup-deleted": {
        "techniques": ["T1490"],
        "techniqueUrl": "https://attack.mitre.org/techniques/T1490/",
        "user": "jane.doe@example.com",
        "resource": "example-prod:orders",
        "sourceIp": "203.0.113.77",
        "account": "example-prod",
    },
    "dropped-events": {},
}


@pytest.mark.parametrize("name", SOURCES)
def test_each_source_says_what_it_knows_and_nothing_else(name: str) -> None:
    assert properties(sample(name).alert) == SOURCES[name]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["mitre_execution", "TA0002", "T1059.004"], (["execution"], ["T1059.004"])),
        (["TA0007-discovery", "T1083-file-and-directory-discovery"], (["discovery"], ["T1083"])),
        (["T1059", "T1059", "T10590", "T105", "xT1059", "T1059.04"], (None, ["T1059"])),
        (["TA9999", "mitre_data_destruction"], (["TA9999", "data_destruction"], None)),
        (["k8s", ""], (None, None)),
    ],
)
def test_tactics_and_techniques_come_from_the_tags(
    tags: list[str], expected: tuple[list[str] | None, list[str] | None]
) -> None:
    found = properties({**sample("exec-into-pod").alert, "tags": tags})
    assert (found.get("tactics"), found.get("techniques")) == expected


def test_compliance_and_maturity_come_from_the_tags() -> None:
    tags = ["PCI_DSS_11.5.1", "NIST_800-53_AC-2", "cis", "cistern", "maturity_sandbox"]
    found = properties({**sample("exec-into-pod").alert, "tags": tags})
    assert found["compliance"] == ["NIST_800-53_AC-2", "PCI_DSS_11.5.1", "cis"]
    assert found["maturity"] == "sandbox"
    found = properties({**sample("exec-into-pod").alert, "tags": ["maturity_own"]})
    assert "maturity" not in found


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", ("busybox", None)),
        ("registry.example.com:5000/busybox", ("registry.example.com:5000/busybox", None)),
        ("registry.example.com:5000/a/b:1@sha256:00", ("registry.example.com:5000/a/b", "1")),
        ("a/b@sha256:00", ("a/b", None)),
    ],
)
def test_a_requested_image_is_told_from_its_tag(
    image: str, expected: tuple[str, str | None]
) -> None:
    given = sample("list-and-flags").alert
    fields = {**given["output_fields"], "ka.req.pod.containers.image": [image]}
    found = properties({**given, "output_fields": fields})
    assert (found["image"], found.get("imageTag")) == expected


@given(ALERTS)
def test_no_alert_makes_an_expression_fail(one: dict[str, Any]) -> None:
    [entity] = entities([body_of(one)])
    assert_says_something(entity)


@pytest.mark.parametrize("source", FIELDS)
@given(data=st.data())
def test_no_fields_of_a_source_make_an_expression_fail(source: str, data: st.DataObject) -> None:
    values = FIELDS[source]
    names = data.draw(st.lists(st.sampled_from(sorted(values)), unique=True, min_size=1))
    odd = st.sampled_from([None, "", "<NA>", 7, [], ["x"], {"a": 1}])
    # Falcosidekick itself fails on a pod's or a namespace's name that is not a string.
    texts = st.sampled_from([None, "", "<NA>"])
    fields = {
        name: data.draw(st.just(values[name]) | (texts if name.startswith("k8s.") else odd))
        for name in names
    }
    one = alert(Rule("A rule", source, "Warning", ("T1059",), ()), fields)
    [entity] = entities([body_of(one)])
    assert_says_something(entity)


def answers_of_jq(expression: Expression, events: list[dict[str, Any]]) -> list[Any]:
    """Return the jq program's first output for each event, _ABSENT where there is none."""
    assert JQ is not None
    text = "\n".join(map(json.dumps, events))
    program = f"[({expression.text})][:1]"
    ran = subprocess.run(
        [JQ, "-c", program], input=text, capture_output=True, text=True, check=True
    )
    outputs = [json.loads(line, parse_int=float) for line in ran.stdout.split("\n") if line]
    return [output[0] if output else _ABSENT for output in outputs]


def check_against_jq(bodies: list[dict[str, Any]]) -> None:
    events = [{"body": body, "headers": HEADERS, "queryParams": {}} for body in bodies]
    found = json.loads(json.dumps(entities(bodies)), parse_int=float)
    for expression in expressions(MAPPINGS[0]):
        _, *path = expression.field.split(".")
        if not path:
            continue
        for entity, answer in zip(found, answers_of_jq(expression, events), strict=True):
            mine: Any = entity
            for key in path:
                mine = mine.get(key, _ABSENT)
            assert mine == answer, expression.field


@pytest.mark.skipif(JQ is None, reason="needs the jq program")
def test_the_jq_program_agrees_on_every_sample() -> None:
    check_against_jq([read(forwarded(one.line, custom_tags=one.custom_tags)) for one in samples()])


needs_rules = pytest.mark.skipif(FOLDER is None, reason="FALCOPORT_RULES names no folder of rules")


@needs_rules
@pytest.mark.skipif(JQ is None, reason="needs the jq program")
def test_the_jq_program_agrees_on_every_rule() -> None:
    found = rules(str(FOLDER))
    assert len(found) >= 93
    check_against_jq([body_of(one) for rule in found for one in alerts(rule)])


@needs_rules
def test_every_rule_has_its_title_tactics_techniques_namespace_and_workload() -> None:
    for rule in rules(str(FOLDER)):
        bodies = [body_of(one) for one in alerts(rule)]
        for entity in entities(bodies):
            assert entity["title"] == rule.name
            assert_says_something(entity)
            check_tags(rule, entity["properties"])
        check_place(rule, bodies[0]["output_fields"], entities(bodies[:1])[0]["properties"])


def check_tags(rule: Rule, found: dict[str, Any]) -> None:
    techniques = {m[0] for tag in rule.tags if (m := re.match(r"T\d{4}(\.\d{3})?", tag))}
    assert set(found.get("techniques", ())) == techniques
    named = {tag.removeprefix("mitre_") for tag in rule.tags if tag.startswith("mitre_")}
    numbers = {tag for tag in rule.tags if re.match(r"TA\d{4}", tag)}
    assert named <= set(found.get("tactics", ()))
    assert len(found.get("tactics", ())) <= len(named) + len(numbers)


def check_place(rule: Rule, fields: dict[str, Any], found: dict[str, Any]) -> None:
    namespace = fields.get("k8s.ns.name") or fields.get("ka.target.namespace")
    assert found.get("kubeNamespace") == namespace
    in_pod = "k8s.pod.name" in fields or (
        fields.get("ka.target.resource") == "pods" and "ka.target.name" in fields
    )
    if in_pod:
        assert found["kubeWorkload"] == "login-api-Deployment"
