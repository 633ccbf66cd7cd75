"""The secret of a webhook in one run: given or generated, set in Port, handed to the user.

It is made before anything is planned. Its file is prepared before Port gets the secret and put in
its place after, so that the only copy of a working secret is never gone, and a run that is killed
in between leaves the new one beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.falcosidekick.header import generate_secret
from falcoport.files import PendingFile, prepare_private_file
from falcoport.resources.webhook_security import SecretHeader

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.commands.context import Context
    from falcoport.reconcile.journal import Journal
    from falcoport.reconcile.plan import Plan
    from falcoport.resources.interface import Key


@dataclass(frozen=True)
class SecretRequest:
    """What was asked for: a header's name and a secret, None where they were left open.

    `rotate` sets the secret although the webhook has one; `out` is where a generated one goes, in
    the place of a file there only with `force`.
    """

    header: str | None = None
    secret: str | None = field(default=None, repr=False)
    rotate: bool = False
    out: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class SecretOutcome:
    """What became of the secret.

    `requested` tells whether one was asked for, `written` whether this run set it in Port.
    `generated` is a new secret that the user does not know yet, `file` where it was put;
    `certain` is False where Port's answer was lost, so that it may have another one.
    """

    requested: bool = False
    written: bool = False
    certain: bool = True
    generated: str | None = field(default=None, repr=False)
    file: Path | None = None


class SecretHandover:
    """Takes a webhook's secret through a run."""

    def __init__(self, request: SecretRequest | None, webhook: Key, context: Context) -> None:
        self._request = request
        self._webhook = webhook
        self._context = context
        self._pending: PendingFile | None = None
        self._offered = False
        self.header = _make_header(request, context) if request is not None else None
        """What the webhook must ask for; None where its security is left as it is."""

    def prepare(self, planned: Plan) -> None:
        """Prepare the secret's file where a plan sets the secret. Raise UsageError."""
        writes = any(w.key == self._webhook and w.has_hidden for w in planned.writes)
        if not writes or self._request is None or self._request.secret is not None:
            return
        self._offered = True
        if self._request.out is not None and self._pending is None:
            assert self.header is not None
            text = f"{self.header.secret}\n"
            force = self._request.force
            self._pending = prepare_private_file(self._request.out, text, force=force)

    def abandon(self, journal: Journal) -> None:
        """After a failure: hand over a secret that may be in use, forget one that surely is not."""
        if not self._offered:
            return
        if not journal.may_have_written_hidden(self._webhook):
            if self._pending is not None:
                self._pending.discard()
            return
        if self._pending is None:
            assert self.header is not None
            self._context.reveal("the webhook may have this secret now:", self.header.secret)
        elif journal.has_written_hidden(self._webhook):
            self._pending.commit()
        else:
            self._context.warn(
                f"the webhook may have the secret in {self._pending.pending} now: Port's answer "
                "was lost. Running the same command again settles it."
            )

    def hand_over(self, journal: Journal) -> SecretOutcome:
        """After success: put the file in its place; return what to show. Raise UsageError."""
        requested = self._request is not None
        written = journal.has_written_hidden(self._webhook)
        if not self._offered or self.header is None:
            return SecretOutcome(requested, written)
        if self._pending is not None:
            self._pending.commit()
        file = self._pending.path if self._pending is not None else None
        return SecretOutcome(requested, written, written, self.header.secret, file)


def _make_header(request: SecretRequest, context: Context) -> SecretHeader:
    secret = request.secret if request.secret is not None else generate_secret()
    context.mask(secret)
    given = request.secret is not None
    return SecretHeader(secret, request.header, rotate=request.rotate, given=given)
