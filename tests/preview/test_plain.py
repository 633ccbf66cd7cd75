"""The straight way: what is an alert, what Falcosidekick sent already, and what is refused."""

from __future__ import annotations

import json

import pytest

from falcoport.preview.interface import NotAnAlertError
from falcoport.preview.plain import AlertReader


def test_what_falcosidekick_sent_stays_as_it_is() -> None:
    text = '{"uuid":"u","rule":"r","priority":"Debug","time":"t","tags":["b","a"],"x":1}'
    assert AlertReader(["more"]).read(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"a":NaN}', "NaN is not a JSON value"),
        ('{"a":' + "[" * 50_000, "nested too deeply"),
        ('{"uuid":"u","rule":"r","time":"t"}', "no priority"),
        ('{"uuid":"u","rule":"r","time":"t","priority":"' + "x" * 600_000 + '"}', "longer than"),
    ],
)
def test_what_is_no_alert_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(NotAnAlertError, match=reason):
        AlertReader().read(text)


def test_a_body_that_port_would_refuse_for_its_size_is_refused() -> None:
    fields = {f"f{number}": "x" * 500 for number in range(1200)}
    alert = {
        "output_fields": fields,
        "priority": "Debug",
        "rule": "r",
        "time": "2026-01-01T00:00:00Z",
    }
    with pytest.raises(NotAnAlertError, match="Port takes 524,288"):
        AlertReader().read(json.dumps(alert))
