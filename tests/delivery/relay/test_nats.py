"""The relay on a real nats-server with JetStream."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from support.queues import free_port, nats_server, publish, stored_alert, stream_messages
from support.relays import here_until, relay, wait_for_consumer
from support.webhooks import Receiver, receiver

from falcoport.delivery.relay.interface import QueueSource, StreamLimits
from falcoport.delivery.relay.nats import JetStreamQueue, subjects_overlap
from falcoport.errors import AccessError, CheckFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def source(servers: str, **more: Any) -> QueueSource:
    given = {"name": "falco.>", "dead_letter": "falcoport.dead-letter", **more}
    return QueueSource("nats", (servers,), **given)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    with nats_server(tmp_path / "nats") as found:
        yield found


@pytest.fixture
def here() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def queue_at(servers: str, **more: Any) -> JetStreamQueue:
    return JetStreamQueue(source(servers, **more), stream=None, limits=StreamLimits())


def test_alerts_arrive_as_they_were_stored_with_the_line_end_of_falcosidekick(
    servers: str, here: Receiver
) -> None:
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        publish(servers, "falco.warning", *(stored_alert(n) for n in range(50)))
        here.wait_for(50)
    assert sorted(here.accepted) == sorted(stored_alert(n) + b"\n" for n in range(50))
    assert running.metrics.counts["posted"] == 50


def test_acknowledged_alerts_leave_the_stream(servers: str, here: Receiver) -> None:
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        publish(servers, "falco.warning", *(stored_alert(n) for n in range(10)))
        here.wait_for(10)
    assert stream_messages(servers, "FALCO") == []


def test_alerts_stored_before_the_relay_runs_again_are_relayed(
    servers: str, here: Receiver
) -> None:
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
    publish(servers, "falco.critical", stored_alert(1))
    with relay(queue_at(servers), here):
        here.wait_for(1)
    assert here.accepted == [stored_alert(1) + b"\n"]


def test_what_cannot_be_an_alert_goes_to_the_dead_letters_with_the_reason(
    servers: str, here: Receiver
) -> None:
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        bad = [b"", b"no json", b"[1]", b'{"rule": "only"}', b'{"a":"' + b"x" * 600_000 + b'"}']
        publish(servers, "falco.x", *bad, stored_alert(1))
        here.wait_for(1)
        here_until(lambda: running.metrics.counts["dead_lettered"] == 5)
    letters = stream_messages(servers, "FALCO_DEAD_LETTER")
    assert sorted(data for data, _ in letters) == sorted(bad)
    reasons = {headers["Falcoport-Reason"] for _, headers in letters}
    assert {"it is empty", "it is not JSON", "it is not a JSON object"} <= reasons
    assert stream_messages(servers, "FALCO") == []


def test_an_alert_that_port_refuses_does_not_hold_the_others_up(
    servers: str, here: Receiver
) -> None:
    here.answer = lambda body, _count: 413 if b"Rule 3" in body else 202
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        publish(servers, "falco.x", *(stored_alert(n) for n in range(10)))
        here.wait_for(9)
        here_until(lambda: running.metrics.counts["dead_lettered"] == 1)
    [(data, headers)] = stream_messages(servers, "FALCO_DEAD_LETTER")
    assert data == stored_alert(3)
    assert headers["Falcoport-Reason"] == "Port refuses it with status 413"


def test_an_alert_that_port_always_fails_on_becomes_a_dead_letter(
    servers: str, here: Receiver
) -> None:
    here.answer = lambda body, _count: 500 if b'"Rule 7"' in body else 202
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        number = 0
        while running.metrics.counts["dead_lettered"] == 0 and number < 3000:
            publish(servers, "falco.x", *(stored_alert(number + n) for n in range(10)))
            number += 10
            here.wait_for(number - 1)
    [(data, _headers)] = stream_messages(servers, "FALCO_DEAD_LETTER")
    assert data == stored_alert(7)
    assert len(here.accepted) == number - 1


@pytest.mark.parametrize(
    "status", [401, *(pytest.param(one, marks=pytest.mark.slow) for one in (403, 404, 302, 200))]
)
def test_a_wrong_address_holds_alerts_back_and_loses_none(
    servers: str, here: Receiver, status: int
) -> None:
    here.answer = lambda _body, count: status if count < 4 else 202
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        publish(servers, "falco.x", *(stored_alert(n) for n in range(5)))
        here.wait_for(5)
    assert sorted(here.uuids) == [json.loads(stored_alert(n))["uuid"] for n in range(5)]
    assert any(f"status {status}, so the URL or the secret" in text for text in running.said)
    assert running.metrics.counts["dead_lettered"] == 0


@pytest.mark.slow  # two dozen pauses
def test_while_port_is_away_the_relay_is_not_ready_and_asks_with_one_alert(
    servers: str, here: Receiver
) -> None:
    away = threading.Event()
    away.set()
    here.answer = lambda _body, _count: 503 if away.is_set() else 202
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        publish(servers, "falco.x", *(stored_alert(n) for n in range(100)))
        here.wait_until(lambda: len(here.bodies) >= 24)
        posted_at_once = len(here.bodies)
        assert running.metrics.problem == "Port takes no alerts: status 503"
        away.clear()
        here.wait_for(100)
    assert posted_at_once < 60
    assert len(set(here.uuids)) == 100


@pytest.mark.slow  # two relays and hundreds of alerts
def test_two_replicas_share_the_work(servers: str, here: Receiver) -> None:
    with relay(queue_at(servers), here) as one, relay(queue_at(servers), here) as other:
        wait_for_consumer(one)
        publish(servers, "falco.x", *(stored_alert(n) for n in range(400)))
        here.wait_for(400)
    assert len(set(here.uuids)) == 400
    assert one.metrics.counts["posted"] + other.metrics.counts["posted"] == 400


def test_what_is_on_its_way_is_finished_before_the_relay_stops(
    servers: str, here: Receiver
) -> None:
    hold = threading.Event()

    def answer(_body: bytes, _count: int) -> int:
        hold.wait(30)
        return 202

    here.answer = answer
    with relay(queue_at(servers), here) as running:
        wait_for_consumer(running)
        publish(servers, "falco.x", *(stored_alert(n) for n in range(3)))
        here.wait_until(lambda: len(here.bodies) == 3)
        stopping = threading.Thread(target=running.stop)
        stopping.start()
        here_until(lambda: any("Stopping" in text for text in running.said))
        hold.set()
        stopping.join()
    assert len(here.accepted) == 3
    assert stream_messages(servers, "FALCO") == []


@pytest.mark.slow  # the client tries for five seconds
def test_the_relay_waits_for_a_server_that_is_not_there_yet(tmp_path: Path, here: Receiver) -> None:
    port = free_port()
    with relay(queue_at(f"127.0.0.1:{port}"), here) as running:
        here_until(lambda: bool(running.said))
        assert running.said[0].startswith(f"Waiting for the queue: NATS at 127.0.0.1:{port}")
        assert running.metrics.problem
        with nats_server(tmp_path / "nats", port=port) as servers:
            wait_for_consumer(running)
            publish(servers, "falco.x", stored_alert(1))
            here.wait_for(1)


@pytest.mark.slow  # the client comes back after two seconds
def test_alerts_survive_a_restart_of_the_server(tmp_path: Path, here: Receiver) -> None:
    port = free_port()
    with relay(queue_at(f"127.0.0.1:{port}"), here) as running:
        with nats_server(tmp_path / "nats", port=port) as servers:
            wait_for_consumer(running)
            publish(servers, "falco.x", stored_alert(1))
            here.wait_for(1)
        with nats_server(tmp_path / "nats", port=port) as servers:
            publish(servers, "falco.x", stored_alert(2))
            here.wait_for(2)
    assert set(here.uuids) == {json.loads(stored_alert(n))["uuid"] for n in (1, 2)}


@pytest.mark.slow  # the client tries for five seconds
def test_wrong_credentials_are_said_and_not_tried_for_ever(tmp_path: Path, here: Receiver) -> None:
    with nats_server(tmp_path / "nats", "--user", "relay", "--pass", "right") as servers:
        wrong = queue_at(servers, settings={"user": "relay", "password": "wrong-4711"})
        with relay(wrong, here) as running:
            here_until(lambda: running.error is not None)
    assert isinstance(running.error, AccessError)
    assert "wrong-4711" not in str(running.error)


def test_right_credentials_come_from_the_configuration_file(tmp_path: Path, here: Receiver) -> None:
    with nats_server(tmp_path / "nats", "--user", "relay", "--pass", "right") as servers:
        right = queue_at(servers, settings={"user": "relay", "password": "right"})
        with relay(right, here) as running:
            wait_for_consumer(running)
    assert running.error is None


def test_a_dead_letter_subject_inside_the_filter_is_refused() -> None:
    with pytest.raises(UsageError, match="read its own dead letters"):
        queue_at("127.0.0.1:1", dead_letter="falco.dead")


def test_a_consumer_that_gives_up_is_not_used(servers: str, here: Receiver) -> None:
    async def prepare() -> None:
        import nats
        from nats.js.api import ConsumerConfig

        client = await nats.connect(f"nats://{servers}")
        context = client.jetstream()
        await context.add_stream(name="OWN", subjects=["falco.>"])
        config = ConsumerConfig(durable_name="falcoport", max_deliver=3)
        await context.add_consumer("OWN", config)
        await client.close()

    asyncio.run(prepare())
    with relay(queue_at(servers), here) as running:
        here_until(lambda: running.error is not None)
    assert isinstance(running.error, CheckFailedError)
    assert "gives a message up after 3 deliveries" in str(running.error)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("falco.>", "falco.critical", True),
        ("falco.>", "falco", False),
        ("falco.*", "falco.a.b", False),
        ("falco.*.x", "falco.a.*", True),
        (">", "falcoport.dead-letter", True),
        ("falco.>", "falcoport.dead-letter", False),
    ],
)
def test_subjects_overlap_as_nats_matches_them(one: str, other: str, overlap: bool) -> None:
    assert subjects_overlap(one, other) is overlap
    assert subjects_overlap(other, one) is overlap
