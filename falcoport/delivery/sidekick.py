"""A running Falcosidekick, as its sender sees it: its address, its input, its counters.

Its counters are at `/metrics`, for Prometheus (`stats_prometheus.go`, 2.34.1; older releases leave
`falcosecurity_` and `_total` out). They count each alert that came in, and each post of an output
by how it ended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import httpx

from falcoport.delivery.send import ACCEPTED
from falcoport.errors import OptionValueError, PortError, UnreachableError
from falcoport.network import Network
from falcoport.port.connection import EXCHANGE_ERRORS, exchange, open_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.port.connection import Answer

FALCO_HEADERS = {"Content-Type": "application/json", "User-Agent": "falcosecurity/falco"}

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_METRICS = 4 * 1024 * 1024
_SAMPLE = re.compile(
    r"^(?:falcosecurity_)?falcosidekick_(inputs|outputs)(?:_total)?\{([^}]*)\} (\S+)", re.MULTILINE
)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Counters:
    """How many alerts Falcosidekick accepted, and how many it posted to its webhook."""

    accepted: int = 0
    posted: int = 0
    failed: int = 0

    def since(self, earlier: Counters) -> Counters:
        """Return what was added since then."""
        return Counters(
            self.accepted - earlier.accepted,
            self.posted - earlier.posted,
            self.failed - earlier.failed,
        )


@dataclass(frozen=True)
class Sidekick:
    """A Falcosidekick at `url`; `timeout` is how many seconds each answer may take.

    Raise OptionValueError for what is no URL of one.
    """

    url: str
    timeout: float
    network: Network = field(default_factory=Network)

    def __post_init__(self) -> None:
        _check_url(self.url)

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"

    def post(self, line: bytes) -> None:
        """Post one alert as Falco does; raise UnreachableError and PortError."""
        response = self._request("POST", self.url, content=line, headers=FALCO_HEADERS)
        if response.status not in ACCEPTED:
            raise PortError(
                f"What answers at {self.address} refused the alert with status {response.status}.",
                where=f"--via {self.address}",
                code="sidekick_refused",
                hint="Falcosidekick answers 400 to anything but an alert; another status "
                "comes from "
                "something else: look at the host and the port.",
            )

    def read_counters(self) -> Counters | None:
        """Return its counters; None where they cannot be read."""
        parts = urlsplit(self.url)
        try:
            response = self._request("GET", urlunsplit((*parts[:2], "/metrics", "", "")))
        except UnreachableError:
            return None
        text = response.body.decode(errors="replace")
        return parse_counters(text) if response.is_success else None

    def _request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        try:
            with open_client(self.network, url, headers=headers or {}) as client:
                request = client.build_request(method, url, content=content)
                return exchange(client, request, self.timeout, limit=_MAX_METRICS)
        except httpx.TimeoutException:
            reason = f"no answer within {self.timeout:g} s"
        except (*EXCHANGE_ERRORS, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
        raise UnreachableError(
            f"Falcosidekick at {self.address} cannot be reached: {reason}.",
            where=f"--via {self.address}",
            hint="In a cluster, `kubectl -n falco port-forward svc/falco-falcosidekick 2801:2801` "
            "makes it reachable as http://localhost:2801.",
        ) from None


def parse_counters(text: str) -> Counters | None:
    """Return the counters in Prometheus' text format; None for a text without Falcosidekick's."""
    found = {"accepted": 0, "ok": 0, "error": 0}
    samples = _SAMPLE.findall(text)
    for kind, written, number in samples:
        labels = dict(_LABEL.findall(written))
        status = labels.get("status", "")
        counts = kind == "inputs" or labels.get("destination") == "webhook"
        if counts and status in found:
            found[status] += int(float(number))
    if not samples and "falcosidekick" not in text and "go_goroutines" not in text:
        return None
    return Counters(found["accepted"], found["ok"], found["error"])


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme in _DEFAULT_PORTS and parts.hostname and port != 0 and url.isprintable():
        return
    raise OptionValueError(
        f"--via {url!r} is not the URL of a Falcosidekick.",
        where="--via",
        hint="Write it with scheme, host and port, such as http://localhost:2801.",
    )
