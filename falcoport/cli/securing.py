"""What `--secure` and its companions mean: where a webhook's secret comes from and goes to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import Run
from falcoport.errors import UsageError
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from falcoport.reconcile.planning import Desired, Live
    from falcoport.resources.webhook_security import Securing


_SECURITY = "security"


@dataclass(frozen=True)
class SecurityOptions:
    """The options that secure a webhook."""

    secure: options.Secure = False
    header: options.HeaderName = None
    webhook_secret_file: options.WebhookSecretFile = None
    rotate_secret: options.RotateSecret = False
    secret_out: options.SecretOut = None
    force: options.Force = False


def given_secret(run: Run, file: Path | None) -> str | None:
    """Return the webhook's secret that the user gave, hidden from here on; None if none was.

    Raises UsageError.
    """
    secret = run.read_secret(file, "--webhook-secret-file") or run.environment.get(WEBHOOK_SECRET)
    if secret:
        run.output.mask(secret)
    return secret or None


class WebhookSecret:
    """The secret of one run: given or generated, handed to the user, and set in Port once."""

    def __init__(
        self,
        run: Run,
        securing: Securing | None = None,
        out: Path | None = None,
        *,
        force: bool = False,
        dry_run: bool = False,
    ) -> None:
        from falcoport.reconcile.applying import Journal

        self._run = run
        self._securing = securing
        self._out = out
        self._force = force
        self._dry_run = dry_run
        self._generated: str | None = None
        self.journal = Journal()

    def desired(self, desired: Desired, live: Live) -> Desired:
        """Return what is wanted of a live webhook, security included; raises ConflictError."""
        if self._securing is None or self.journal.has_written(_SECURITY):
            return desired
        return replace(desired, security=self._securing.block(live.webhook, self._generate))

    def failed(self) -> None:
        """Give a generated secret away that may be in use; forget one that surely is not."""
        if self._generated is None:
            return
        if not self.journal.may_have_written(_SECURITY):
            if self._out is not None:
                self._out.unlink(missing_ok=True)
        elif self._out is None:
            self._run.output.reveal("the webhook may have this secret now:", self._generated)

    def finished(self, webhook: Mapping[str, Any]) -> dict[str, Any]:
        """Hand a generated secret to the user; return what the envelope tells about it.

        `webhook` is what Port has now.
        """
        output = self._run.output
        if self._generated is None:
            self._explain(webhook)
            return {}
        if not self.journal.has_written(_SECURITY):
            output.warn(
                "Port's answer was lost, or somebody else secured the webhook at the same time: "
                "whether it has the generated secret is not certain. --rotate-secret settles it."
            )
        if self._out is not None:
            output.note(f"The webhook's secret is in {self._out}; Port does not give it back.")
            return {"webhook_secret_file": str(self._out)}
        if not output.is_json:
            output.reveal(
                "this is the webhook's secret, shown this once; Port does not give it back:",
                self._generated,
            )
        return {"webhook_secret": self._generated}

    def _explain(self, webhook: Mapping[str, Any]) -> None:
        """Say why the webhook's security is as it was, where that may come as a surprise."""
        from falcoport.resources.webhook_security import SIGNED, UNSIGN, Guard, guard, header_name

        output = self._run.output
        if guard(webhook) is Guard.SIGNATURE:
            output.warn(f"the webhook {SIGNED}: no alert will arrive. {UNSIGN}.")
            return
        if self._securing is not None and not self.journal.has_written(_SECURITY):
            output.note(
                f"The webhook asks for the header {header_name(webhook)} already; its secret stays "
                "as it is. --rotate-secret changes it."
            )
        elif self._securing is not None or guard(webhook) is not Guard.OPEN:
            return
        elif self._run.environment.get(WEBHOOK_SECRET):
            output.warn(
                f"{WEBHOOK_SECRET} is set, but the webhook is open: --secure makes Port ask for "
                "the secret."
            )

    def _generate(self) -> str:
        from falcoport.falcosidekick.header import PLACEHOLDER, generate_secret
        from falcoport.files import write_file

        if self._dry_run:
            return PLACEHOLDER
        if self._generated is None:
            secret = generate_secret()
            self._run.output.mask(secret)
            if self._out is not None:
                # Before Port has it: a secret that only Port knows would be lost.
                write_file(self._out, f"{secret}\n", private=True, force=self._force)
            self._generated = secret
        return self._generated


def webhook_secret(run: Run, given: SecurityOptions, *, dry_run: bool) -> WebhookSecret:
    """Return the secret that the options ask for; with `dry_run`, one that is never handed out.

    Raises UsageError or InputError.
    """
    asked = given.secure or given.rotate_secret
    companions = {
        "--header": given.header,
        "--webhook-secret-file": given.webhook_secret_file,
        "--secret-out": given.secret_out,
    }
    alone = [name for name, value in companions.items() if value is not None and not asked]
    if alone:
        raise UsageError(
            f"{alone[0]} says how to secure the webhook: give --secure as well.", where=alone[0]
        )
    if not asked:
        return WebhookSecret(run)
    from falcoport.resources.webhook_security import Securing

    secret = given_secret(run, given.webhook_secret_file)
    securing = Securing(given.header, secret, given.rotate_secret)
    return WebhookSecret(run, securing, given.secret_out, force=given.force, dry_run=dry_run)
