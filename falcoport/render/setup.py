"""What `setup` and `add-relation` say when they are done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from falcoport.mapping.alert_fields import CLUSTER_FROM_URL
from falcoport.render.changes import changes_data
from falcoport.render.text import Style
from falcoport.resources.webhook_security import (
    SIGNED,
    UNSIGN,
    Guard,
    guard,
    header_for,
    header_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.commands.setup import SetupResult
    from falcoport.commands.webhook_secret import SecretOutcome
    from falcoport.reconcile.changes import Change
    from falcoport.render.console import Output


def set_up_data(changes: tuple[Change, ...], webhook: Mapping[str, Any]) -> dict[str, Any]:
    """Return the envelope's data of a command that changed a set-up."""
    return {
        "webhook_url": str(webhook["url"]),
        "security": str(guard(webhook)),
        "changes": changes_data(changes),
    }


def secret_data(secret: SecretOutcome) -> dict[str, Any]:
    """Return what the envelope says of a generated secret: where it is, or itself."""
    if secret.generated is None:
        return {}
    if secret.file is not None:
        return {"webhook_secret_file": str(secret.file)}
    return {"webhook_secret": secret.generated}


def show_secret(
    output: Output, webhook: Mapping[str, Any], secret: SecretOutcome, *, unused: str = ""
) -> None:
    """Hand a generated secret to the user, or say why the webhook's security is as it is.

    `unused` is the variable in which a secret was given that nothing asked for.
    """
    if secret.generated is None:
        _explain_security(output, webhook, secret, unused)
        return
    if not secret.certain:
        output.warn(
            "Port's answer was lost, or somebody else secured the webhook at the same time: "
            "whether it has the generated secret is not certain. --rotate-secret settles it."
        )
    if secret.file is not None:
        output.note(f"The webhook's secret is in {secret.file}; Port does not give it back.")
    elif not output.is_json and not secret.on_stdout:
        output.reveal(
            "this is the webhook's secret, shown only once; Port does not return it:",
            secret.generated,
        )


def _explain_security(
    output: Output, webhook: Mapping[str, Any], secret: SecretOutcome, unused: str
) -> None:
    """Say why the webhook's security is as it was, where that may come as a surprise."""
    guarded = guard(webhook)
    if guarded is Guard.SIGNATURE:
        output.warn(f"the webhook {SIGNED}: no alert will arrive. {UNSIGN}.")
    elif secret.requested and not secret.written:
        output.note(
            f"The webhook asks for the header {header_name(webhook)} already; its secret stays "
            "as it is. --rotate-secret changes it."
        )
    elif not secret.requested and guarded is Guard.OPEN and unused:
        output.warn(
            f"{unused} is set, but the webhook is open: --secure makes Port ask for the secret."
        )


def show_hand_over(output: Output, result: SetupResult, *, values: bool) -> None:
    """Say where to paste the URL, for people; never with the webhook's secret."""
    if output.quiet or output.is_json:
        return
    output.note()
    if values:
        _show_values(output, result)
    if guard(result.webhook) is Guard.OPEN:
        output.note(
            "The webhook is open to whoever knows its URL; `falcoport setup --secure` closes it."
        )
    if not values and CLUSTER_FROM_URL in json.dumps(result.webhook.get("mappings")):
        output.note(
            "Each cluster's Falcosidekick needs a URL of its own: `falcoport show-url --cluster "
            "NAME --format helm` (docker, compose, k8s-secret, …) writes its configuration."
        )
    elif not values:
        output.note(
            "The URL goes into Falcosidekick; `falcoport show-url --format helm` (docker, compose, "
            "k8s-secret, …) writes its whole configuration."
        )
    if output.is_terminal:
        output.note("The webhook URL:", Style.STRONG)


def _show_values(output: Output, result: SetupResult) -> None:
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.handover.interface import Format, render
    from falcoport.falcosidekick.header import PLACEHOLDER

    header = header_for(result.webhook, PLACEHOLDER)
    handover = Handover(result.url, header)
    output.note("Falcosidekick in Docker:", Style.STRONG)
    output.note(_indent(render(handover, Format.DOCKER)))
    output.note("Falcosidekick with Helm, values for the falco chart:", Style.STRONG)
    output.note(_indent(render(handover, Format.HELM)))
    if header is not None:
        output.note(
            f"Port asks for the header {header.name}: `falcoport show-url --format helm` "
            "(k8s-secret, compose, …) writes the secret in its place; Docker reads it from "
            "the environment."
        )
        output.note()


def _indent(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.rstrip("\n").split("\n"))
