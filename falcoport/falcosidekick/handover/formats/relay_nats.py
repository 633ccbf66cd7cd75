"""Falcosidekick's NATS output, for a relay on JetStream (`outputs/nats.go`, 2.34.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import UsageError
from falcoport.falcosidekick.handover.contents import QueueAddress
from falcoport.falcosidekick.handover.queue_values import CARRIES, queue_of, render_queue_values

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

__all__ = ["CARRIES", "HOLDS_SECRET", "render"]

HOLDS_SECRET = False
_NOTES = (
    "The subject has no rule in it: of a rule without a letter of a-z Falcosidekick would make",
    "an empty token, which NATS refuses. Falcosidekick connects anew for each alert, to one",
    "server, and knows no credentials file: user and password go into the address, as",
    "nats://USER:PASSWORD@HOST:4222 in the key NATS_HOSTPORT of a Secret (existingSecret).",
)


def render(handover: Handover) -> str:
    """Return the values. Raise UsageError for an address that Falcosidekick cannot use."""
    default = QueueAddress("nats", (f"nats.{handover.namespace}:4222",), "falco.>")
    queue = queue_of(handover, "relay-nats", default)
    if len(queue.servers) > 1:
        raise UsageError(
            "Falcosidekick takes the address of one NATS server.",
            where="--queue",
            hint="Name the Service in front of the cluster.",
            code="format_cannot_carry",
        )
    address = f"{queue.scheme}://{queue.servers[0]}"
    values = {"hostport": address, "subjecttemplate": _template(queue.name)}
    source = f"{address}/{queue.name}"
    return render_queue_values(handover, "nats", values, _NOTES, _shell_word(source))


def _template(subject: str) -> str:
    """Return a template whose every subject the relay's own pattern matches."""
    *before, last = subject.split(".")
    if "*" in before or subject == ">":
        raise UsageError(
            f"Falcosidekick cannot publish to {subject}: a `*` stands only at its end.",
            where="--queue",
            hint="Example: nats://nats:4222/falco.>",
            code="format_cannot_carry",
        )
    return ".".join([*before, "<priority>" if last in ("*", ">") else last])


def _shell_word(source: str) -> str:
    return f"'{source}'" if set(source) & set("*>") else source
