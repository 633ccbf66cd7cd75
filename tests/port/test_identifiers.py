"""What Port takes for an identifier: one rule, the same in every check."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from falcoport.manifests.schema import BLUEPRINT as BLUEPRINT_SCHEMA
from falcoport.port.entity_check import EntityCheck
from falcoport.port.identifiers import BLUEPRINT, ENTITY, PROPERTY, IdentifierRule

# As Port's API reference has them.
PATTERNS = {
    BLUEPRINT: regex.compile(r"(?!\.{1,2}$)[\p{L}0-9@_.+:\\/-]+"),
    ENTITY: regex.compile(r"(?!\.{1,2}$)[\p{L}0-9@_.+:\\/=-]+"),
    PROPERTY: regex.compile(r"[A-Za-z0-9@_=\\-]+"),
}


# A character that one Unicode does not know yet ("Cn") may be a letter in another.
KNOWN = st.characters(exclude_categories=["Cn", "Cs"])


@pytest.mark.parametrize("rule", PATTERNS, ids=["blueprint", "entity", "property"])
@given(text=st.text(KNOWN | st.sampled_from(".²Ⅷ\\/=@"), min_size=1))
def test_each_rule_is_ports_pattern(rule: IdentifierRule, text: str) -> None:
    matches = PATTERNS[rule].fullmatch(text) is not None
    assert rule.accepts(text) == (matches and len(text) <= rule.longest)


@pytest.mark.parametrize(
    ("identifier", "fine"),
    [
        ("worker-1-2026-08-17T09:46:12.3Z", True),
        ("ünï@_.+:\\/=-", True),
        ("a b", False),
        (".", False),
        ("..", False),
        ("...", True),
        ("a²", False),
        ("aⅧ", False),
        ("a٣", False),
        ("x" * 1000, True),
        ("x" * 1001, False),
    ],
)
def test_identifiers_of_entities(identifier: str, fine: bool) -> None:
    assert ENTITY.accepts(identifier) is fine
    problems = EntityCheck({}).problems("falco_alert", {"identifier": identifier})
    assert (not list(problems)) is fine


@pytest.mark.parametrize("identifier", ["a²", "aⅧ", "a٣", "a b", ".", "", "x" * 101])
def test_a_manifest_takes_no_other(identifier: str) -> None:
    wrong: list[str] = []
    document = {"identifier": identifier, "title": "T", "schema": {"properties": {}}}
    BLUEPRINT_SCHEMA.check(document, "", lambda at, _message: wrong.append(at))
    assert wrong == ["identifier"]
    assert not BLUEPRINT.accepts(identifier)


def test_an_identifier_that_is_empty_is_none() -> None:
    assert not any(rule.accepts("") for rule in PATTERNS)
