"""The shipped samples: data that looks like Falco's and covers the shapes that break mappings."""

from __future__ import annotations

import json

import pytest

from falcoport.errors import UsageError
from falcoport.falco.priorities import PRIORITIES
from falcoport.falco.samples import Sample, sample, samples
from falcoport.falcosidekick.forward import forwarded

ALL = samples()


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_a_sample_is_what_falco_prints(one: Sample) -> None:
    """Keys in byte order at each level, tags sorted and unique, nine digits of a second."""
    alert = one.alert
    assert list(alert) == sorted(alert)
    assert list(alert["output_fields"]) == sorted(alert["output_fields"])
    assert alert.get("tags", []) == sorted(set(alert.get("tags", [])))
    assert len(alert["time"]) == len("2026-08-17T09:46:12.318204577Z")
    assert alert["priority"] in PRIORITIES
    assert one.description


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_a_sample_gets_through_falcosidekick(one: Sample) -> None:
    body = json.loads(forwarded(one.line, custom_tags=one.custom_tags))
    assert body["rule"] == one.alert["rule"]


def test_the_guides_sample_belongs_to_a_namespace() -> None:
    alert = sample("fileless-execution").alert
    assert alert["rule"] == "Fileless execution via memfd_create"
    assert "port-auth-namespace" in alert["tags"]


def test_the_samples_cover_the_shapes_that_break_mappings() -> None:
    bodies = [json.loads(forwarded(one.line, custom_tags=one.custom_tags)) for one in ALL]
    assert any("tags" not in body for body in bodies)
    assert any("hostname" not in body for body in bodies)
    assert any("" in body.get("tags", []) for body in bodies)
    assert any(body["output_fields"].get("k8s.ns.name", "") is None for body in bodies)
    assert any("[...]" in body["output"] for body in bodies)
    assert {body["source"] for body in bodies} == {
        "syscall",
        "k8s_audit",
        "internal",
        "aws_cloudtrail",
        "okta",
        "github",
        "gcp_auditlog",
    }


def test_an_unknown_sample_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        sample("fileles-execution")
    assert "Did you mean fileless-execution?" in caught.value.hint
