"""Every command shows a mapping the same event: that of an alert as Falcosidekick posts it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from falcoport.falcosidekick.forward import HEADERS
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.event import build_event, build_event_text, spell_headers


def test_a_header_is_there_as_sent_and_in_lower_case() -> None:
    assert spell_headers({"X-Some": "1"}) == {"X-Some": "1", "x-some": "1"}


def test_a_header_that_comes_twice_is_joined_in_both_spellings() -> None:
    pairs = [("X-A", "1"), ("X-A", "2"), ("x-a", "3")]
    assert spell_headers(pairs) == {"X-A": "1, 2", "x-a": "1, 2, 3"}


@pytest.mark.parametrize("query", [None, {"a": "é&b"}])
def test_the_text_of_an_event_is_that_of_the_built_one(query: dict[str, str] | None) -> None:
    body: dict[str, Any] = {"rule": "Terminal shell", "n": [1, None]}
    text = build_event_text(json.dumps(body), HEADERS, query)
    assert json.loads(text) == build_event(body, HEADERS, query)


def test_a_number_of_the_body_is_kept_to_the_letter() -> None:
    assert '"body":{"n":1.50000000000000000001}' in build_event_text(
        '{"n":1.50000000000000000001}', {}
    )


def test_a_lone_surrogate_in_a_header_can_be_encoded() -> None:
    assert build_event_text("{}", {"X-A": "\ud800"}).encode()


def test_jq_reads_a_header_by_its_lower_case_name() -> None:
    mapping = {
        "blueprint": "alert",
        "filter": "true",
        "entity": {"identifier": '.headers["user-agent"] | ascii_downcase'},
    }
    [outcome] = Evaluator([mapping]).evaluate(build_event_text("{}", HEADERS))
    assert outcome.entity == {"identifier": "falcosidekick"}
