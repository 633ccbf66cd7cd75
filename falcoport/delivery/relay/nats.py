"""NATS JetStream as the relay's queue: one stream, one durable pull consumer for all replicas.

Falcosidekick publishes without waiting for JetStream's acknowledgement and creates no stream
(`outputs/nats.go`, 2.34.1), so a subject that no stream captures is lost without a trace. The
relay therefore creates the stream where it is missing, before anything else.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcoport.delivery.relay.interface import Message, QueueUnreachableError, StreamLimits
from falcoport.delivery.relay.source import extra_missing
from falcoport.errors import AccessError, CheckFailedError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from nats.aio.client import Client
    from nats.js import JetStreamContext

    from falcoport.delivery.relay.interface import QueueSource

DEFAULT_STREAM = "FALCO"
DEAD_LETTER_STREAM = "FALCO_DEAD_LETTER"

SETTINGS = frozenset(
    "creds user password token nkey_seed tls_ca tls_cert tls_key tls_first".split()
)
"""What a configuration file for NATS may hold."""

_ACK_WAIT = 30.0
_MAX_ACK_PENDING = 20_000
_CONNECT_SECONDS = 5
_REQUEST_SECONDS = 5.0
_NOT_FOUND = 404
_OVERLAP = 10065
_HEADER = re.compile(r"[^\x20-\x7e]+")


class JetStreamQueue:
    """A stream of alerts, read through a durable pull consumer. See `Queue`."""

    def __init__(self, source: QueueSource, *, stream: str | None, limits: StreamLimits) -> None:
        if subjects_overlap(source.name, source.dead_letter):
            raise UsageError(
                f"The dead-letter subject {source.dead_letter} lies inside {source.name}: "
                "the relay would read its own dead letters.",
                where="--dead-letter",
                hint="Name one outside it, such as falcoport.dead-letter.",
            )
        self._source = source
        self._stream = stream
        self._limits = limits
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None
        self._subscription: Any = None
        self._ack_wait = _ACK_WAIT
        self._problem = "not connected yet"

    @property
    def problem(self) -> str:
        """Why the queue cannot be read from right now; empty if it can."""
        return self._problem

    @property
    def hold_seconds(self) -> float:
        """A third of the time after which JetStream gives a message to somebody else."""
        return self._ack_wait / 3

    async def open(self, say: Callable[[str], None]) -> None:
        """Connect, and create the streams and the consumer that are missing."""
        import nats.errors
        import nats.js.errors

        try:
            await self._connect()
            await self._open_streams(say)
        except nats.js.errors.APIError as error:
            await self.close()
            raise _refusal(error) from None
        except nats.js.errors.NotFoundError:  # pragma: no cover - a race with a deletion
            await self.close()
            raise QueueUnreachableError("the stream is gone") from None
        except (nats.errors.Error, OSError, TimeoutError) as error:
            await self.close()
            raise _unreachable(error, self._source) from None
        self._problem = ""

    async def _connect(self) -> None:
        import nats.aio.client

        scheme = self._source.scheme
        failures: list[Exception] = []

        async def lost() -> None:
            self._problem = "the connection to NATS is lost"

        async def back() -> None:
            self._problem = ""

        async def note(error: Exception) -> None:
            # What fails later shows in `problem` and in each call; only the first matters here.
            if self._problem:
                failures.append(error)

        self._client = nats.aio.client.Client()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._client.connect(
                    servers=[f"{scheme}://{server}" for server in self._source.servers],
                    name="falcoport-relay",
                    connect_timeout=_CONNECT_SECONDS,
                    # NATS tries again for ever once it was connected; before, it is up to us.
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    error_cb=note,
                    disconnected_cb=lost,
                    reconnected_cb=back,
                    **_credentials(self._source.settings, scheme),
                )
        except TimeoutError:
            raise (failures[-1] if failures else TimeoutError()) from None
        self._jetstream = self._client.jetstream(timeout=_REQUEST_SECONDS)

    async def _open_streams(self, say: Callable[[str], None]) -> None:
        stream = await self._find_or_create(
            self._source.name, self._stream, self._stream or DEFAULT_STREAM, say
        )
        await self._find_or_create(self._source.dead_letter, None, DEAD_LETTER_STREAM, say)
        await self._open_consumer(stream, say)

    async def _find_or_create(
        self, subject: str, wanted: str | None, name: str, say: Callable[[str], None]
    ) -> str:
        """Return the stream that captures a subject; create one named `name` where none does."""
        import nats.js.errors

        jetstream = self._jetstream
        assert jetstream is not None  # opened before
        try:
            if wanted is None:
                return await jetstream.find_stream_name_by_subject(subject)
            info = await jetstream.stream_info(wanted)
        except nats.js.errors.NotFoundError:
            pass
        else:
            subjects = info.config.subjects or []
            if not any(subjects_overlap(subject, one) for one in subjects):
                raise CheckFailedError(
                    f"The stream {wanted} does not capture {subject}.",
                    where="--stream",
                    hint=f"It captures {', '.join(subjects) or 'nothing'}; leave --stream out to "
                    "find the stream that captures the subject.",
                )
            return wanted
        await jetstream.add_stream(config=self._stream_config(name, subject))
        say(f"Created the stream {name} for {subject}.")
        return name

    def _stream_config(self, name: str, subject: str) -> Any:
        from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

        is_dead_letter = name == DEAD_LETTER_STREAM
        return StreamConfig(
            name=name,
            subjects=[subject],
            # What was posted leaves the stream; dead letters stay until somebody looks.
            retention=RetentionPolicy.LIMITS if is_dead_letter else RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.OLD,
            storage=StorageType.MEMORY if self._limits.in_memory else StorageType.FILE,
            max_age=0 if is_dead_letter else self._limits.max_age,
            max_bytes=self._limits.max_bytes,
            num_replicas=self._limits.replicas,
        )

    async def _open_consumer(self, stream: str, say: Callable[[str], None]) -> None:
        import nats.js.errors
        from nats.js.api import AckPolicy, ConsumerConfig

        jetstream, group = self._jetstream, self._source.group
        assert jetstream is not None  # opened before
        self._stream = stream
        try:
            info = await jetstream.consumer_info(stream, group)
        except nats.js.errors.NotFoundError:
            info = await jetstream.add_consumer(
                stream,
                ConsumerConfig(
                    durable_name=group,
                    description="falcoport relay",
                    filter_subject=self._source.name,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=_ACK_WAIT,
                    max_deliver=-1,
                    max_ack_pending=_MAX_ACK_PENDING,
                ),
            )
            say(f"Created the durable consumer {group} of the stream {stream}.")
        _check_consumer(stream, info.config)
        self._ack_wait = info.config.ack_wait or _ACK_WAIT
        self._subscription = await jetstream.pull_subscribe_bind(group, stream)

    async def fetch(self, most: int, wait: float) -> list[Message]:
        """Ask the consumer for messages; see `Queue`."""
        import nats.errors
        import nats.js.errors

        if self._problem or most < 1:
            await asyncio.sleep(wait)
            return []
        try:
            # Asking for two at least: for one alone nats-py takes another, slower way.
            found = await self._subscription.fetch(most, timeout=max(wait, 0.05))
        except (nats.errors.TimeoutError, TimeoutError):
            return []
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            raise QueueUnreachableError(f"NATS does not answer ({type(error).__name__})") from None
        return [_message(one) for one in found]

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge; without an answer, as a lost one only brings the message again."""
        with suppress(Exception):
            await message.handle.ack()

    async def keep(self, messages: Collection[Message]) -> None:
        """Start each message's waiting time anew."""
        for message in messages:
            with suppress(Exception):
                await message.handle.in_progress()

    async def give_back(self, message: Message) -> None:
        """Have JetStream deliver a message again at once."""
        with suppress(Exception):
            await message.handle.nak()

    async def bury(self, message: Message, reason: str) -> None:
        """Publish to the dead-letter subject, and wait for JetStream's acknowledgement."""
        import nats.errors
        import nats.js.errors

        assert self._jetstream is not None  # a message came from it
        metadata = message.handle.metadata
        headers = {
            "Falcoport-Reason": _HEADER.sub(" ", reason),
            "Falcoport-Subject": message.handle.subject,
            "Falcoport-Stream": metadata.stream,
            "Falcoport-Sequence": str(metadata.sequence.stream),
            # JetStream drops a second one, should the first one's acknowledgement be lost.
            "Nats-Msg-Id": f"{metadata.stream}-{metadata.sequence.stream}",
        }
        try:
            await self._jetstream.publish(self._source.dead_letter, message.data, headers=headers)
        except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as error:
            raise QueueUnreachableError(
                f"the dead letter cannot be stored ({type(error).__name__})"
            ) from None

    async def lag(self) -> int | None:
        """Return what the consumer has not had acknowledged, over all replicas."""
        if self._problem or self._jetstream is None or self._stream is None:
            return None
        try:
            info = await self._jetstream.consumer_info(self._stream, self._source.group)
        except Exception:  # noqa: BLE001 -- a figure that cannot be had now is none
            return None
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def close(self) -> None:
        """Send the last acknowledgements and disconnect."""
        client, self._client = self._client, None
        self._problem = self._problem or "closed"
        if client is None:
            return
        with suppress(Exception):
            if client.is_connected:
                await client.flush(timeout=_CONNECT_SECONDS)
        with suppress(Exception):
            await client.close()


def subjects_overlap(one: str, other: str) -> bool:
    """Tell whether some subject matches both patterns of NATS subjects (`*` and `>`)."""
    left, right = one.split("."), other.split(".")
    for index in range(max(len(left), len(right))):
        if index >= len(left) or index >= len(right):
            return False
        a, b = left[index], right[index]
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return True


def _message(found: Any) -> Message:
    sequence = found.metadata.sequence.stream
    return Message(
        data=found.data,
        place=f"{found.metadata.stream} {sequence}",
        handle=found,
        redelivered=found.metadata.num_delivered > 1,
    )


def _check_consumer(stream: str, config: Any) -> None:
    """Raise CheckFailedError for a consumer that would lose alerts."""
    from nats.js.api import AckPolicy

    problem = ""
    if config.deliver_subject:
        problem = "it pushes messages instead of being asked for them"
    elif config.ack_policy != AckPolicy.EXPLICIT:
        problem = "it does not wait for an acknowledgement of each message"
    elif (config.max_deliver or -1) > 0:
        problem = f"it gives a message up after {config.max_deliver} deliveries"
    if problem:
        raise CheckFailedError(
            f"The consumer {config.durable_name} of the stream {stream} cannot be used: {problem}.",
            where="--group",
            hint="Name another one with --group; the relay creates it.",
        )


def _credentials(settings: Mapping[str, str], scheme: str) -> dict[str, Any]:
    """Return nats-py's arguments for what the configuration file says. Raises UsageError."""
    unknown = sorted(set(settings) - SETTINGS)
    if unknown:
        raise UsageError(
            f"The queue's configuration holds {', '.join(unknown)}, which are not settings of "
            "NATS.",
            where="--queue-config",
            hint=f"It knows {', '.join(sorted(SETTINGS))}.",
        )
    given: dict[str, Any] = {}
    for name, argument in (
        ("creds", "user_credentials"),
        ("user", "user"),
        ("password", "password"),
        ("token", "token"),
        ("nkey_seed", "nkeys_seed_str"),
    ):
        if name in settings:
            given[argument] = settings[name]
    _check_keys(settings)
    if scheme == "tls" or "tls_ca" in settings or "tls_cert" in settings:
        given["tls"] = _tls(settings)
        given["tls_handshake_first"] = settings.get("tls_first", "").lower() == "true"
    return given


def _check_keys(settings: Mapping[str, str]) -> None:
    """Raise UsageError for keys that nats-py would stumble over once it is connected."""
    problem = ""
    if "creds" in settings:
        try:
            Path(settings["creds"]).read_bytes()
        except OSError as error:
            problem = f"The file {settings['creds']} cannot be read: {error.strerror}"
    if "nkey_seed" in settings:
        try:
            import nkeys
        except ImportError as error:
            raise extra_missing(error.name) from None
        try:
            nkeys.from_seed(bytearray(settings["nkey_seed"].encode()))
        except (nkeys.NkeysError, ValueError):
            problem = "What nkey_seed holds is no seed of an nkey"
    if problem:
        raise UsageError(
            f"{problem}.",
            where="--queue-config",
            hint="creds names the file that `nsc generate creds` writes; a seed begins with SU.",
        )


def _tls(settings: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.get("tls_ca"))
        if "tls_cert" in settings:
            context.load_cert_chain(settings["tls_cert"], settings.get("tls_key"))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"The TLS files of the queue's configuration cannot be used: {error.strerror}.",
            where="--queue-config",
        ) from None
    return context


def _unreachable(error: Exception, source: QueueSource) -> Exception:
    import nats.errors

    servers = ", ".join(source.servers)
    text = str(error)
    if isinstance(error, nats.errors.AuthorizationError) or "authorization" in text.lower():
        return AccessError(
            f"NATS at {servers} refuses the credentials.",
            code="queue_access",
            where="--queue-config",
            hint="Give them in a file: user=… and password=…, token=…, creds=FILE or nkey_seed=….",
        )
    reason = type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"its certificate does not verify: {error.verify_message}"
    return QueueUnreachableError(f"NATS at {servers} cannot be reached ({reason})")


def _refusal(error: Any) -> Exception:
    import nats.js.errors

    if isinstance(error, nats.js.errors.ServiceUnavailableError):
        return QueueUnreachableError("NATS runs without JetStream, or JetStream is not ready")
    if error.err_code == _OVERLAP:
        return CheckFailedError(
            f"The stream cannot be created: {error.description}.",
            where="--stream",
            hint="Name the stream that has those subjects with --stream.",
        )
    return InputError(f"JetStream refuses: {error.description}.", code="queue_refused")
