"""Falco's priorities are found in any case, and nothing else is one."""

from __future__ import annotations

import pytest

from falcoport.falco.priorities import PRIORITIES, find_priority


@pytest.mark.parametrize("name", PRIORITIES)
def test_a_priority_is_found_in_any_case(name: str) -> None:
    assert {find_priority(t) for t in (name, name.lower(), name.upper())} == {name}


def test_info_is_falcos_short_word_for_informational() -> None:
    assert find_priority("INFO") == "Informational"


@pytest.mark.parametrize("text", ["", "warn", "crit", "Notice ", "notices"])
def test_any_other_word_is_none(text: str) -> None:
    assert find_priority(text) is None
