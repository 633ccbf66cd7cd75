"""The formats for a queue between Falcosidekick and Port."""

from __future__ import annotations

from typing import Any

import pytest
from support.handover_readers import queue_values

from falcoport.errors import UsageError
from falcoport.falcosidekick.handover.contents import Handover, QueueAddress
from falcoport.falcosidekick.handover.interface import render
from falcoport.falcosidekick.header import Header

URL = "https://ingest.port.example/abc123"
NATS = QueueAddress("nats", ("nats.falco:4222",), "falco.>")
KAFKA = QueueAddress("kafka", ("one:9092", "two:9092"), "falco")


@pytest.mark.parametrize(
    ("form", "queue", "output", "address"),
    [
        (
            "relay-nats",
            NATS,
            "nats",
            {"hostport": "nats://nats.falco:4222", "subjecttemplate": "falco.<priority>"},
        ),
        (
            "relay-kafka",
            KAFKA,
            "kafka",
            {"hostport": "one:9092,two:9092", "topic": "falco", "requiredacks": "ALL"},
        ),
    ],
)
def test_the_values_and_the_variables_say_the_same_and_hold_nothing_of_the_webhook(
    form: str, queue: QueueAddress, output: str, address: dict[str, str]
) -> None:
    header = Header("X-Falcoport-Secret", "a-webhook-secret-4711")
    text = render(Handover(URL, header, "warning", ("a", "b"), queue=queue), form)
    assert queue_values(output, address)(text) == {"priority": "warning", "tags": ["a", "b"]}
    assert URL not in text
    assert "4711" not in text


@pytest.mark.parametrize(
    ("subject", "template"),
    [("falco.>", "falco.<priority>"), ("a.b.*", "a.b.<priority>"), ("falco.all", "falco.all")],
)
def test_every_subject_of_the_template_is_one_that_the_relay_listens_to(
    subject: str, template: str
) -> None:
    queue = QueueAddress("nats", ("nats:4222",), subject)
    assert f'subjecttemplate: "{template}"' in render(Handover(URL, queue=queue), "relay-nats")


@pytest.mark.parametrize(
    ("form", "queue"),
    [
        ("relay-nats", KAFKA),
        ("relay-kafka", NATS),
        ("relay-nats", QueueAddress("nats", ("one:4222", "two:4222"), "falco.>")),
        ("relay-nats", QueueAddress("nats", ("nats:4222",), "*.falco")),
        ("relay-nats", QueueAddress("nats", ("nats:4222",), ">")),
    ],
)
def test_what_falcosidekick_cannot_use_is_refused(form: str, queue: Any) -> None:
    with pytest.raises(UsageError):
        render(Handover(URL, queue=queue), form)
