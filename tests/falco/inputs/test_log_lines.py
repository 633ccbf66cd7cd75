"""Alerts found in what people keep, whatever stands around them, and clear words for the rest."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcoport.falco.inputs.interface import Found, find_alerts, split_source
from falcoport.falco.inputs.log_lines import MAX_LINE

ALERT = '{"rule":"r","priority":"Debug"}'


def found(*blocks: bytes) -> list[tuple[int, str, str]]:
    """Return line, text and problem of everything found in a source's blocks."""
    return [
        (one.line, one.text, one.problem)
        for chunk in split_source(blocks)
        for one in find_alerts(chunk)
    ]


def one(text: str) -> list[tuple[int, str, str]]:
    return found(text.encode())


@pytest.mark.parametrize(
    "line",
    [
        ALERT,
        f"  {ALERT}\t",
        f"2026-08-17T09:47:21.123456789Z stdout F {ALERT}",
        f"2026-08-17T09:47:21.123456789+02:00 stderr F:x {ALERT}",
        f"[pod/falco-x7k2p/falco] {ALERT}",
        f"2026-08-17T09:47:21.1Z {ALERT}",
        f"falco-1  | {ALERT}",
        f"2026/08/17 09:47:21 [DEBUG] : Falco's payload : {ALERT}",
        json.dumps({"log": f"{ALERT}\n", "stream": "stdout", "time": "t"}),
        json.dumps({"log": f"{ALERT}\n", "stream": "stdout"}, separators=(",", ":")),
    ],
)
def test_an_alert_is_found_behind_what_loggers_write(line: str) -> None:
    assert one(f"{line}\n") == [(1, ALERT, "")]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_ends_of_any_kind(end: str) -> None:
    assert one(f"{ALERT}\r\n{ALERT}{end}") == [(1, ALERT, ""), (2, ALERT, "")]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert found(b"\xef\xbb", b"\xbf" + ALERT.encode() + b"\n") == [(1, ALERT, "")]


def test_lines_of_text_are_neither_alerts_nor_problems() -> None:
    text = (
        f"Mon Aug 17: Falco version: 0.44.1\n\n{ALERT}\nEvents detected: 1\nRule counts by {{x: 1\n"
    )
    assert one(text) == [(1, "", ""), (3, ALERT, ""), (4, "", ""), (5, "", "")]


def test_a_cri_line_in_parts_is_one_line() -> None:
    lines = [
        f"2026-08-17T09:47:21Z stdout P {ALERT[:5]}",
        f"2026-08-17T09:47:21Z stdout P {ALERT[5:9]}",
        f"2026-08-17T09:47:21Z stdout F {ALERT[9:]}",
        ALERT,
    ]
    text = "\n".join(lines).encode() + b"\n"
    for cut in range(1, len(text)):
        assert found(text[:cut], text[cut:]) == [(3, ALERT, ""), (4, ALERT, "")]


def test_a_docker_line_in_parts_is_one_line() -> None:
    parts = [{"log": ALERT[:5], "stream": "stdout"}, {"log": f"{ALERT[5:]}\n", "stream": "stdout"}]
    text = "".join(json.dumps(part, separators=(",", ":")) + "\n" for part in parts).encode()
    for cut in range(1, len(text)):
        assert found(text[:cut], text[cut:]) == [(2, ALERT, "")]


def test_binary_data_is_named() -> None:
    assert one("\x00\x01\n" + ALERT) == [(1, "", "it is binary data"), (2, ALERT, "")]
    assert {problem for _, _, problem in found(ALERT.encode("utf-16"))} == {"it is binary data"}


def test_broken_utf8_is_read_as_falcosidekick_reads_it() -> None:
    assert found(b'{"rule":"\xff\xe2\x82"}\n') == [(1, '{"rule":"\ufffd\ufffd\ufffd"}', "")]


def test_what_ends_like_an_alert_is_handed_on_to_be_named() -> None:
    assert one('ule":"x","output_fields":{"a":1}}\n') == [(1, '{"a":1}}', "")]


def test_a_line_without_end_is_passed_over_without_being_kept() -> None:
    block = b"x" * 65536
    blocks = [ALERT.encode() + b"\n", *([block] * 200), b"\n" + ALERT.encode() + b"\n"]
    assert found(*blocks) == [
        (1, ALERT, ""),
        (2, "", f"it is longer than {MAX_LINE:,} bytes, and no alert is"),
        (3, ALERT, ""),
    ]
    assert found(*blocks[:-1])[-1][0] == 2


def test_a_list_on_one_line() -> None:
    assert one(f"{ALERT}\n[{ALERT},{ALERT}]\n") == [(1, ALERT, ""), (2, ALERT, ""), (2, ALERT, "")]


@given(
    st.lists(st.sampled_from([ALERT, "text", "", f"2026-08-17T09:47:21Z stdout F {ALERT}"])),
    st.lists(st.integers(1, 200), min_size=1, max_size=8),
)
def test_where_blocks_end_makes_no_difference(lines: list[str], sizes: list[int]) -> None:
    text = "\n".join(lines).encode()
    blocks, at = [], 0
    for size in sizes:
        blocks.append(text[at : at + size])
        at += size
    blocks.append(text[at:])
    whole = [Found(number, *_as(line)) for number, line in enumerate(lines, 1) if line]
    assert found(*blocks) == [(each.line, each.text, each.problem) for each in whole]


def _as(line: str) -> tuple[str]:
    return (ALERT if line.endswith("}") else "",)
