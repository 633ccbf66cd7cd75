"""The mapping's results against those of the jq program, and the guide's three slips mended."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line

from falcoport.falco.samples import sample
from falcoport.falcosidekick.forward import forwarded
from falcoport.manifests.loading import load
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.namespace_expressions import Clusters, with_own_namespace
from falcoport.mapping.option_expressions import (
    Identifier,
    identifier_expression,
    tag_expression,
)
from falcoport.port.identifiers import ENTITY
from falcoport.preview.plain import BodyEvaluator

JQ = shutil.which("jq")
needs_jq = pytest.mark.skipif(JQ is None, reason="needs the jq program")
TAG = tag_expression("port-", many=False)
TAGS = tag_expression("port-", many=True)
GUIDE = '.tags | map(select(startswith("port"))) | map(sub("port-"; ""; "g")) | .[0]'


def with_jq(program: str, events: list[dict[str, Any]]) -> list[Any]:
    """Run the jq program on events, and return one result for each."""
    assert JQ is not None
    text = "\n".join(json.dumps(event) for event in events)
    ran = subprocess.run(
        [JQ, "-c", program], input=text, capture_output=True, text=True, check=True
    )
    return [json.loads(line, parse_int=float) for line in ran.stdout.split("\n") if line]


def mapping(relation: str, identifier: str) -> dict[str, Any]:
    """Return the shipped mapping of alerts with another relation and identifier."""
    [shipped] = load().webhook.body["mappings"]
    entity = {**shipped["entity"], "identifier": identifier, "relations": {"namespace": relation}}
    return {**shipped, "entity": entity}


@cache
def alone(relation: str, identifier: str) -> Evaluator:
    return Evaluator([mapping(relation, identifier)])


@cache
def evaluator(relation: str, identifier: str) -> BodyEvaluator:
    return BodyEvaluator([mapping(relation, identifier)])


def one_program(one: dict[str, Any]) -> str:
    """Return the mapping as one jq program."""
    entity = one["entity"]
    groups = ", ".join(
        f"{group}: {{{', '.join(f'{name}: ({text})' for name, text in entity[group].items())}}}"
        for group in ("properties", "relations")
    )
    return f"{{identifier: ({entity['identifier']}), title: ({entity['title']}), {groups}}}"


@needs_jq
@settings(max_examples=25)
@given(
    lines=st.lists(ALERTS, min_size=1, max_size=6),
    relation=st.sampled_from(
        [
            TAG,
            TAGS,
            with_own_namespace(TAG, Clusters(("prod",)), many=False),
            with_own_namespace(TAGS, Clusters(("prod",)), many=True),
        ]
    ),
    identifier=st.sampled_from([identifier_expression(name) for name in Identifier]),
)
def test_results_are_those_of_the_jq_program(
    lines: list[dict[str, Any]], relation: str, identifier: str
) -> None:
    bodies = [json.loads(forwarded(as_line(alert))) for alert in lines]
    one = mapping(relation, identifier)
    expected = with_jq(one_program(one), [{"body": body} for body in bodies])
    for outcomes in (
        evaluator(relation, identifier).evaluate(bodies),
        alone(relation, identifier).evaluate_many([json.dumps({"body": body}) for body in bodies]),
    ):
        found = [
            {"title": None, **outcome.entity} if outcome.entity else None for [outcome] in outcomes
        ]
        assert json.loads(json.dumps(found), parse_int=float) == expected
        assert not any(outcome.errors for [outcome] in outcomes)


@given(ALERTS, st.sampled_from(list(Identifier)))
def test_an_identifier_is_one_that_port_takes(alert: dict[str, Any], name: Identifier) -> None:
    """All but the guide's own, which a strange hostname breaks."""
    body = json.loads(forwarded(as_line(alert)))
    [[outcome]] = evaluator(TAG, identifier_expression(name)).evaluate([body])
    assert outcome.entity is not None
    if name is not Identifier.HOSTNAME_TIME:
        assert ENTITY.problem(outcome.entity["identifier"]) == ""


@given(st.lists(st.text(max_size=12), min_size=2, max_size=2, unique=True))
def test_two_rules_never_get_one_identifier(rules: list[str]) -> None:
    expression = identifier_expression(Identifier.HOSTNAME_TIME_RULE)
    bodies = [{"hostname": "h", "time": "t", "rule": f"r{rule}"} for rule in rules]
    outcomes = evaluator(TAG, expression).evaluate(bodies)
    one, other = (outcome.entity["identifier"] for [outcome] in outcomes if outcome.entity)
    assert one != other
    assert re.match(r"h-t-r", one)


def relation_of(tags: list[str] | None, expression: str) -> tuple[Any, tuple[str, ...]]:
    """Return what an expression relates an alert with these tags to, and what failed."""
    alert = {**sample("fileless-execution").alert, "tags": tags or []}
    body = json.loads(forwarded(as_line(alert)))
    event = json.dumps({"body": body, "headers": {}, "queryParams": {}})
    [outcome] = alone(expression, ".body.uuid").evaluate(event)
    assert outcome.entity is not None
    return outcome.entity["relations"]["namespace"], tuple(e.message for e in outcome.errors)


def test_the_guides_path_fails_and_falcoports_does_not() -> None:
    found, errors = relation_of(["port-auth-namespace"], GUIDE)
    assert found is None
    assert errors == ("Cannot iterate over null (null)",)
    assert relation_of(["port-auth-namespace"], TAG) == ("auth-namespace", ())


def test_the_guides_prefix_takes_a_tag_that_only_looks_like_one() -> None:
    mended = GUIDE.replace(".tags", ".body.tags")
    assert relation_of(["port_scan"], mended)[0] == "port_scan"
    assert relation_of(["port_scan"], TAG)[0] is None


def test_the_guides_replacement_takes_the_middle_out_of_a_name() -> None:
    mended = GUIDE.replace(".tags", ".body.tags")
    assert relation_of(["port-support-port-forwarder"], mended)[0] == "supforwarder"
    assert relation_of(["port-support-port-forwarder"], TAG)[0] == "support-port-forwarder"


@pytest.mark.parametrize("tags", [None, [""], ["port-"], ["T1059", "k8s"]])
def test_an_alert_without_such_a_tag_has_no_namespace(tags: list[str] | None) -> None:
    assert relation_of(tags, TAG) == (None, ())


@pytest.mark.parametrize(
    ("fields", "tags", "expected"),
    [
        ({"k8s.ns.name": "auth"}, [], "auth-prod"),
        ({"ka.target.namespace": "shop"}, ["k8s"], "shop-prod"),
        ({"k8s.ns.name": None, "ka.target.namespace": "shop"}, [], "shop-prod"),
        ({"k8s.ns.name": "auth"}, ["port-x"], "x"),
        ({"k8s.ns.name": "kube-system"}, [], None),
        ({"k8s.ns.name": "kubernetes-dashboard"}, [], None),
        ({"k8s.ns.name": ""}, [], None),
        ({"k8s.ns.name": "<NA>"}, [], None),
        ({"k8s.ns.name": None}, [], None),
        ({"proc.name": "sh"}, [], None),
    ],
)
def test_the_own_namespace_counts_where_no_tag_does(
    fields: dict[str, Any], tags: list[str], expected: str | None
) -> None:
    body = {"output_fields": fields, "tags": tags, "uuid": "u"}
    for many in (False, True):
        expression = with_own_namespace(TAGS if many else TAG, Clusters(("prod",)), many=many)
        [[outcome]] = evaluator(expression, ".body.uuid").evaluate([body])
        assert outcome.entity is not None
        wanted: Any = expected if not many else [] if expected is None else [expected]
        assert outcome.entity["relations"]["namespace"] == wanted
