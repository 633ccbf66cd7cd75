"""HTTP as falcoport speaks it: through the environment's proxies, and every answer bounded.

httpx bounds each step of an exchange, so that a server which sends a byte now and then is never
too slow for it, and takes answers of any size. Here the whole exchange has a deadline, and a body
is counted as it arrives, before and after it is unpacked.
"""

from __future__ import annotations

import importlib.util
import json
import ssl
import time
import zlib
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from falcoport.errors import OptionValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from falcoport.network import Authorities, Network, Proxy

MAX_ANSWER = 16 * 1024 * 1024
"""The most bytes of an answer, after it is unpacked. Long lists of Port's come in pages."""
_HTTPS_PORT = 443
MAX_VALUES = 1_000_000
"""The most values in a JSON document: each takes some 60 bytes of memory, however short it is."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class AnswerTooLargeError(Exception):
    """An answer that goes beyond a limit; it was not read to its end."""


class GarbledAnswerError(Exception):
    """An answer whose compression is broken off, or not one that was asked for."""


@dataclass(frozen=True)
class Answer:
    """A whole answer: its status, its headers and its body, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return httpx.codes.is_success(self.status)

    def json_object(self) -> dict[str, Any] | None:
        """Return the body as a JSON object; None if it is none. Raise AnswerTooLargeError."""
        if sum(map(self.body.count, (b",", b"[", b"{"))) > MAX_VALUES:
            raise AnswerTooLargeError(f"more than {MAX_VALUES:,} values")
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None


EXCHANGE_ERRORS = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.CookieConflict,
    AnswerTooLargeError,
    GarbledAnswerError,
)
"""What `exchange` raises, but for a URL that cannot be used."""


def open_client(
    network: Network,
    url: str,
    *,
    headers: Mapping[str, str],
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """Return a client for requests to a URL's host, which `transport` carries if given.

    Raise OptionValueError where the environment names a proxy or certificates that cannot be used.
    """
    return httpx.Client(
        transport=transport or _BoundedTransport(**connection_options(network, url)),
        # What can be unpacked in steps, as it arrives.
        headers={"Accept-Encoding": "gzip", **headers},
        trust_env=False,
    )


def connection_options(network: Network, url: str) -> dict[str, Any]:
    """Return httpx's arguments for connections to a URL. Raise OptionValueError."""
    proxy = network.find_proxy(url)
    return {
        "proxy": None if proxy is None else _as_httpx(proxy),
        # Loading certificates takes longer than a request; http:// (on loopback) needs none.
        "verify": _build_ssl_context(network.find_authorities())
        if url.startswith("https:")
        else False,
        "trust_env": False,
    }


def exchange(
    client: httpx.Client, request: httpx.Request, seconds: float, *, limit: int = MAX_ANSWER
) -> Answer:
    """Send a request and return its answer, which must be whole within some seconds.

    Raise httpx's exceptions, AnswerTooLargeError or GarbledAnswerError.
    """
    with _until(time.monotonic() + seconds):
        response = client.send(request, stream=True)
        try:
            body = _read_body(response, limit)
        finally:
            response.close()
    return Answer(response.status_code, response.headers, body)


def is_certificate_error(error: BaseException | None) -> bool:
    """Tell whether an exception of httpx's comes from a certificate that does not verify."""
    return _find_cause(error, ssl.SSLCertVerificationError) is not None


def describe_certificate_error(error: BaseException, url: str, network: Network) -> str:
    """Say why a host's certificate does not verify and, if that can be found out, its issuer."""
    parts = httpx.URL(url)
    host, port = parts.host, parts.port or _HTTPS_PORT
    cause = _find_cause(error, ssl.SSLCertVerificationError)
    assert isinstance(cause, ssl.SSLCertVerificationError)  # the caller asked
    # Past a proxy, another certificate might be seen; and who has one may not go past it.
    issuer = _find_issuer(host, port) if network.find_proxy(url) is None else ""
    by = f", issued by {issuer}," if issuer else ""
    return f"The certificate of {host}{by} does not verify: {cause.verify_message}"


def _find_cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


@contextmanager
def _until(moment: float) -> Iterator[None]:
    token = _deadline.set(moment)
    try:
        yield
    finally:
        _deadline.reset(token)


def _read_body(response: httpx.Response, limit: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    assert isinstance(response.stream, httpx.SyncByteStream)  # the client is a synchronous one
    pieces = _limited(response.stream, limit)
    if encoding in ("", "identity"):
        return b"".join(pieces)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise GarbledAnswerError(f"compressed with {encoding[:40]!r}")
    return b"".join(_limited(_unpack(pieces), limit))


def _limited(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise AnswerTooLargeError(f"more than {limit // 1024 // 1024} MiB")
        yield piece


_STEP = 64 * 1024


def _unpack(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip in steps: a few bytes of it may stand for gigabytes."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        for piece in pieces:
            waiting = piece
            while waiting and not unpacker.eof:
                yield unpacker.decompress(waiting, _STEP)
                waiting = unpacker.unconsumed_tail
    except zlib.error as error:
        raise GarbledAnswerError("its compression is broken") from error
    if not unpacker.eof:
        raise GarbledAnswerError("its compression breaks off")


def _as_httpx(proxy: Proxy) -> httpx.Proxy:
    if proxy.is_socks and importlib.util.find_spec("socksio") is None:
        raise OptionValueError(
            f"{proxy.source} names a SOCKS proxy, which needs an extra of falcoport.",
            code="missing_extra",
            where=proxy.source,
            hint="Install falcoport with its extra socks, such as pip install '.[socks]' in a "
            "checkout.",
        )
    return httpx.Proxy(proxy.url)


def _build_ssl_context(authorities: Authorities) -> ssl.SSLContext:
    """Return a context that trusts what the environment names, else what the system does."""
    if not authorities.source:
        context = ssl.create_default_context()
        if not context.cert_store_stats()["x509_ca"]:
            # A system without certificates of its own, such as a slim container's.
            import certifi

            context.load_verify_locations(certifi.where())
        return context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for file in authorities.files:
        _load(context, file, authorities.source)
    for folder in authorities.folders:
        _load(context, folder, authorities.source)
    return context


def _load(context: ssl.SSLContext, place: str, source: str) -> None:
    from pathlib import Path

    try:
        if Path(place).is_dir():
            context.load_verify_locations(capath=place)
            return
        context.load_verify_locations(cafile=place)
    except (OSError, ValueError) as error:
        # An ssl.SSLError is an OSError too, without any word of the system's.
        problem = getattr(error, "strerror", None) if type(error) is not ssl.SSLError else None
        raise OptionValueError(
            f"{source} names {place}, which cannot be used: "
            f"{problem or 'it holds no certificates'}.",
            code="bad_certificates",
            where=source,
            hint="It must name a file of PEM certificates, or a folder of them.",
        ) from None


def _find_issuer(host: str, port: int) -> str:
    """Return who issued the certificate that a host shows; empty if that cannot be found out.

    Python shows the contents of a certificate only once it is trusted, so for this one look the
    certificate itself is: nothing is sent over this connection.
    """
    import socket

    try:
        shown = ssl.get_server_certificate((host, port), timeout=2)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=shown)
        with (
            socket.create_connection((host, port), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except (OSError, ValueError):
        return ""
    issuer: Any = certificate.get("issuer", ())
    names = {key: value for ((key, value), *_more) in issuer}
    return str(names.get("commonName") or names.get("organizationName") or "")


class _BoundedTransport(httpx.HTTPTransport):
    """httpx's transport, whose sockets keep the deadline of the request that they carry."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # httpcore's pools take a network backend, but httpx has no argument to pass one on. The
        # tests with a server that drips show that this place is still the right one.
        pool: Any = self._pool
        backend = pool._network_backend  # noqa: SLF001 -- as said
        pool._network_backend = _DeadlineBackend(backend)  # noqa: SLF001 -- as said


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections that keep the deadline of the running request."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection within what is left of the time."""
        left = _left(timeout, httpcore.ConnectTimeout)
        stream = self._backend.connect_tcp(host, port, left, local_address, socket_options)
        return _DeadlineStream(stream)

    def sleep(self, seconds: float) -> None:
        """See httpcore."""
        self._backend.sleep(seconds)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection each of whose steps takes at most what is left of the time."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore."""
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See httpcore."""
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """See httpcore."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        """See httpcore."""
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, error: type[Exception]) -> float | None:
    """Return how many seconds a step may take; raise `error` if none are left."""
    moment = _deadline.get()
    if moment is None:
        return timeout
    left = moment - time.monotonic()
    if left <= 0:
        raise error("The time limit is over.")
    return left if timeout is None else min(timeout, left)
