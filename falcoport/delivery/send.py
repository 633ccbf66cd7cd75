"""Posting one alert to a webhook URL, as Falcosidekick does: once, without a second try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from falcoport.errors import PortError, UnreachableError
from falcoport.network import Network
from falcoport.port.connection import (
    EXCHANGE_ERRORS,
    AnswerTooLargeError,
    describe_certificate_error,
    exchange,
    is_certificate_error,
    open_client,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCEPTED = frozenset({200, 201, 202, 204})
"""The statuses that Falcosidekick takes for success (`outputs/client.go`, 2.34.1)."""

_MAX_ANSWER = 64 * 1024


@dataclass(frozen=True)
class Delivery:
    """Where alerts are posted, with which headers, and how many seconds an answer may take."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    network: Network = field(default_factory=Network)

    def post(self, body: bytes) -> int:
        """Post one alert and return the status, which is one of ACCEPTED.

        Raises UnreachableError without an answer, PortError for a refusal, OptionValueError where
        the environment's proxy or certificates cannot be used. The URL is a credential, so none of
        them names it.
        """
        host = urlsplit(self.url).hostname or ""
        where = f"POST to the webhook at {host}"
        with open_client(self.network, self.url, headers=self.headers) as client:
            try:
                request = client.build_request("POST", self.url, content=body)
                answer = exchange(client, request, self.timeout, limit=_MAX_ANSWER)
            except (*EXCHANGE_ERRORS, httpx.InvalidURL) as error:
                raise UnreachableError(
                    f"The webhook cannot be reached: {self._reason(error)}.",
                    where=where,
                ) from None
        if answer.status not in ACCEPTED:
            raise PortError(
                f"The webhook refused the alert with status {answer.status}.",
                where=where,
                hint=_MEANINGS.get(answer.status, ""),
            )
        return answer.status

    def _reason(self, error: Exception) -> str:
        if is_certificate_error(error):
            text = describe_certificate_error(error, self.url, self.network)
            return f"{text} (SSL_CERT_FILE names a private authority)"
        if isinstance(error, httpx.TimeoutException):
            return f"no answer within {self.timeout:g} s"
        if isinstance(error, AnswerTooLargeError):
            return f"its answer is too large to be Port's, {error}"
        return type(error).__name__


_MEANINGS = {
    401: "Port does not take the secret: `falcoport setup --rotate-secret` sets a new one.",
    403: "The webhook may be disabled: see `falcoport status`.",
    404: "Port has no webhook with the key in this URL: see `falcoport status`.",
    413: "The alert is longer than Port takes.",
    429: "Port asks to wait: try again in a minute.",
}
