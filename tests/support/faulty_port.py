"""A proxy in front of the sandbox that hurts one request in a chosen way, over real HTTP.

It speaks on raw sockets, since resets, cuts and silence are no affair of an HTTP library.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from enum import Enum, auto
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HOST = "127.0.0.1"
TOKEN_PATH = "/v1/auth/access_token"


@dataclass(frozen=True)
class Request:
    """One request as the proxy saw it; `nth` counts from 1 among those of its method and path."""

    method: str
    path: str
    body: bytes
    authorization: str
    nth: int = 0

    @property
    def writes(self) -> bool:
        """Whether it may change Port's catalog."""
        return self.method != "GET" and self.path != TOKEN_PATH

    @property
    def place(self) -> tuple[str, str, int]:
        """What a cell of the matrix names it by."""
        return self.method, self.path, self.nth


@dataclass(frozen=True)
class Answer:
    """What the client is given: a status, further headers and a body."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"

    def raw(self, *, keep: bool) -> bytes:
        """Return the bytes on the wire; without `keep` they announce the connection's end."""
        lines = [
            f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Status')}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers),
            *(() if keep else ("Connection: close",)),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class End(Enum):
    """What becomes of the connection instead of, or after, an answer."""

    ANSWER = auto()
    RESET = auto()
    CUT = auto()
    SILENCE = auto()


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    `acts` tells whether the request reaches the server before it does. `answer` makes what the
    client is given from the request and, where it acted, the server's own answer.
    """

    name: str
    acts: bool
    end: End = End.ANSWER
    answer: Callable[[Request, Answer | None], Answer] | None = None


def _json(status: int, body: Any, *headers: tuple[str, str]) -> Answer:
    return Answer(status, json.dumps(body).encode(), headers)


def _says(
    status: int, error: str, message: str, headers: Callable[[], dict[str, str]] = dict
) -> Callable[[Request, Answer | None], Answer]:
    """Answer with Port's error body, which quotes what was sent: secrets must not get through."""

    def answer(request: Request, _real: Answer | None) -> Answer:
        quoted = f"{message} (got {request.body.decode()} by {request.authorization})"
        body = {"ok": False, "error": error, "message": quoted}
        return _json(status, body, *headers().items())

    return answer


def _html(status: int) -> Callable[[Request, Answer | None], Answer]:
    def answer(_request: Request, _real: Answer | None) -> Answer:
        page = f"<html><h1>{status} Bad Gateway</h1>nginx [/etc/shadow] \x1b[31m</html>".encode()
        return Answer(status, page, content_type="text/html")

    return answer


def _instead(body: Any) -> Callable[[Request, Answer | None], Answer]:
    """Answer as the server did, or 200 where it was not asked, with another body."""

    def answer(_request: Request, real: Answer | None) -> Answer:
        return _json(real.status if real and real.status < 300 else 200, body)

    return answer


def _stripped(_request: Request, real: Answer | None) -> Answer:
    """Answer as the server did, the resource's own content reduced to its identifier."""
    assert real is not None
    body = json.loads(real.body)
    kept = {
        key: {"identifier": value.get("identifier")} if isinstance(value, dict) else value
        for key, value in body.items()
        if key not in ("accessToken", "count", "migrationId")
    }
    return replace(real, body=json.dumps(kept).encode())


def _without_maps(_request: Request, real: Answer | None) -> Answer:
    """Answer as the server did, without the parts that hold other people's additions."""
    assert real is not None
    body = json.loads(real.body)
    for content in body.values():
        if isinstance(content, dict):
            for key in ("relations", "mappings", "mirrorProperties"):
                content.pop(key, None)
            if isinstance(content.get("schema"), dict):
                content["schema"].pop("required", None)
    return replace(real, body=json.dumps(body).encode())


def _soon() -> dict[str, str]:
    return {"Retry-After": formatdate(time.time() + 1, usegmt=True)}


def _epoch() -> dict[str, str]:
    return {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 1)}


RESET_EARLY = Fault("reset before sending", acts=False, end=End.RESET)
RESET_LATE = Fault("reset after the server acted", acts=True, end=End.RESET)
CUT = Fault("answer cut in the middle", acts=True, end=End.CUT)
SILENCE = Fault("no answer, not acted", acts=False, end=End.SILENCE)
SILENCE_LATE = Fault("no answer, acted", acts=True, end=End.SILENCE)
UNAUTHORIZED = Fault(
    "401", acts=False, answer=_says(401, "unauthorized", "Token is expired or invalid")
)
FORBIDDEN = Fault("403", acts=False, answer=_says(403, "missing_permissions", "No permission"))
CONFLICT = Fault("409", acts=False, answer=_says(409, "identifier_taken", "It already exists"))
DEPENDENTS = Fault(
    "403 has_dependents", acts=False, answer=_says(403, "has_dependents", "It has dependents")
)
INVALID = Fault("422", acts=False, answer=_says(422, "invalid_request", '"title" must be string'))
LIMITED_SECONDS = Fault(
    "429 Retry-After seconds",
    acts=False,
    answer=_says(429, "rate_limit", "Too many", lambda: {"Retry-After": "1"}),
)
LIMITED_DATE = Fault(
    "429 Retry-After date", acts=False, answer=_says(429, "rate_limit", "Too many", _soon)
)
LIMITED_EPOCH = Fault(
    "429 reset as epoch", acts=False, answer=_says(429, "rate_limit", "Too many", _epoch)
)
LIMITED_RESET = Fault(
    "429 reset as seconds",
    acts=False,
    answer=_says(429, "rate_limit", "Too many", lambda: {"x-ratelimit-reset": "1"}),
)
LIMITED_LONG = Fault(
    "429 for an hour",
    acts=False,
    answer=_says(429, "rate_limit", "Too many", lambda: {"Retry-After": "3600"}),
)
BROKEN = Fault("500", acts=False, answer=_says(500, "internal_error", "Something broke"))
BROKEN_LATE = Fault("500, acted", acts=True, answer=_says(500, "internal_error", "It broke"))
GATEWAY = Fault("502 with a page", acts=False, answer=_html(502))
GATEWAY_LATE = Fault("502 with a page, acted", acts=True, answer=_html(502))
UNAVAILABLE = Fault("503", acts=False, answer=_says(503, "unavailable", "Come back later"))
NO_OBJECT = Fault("JSON that is no object", acts=True, answer=_instead(["a list"]))
NO_OBJECT_EARLY = Fault("JSON that is no object, not acted", acts=False, answer=_instead([]))
MISSING = Fault("JSON without its content", acts=True, answer=_instead({"ok": True}))
MISSING_EARLY = Fault(
    "JSON without its content, not acted", acts=False, answer=_instead({"ok": True})
)
STRIPPED = Fault("JSON with missing keys", acts=True, answer=_stripped)
WITHOUT_MAPS = Fault("JSON without the maps", acts=True, answer=_without_maps)


class FaultyPort:
    """The proxy. Set `fault` and `place` for one request; with `always`, for all like it after it.

    `after_write` is called after each write that reached the server, `before` with each request
    before it goes there, `after` with each request after its answer is known and before the client
    has it. All run in the proxy's threads.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or _HOST, parts.port or 80)
        # Bound for good, so that nobody else gets the port while nothing listens on it.
        self._reserved = self._bound(0)
        self.port: int = self._reserved.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._serving: set[threading.Thread] = set()
        self._listener: socket.socket | None = None
        self.after_write: Callable[[], None] = lambda: None
        self.before: Callable[[Request], None] = lambda _request: None
        self.after: Callable[[Request], None] = lambda _request: None
        self.tokens: set[str] = set()
        self.forget()
        self.listen()

    @property
    def url(self) -> str:
        """What PORT_API_URL is set to."""
        return f"http://{_HOST}:{self.port}"

    def forget(self) -> None:
        """Hurt nothing any more, and forget what was seen."""
        self.seen: list[Request] = []
        self.answered = 0
        self.hurt = 0
        self.fault: Fault | None = None
        self.place: tuple[str, str, int] | None = None
        self.always = False
        self.refuse_after: int | None = None

    def listen(self) -> None:
        """Accept connections, again if it was refused before."""
        if self._listener is None:
            self._listener = self._bound(self.port)
            self._listener.listen(128)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections from now on; those open stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # close() alone does not wake the thread that accepts, and would leave the port open.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def close(self) -> None:
        """Stop, and break what is open."""
        self.refuse()
        self._reserved.close()
        with self._lock:
            threads = list(self._serving)
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    @staticmethod
    def _bound(port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((_HOST, port))
        return bound

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._open.add(connection)
                self._serving.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upstream = http.client.HTTPConnection(*self._upstream, timeout=30)
        try:
            with connection, suppress(OSError):
                while (request := self._read(connection)) is not None:
                    if not self._answer(connection, upstream, request):
                        return
        finally:
            upstream.close()
            with self._lock:
                self._open.discard(connection)
                self._serving.discard(threading.current_thread())

    def _read(self, connection: socket.socket) -> Request | None:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                return None
            received += chunk
        head, body = received.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        headers = {
            name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)
        }
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        return Request(method, target, body, headers.get("authorization", ""))

    def _answer(
        self,
        connection: socket.socket,
        upstream: http.client.HTTPConnection,
        request: Request,
    ) -> bool:
        """Answer one request; return whether another may follow on the connection."""
        with self._lock:
            same = [s for s in self.seen if (s.method, s.path) == (request.method, request.path)]
            request = replace(request, nth=len(same) + 1)
            self.seen.append(request)
        self.before(request)
        fault = self._fault_for(request)
        real = None
        if fault is None or fault.acts:
            real = self._forwarded(upstream, request)
            if request.writes:
                self.after_write()
        self.after(request)
        with self._lock:
            self.answered += 1
            if self.refuse_after is not None and self.answered >= self.refuse_after:
                self.refuse()
        if fault is None:
            assert real is not None
            keep = self.refuse_after is None
            connection.sendall(real.raw(keep=keep))
            return keep
        self.hurt += 1
        return self._hurt(connection, request, fault, real)

    def _fault_for(self, request: Request) -> Fault | None:
        if self.fault is None or self.place is None:
            return None
        method, path, nth = self.place
        same = (request.method, request.path) == (method, path)
        hit = request.nth >= nth if self.always else request.nth == nth
        return self.fault if same and hit else None

    def _forwarded(self, upstream: http.client.HTTPConnection, request: Request) -> Answer:
        headers = {"Content-Type": "application/json"} if request.body else {}
        if request.authorization:
            headers["Authorization"] = request.authorization
        upstream.request(request.method, request.path, request.body or None, headers)
        response = upstream.getresponse()
        body = response.read()
        if request.path == TOKEN_PATH and response.status == 200:
            self.tokens.add(json.loads(body)["accessToken"])
        return Answer(response.status, body)

    def _hurt(
        self, connection: socket.socket, request: Request, fault: Fault, real: Answer | None
    ) -> bool:
        if fault.end is End.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if fault.end is End.SILENCE:
            connection.settimeout(60)
            connection.recv(1)  # returns when the client has given up
            return False
        if fault.end is End.CUT:
            assert real is not None
            connection.sendall(real.raw(keep=True)[: -max(1, len(real.body) // 2)])
            return False
        assert fault.answer is not None
        connection.sendall(fault.answer(request, real).raw(keep=True))
        return True


@contextmanager
def faulty_port(upstream: str) -> Iterator[FaultyPort]:
    """Run a proxy in front of `upstream` until the block ends."""
    proxy = FaultyPort(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
