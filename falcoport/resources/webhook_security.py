"""A webhook's guard in Port: a constant header, since Falcosidekick cannot sign what it sends.

Port compares the named header with the secret itself (`signatureAlgorithm: plain`) and leaves an
event aside whose identifier it has seen (`requestIdentifierPath`); Falcosidekick gives every
event it forwards a new `uuid` (Port docs, "Webhook"; Falcosidekick 2.34.1, `handlers.go`).
Port does not give a secret back, so the block is only ever written whole, with a known secret.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from falcoport.errors import Problem, SignedWebhookError
from falcoport.falcosidekick.header import DEFAULT_HEADER, Header, check_name, check_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from falcoport.json_types import Json


ALGORITHM = "plain"
REQUEST_IDENTIFIER = ".body.uuid"

SIGNED = "asks for signed bodies, which Falcosidekick cannot send"
UNSIGN = "`falcoport setup --rotate-secret` makes it ask for a constant header instead"

_SECURITY = "security"
_SECRET = "secret"  # noqa: S105 -- the name of a key


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
    security = _block_of(webhook)
    algorithm = security.get("signatureAlgorithm")
    if not algorithm or not security.get("signatureHeaderName"):
        return Guard.OPEN
    if algorithm != ALGORITHM:
        return Guard.SIGNATURE
    # Without a secret there is nothing to compare the header with, so nobody is kept out.
    return Guard.HEADER if security.get(_SECRET) else Guard.OPEN


def header_name(webhook: Mapping[str, Any]) -> str | None:
    """Return the name of the constant header a webhook asks for; None if it asks for none."""
    if guard(webhook) is not Guard.HEADER:
        return None
    return str(webhook[_SECURITY]["signatureHeaderName"])


def header_for(webhook: Mapping[str, Any], secret: str) -> Header | None:
    """Return the header that a sender must send; None if the webhook asks for none.

    Raises UsageError for a secret that Falcosidekick would not send as it stands.
    """
    name = header_name(webhook)
    if name is None:
        return None
    check_secret(secret)
    return Header(name, (webhook[_SECURITY].get("signaturePrefix") or "") + secret)


def describe_guard(webhook: Mapping[str, Any]) -> str:
    """Say what a webhook asks of its senders."""
    if guard(webhook) is Guard.HEADER:
        return f"secured: asks for the header {header_name(webhook)}"
    if guard(webhook) is Guard.SIGNATURE:
        return f"{SIGNED}; {UNSIGN}"
    return "open to whoever knows its URL; `falcoport setup --secure` closes it"


@dataclass(frozen=True)
class SecretHeader:
    """The constant header that a webhook must ask for.

    `secret` is given by the user or made before anything is planned. `name` is None where the
    webhook's own, or the default, will do. `rotate` sets the secret although the webhook has one;
    so does `given`: the user named this very secret, and Port does not give its own back to
    compare; without `rewrites` it is taken for the webhook's own where the header is. Raise
    UsageError for a name or a secret that does not arrive at Port as it stands.
    """

    secret: str = field(repr=False)
    name: str | None = None
    rotate: bool = False
    given: bool = False
    rewrites: bool = True

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name(self.name)
        check_secret(self.secret)

    def find_conflicts(self, live: Mapping[str, Any] | None) -> Iterator[Problem]:
        """Refuse to replace what the webhook asks for where nothing was said about that."""
        if live is None or self._is_free_to_write(live) or self._is_asked_for(live):
            return
        asked = header_name(live)
        asks = f"asks for the header {asked}" if asked else SIGNED
        yield Problem(
            "secured_otherwise" if asked else SignedWebhookError.code,
            f"Webhook {live.get('identifier')!r} already {asks}.",
            f"webhook {live.get('identifier')}: security",
            "Give --rotate-secret to replace that, with a new secret.",
        )

    def make_block(self, live: Mapping[str, Any] | None) -> Json | None:
        """Return the security block to write, or None where the webhook's stays as it is.

        A prefix that somebody set for signatures is cleared: Port would expect it in front of the
        secret.
        """
        if live is not None and not self._is_free_to_write(live):
            return None
        name = self.name or (header_name(live) if live else None) or DEFAULT_HEADER
        block: Json = {
            _SECRET: self.secret,
            "signatureHeaderName": name,
            "signatureAlgorithm": ALGORITHM,
            "requestIdentifierPath": REQUEST_IDENTIFIER,
        }
        if _block_of(live).get("signaturePrefix"):
            block["signaturePrefix"] = None
        return block

    def _is_free_to_write(self, live: Mapping[str, Any]) -> bool:
        if self.rotate or guard(live) is Guard.OPEN:
            return True
        return self.given and (self.rewrites or not self._is_asked_for(live))

    def _is_asked_for(self, live: Mapping[str, Any]) -> bool:
        """Tell whether the webhook asks for this header already."""
        asked = header_name(live)
        return asked is not None and (self.name is None or self.name.lower() == asked.lower())


def without_known(webhook: Json, live: Mapping[str, Any] | None) -> Json:
    """Return a manifest's webhook without its security block where Port's is the same.

    Port's own secret cannot be compared; where all the rest agrees, it counts as the same.
    """
    if live is None or guard(live) is Guard.OPEN or not _agrees(webhook, live):
        return webhook
    return {key: value for key, value in webhook.items() if key != _SECURITY}


def would_lose_secret(webhook: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    """Tell whether writing a manifest's security block would take Port's secret away."""
    if live is None or guard(live) is Guard.OPEN or _agrees(webhook, live):
        return False
    return not _block_of(webhook).get(_SECRET)


def _agrees(webhook: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    asked, found = _block_of(webhook), _block_of(live)
    return all((found.get(key) or None) == (asked[key] or None) for key in asked if key != _SECRET)


def _block_of(webhook: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (webhook or {}).get(_SECURITY) or {}
