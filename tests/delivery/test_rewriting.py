"""What Falcosidekick's settings explain of a stored alert, and what they do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from falcoport.delivery.rewriting import read_back

BODY: dict[str, Any] = {
    "output": "09:46:12.318204577: Critical Shell in a container | user=root",
    "output_fields": {"proc.aname[2]": "sshd", "proc.name": "sh"},
    "tags": ["a", "b"],
}
MADE = {"text": BODY["output"], "fields": BODY["output_fields"], "tags": BODY["tags"]}


def read(**stored: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the body that explains what is stored, beside what was sent, and what changed."""
    found = read_back(json.dumps(BODY).encode(), MADE, {**MADE, **stored})
    return found.body, found.changes


def test_nothing_changed_is_nothing_said() -> None:
    assert read() == (BODY, ())


def test_added_tags_and_fields_are_taken_over() -> None:
    fields = {**BODY["output_fields"], "cluster": "prod"}
    body, changes = read(tags=["", "a", "b"], fields=fields)
    assert (body["tags"], body["output_fields"]) == (["", "a", "b"], fields)
    assert changes == ("adds the tag ''", "adds the field cluster")


@pytest.mark.parametrize("replacer", ["_", "-", "__"])
def test_brackets_may_have_another_name(replacer: str) -> None:
    name = f"proc.aname{replacer}2"
    body, changes = read(fields={name: "sshd", "proc.name": "sh"})
    assert body["output_fields"] == {name: "sshd", "proc.name": "sh"}
    assert changes == (f"calls the field proc.aname[2] {name}",)


def test_an_output_that_holds_the_message_is_another_form_of_it() -> None:
    text = "Critical: Shell in a container | user=root (a,b)"
    assert read(text=text)[0]["output"] == text


@pytest.mark.parametrize(
    "stored",
    [
        {"tags": ["a"]},
        {"tags": "a,b"},
        {"fields": {"proc.name": "sh"}},
        {"fields": None},
        {"text": "something else"},
    ],
)
def test_what_no_setting_explains_stays_a_difference(stored: dict[str, Any]) -> None:
    assert read(**stored) == (BODY, ())


def test_a_value_that_was_changed_stays_as_it_was_sent() -> None:
    body, _ = read(fields={"proc.aname[2]": "sshd", "proc.name": "zsh", "more": "x"})
    assert body["output_fields"]["proc.name"] == "sh"
