"""A mapping is tried on the samples: each failing expression is named once."""

from __future__ import annotations

from support.jq_bombs import build_webhook

from falcoport.falco.samples import samples
from falcoport.manifests.loading import load
from falcoport.mapping.sample_check import mapping_problems


def test_the_shipped_mapping_has_no_problem() -> None:
    assert mapping_problems(load().webhook.body["mappings"], "f") == ()


def test_an_expression_that_fails_everywhere_is_named_once_with_the_first_sample() -> None:
    mappings = build_webhook(".body | error", "properties.rule")["mappings"]
    [problem] = mapping_problems(mappings, "file.yaml")
    assert problem.where == "file.yaml: mappings[0].entity.properties.rule"
    assert f"fails on the sample {samples()[0].name}:" in problem.message
    assert problem.message.endswith("The expression is: .body | error")


def test_an_identifier_that_comes_out_null_is_a_problem() -> None:
    mappings = build_webhook(".body.missing", "identifier")["mappings"]
    [problem] = mapping_problems(mappings, "f")
    assert problem.where == "f: mappings[0].entity.identifier"
