"""Which queue a URL names, and the engine for it.

A URL is `nats://HOST:4222/SUBJECT`, `tls://…` with TLS, or `kafka://HOST:9092/TOPIC`; several
servers are separated by commas.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from falcoport.delivery.relay.interface import QueueSource
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.delivery.relay.interface import Queue, StreamLimits

DEFAULT_GROUP = "falcoport"
_NATS = ("nats", "tls")
_KAFKA = "kafka"
_PORTS = {"nats": 4222, "tls": 4222, _KAFKA: 9092}
_SERVER = re.compile(r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_TOKEN = re.compile(r"[^\s.*>]+|[*]")  # one of a NATS subject's, split at the dots
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's own rule (Topic.java)
_HINT = "Examples: nats://nats.falco:4222 · nats://nats:4222/falco.> · kafka://kafka:9092/falco"


def parse_source(
    url: str,
    *,
    group: str = DEFAULT_GROUP,
    dead_letter: str | None = None,
    settings: Mapping[str, str] | None = None,
    option: str = "--from",
) -> QueueSource:
    """Return what a URL names, which `option` gave.

    Raise UsageError, without the URL where it may hold a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _PORTS:
        raise UsageError(
            f"A queue's URL begins with {', '.join(f'{one}://' for one in _PORTS)}.",
            where=option,
            hint=_HINT,
        )
    authority, _, name = rest.partition("/")
    if "@" in authority:
        raise UsageError(
            "A queue's URL must hold no user and no password: others see command lines.",
            where=option,
            hint="Write them to a file for --queue-config.",
        )
    servers = tuple(_server(one, scheme, option) for one in authority.split(","))
    dead = _default_dead_letter(scheme, name) if dead_letter is None else dead_letter
    dead_option = option if dead_letter is None else "--dead-letter"
    return QueueSource(
        scheme=scheme,
        servers=servers,
        name=_name(scheme, name, option),
        group=_checked_group(group),
        dead_letter=_name(scheme, dead, dead_option),
        settings=dict(settings or {}),
    )


def open_queue(source: QueueSource, *, stream: str | None, limits: StreamLimits) -> Queue:
    """Return the engine for a queue. Raise UsageError where its extra is missing."""
    try:
        if source.scheme == _KAFKA:
            import confluent_kafka

            from falcoport.delivery.relay.kafka import KafkaQueue

            del confluent_kafka
            return KafkaQueue(source)
        import nats

        from falcoport.delivery.relay.nats import JetStreamQueue

        del nats
        return JetStreamQueue(source, stream=stream, limits=limits)
    except ImportError as error:
        raise extra_missing(error.name) from None


def extra_missing(module: str | None) -> UsageError:
    """Return the error for a library of the extra `relay` that is not installed."""
    return UsageError(
        f"The relay needs its extra ({module} is not installed).",
        code="no_extra",
        hint="Install falcoport with its extra relay, such as pip install '.[relay]' in a "
        "checkout.",
    )


def read_queue_config(text: str) -> dict[str, str]:
    """Read NAME=VALUE lines, as librdkafka's tools do; `#` begins a comment.

    Raise UsageError, never with a value in it.
    """
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise UsageError(
                f"Line {number} of the queue's configuration is not NAME=VALUE.",
                where="--queue-config",
            )
        found[name.strip()] = value.strip()
    return found


def _server(text: str, scheme: str, option: str) -> str:
    match = _SERVER.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a server of a queue.", where=option, hint=_HINT)
    return f"{match['host']}:{match['port'] or _PORTS[scheme]}"


def _name(scheme: str, name: str, option: str) -> str:
    if scheme == _KAFKA:
        if not _TOPIC.fullmatch(name) or name in (".", ".."):
            raise UsageError(
                f"{name!r} is not a Kafka topic." if name else "A Kafka URL ends with the topic.",
                where=option,
                hint=_HINT,
            )
        return name
    name = name or "falco.>"
    *tokens, last = name.split(".")
    if not all(map(_TOKEN.fullmatch, tokens)) or not (last == ">" or _TOKEN.fullmatch(last)):
        raise UsageError(f"{name!r} is not a NATS subject.", where=option, hint=_HINT)
    return name


def _default_dead_letter(scheme: str, name: str) -> str:
    return f"{name}.dead-letter" if scheme == _KAFKA else "falcoport.dead-letter"


def _checked_group(group: str) -> str:
    # What JetStream takes as a durable name, which Kafka's groups are no stricter than.
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", group):
        raise UsageError(
            f"{group!r} cannot be the group's name: letters, digits, - and _ can.",
            where="--group",
        )
    return group
