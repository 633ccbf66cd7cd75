"""Posting one alert to a webhook URL, as Falcosidekick does: once, without a second try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from falcoport.errors import PortError, UnreachableError
from falcoport.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCEPTED = frozenset({200, 201, 202, 204})
"""The statuses that Falcosidekick takes for success (`outputs/client.go`, 2.34.1)."""


@dataclass(frozen=True)
class Delivery:
    """Where alerts are posted, how patiently (seconds), and with which headers."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout: float

    def post(self, body: bytes) -> int:
        """Post one alert and return the status, which is one of ACCEPTED.

        Raises UnreachableError without an answer and PortError for a refusal. The URL is a
        credential, so neither names it.
        """
        host = urlsplit(self.url).hostname or ""
        where = f"POST to the webhook at {host}"
        try:
            response = httpx.post(
                self.url,
                content=body,
                headers=dict(self.headers),
                timeout=self.timeout,
                trust_env=not is_loopback(host),
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"The webhook cannot be reached: {type(error).__name__}.", where=where
            ) from None
        if response.status_code not in ACCEPTED:
            raise PortError(
                f"The webhook refused the alert with status {response.status_code}.",
                where=where,
                hint=_MEANINGS.get(response.status_code, ""),
            )
        return response.status_code


_MEANINGS = {
    401: "Port does not take the secret: `falcoport setup --rotate-secret` sets a new one.",
    403: "The webhook may be disabled: see `falcoport status`.",
    404: "Port has no webhook with the key in this URL: see `falcoport status`.",
    413: "The alert is longer than Port takes.",
    429: "Port asks to wait: try again in a minute.",
}
