"""A webhook's guard in Port: a constant header, since Falcosidekick cannot sign what it sends.

Port compares the named header with the secret itself (`signatureAlgorithm: plain`) and leaves an
event aside whose identifier it has seen (`requestIdentifierPath`); Falcosidekick gives every
event it forwards a new `uuid` (Port docs, "Webhook"; Falcosidekick 2.34.1, `handlers.go`).
Port does not give a secret back. Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.falco.header import Header

Json = dict[str, Any]

ALGORITHM = "plain"
REQUEST_IDENTIFIER = ".body.uuid"


class Guard(StrEnum):
    """What a webhook asks of whoever posts to it."""

    OPEN = "open"
    """Nothing: everybody who learns the URL can post."""
    HEADER = "header"
    """A header with a constant value, which Falcosidekick can send."""
    SIGNATURE = "signature"
    """A signed body, which Falcosidekick cannot send."""


def guard(webhook: Mapping[str, Any]) -> Guard:
    """Tell what a webhook, as Port gives it, asks of its senders."""
    security = webhook.get("security") or {}
    algorithm = security.get("signatureAlgorithm")
    if not algorithm or not security.get("signatureHeaderName"):
        return Guard.OPEN
    return Guard.HEADER if algorithm == ALGORITHM else Guard.SIGNATURE


def header_name(webhook: Mapping[str, Any]) -> str | None:
    """Return the name of the constant header a webhook asks for; None if it asks for none."""
    if guard(webhook) is not Guard.HEADER:
        return None
    return str(webhook["security"]["signatureHeaderName"])


def secured(webhook: Json, live: Mapping[str, Any] | None, header: Header) -> Json:
    """Return a webhook's body with the security block that asks for `header`.

    `live` is the webhook as Port has it, None where there is none: a prefix that somebody set for
    signatures is cleared, since it would be expected in front of the secret.
    """
    block: Json = {
        "secret": header.value,
        "signatureHeaderName": header.name,
        "signatureAlgorithm": ALGORITHM,
        "requestIdentifierPath": REQUEST_IDENTIFIER,
    }
    if ((live or {}).get("security") or {}).get("signaturePrefix"):
        block["signaturePrefix"] = None
    return {**webhook, "security": block}
