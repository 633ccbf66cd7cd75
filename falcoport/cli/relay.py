"""The command that relays alerts from a queue to Port."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.targets import MaxInFlight, Rate, TargetOptions

if TYPE_CHECKING:
    from falcoport.delivery.relay.interface import StreamLimits

_STREAM = "A NATS stream that is created"

Source = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="URL",
        help="The queue: nats://HOST:4222/SUBJECT (falco.> without one; tls:// with TLS) or "
        "kafka://HOST:9092/TOPIC; several servers with commas.",
    ),
]
QueueConfig = Annotated[
    Path | None,
    typer.Option(
        "--queue-config",
        metavar="FILE",
        help="NAME=VALUE lines with what the queue asks for. NATS: creds, user, password, token, "
        "nkey_seed, tls_ca, tls_cert, tls_key, tls_first. Kafka: librdkafka's properties, as "
        "kcat -F reads them.",
    ),
]
Group = Annotated[
    str,
    typer.Option(
        "--group",
        metavar="NAME",
        help="The durable consumer (NATS) or consumer group (Kafka): replicas with the same one "
        "share the work.",
    ),
]
DeadLetter = Annotated[
    str | None,
    typer.Option(
        "--dead-letter",
        metavar="NAME",
        help="Subject or topic for alerts that Port will never accept. (default: "
        "falcoport.dead-letter, TOPIC.dead-letter)",
    ),
]
Listen = Annotated[
    str,
    typer.Option(
        "--listen",
        metavar="HOST:PORT",
        help="Serve /healthz, /readyz and /metrics there, such as 0.0.0.0:9280 in a pod; an empty "
        "text serves nothing.",
    ),
]
Stream = Annotated[
    str | None,
    typer.Option(
        "--stream",
        metavar="NAME",
        rich_help_panel=_STREAM,
        help="The stream. (default: the one that captures the subject, else FALCO)",
    ),
]
MaxAge = Annotated[
    float,
    typer.Option(
        "--stream-max-age",
        min=0,
        metavar="HOURS",
        rich_help_panel=_STREAM,
        help="How long it keeps an alert; 0: no limit.",
    ),
]
MaxBytes = Annotated[
    int,
    typer.Option(
        "--stream-max-bytes",
        min=-1,
        metavar="BYTES",
        rich_help_panel=_STREAM,
        help="Its size, beyond which the oldest alerts are deleted, such as 10000000000; -1: "
        "no limit.",
    ),
]
Replicas = Annotated[
    int,
    typer.Option(
        "--stream-replicas",
        min=1,
        max=5,
        metavar="N",
        rich_help_panel=_STREAM,
        help="Its number of copies in a NATS cluster, such as 3.",
    ),
]
InMemory = Annotated[
    bool,
    typer.Option(
        "--stream-in-memory",
        rich_help_panel=_STREAM,
        help="Keep it in memory, which a restart of NATS empties.",
    ),
]


@dataclass(frozen=True)
class StreamOptions:
    """What a stream is created with."""

    stream: Stream = None
    stream_max_age: MaxAge = 168.0
    stream_max_bytes: MaxBytes = -1
    stream_replicas: Replicas = 1
    stream_in_memory: InMemory = False

    def limits(self) -> StreamLimits:
        """Return the limits for a stream that is created."""
        from falcoport.delivery.relay.interface import StreamLimits

        return StreamLimits(
            max_age=self.stream_max_age * 3600,
            max_bytes=self.stream_max_bytes,
            replicas=self.stream_replicas,
            in_memory=self.stream_in_memory,
        )


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "relay",
        exits=PORT_EXIT_CODES,
        example="falcoport relay --from nats://nats.falco:4222 --listen 0.0.0.0:9280",
    )(relay)


def relay(
    run: Run,
    source: Source,
    target: TargetOptions,
    stream: StreamOptions,
    queue_config: QueueConfig = None,
    group: Group = "falcoport",
    dead_letter: DeadLetter = None,
    rate: Rate = None,
    max_in_flight: MaxInFlight = 16,
    listen: Listen = "127.0.0.1:9280",
) -> CommandResult:
    """Falcosidekick gives an alert up after one try; with a queue between, none is lost while Port
    is away. The queue keeps an alert until Port has accepted it. Start the relay first: a subject
    that no stream captures keeps nothing. SIGTERM and Ctrl-C let what is on its way end.
    """
    from falcoport.commands import relay as use_case

    result = use_case.relay(
        use_case.RelayRequest(
            source=source,
            target=target.read(run),
            queue_config=run.read_secret(queue_config, "--queue-config") or "",
            group=group,
            dead_letter=dead_letter,
            stream=stream.stream,
            limits=stream.limits(),
            rate=rate,
            max_in_flight=max_in_flight,
            listen=listen,
        ),
        run.context(),
    )
    from falcoport.render.relay import describe_relay

    run.output.note(describe_relay(result))
    return CommandResult(asdict(result))
