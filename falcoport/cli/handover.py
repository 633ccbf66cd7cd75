"""The commands that hand over what `setup` made: show-url to Falcosidekick, export to code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import EXIT_CODES_WITH_CHECK, Finished, Run, add
from falcoport.cli.provisioning import ManifestOptions, MappingOptions, WebhookOptions
from falcoport.cli.securing import given_secret
from falcoport.errors import CheckFailedError, ConflictError, UsageError
from falcoport.falcosidekick.handover.contents import NAMESPACE
from falcoport.falcosidekick.handover.interface import Format
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from falcoport.falcosidekick.header import Header
    from falcoport.manifests.loading import Manifests
    from falcoport.terraform.export import Resources


def register(app: typer.Typer) -> None:
    """Add this module's commands to the app."""
    add(
        app,
        "show-url",
        exits=EXIT_CODES_WITH_CHECK,
        example="falcoport show-url --format helm --min-priority warning -f values.yaml",
    )(show_url)
    add(
        app,
        "export",
        exits=EXIT_CODES_WITH_CHECK,
        example="falcoport export --format terraform -f falco.tf",
    )(export)


def show_url(
    run: Run,
    webhook: WebhookOptions,
    form: options.HandoverFormat = Format.URL,
    file: options.File = None,
    force: options.Force = False,
    min_priority: options.MinimumPriority = None,
    custom_tag: options.CustomTags = None,
    kube_namespace: options.KubernetesNamespace = NAMESPACE,
    webhook_secret_file: options.WebhookSecretFile = None,
) -> Finished:
    """For a secured webhook, every format but url needs the secret as well."""
    from falcoport.falcosidekick.handover.contents import Handover
    from falcoport.falcosidekick.handover.interface import render

    secret = given_secret(run, webhook_secret_file)
    identifier = webhook.load().identifier
    with run.api() as api:
        live = api.webhook(identifier)
    if live is None:
        raise not_set_up("webhook", identifier)
    _warn_if_disabled(run, live)
    url = str(live["url"])
    handover = Handover(
        url,
        _header(run, live, secret, form),
        min_priority,
        tuple(custom_tag or ()),
        kube_namespace,
    )
    text = render(handover, form)
    data = {"webhook_url": url, "enabled": live.get("enabled", True), "format": str(form)}
    return Finished({**data, **_handed(run, text, file, private=True, force=force)})


def export(
    run: Run,
    manifest: ManifestOptions,
    mapping: MappingOptions,
    form: options.ExportFormat = options.ExportLanguage.TERRAFORM,
    file: options.File = None,
    force: options.Force = False,
    offline: options.Offline = False,
    namespace_blueprint: options.NamespaceBlueprint = False,
) -> Finished:
    """The Terraform code adopts them: its import blocks take over what `setup` made, and its first
    plan changes nothing.
    """
    from falcoport.terraform import export as exporting

    if mapping != MappingOptions() and not offline:
        raise UsageError(
            "Options that change the mapping go with --offline: otherwise Port says what it is.",
            where="--offline",
        )
    manifests = manifest.load()
    if offline:
        resources = _shipped(manifests, mapping, namespace=namespace_blueprint)
    else:
        resources = _live(run, manifests, namespace=namespace_blueprint)
    if form is options.ExportLanguage.JSON:
        text = json.dumps(exporting.bodies(resources), indent=2, ensure_ascii=False) + "\n"
    elif offline:
        text = exporting.terraform(resources, adopt=False)
    else:
        api_url = run.settings().api_url.value
        text = exporting.terraform(resources, adopt=True, api_url=api_url)
    handed = _handed(run, text, file, private=False, force=force)
    return Finished({"format": str(form), **handed})


def _shipped(manifests: Manifests, mapping: MappingOptions, *, namespace: bool) -> Resources:
    """Return what `setup` would create in an empty catalog."""
    from falcoport.terraform.export import Resources

    desired = mapping.desired(manifests)
    helper = manifests.namespace.body if namespace else None
    return Resources(desired.blueprint, desired.webhook, helper)


def _live(run: Run, manifests: Manifests, *, namespace: bool) -> Resources:
    """Return what is in Port; raises CheckFailedError where something is not."""
    from functools import partial

    from falcoport.port.concurrency import run_concurrently
    from falcoport.terraform.export import Resources

    webhook = manifests.webhook.identifier
    blueprints = [manifests.blueprint.identifier]
    if namespace:
        blueprints.append(manifests.namespace.identifier)
    with run.api() as api:
        api.authenticate()
        found = run_concurrently(
            [partial(api.webhook, webhook), *(partial(api.blueprint, one) for one in blueprints)]
        )
    names = [("webhook", webhook), *(("blueprint", one) for one in blueprints)]
    for (what, identifier), resource in zip(names, found, strict=True):
        if resource is None:
            raise not_set_up(what, identifier)
    return Resources(found[1], found[0], found[2] if namespace else None)


def not_set_up(what: str, identifier: str) -> CheckFailedError:
    """Return the error for a blueprint or webhook that a command needs and Port lacks."""
    return CheckFailedError(
        f"There is no {what} {identifier!r} in Port.",
        code="not_set_up",
        where=f"{what} {identifier}",
        hint="Run `falcoport setup` first.",
    )


def _warn_if_disabled(run: Run, webhook: dict[str, Any]) -> None:
    if webhook.get("enabled") is False:
        run.output.warn(
            f"webhook {webhook['identifier']} is disabled in Port: alerts sent to it are dropped. "
            "`falcoport setup` enables it."
        )


def _header(run: Run, webhook: dict[str, Any], secret: str | None, form: Format) -> Header | None:
    """Return the header that the webhook asks for, as far as the format has a place for it."""
    from falcoport.resources.webhook_security import (
        SIGNED,
        UNSIGN,
        Guard,
        guard,
        header_for,
        header_name,
    )

    identifier, guarded = webhook["identifier"], guard(webhook)
    if guarded is Guard.OPEN:
        if secret is not None:
            run.output.warn(
                f"webhook {identifier} is open, so the secret is left out: `falcoport setup "
                "--secure` makes Port ask for it."
            )
        return None
    if form is Format.URL:
        if guarded is Guard.HEADER:
            run.output.note(
                f"The webhook asks for the header {header_name(webhook)} as well: "
                "the other --format choices write it."
            )
        else:
            run.output.warn(f"webhook {identifier} {SIGNED}.")
        return None
    if guarded is Guard.SIGNATURE:
        raise ConflictError(
            f"Webhook {identifier!r} {SIGNED}.",
            code="secured_otherwise",
            where=f"webhook {identifier}: security",
            hint=f"{UNSIGN}.",
        )
    if secret is None:
        raise UsageError(
            f"Webhook {identifier!r} asks for the header {header_name(webhook)}, and its secret "
            "was not given.",
            code="no_webhook_secret",
            where=f"--format {form}",
            hint=f"Set {WEBHOOK_SECRET} or give --webhook-secret-file. Port does not give the "
            "secret back; `falcoport setup --rotate-secret` makes a new one.",
        )
    return header_for(webhook, secret)


def _handed(
    run: Run, text: str, file: Path | None, *, private: bool, force: bool
) -> dict[str, str]:
    """Write text to stdout or a file; return where it is, for the envelope."""
    from falcoport.files import write_file

    if file is None or str(file) == "-":
        run.output.result(text.removesuffix("\n"))
        return {"content": text}
    write_file(file, text, private=private, force=force)
    run.output.note(f"Written to {file}.")
    return {"file": str(file)}
