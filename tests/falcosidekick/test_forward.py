"""The body that Falcosidekick posts, rule by rule, and against the program itself where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from support.alerts import ALERTS, as_line

from falcoport.falco.samples import sample
from falcoport.falcosidekick.forward import NotForwardedError, forwarded

UUID = "00000000-0000-4000-8000-000000000000"
ALERT: dict[str, Any] = {
    "hostname": "node",
    "output": "text",
    "output_fields": {"proc.name": "sh"},
    "priority": "Notice",
    "rule": "A rule",
    "source": "syscall",
    "tags": ["a"],
    "time": "2026-08-17T09:47:21.123456789Z",
}


def line(**changes: Any) -> str:
    """Return the alert with some members changed; None takes a member away."""
    members = {**ALERT, **changes}
    return json.dumps({k: v for k, v in members.items() if v is not None}, ensure_ascii=False)


def written(**members: str) -> str:
    """Return the alert with some members replaced by JSON text, repeated keys included."""
    kept = {k: json.dumps(v) for k, v in ALERT.items() if k not in members}
    return "{" + ",".join(f'"{k}":{v}' for k, v in {**kept, **members}.items()) + "}"


def body(text: str | bytes, *tags: str) -> dict[str, Any]:
    found = json.loads(forwarded(text, custom_tags=tags))
    assert isinstance(found, dict)
    return found


def test_the_whole_body_to_the_byte() -> None:
    text = line(
        output="a -> <NA> & ü\u2028", tags=["b", "B"], time="2026-08-17T09:47:21.500000000Z"
    )
    assert forwarded(text, uuid=UUID, custom_tags=("",)).decode() == (
        '{"uuid":"' + UUID + '","output":"a -\\u003e \\u003cNA\\u003e \\u0026 ü\\u2028",'
        '"priority":"Notice","rule":"A rule","time":"2026-08-17T09:47:21.5Z",'
        '"output_fields":{"proc.name":"sh"},"source":"syscall","tags":["","B","b"],'
        '"hostname":"node"}\n'
    )


def test_each_body_has_its_own_uuid() -> None:
    assert body(line())["uuid"] != body(line())["uuid"]
    assert body(line(uuid="mine"))["uuid"] != "mine"


def test_unknown_keys_and_the_message_are_dropped() -> None:
    assert set(body(line(message="m", more={"x": 1}))) == {"uuid", *ALERT}


@pytest.mark.parametrize("tags", [None, []])
def test_no_tags_means_no_key(tags: list[str] | None) -> None:
    assert "tags" not in body(line(tags=tags))
    assert body(line(tags=tags), "x")["tags"] == ["x"]


def test_an_empty_hostname_is_omitted() -> None:
    assert "hostname" not in body(line(hostname=""))
    assert "hostname" not in body(line(hostname=None))


def test_tags_are_sorted_by_byte_and_repeated_ones_kept() -> None:
    assert body(line(tags=["b", "a"]), "b", "Z")["tags"] == ["Z", "a", "b", "b"]


def test_a_missing_output_is_empty() -> None:
    assert body(line(output=None))["output"] == ""


@pytest.mark.parametrize(
    ("given_source", "rule", "expected"),
    [
        ("k8s_audit", "A rule", "k8s_audit"),
        ("", "A rule", "syscalls"),
        (None, "A rule", "syscalls"),
        ("syscall", "Test rule", "internal"),
    ],
)
def test_the_source(given_source: str | None, rule: str, expected: str) -> None:
    assert body(line(source=given_source, rule=rule))["source"] == expected


@pytest.mark.parametrize(
    ("given_priority", "expected"),
    [("critical", "Critical"), ("INFO", "Informational"), ("DeBuG", "Debug")],
)
def test_the_priority_is_written_falcos_way(given_priority: str, expected: str) -> None:
    assert body(line(priority=given_priority))["priority"] == expected


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        ("2026-08-17T09:47:21.000000000Z", "2026-08-17T09:47:21Z"),
        ("2026-08-17T09:47:21.417225000Z", "2026-08-17T09:47:21.417225Z"),
        ("2026-08-17T09:47:21Z", "2026-08-17T09:47:21Z"),
        ("2026-08-17T09:47:21.12345678999Z", "2026-08-17T09:47:21.123456789Z"),
        ("2026-08-17T09:47:21.5+02:00", "2026-08-17T09:47:21.5+02:00"),
        ("2026-08-17T09:47:21+00:00", "2026-08-17T09:47:21Z"),
        ("2026-08-17T9:47:21,5Z", "2026-08-17T09:47:21.5Z"),
        ("0000-02-29T00:00:00Z", "0000-02-29T00:00:00Z"),
    ],
)
def test_the_time_is_written_gos_way(given_time: str, expected: str) -> None:
    assert body(line(time=given_time))["time"] == expected


def test_numbers_keep_their_text() -> None:
    fields = '{"b":1786960041123456789012,"a":1.50,"c":[1e3,-0]}'
    text = forwarded(written(output_fields=fields)).decode()
    assert '"output_fields":{"a":1.50,"b":1786960041123456789012,"c":[1e3,-0]}' in text


def test_fields_are_sorted_at_every_level() -> None:
    fields = '{"b":{"z":1,"y":2},"a":null}'
    text = forwarded(written(output_fields=fields)).decode()
    assert '{"a":null,"b":{"y":2,"z":1}}' in text


def test_repeated_and_oddly_written_keys_are_read_as_go_reads_them() -> None:
    """The last one wins in any case of letters, objects merge, null changes no text."""
    text = (
        '{"RULE":"first","rule":"second","Rule":null,"tags":["y"],'
        '"priority":"Debug","time":"2026-08-17T09:47:21Z","tags":[null,"x"],'
        '"output_fields":{"a":1,"a":2},"Output_Fields":{"b":3}}'
    )
    found = body(text)
    assert found["rule"] == "second"
    assert found["tags"] == ["", "x"]
    assert found["output_fields"] == {"a": 2, "b": 3}


def test_lone_surrogates_and_broken_utf8_become_replacement_characters() -> None:
    assert body(written(output=r'"\ud800\ud83d\ude00\\ud800"'))["output"] == "\ufffd😀\\ud800"
    broken = line(output="€@€").encode().replace(b"\xac@", b"@")
    assert body(broken)["output"] == "\ufffd\ufffd@€"


def test_what_follows_the_first_value_is_ignored() -> None:
    assert body(f" \r\n{line()} and more")["rule"] == "A rule"


def test_a_long_alert_is_cut_at_a_byte_in_fields_and_output() -> None:
    long = "é" * 600
    text = line(output=f"<{long}>" + "x" * 4000, output_fields={"a": long, "b": "ü" * 256})
    found = body(text)
    assert found["output_fields"] == {"a": "é" * 253 + "\ufffd[...]", "b": "ü" * 256}
    assert found["output"].startswith("<" + "é" * 253 + "\ufffd[...]>x")


def test_an_alert_of_4096_bytes_is_not_cut() -> None:
    field = "x" * 600
    room = 4096 - len(forwarded(line(output="", output_fields={"a": field}))) + 1
    whole, over = "y" * room, "y" * (room + 1)
    assert body(line(output=whole, output_fields={"a": field}))["output_fields"]["a"] == field
    assert body(line(output=over, output_fields={"a": field}))["output_fields"]["a"] != field


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("\ufeff" + line(), "not JSON"),
        ("[1]", "not a JSON object"),
        ("null", "not a JSON object"),
        (line(priority="Urgent"), "no priority"),
        (line(priority=None), "no priority"),
        (line(priority=3), "priority is not text"),
        (line(rule=""), "no rule"),
        (line(rule=None), "no rule"),
        (line(rule=["x"]), "rule is not text"),
        (line(uuid=1), "uuid is not text"),
        (line(time=None), "no time"),
        (line(time="0001-01-01T02:00:00+02:00"), "no time"),
        (line(time="2026-08-17T09:47:21+0000"), "not in RFC 3339 form"),
        (line(time="2026-02-29T09:47:21Z"), "not a date"),
        (line(time="2026-02-28T24:00:00Z"), "not a time of day"),
        (line(time="2026-02-28T00:00:00+25:00"), "out of range"),
        (line(time="2026-02-28T00:00:00+24:00"), "a day or more away"),
        (line(output_fields=None), "no output_fields"),
        (line(output_fields={}), "no output_fields"),
        (line(output_fields=[]), "output_fields is not an object"),
        (line(tags="a"), "tags is not a list"),
        (line(tags={}), "tags is not a list"),
        (line(tags=[1]), "a tag is not text"),
        (line(output_fields={"k8s.ns.name": 5}), "k8s.ns.name is not text"),
        (written(output_fields='{"a":NaN}'), "NaN is not a JSON value"),
        (written(output_fields='{"a":-Infinity}'), "-Infinity is not a JSON value"),
        (written(output_fields='{"a":"\t"}'), "not JSON"),
        (written(output_fields='{"a":01}'), "not JSON"),
        ('{"a":' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    with pytest.raises(NotForwardedError, match=reason):
        forwarded(text)


def test_a_sample_over_the_limit_stays_readable() -> None:
    found = body(sample("long-command").line)
    assert found["output_fields"]["proc.cmdline"].endswith("[...]")


@given(ALERTS)
def test_whatever_falco_prints_is_passed_on(alert: dict[str, Any]) -> None:
    """Nothing but the stated changes happens to an alert that is not cut."""
    sent = forwarded(as_line(alert))
    found = json.loads(sent)
    assert sent.endswith(b"}\n")
    assert not any(char in sent for char in (b"<", b">", b"&"))
    assert found["rule"] == alert["rule"]
    assert found.get("tags", []) == sorted(alert.get("tags", []))
    assert found.get("hostname", "") == alert.get("hostname", "")
    if len(sent) <= 4096 and b"[...]" not in sent:
        assert found["output_fields"] == alert["output_fields"]
        assert found["output"] == alert.get("output", "")


def test_a_key_may_be_written_with_escapes() -> None:
    other = written(time='"2026-08-17T09:47:22Z"').replace('"time"', r'"ti\u006de"')
    assert body(other)["time"] == "2026-08-17T09:47:22Z"


@pytest.mark.parametrize("behind", [b" x", b'"time":"2026-08-17T09:47:23Z"', b"\xff", b"\\ud800{"])
def test_bytes_behind_the_object_change_nothing(behind: bytes) -> None:
    expected = forwarded(line(), uuid=UUID)
    assert forwarded(line().encode() + behind, uuid=UUID) == expected
