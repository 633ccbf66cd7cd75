"""What a live webhook asks of its senders, for every command that sends to it or says how to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import NotSetUpError, SecretMissingError, SignedWebhookError
from falcoport.resources.webhook_security import (
    SIGNED,
    UNSIGN,
    Guard,
    guard,
    header_for,
    header_name,
)
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    from falcoport.falcosidekick.header import Header
    from falcoport.json_types import Json

HOW_TO_GIVE_SECRET = (
    f"Set {WEBHOOK_SECRET} or give --webhook-secret-file. Port does not return the secret; "
    "`falcoport setup --rotate-secret` makes a new one."
)


def require_webhook(found: Json | None, identifier: str) -> Json:
    """Return the webhook that was looked up. Raise NotSetUpError if Port has none."""
    if found is None:
        raise NotSetUpError.missing("webhook", identifier)
    return found


def require_header(
    webhook: Json, secret: str | None, *, where: str = "", hint: str = HOW_TO_GIVE_SECRET
) -> Header | None:
    """Return the header that a webhook asks for, None if it is open.

    Raise SignedWebhookError if it asks for a signature, SecretMissingError without the secret.
    """
    refuse_signed(webhook)
    if guard(webhook) is Guard.OPEN:
        return None
    if not secret:
        raise SecretMissingError(
            f"Webhook {webhook['identifier']!r} asks for the header {header_name(webhook)}, and "
            "its secret was not given.",
            where=where or f"webhook {webhook['identifier']}: security",
            hint=hint,
        )
    return header_for(webhook, secret)


def refuse_signed(webhook: Json) -> None:
    """Raise SignedWebhookError if a webhook asks for a signature."""
    if guard(webhook) is Guard.SIGNATURE:
        raise SignedWebhookError(
            f"Webhook {webhook['identifier']!r} {SIGNED}.",
            where=f"webhook {webhook['identifier']}: security",
            hint=f"{UNSIGN}.",
        )
