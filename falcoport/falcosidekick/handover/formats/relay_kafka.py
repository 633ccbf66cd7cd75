"""Falcosidekick's Kafka output, for a relay that reads the topic (`outputs/kafka.go`, 2.34.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.contents import QueueAddress
from falcoport.falcosidekick.handover.queue_values import CARRIES, queue_of, render_queue_values

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

__all__ = ["CARRIES", "HOLDS_SECRET", "render"]

HOLDS_SECRET = False
_NOTES = (
    "requiredacks is NONE unless set, and a broker that fails then loses alerts silently.",
    "Where Kafka asks for a user: username, password, tls, and sasl, whose values are upper case",
    "(PLAIN, SCRAM_SHA256, SCRAM_SHA512), best as keys KAFKA_… of a Secret (existingSecret).",
)


def render(handover: Handover) -> str:
    """Return the values. Raise UsageError for an address that is not Kafka's."""
    default = QueueAddress("kafka", (f"kafka.{handover.namespace}:9092",), "falco")
    queue = queue_of(handover, "relay-kafka", default)
    servers = ",".join(queue.servers)
    values = {"hostport": servers, "topic": queue.name, "requiredacks": "ALL"}
    source = f"kafka://{servers}/{queue.name}"
    return render_queue_values(handover, "kafka", values, _NOTES, source)
