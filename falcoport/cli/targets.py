"""The options that say which webhook kept alerts are posted to, for `relay` and `replay`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli import options
from falcoport.cli.option_groups import read_webhook_secret
from falcoport.settings import DEFAULT_TIMEOUT, WEBHOOK_URL

if TYPE_CHECKING:
    from falcoport.cli.command import Run
    from falcoport.commands.webhook_target import TargetRequest

_TARGET = "The webhook"

WebhookUrlFile = Annotated[
    Path | None,
    typer.Option(
        "--webhook-url-file",
        metavar="FILE",
        rich_help_panel=_TARGET,
        help="File with the webhook's URL, - for stdin; no credentials for Port are needed then. "
        "(env: FALCOPORT_WEBHOOK_URL, the URL itself)",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate", min=0.001, metavar="N", help="Post at most N alerts a second, such as 50."
    ),
]
MaxInFlight = Annotated[
    int,
    typer.Option(
        "--max-in-flight", min=1, max=1000, metavar="N", help="Post at most N alerts at a time."
    ),
]


@dataclass(frozen=True)
class TargetOptions:
    """Which webhook, and what opens it."""

    webhook_id: options.WebhookId = None
    webhook_url_file: WebhookUrlFile = None
    header: options.HeaderName = None
    webhook_secret_file: options.WebhookSecretFile = None
    timeout: options.Timeout = DEFAULT_TIMEOUT

    def read(self, run: Run) -> TargetRequest:
        """Return what the options and the environment say. Raise UsageError."""
        from falcoport.commands.webhook_target import TargetRequest
        from falcoport.manifests.loading import load

        url = run.read_secret(self.webhook_url_file, "--webhook-url-file")
        url = url or run.environment.get(WEBHOOK_URL) or None
        if url is not None:
            url = url.strip()
            run.output.mask(url)
        return TargetRequest(
            webhook_id=self.webhook_id or load().webhook.identifier,
            url=url,
            secret=read_webhook_secret(run, self.webhook_secret_file),
            header=self.header,
            timeout=self.timeout,
        )
