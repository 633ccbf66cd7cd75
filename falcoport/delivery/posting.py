"""Posting many alerts at once to a webhook URL, and what each answer means for the alert.

Falcosidekick gives an alert up after one try; what is kept in a queue or a file need not. So the
answer is judged: is it Port's, is the alert at fault, the webhook's address, or just the moment?
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import uuid as uuids
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import httpx

from falcoport.falco.text import decode_leniently
from falcoport.falcosidekick.forward import NotForwardedError, forwarded
from falcoport.port.connection import (
    EXCHANGE_ERRORS,
    AnswerTooLargeError,
    exchange,
    is_certificate_error,
    open_client,
)
from falcoport.port.rate_limit import seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.delivery.send import Delivery

MAX_BODY = 512 * 1024
"""The most bytes that Port takes as one event (Port docs, Webhook, limits)."""

_MAX_ANSWER = 64 * 1024
_ACCEPTED = 202
# The statuses that speak of the body sent: any other alert may pass.
_ALERT_AT_FAULT = frozenset({400, 411, 413, 415, 422})
_LATER = frozenset({408, 425, 429})
_SERVER_ERROR = 500
# What a gateway says for the server behind it: no alert is the cause.
_AWAY = frozenset({429, 503})
_BLANK = " \t\r\n"
# The order in which Falcosidekick writes an alert (types/types.go), and what Go always escapes.
_KEYS = (
    "uuid",
    "output",
    "priority",
    "rule",
    "time",
    "output_fields",
    "source",
    "tags",
    "hostname",
)
_UNESCAPED = re.compile("[<>&\u2028\u2029]")
_NAMESPACE = uuids.UUID("6f1c8a52-3a0e-5f0b-9d53-0f4c3b6c7a11")
"""The name space of computed uuids: a constant, so that the same alert has the same one always."""


class Verdict(Enum):
    """What an answer to a posted alert means."""

    ACCEPTED = auto()
    """Port has it."""
    REFUSED = auto()
    """The alert is at fault: posting it again is useless."""
    UNAVAILABLE = auto()
    """Port, the network or this alert's processing failed: posting it again may help."""
    MISDIRECTED = auto()
    """The URL, the secret or something on the way is wrong: no alert would be accepted."""


@dataclass(frozen=True)
class Answer:
    """What became of one post: the verdict, the reason in words, and how long Port asks to wait.

    `is_shared` says that the failure is none of this alert's: every other one meets it too.
    """

    verdict: Verdict
    reason: str
    status: int | None = None
    wait: float | None = None
    is_shared: bool = False


class UnusableAlertError(ValueError):
    """What is stored is no alert that can be posted; the message says why."""


@dataclass(frozen=True)
class Prepared:
    """A body to post, and what is needed of the alert to order and to filter it."""

    body: bytes
    uuid: str
    time: str
    priority: str


def prepare(stored: bytes | str, *, custom_tags: tuple[str, ...] = ()) -> Prepared:
    """Return what Falcosidekick would post for a stored alert.

    One that Falcosidekick stored keeps its `uuid`, and every byte unless some tool has written it
    anew; one as Falco printed it gets a `uuid` computed from the alert: the same one each time.
    Raises UnusableAlertError.
    """
    text = (stored if isinstance(stored, str) else decode_leniently(stored)).strip(_BLANK)
    alert = _read(text)
    uuid = alert.get("uuid")
    known = isinstance(uuid, str) and bool(uuid)
    identity = str(uuid) if known else compute_uuid(alert)
    if known and _is_as_posted(text, alert):
        body = text.encode(errors="replace") + b"\n"
    else:
        try:
            body = forwarded(text, uuid=identity, custom_tags=() if known else custom_tags)
        except NotForwardedError as error:
            raise UnusableAlertError(str(error)) from None
    if len(body) > MAX_BODY:
        raise UnusableAlertError(f"it has {len(body):,} bytes, and Port takes {MAX_BODY:,}")
    return Prepared(body, identity, str(alert.get("time") or ""), str(alert.get("priority") or ""))


def _is_as_posted(text: str, alert: dict[str, Any]) -> bool:
    """Tell whether a text is to the letter what Falcosidekick writes, as far as that shows."""
    if not text.startswith('{"uuid":"') or _UNESCAPED.search(text):
        return False
    keys = [key for key in _KEYS if key in alert]
    needed = all(alert.get(key) for key in ("rule", "priority", "time", "output_fields"))
    return needed and list(alert) == keys


def compute_uuid(alert: dict[str, Any]) -> str:
    """Return the uuid of an alert that has none: alike for the same alert, wherever it was stored.

    Two rules may fire on one event, so host, instant and source alone do not tell alerts apart.
    """
    names = ("hostname", "time", "source", "rule", "output")
    identity = "\0".join(str(alert.get(name) or "") for name in names)
    return str(uuids.uuid5(_NAMESPACE, identity.encode(errors="replace").decode()))


def _read(text: str) -> dict[str, Any]:
    if not text:
        raise UnusableAlertError("it is empty")
    try:
        alert = json.loads(text)
    except RecursionError:
        raise UnusableAlertError("it is nested too deeply") from None
    except ValueError:
        raise UnusableAlertError("it is not JSON") from None
    if not isinstance(alert, dict):
        raise UnusableAlertError("it is not a JSON object")
    return alert


class Poster:
    """Posts bodies over kept connections, up to `connections` at once. Close it when done.

    Each connection is a synchronous client's, used from a thread: measured, an eighth of the
    processor time that httpx's asynchronous client takes for a post.
    """

    def __init__(self, delivery: Delivery, connections: int) -> None:
        self._delivery = delivery
        self._idle: list[httpx.Client] = []
        self._lock = threading.Lock()
        self._abandoned: set[httpx.Client] = set()
        self._ended: set[httpx.Client] = set()
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="post")

    async def close(self) -> None:
        """Close the connections; what is still under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._idle:
            client.close()
        self._idle.clear()

    async def post(self, body: bytes) -> Answer:
        """Post one body and judge the answer.

        Raise OptionValueError where the environment's proxy or certificates cannot be used.
        """
        client = self._idle.pop() if self._idle else self._connect()
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, self._exchange, client, body)
        except asyncio.CancelledError:
            self._abandon(client)
            raise
        self._ended.discard(client)
        self._idle.append(client)
        return answer

    def _abandon(self, client: httpx.Client) -> None:
        """Have a connection closed once its exchange has ended, by whoever is the later one.

        One that is closed while it is being made would stay open.
        """
        with self._lock:
            self._abandoned.add(client)
            has_ended = client in self._ended
        if has_ended:
            client.close()

    def _end(self, client: httpx.Client) -> None:
        with self._lock:
            self._ended.add(client)
            is_abandoned = client in self._abandoned
        if is_abandoned:
            client.close()

    def _connect(self) -> httpx.Client:
        delivery = self._delivery
        return open_client(delivery.network, delivery.url, headers=delivery.headers)

    def _exchange(self, client: httpx.Client, body: bytes) -> Answer:
        """Post with one client, in a thread of its own."""
        try:
            request = client.build_request("POST", self._delivery.url, content=body)
            answer = exchange(client, request, self._delivery.timeout, limit=_MAX_ANSWER)
        except (*EXCHANGE_ERRORS, httpx.InvalidURL, OSError, RuntimeError) as error:
            return self._judge_failure(error)
        finally:
            self._end(client)
        return judge(answer.status, answer.headers)

    def _judge_failure(self, error: Exception) -> Answer:
        if isinstance(error, httpx.TimeoutException):
            reason = f"no answer within {self._delivery.timeout:g} s"
            shared = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            return Answer(Verdict.UNAVAILABLE, reason, is_shared=shared)
        if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
            return _explain_misdirected("the URL cannot be used")
        if isinstance(error, AnswerTooLargeError):
            return _explain_misdirected("its answer is too long to be Port's")
        if is_certificate_error(error):
            return _explain_misdirected("its certificate is not trusted")
        if isinstance(error, httpx.ConnectError | httpx.ProxyError):
            return Answer(Verdict.UNAVAILABLE, "it cannot be reached", is_shared=True)
        return Answer(Verdict.UNAVAILABLE, f"the connection broke ({type(error).__name__})")


def _explain_misdirected(reason: str, status: int | None = None) -> Answer:
    return Answer(Verdict.MISDIRECTED, reason, status, is_shared=True)


def judge(status: int, headers: Mapping[str, str]) -> Answer:
    """Say what a status means for the alert; only Port's own 202 counts as accepted."""
    reason = f"status {status}"
    if status == _ACCEPTED:
        return Answer(Verdict.ACCEPTED, "", status)
    if status in _ALERT_AT_FAULT:
        return Answer(Verdict.REFUSED, reason, status)
    if status in _LATER or status >= _SERVER_ERROR:
        wait = seconds_to_wait(headers, datetime.now(UTC))
        return Answer(Verdict.UNAVAILABLE, reason, status, wait, is_shared=status in _AWAY)
    return Answer(Verdict.MISDIRECTED, reason, status, is_shared=True)
