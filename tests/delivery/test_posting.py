"""What is posted for a stored alert, and what each answer to it means."""

from __future__ import annotations

import asyncio
import json
import socket

import httpx
import pytest
from support.queues import stored_alert
from support.webhooks import receiver

from falcoport.delivery.posting import (
    MAX_BODY,
    Answer,
    Poster,
    UnusableAlertError,
    Verdict,
    compute_uuid,
    judge,
    prepare,
)
from falcoport.delivery.send import Delivery
from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import forwarded


def post(url: str, body: bytes = b"{}", timeout: float = 5.0) -> Answer:
    async def run() -> Answer:
        poster = Poster(Delivery(url, {"Content-Type": "application/json"}, timeout), 1)
        try:
            return await poster.post(body)
        finally:
            await poster.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "verdict", "shared"),
    [
        (202, Verdict.ACCEPTED, False),
        (200, Verdict.MISDIRECTED, True),
        (204, Verdict.MISDIRECTED, True),
        (301, Verdict.MISDIRECTED, True),
        (400, Verdict.REFUSED, False),
        (413, Verdict.REFUSED, False),
        (422, Verdict.REFUSED, False),
        (401, Verdict.MISDIRECTED, True),
        (403, Verdict.MISDIRECTED, True),
        (404, Verdict.MISDIRECTED, True),
        (408, Verdict.UNAVAILABLE, False),
        (429, Verdict.UNAVAILABLE, True),
        (500, Verdict.UNAVAILABLE, False),
        (503, Verdict.UNAVAILABLE, True),
        (504, Verdict.UNAVAILABLE, False),
    ],
)
def test_a_status_is_the_fault_of_the_alert_of_the_address_or_of_the_moment(
    status: int, verdict: Verdict, shared: bool
) -> None:
    answer = judge(status, httpx.Headers())
    assert (answer.verdict, answer.is_shared) == (verdict, shared)


def test_a_429_says_how_long_to_wait() -> None:
    assert judge(429, httpx.Headers({"Retry-After": "7"})).wait == 7


def test_an_alert_is_posted_byte_for_byte_over_http() -> None:
    with receiver() as here:
        assert post(here.url, stored_alert(1) + b"\n").verdict is Verdict.ACCEPTED
        assert here.bodies == [stored_alert(1) + b"\n"]


def test_nobody_listening_is_a_matter_of_the_moment() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        answer = post(f"http://127.0.0.1:{taken.getsockname()[1]}/key")
    assert (answer.verdict, answer.is_shared) == (Verdict.UNAVAILABLE, True)


def test_no_answer_in_time_is_a_matter_of_the_moment() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        answer = post(f"http://127.0.0.1:{silent.getsockname()[1]}/key", timeout=0.2)
    assert answer.verdict is Verdict.UNAVAILABLE
    assert answer.reason == "no answer within 0.2 s"


def test_a_connection_that_breaks_is_a_matter_of_the_moment() -> None:
    with receiver() as here:
        here.answer = lambda _body, _count: None
        answer = post(here.url)
    assert answer.verdict is Verdict.UNAVAILABLE
    assert "connection broke" in answer.reason


def test_what_falcosidekick_stored_is_posted_unchanged() -> None:
    stored = stored_alert(7, output="a \\ é", output_fields={"evt.time": 1786960041123456789})
    assert prepare(stored).body == stored + b"\n"


def test_what_a_tool_has_written_anew_is_posted_as_falcosidekick_would_have() -> None:
    stored = stored_alert(7, output_fields={"a": "<b> & é \u2028", "evt.time": 1.5})
    tool = json.dumps(json.loads(stored), ensure_ascii=False, indent=2, sort_keys=True)
    body = prepare(tool).body
    assert json.loads(body) == json.loads(stored)
    assert list(json.loads(body)) == list(json.loads(stored))
    assert b"\\u003cb\\u003e \\u0026" in body


def test_an_alert_as_falco_printed_it_is_posted_as_falcosidekick_would() -> None:
    line = samples()[0].line
    prepared = prepare(line)
    assert prepared.body == forwarded(line, uuid=prepared.uuid)


def test_a_computed_uuid_is_the_same_for_the_same_alert_and_differs_for_others() -> None:
    alert = samples()[0].alert
    same = json.loads(json.dumps({"priority": "Debug", **alert}))
    assert compute_uuid(alert) == compute_uuid(same)
    others = [
        {**alert, name: "another"} for name in ("hostname", "time", "source", "rule", "output")
    ]
    assert len({compute_uuid(one) for one in [alert, *others]}) == 6


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"x", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'{"uuid":"x","rule":"r"}', "it has no priority that Falco knows"),
        (b'{"rule":"r","priority":"Notice","time":"x"}', "time"),
        (stored_alert(1, output="x" * MAX_BODY), "and Port takes 524,288"),
    ],
)
def test_what_is_no_alert_is_refused_with_the_reason(stored: bytes, reason: str) -> None:
    with pytest.raises(UnusableAlertError, match=reason):
        prepare(stored)
