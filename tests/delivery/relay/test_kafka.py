"""The relay on Kafka's protocol, as librdkafka's mock cluster speaks it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.queues import MockKafka, mock_kafka, stored_alert
from support.relays import here_until, relay, wait_for_consumer
from support.webhooks import Receiver, receiver

from falcoport.delivery.relay.interface import QueueSource
from falcoport.delivery.relay.kafka import KafkaQueue
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS = 4
# The mock cluster keeps a member that left until its session ends.
SHORT = {"session.timeout.ms": "4000", "heartbeat.interval.ms": "200"}


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka(PARTITIONS) as found:
        yield found


@pytest.fixture
def here() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def queue_at(kafka: MockKafka, **more: Any) -> KafkaQueue:
    given = {"name": "falco", "dead_letter": "falco.dead-letter", "settings": SHORT, **more}
    return KafkaQueue(QueueSource("kafka", tuple(kafka.servers.split(",")), **given))


def test_alerts_of_every_partition_arrive_as_they_were_stored_and_are_then_committed(
    kafka: MockKafka, here: Receiver
) -> None:
    kafka.produce("falco", *(stored_alert(n) for n in range(60)))
    with relay(queue_at(kafka), here) as running:
        here.wait_for(60)
    assert sorted(here.accepted) == sorted(stored_alert(n) + b"\n" for n in range(60))
    assert running.metrics.counts["posted"] == 60
    assert kafka.committed("falcoport", "falco", PARTITIONS) == 60


@pytest.mark.slow  # the mock takes seconds for each member that joins
def test_nothing_behind_an_alert_that_is_not_accepted_is_committed(
    kafka: MockKafka, here: Receiver
) -> None:
    kafka.produce("falco", *(stored_alert(n) for n in range(10)), partition=0)
    here.answer = lambda body, _count: None if b'"Rule 4"' in body else 202
    with relay(queue_at(kafka), here):
        here.wait_for(9)
    assert kafka.committed("falcoport", "falco", PARTITIONS) == 4
    here.answer = lambda _body, _count: 202
    with relay(queue_at(kafka), here):
        here.wait_until(lambda: len(set(here.accepted)) == 10)
        here_until(lambda: len(here.accepted) == 15)
    assert kafka.committed("falcoport", "falco", PARTITIONS) == 10


@pytest.mark.slow  # the mock takes seconds for each member that joins
def test_a_poison_alert_goes_to_the_dead_letter_topic_with_the_reason(
    kafka: MockKafka, here: Receiver
) -> None:
    kafka.produce("falco", b"no json", stored_alert(1))
    with relay(queue_at(kafka), here) as running:
        here.wait_for(1)
        here_until(lambda: running.metrics.counts["dead_lettered"] == 1)
    [letter] = kafka.read("falco.dead-letter", 1)
    assert letter.value() == b"no json"
    assert dict(letter.headers())["falcoport-reason"] == b"it is not JSON"
    assert kafka.committed("falcoport", "falco", PARTITIONS) == 2


@pytest.mark.slow  # the mock takes seconds for each member that joins
def test_members_of_the_group_share_the_partitions(kafka: MockKafka, here: Receiver) -> None:
    with relay(queue_at(kafka), here) as one:
        wait_for_consumer(one)
        kafka.produce("falco", *(stored_alert(n) for n in range(100)))
        here.wait_for(100)
        with relay(queue_at(kafka), here) as other:
            number = 100
            # Some fall before the group has settled: those go to the first member alone.
            while other.metrics.counts["posted"] == 0 and number < 20_000:
                kafka.produce("falco", *(stored_alert(number + n) for n in range(20)))
                number += 20
                here.wait_until(lambda: len(set(here.accepted)) >= number)  # noqa: B023 -- used at once
        assert other.metrics.counts["posted"] > 0
        kafka.produce("falco", *(stored_alert(number + n) for n in range(50)))
        here.wait_until(lambda: len(set(here.accepted)) == number + 50)


@pytest.mark.slow  # the mock takes seconds for each member that joins
def test_while_port_is_away_the_relay_stays_in_the_group_and_loses_nothing(
    kafka: MockKafka, here: Receiver
) -> None:
    kafka.produce("falco", *(stored_alert(n) for n in range(300)))
    here.answer = lambda _body, count: 503 if count < 40 else 202
    with relay(queue_at(kafka), here):
        here.wait_for(300)
    assert sorted(set(here.uuids)) == [json.loads(stored_alert(n))["uuid"] for n in range(300)]
    assert kafka.committed("falcoport", "falco", PARTITIONS) == 300


@pytest.mark.slow  # the mock takes seconds for each member that joins
def test_the_lag_counts_what_is_not_committed(kafka: MockKafka, here: Receiver) -> None:
    kafka.produce("falco", *(stored_alert(n) for n in range(30)))
    here.answer = lambda _body, _count: 401
    with relay(queue_at(kafka), here) as running:
        here_until(lambda: running.metrics.registry.get_sample_value("falcoport_relay_lag") == 30)


@pytest.mark.slow  # librdkafka looks for brokers for five seconds
def test_the_relay_waits_for_brokers_that_are_not_there_yet(here: Receiver) -> None:
    nobody = KafkaQueue(
        QueueSource("kafka", ("127.0.0.1:1",), "falco", dead_letter="falco.dead-letter")
    )
    with relay(nobody, here) as running:
        here_until(lambda: bool(running.said))
        assert running.said[0].startswith("Waiting for the queue: Kafka at 127.0.0.1:1 cannot")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"dead_letter": "falco"}, "read its own dead letters"),
        ({"settings": {"group.id": "x"}}, "the relay sets itself"),
    ],
)
def test_what_would_break_the_relay_is_refused(
    kafka: MockKafka, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        queue_at(kafka, **more)


def test_a_configuration_that_the_client_refuses_is_said_without_its_values(
    kafka: MockKafka, here: Receiver
) -> None:
    wrong = queue_at(kafka, settings={"security.protocol": "maybe", "sasl.password": "pw-4711"})
    with relay(wrong, here) as running:
        here_until(lambda: running.error is not None)
    assert isinstance(running.error, UsageError)
    assert "pw-4711" not in str(running.error)
