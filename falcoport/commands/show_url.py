"""Say where Falcosidekick posts to, alone or as its whole configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from falcoport.commands.live_webhook import require_header, require_webhook
from falcoport.falcosidekick.handover.interface import Format, check_options, holds_secret, render
from falcoport.falcosidekick.header import PLACEHOLDER
from falcoport.mapping.alert_fields import CLUSTER_FROM_URL, check_cluster_name
from falcoport.resources.webhook_security import SIGNED, Guard, guard, header_name

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.header import Header
    from falcoport.json_types import Json

URL_TO_COME = "https://port.invalid"
"""Stands for the webhook's URL until Port was asked."""


@dataclass(frozen=True)
class ShowUrlRequest:
    """Which webhook, and what to write of it.

    `handover` is what the options ask for, its URL and header left open; `secret` is the
    webhook's, if it was given. `clusters` are those to write one text each for: the Falcosidekick
    of each names its own in the URL.
    """

    webhook: str
    handover: Handover
    form: Format = Format.URL
    secret: str | None = field(default=None, repr=False)
    clusters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Before Port is asked: a mistake in the options shows at once.
        check_options(self.handover, self.form)
        for name in self.clusters:
            check_cluster_name(name)


@dataclass(frozen=True)
class ClusterHandover:
    """One text, which may hold the secret, and the URL, which is a credential too."""

    cluster: str | None
    text: str = field(repr=False)
    url: str = field(repr=False)


@dataclass(frozen=True)
class ShowUrlResult:
    """What is handed over: one text, or one for each cluster."""

    handovers: tuple[ClusterHandover, ...]
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
    _warn_of_clusters(request, webhook, context)
    handovers = []
    for cluster in request.clusters or (None,):
        url = add_cluster(str(webhook["url"]), cluster)
        text = render(replace(request.handover, url=url, header=header), request.form)
        handovers.append(ClusterHandover(cluster, text, url))
    return ShowUrlResult(tuple(handovers), enabled)


def add_cluster(url: str, cluster: str | None) -> str:
    """Return the URL that the Falcosidekick of a cluster posts to."""
    if cluster is None:
        return url
    joint = "&" if urlsplit(url).query else "?"
    return f"{url}{joint}cluster={quote(cluster, safe='')}"


def _warn_of_clusters(request: ShowUrlRequest, webhook: Json, context: Context) -> None:
    if request.clusters and CLUSTER_FROM_URL not in json.dumps(webhook.get("mappings") or []):
        context.warn(
            "the mapping does not read the cluster from the URL: `falcoport setup` with each "
            "--cluster, or with `clusters` in falcoport.yaml, makes it do so."
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
