"""The short way from a line to a body gives what the long way through Falcosidekick gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line

from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import NotForwardedError, forwarded
from falcoport.mapping.numbers import stored_float, stored_integer
from falcoport.preview.fast.alert_reader import FastAlertReader
from falcoport.preview.interface import NotAnAlertError

if TYPE_CHECKING:
    from collections.abc import Callable


def long_way(line: str, *tags: str) -> dict[str, Any]:
    sent = forwarded(line, custom_tags=tags)
    found: dict[str, Any] = json.loads(sent, parse_int=stored_integer, parse_float=stored_float)
    return found


def without_uuid(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "uuid"}


@given(alert=ALERTS, spaced=st.booleans(), ascii_only=st.booleans(), in_order=st.booleans())
def test_both_ways_give_the_same_body(
    alert: dict[str, Any], spaced: bool, ascii_only: bool, in_order: bool
) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    line = json.dumps(alert, ensure_ascii=ascii_only, separators=separators)
    found = FastAlertReader(in_order=in_order).read(line)
    expected = long_way(line)
    assert without_uuid(found) == without_uuid(expected)
    if in_order:
        assert json.dumps(without_uuid(found)) == json.dumps(without_uuid(expected))


@given(
    st.text("aé€😀<", min_size=480, max_size=520),
    st.integers(0, 3800),
    st.text("ab<é", max_size=40),
)
def test_both_ways_cut_at_the_same_byte(long: str, filling: int, tail: str) -> None:
    alert = {
        "hostname": "h",
        "output": f"x{long}y{'z' * filling}{tail}",
        "output_fields": {"a": long, "b": tail, "n": 1786960041123456789},
        "priority": "Debug",
        "rule": "r",
        "source": "syscall",
        "tags": ["t"],
        "time": "2026-08-17T09:47:21.500000000Z",
    }
    line = as_line(alert)
    assert without_uuid(FastAlertReader().read(line)) == without_uuid(long_way(line))


@pytest.mark.parametrize("one", samples(), ids=lambda one: one.name)
def test_samples_go_either_way(one: Any) -> None:
    reader = FastAlertReader(one.custom_tags)
    expected = without_uuid(long_way(one.line, *one.custom_tags))
    assert without_uuid(reader.read(one.line)) == expected


@pytest.mark.parametrize(
    "members",
    [
        '"priority":{},"rule":"r"',
        '"priority":["Debug"],"rule":"r"',
        '"priority":"Debug","rule":5',
        '"priority":"Debug","rule":"r","rule":""',
        '"priority":"Debug","rule":"r","tags":{}',
        '"priority":"Debug","rule":"r","output_fields":[]',
        '"priority":"Debug","rule":"r","hostname":null',
        '"priority":"Debug","rule":"r","RULE":"s"',
        '"priority":"Debug","rule":"r","output_fields":{"a":1},"output_fields":{"b":2}',
        '"priority":"Debug","rule":"r","output_fields":{"k8s.ns.name":5}',
        '"priority":"Debug","rule":"r\\ud800"',
    ],
)
def test_what_is_not_ordinary_takes_the_long_way(members: str) -> None:
    fields = "" if "output_fields" in members else '"output_fields":{"a":1},'
    line = f'{{{fields}"source":"s","time":"2026-08-17T09:47:21.500000000Z",{members}}}'
    assert outcome_of(lambda: FastAlertReader().read(line)) == outcome_of(lambda: long_way(line))


def outcome_of(read: Callable[[], dict[str, Any]]) -> dict[str, Any] | str:
    """Return a body without its uuid, or why there is none."""
    try:
        return without_uuid(read())
    except (NotAnAlertError, NotForwardedError) as error:
        return str(error).removeprefix("Falcosidekick does not pass it on: ")
