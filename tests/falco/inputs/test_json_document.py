"""Alerts in JSON over several lines, wherever they end, and clear words for what is broken."""

from __future__ import annotations

import json

import pytest

from falcoport.falco.inputs.interface import find_alerts, split_source
from falcoport.falco.inputs.json_document import MAX_DOCUMENT

ALERT = '{"rule":"r","priority":"Debug"}'


def found(*blocks: bytes) -> list[tuple[int, str, str]]:
    """Return line, text and problem of everything found in a source's blocks."""
    return [
        (one.line, one.text, one.problem) for c in split_source(blocks) for one in find_alerts(c)
    ]


@pytest.mark.parametrize(
    "document",
    [
        json.dumps(json.loads(ALERT), indent=2),
        json.dumps([json.loads(ALERT)], indent=2),
        f"[\n{ALERT}\n]\n",
        f"\n\n[{{\n{ALERT[1:]}]",
    ],
)
def test_one_json_document_over_several_lines(document: str) -> None:
    [(_, text, problem)] = found(document.encode())
    assert json.loads(text) == json.loads(ALERT)
    assert not problem


def test_objects_one_after_the_other_keep_their_lines() -> None:
    pretty = json.dumps(json.loads(ALERT), indent=2)
    assert [line for line, _, _ in found(f"{pretty}\n{pretty}\n".encode())] == [1, 5]


@pytest.mark.parametrize(
    ("document", "line", "problem"),
    [
        ('{\n"a":\n}', 3, "it is not JSON: Expecting value"),
        ("[\n" + '{"a":' * 100_000, 2, "it is nested too deeply"),
        ("[\n{}\n", 3, "a list does not end"),
    ],
)
def test_a_broken_document_says_where(document: str, line: int, problem: str) -> None:
    *_, last = found(document.encode())
    assert last[0] == line
    assert problem in last[2]


def test_a_document_too_long_to_keep_says_what_to_do() -> None:
    blocks = [b"[\n", *([b" " * (1024 * 1024)] * (MAX_DOCUMENT // (1024 * 1024) + 1))]
    [(line, _, problem)] = found(*blocks)
    assert line == 1
    assert "give one per line" in problem
