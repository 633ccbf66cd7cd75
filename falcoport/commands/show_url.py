"""Say where Falcosidekick posts to, alone or as its whole configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from falcoport.commands.live_webhook import require_header, require_webhook
from falcoport.falcosidekick.handover.interface import Format, check_options, holds_secret, render
from falcoport.falcosidekick.header import PLACEHOLDER
from falcoport.resources.webhook_security import SIGNED, Guard, guard, header_name

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.header import Header
    from falcoport.resources.interface import Json

URL_TO_COME = "https://port.invalid"
"""Stands for the webhook's URL until Port was asked."""


@dataclass(frozen=True)
class ShowUrlRequest:
    """Which webhook, and what to write of it.

    `handover` is what the options ask for, its URL and header left open; `secret` is the
    webhook's, if it was given.
    """

    webhook: str
    handover: Handover
    form: Format = Format.URL
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # Before Port is asked: a mistake in the options shows at once.
        check_options(self.handover, self.form)


@dataclass(frozen=True)
class ShowUrlResult:
    """The text, which may hold the secret, and the URL, which is a credential too."""

    text: str = field(repr=False)
    url: str = field(repr=False)
    enabled: bool


def show_url(request: ShowUrlRequest, context: Context) -> ShowUrlResult:
    """Return the text in the format asked for.

    Raise NotSetUpError, SignedWebhookError, SecretMissingError, or what the client raises.
    """
    with context.connect() as api:
        webhook = require_webhook(api.webhook(request.webhook), request.webhook)
    _warn_of_tags(request, context)
    enabled = webhook.get("enabled") is not False
    if not enabled:
        context.warn(
            f"webhook {webhook['identifier']} is disabled in Port: alerts sent to it are dropped. "
            "`falcoport setup` enables it."
        )
    header = _find_header(request, webhook, context)
    url = str(webhook["url"])
    return ShowUrlResult(
        render(replace(request.handover, url=url, header=header), request.form), url, enabled
    )


def _find_header(request: ShowUrlRequest, webhook: Json, context: Context) -> Header | None:
    """Return the header that the webhook asks for, as far as the format has a place for it."""
    guarded = guard(webhook)
    known = request.secret if holds_secret(request.handover, request.form) else PLACEHOLDER
    if guarded is Guard.OPEN and known not in (None, PLACEHOLDER):
        context.warn(
            f"webhook {webhook['identifier']} is open, so the secret is left out: `falcoport "
            "setup --secure` makes Port ask for it."
        )
    if request.form is not Format.URL:
        return require_header(webhook, known, where=f"--format {request.form}")
    if guarded is Guard.SIGNATURE:
        context.warn(f"webhook {webhook['identifier']} {SIGNED}.")
    elif guarded is Guard.HEADER:
        context.progress(
            f"The webhook asks for the header {header_name(webhook)} as well: "
            "the other --format choices write it."
        )
    return None


def _warn_of_tags(request: ShowUrlRequest, context: Context) -> None:
    if request.form is Format.ENV and request.handover.custom_tags:
        context.warn(
            "CUSTOMTAGS has no effect in a Secret of the Helm charts: they set it themselves, and "
            "theirs wins. There, use --format k8s-secret or helm."
        )
