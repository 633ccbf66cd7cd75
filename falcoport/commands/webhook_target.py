"""Where alerts that were kept are posted to: the webhook as Port has it, or a URL that was given.

With a URL, no credentials for Port are needed: what only posts alerts must not be able to change
the catalog.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.live_webhook import require_header, require_webhook
from falcoport.delivery.send import Delivery
from falcoport.errors import CheckFailedError, OptionValueError
from falcoport.falcosidekick.forward import HEADERS
from falcoport.falcosidekick.header import DEFAULT_HEADER, Header
from falcoport.settings import WEBHOOK_URL
from falcoport.urls import find_webhook_url_problem

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.json_types import Json
    from falcoport.network import Network


@dataclass(frozen=True)
class TargetRequest:
    """Which webhook: one of Port's by its identifier, or, where given, a URL.

    `header` is the name of the header that carries `secret` to a URL; Port's webhooks say it.
    """

    webhook_id: str
    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    header: str | None = None
    timeout: float = 10.0


def resolve_target(request: TargetRequest, context: Context) -> Delivery:
    """Return where to post, with which headers. Raise UsageError, CheckFailedError, PortError."""
    if request.url is not None:
        check_webhook_url(request.url)
        header = (
            Header(request.header or DEFAULT_HEADER, request.secret) if request.secret else None
        )
        return _delivery(request.url, header, request.timeout, context.network)
    with context.connect() as api:
        webhook = api.webhook(request.webhook_id)
    return target_of(webhook, request, context.network)


def target_of(webhook: Json | None, request: TargetRequest, network: Network) -> Delivery:
    """Return where to post for a webhook as Port gave it. Raise CheckFailedError, UsageError."""
    live = require_webhook(webhook, request.webhook_id)
    if live.get("enabled") is False:
        raise CheckFailedError(
            f"Webhook {request.webhook_id!r} is disabled: Port would take alerts and drop them.",
            code="disabled",
            where=f"webhook {request.webhook_id}",
            hint="`falcoport setup` enables it.",
        )
    header = require_header(live, request.secret)
    return _delivery(str(live["url"]), header, request.timeout, network)


def check_webhook_url(url: str) -> None:
    """Raise OptionValueError for a URL that alerts must not be posted to; it never shows it."""
    problem = find_webhook_url_problem(url)
    if problem:
        raise OptionValueError(
            f"The webhook's URL cannot be used: {problem}.",
            code="bad_url",
            where=WEBHOOK_URL,
            hint="It begins with https://; http:// is accepted for loopback only.",
        )


def _delivery(url: str, header: Header | None, timeout: float, network: Network) -> Delivery:
    # As Falcosidekick sends them, so that a mapping that reads headers sees no difference.
    own = {header.name: header.value} if header is not None else {}
    return Delivery(url, {**HEADERS, **own}, timeout, network)
