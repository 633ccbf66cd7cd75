"""What a run does: a request to an address on this machine, an entity written, or a note.

Only loopback is called, whoever wrote the action: a sandbox must not reach what the real thing
would. Port calls its own API without credentials (Port docs, Webhook, Trigger Port API), so that
the hosts of Port's API stand for the sandbox itself here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from falcoport.sandbox.options import CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]

PORT_HOSTS = frozenset(("api.port.io", "api.getport.io", "api.us.port.io", "api.us.getport.io"))
_SECONDS = 10
_MAX_ANSWER = 64 * 1024
_METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
_KEPT_HEADERS = ("content-type", "location", "retry-after")


@dataclass(frozen=True)
class Outgoing:
    """One request that is to be made, its secrets filled in."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True)
class Reply:
    """What came of it: a status with what was answered, or why there is none."""

    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the other side accepted it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - statuses

    @property
    def sentence(self) -> str:
        """What happened, for the log of the run."""
        if self.problem:
            return self.problem
        return f"The answer has the status {self.status}."


def why_not_sent(url: str) -> str:
    """Return why a URL is not called; empty if it is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"{url!r} is not a URL."
    del port
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{url!r} is not an http or https URL."
    if parts.hostname in PORT_HOSTS or _is_loopback(parts.hostname):
        return ""
    return f"Not sent: the sandbox calls this machine only, not {parts.hostname}."


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_url(url: str, own: str) -> str:
    """Return the URL that is called for one: Port's API is the sandbox itself."""
    parts = urlsplit(url)
    if parts.hostname in PORT_HOSTS:
        query = f"?{parts.query}" if parts.query else ""
        return f"{own}{parts.path}{query}"
    return url


def signed(body: bytes, timestamp: int) -> dict[str, str]:
    """Return the headers that let the other side check that Port sent a request.

    HMAC of `timestamp.payload` under the client secret, base64 (Port docs, Webhook security).
    """
    digest = hmac.new(
        CLIENT_SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256
    ).digest()
    return {
        "X-Port-Timestamp": str(timestamp),
        "X-Port-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def build_request(invocation: Mapping[str, Any], default_body: Document) -> Outgoing:
    """Return the request of a WEBHOOK invocation whose templates are filled in."""
    method = str(invocation.get("method") or "POST").upper()
    if method not in _METHODS:
        method = "POST"
    body: bytes | None = None
    headers = {"User-Agent": "falcoport-sandbox"}
    if method not in ("GET", "DELETE") or "body" in invocation:
        body = json.dumps(invocation.get("body", default_body)).encode()
        headers["Content-Type"] = "application/json"
    given = invocation.get("headers") or {}
    headers |= {name: str(value) for name, value in given.items() if value is not None}
    return Outgoing(method, str(invocation.get("url") or ""), headers, body)


def send(outgoing: Outgoing) -> Reply:
    """Make a request and return what came of it; a redirect is not followed."""
    parts = urlsplit(outgoing.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(outgoing.method, path, outgoing.body, dict(outgoing.headers))
        answer = connection.getresponse()
        raw = answer.read(_MAX_ANSWER)
        headers = {
            name: value for name, value in answer.getheaders() if name.lower() in _KEPT_HEADERS
        }
        return Reply(answer.status, _readable(raw), headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reply(problem=f"Nobody answered: {error or type(error).__name__}.")
    finally:
        connection.close()


def _readable(raw: bytes) -> Any:
    text = raw.decode(errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
