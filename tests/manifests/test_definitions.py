"""Shared JQ of a manifest: put where its name stands, so that Port gets plain JQ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from falcoport.errors import ManifestError
from falcoport.manifests.definitions import KEY, expand, expand_text
from falcoport.manifests.loading import Profile, load, load_webhook
from falcoport.mapping.alert_fields import KNOWN
from falcoport.mapping.expressions import compile_error, expressions

if TYPE_CHECKING:
    from pathlib import Path

TAGS = {"tags": ".a // .b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tags", ".a // .b"),
        ("tags | length", ".a // .b | length"),
        ("[tags | .[0]]", "[.a // .b | .[0]]"),
        (".x | tags", ".x | .a // .b"),
        # Where something could bind to a part of it, it stands in brackets.
        ('tags + "x"', '(.a // .b) + "x"'),
        (".c // tags", ".c // (.a // .b)"),
        ("first(tags, 1)", "first((.a // .b), 1)"),
        ("tags |= 1", "(.a // .b) |= 1"),
        # A text, a field, a variable, a key, a comment and a call are no use of it.
        ('"tags" + .tags', '"tags" + .tags'),
        ("1 as $tags | $tags", "1 as $tags | $tags"),
        ("{tags: 1}", "{tags: 1}"),
        (". # tags", ". # tags"),
        ("mytags | tags2 | tags(1)", "mytags | tags2 | tags(1)"),
    ],
)
def test_a_name_becomes_what_it_stands_for(text: str, expected: str) -> None:
    assert expand_text(text, TAGS) == expected


def test_a_definition_may_use_those_above_it() -> None:
    webhook = {
        "definitions": {"one": ".body.a | known", "two": "one | length"},
        "mappings": [{"blueprint": "one", "entity": {"identifier": "two"}}],
    }
    assert expand(webhook) == {
        "mappings": [{"blueprint": "one", "entity": {"identifier": f".body.a | {KNOWN} | length"}}]
    }


def test_without_definitions_a_manifest_is_its_own() -> None:
    webhook = {"mappings": [{"blueprint": "b", "entity": {"identifier": "known"}}]}
    assert expand(webhook) == webhook


def test_what_port_gets_of_the_standard_profile_is_plain_jq() -> None:
    webhook = load(profile=Profile.STANDARD).webhook.body
    assert "definitions" not in webhook
    for mapping in webhook["mappings"]:
        for expression in expressions(mapping):
            assert compile_error(expression.text) == ""
            assert "\n" not in expression.text


def manifest(folder: Path, definitions: Any) -> Path:
    path = folder / "webhook.yaml"
    webhook = {
        "identifier": "w",
        "title": "W",
        "enabled": True,
        "definitions": definitions,
        "mappings": [{"blueprint": "falco_alert", "entity": {"identifier": ".body.a | used"}}],
    }
    path.write_text(yaml.safe_dump(webhook, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        ([], "definitions must be a map of names to JQ, not a list"),
        ({"used": 1}, "definitions.used must be a JQ expression, not a number"),
        ({"used": ".", "more": "."}, "definitions.more is not used by any expression"),
        ({"used": ".", "length": "used"}, "definitions.length is the name of something else"),
        ({"used": ".", "known": "used"}, "definitions.known is the name of something else"),
        ({"used": ".", "No name": "used"}, "definitions.No name is not a name"),
        ({"used": "later", "later": "."}, "mappings[0].entity.identifier is not valid JQ"),
    ],
)
def test_what_is_wrong_with_definitions_is_said(
    tmp_path: Path, definitions: Any, message: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        load_webhook(manifest(tmp_path, definitions))
    problems = caught.value.problems
    assert any(message in problem.message for problem in problems), problems
    assert all("webhook.yaml:" in problem.where for problem in problems)


def test_definitions_that_double_each_other_are_refused() -> None:
    doubling = {f"d{n}": f"d{n - 1} + d{n - 1}" for n in range(1, 40)}
    webhook = {KEY: {"d0": ".body.rule", **doubling}, "mappings": []}
    with pytest.raises(ManifestError, match="longer than"):
        expand(webhook)
