"""The secret of a webhook in one run: given or generated, set in Port, handed to the user.

It is made before anything is planned. Its file is prepared before Port gets the secret and put in
its place after, so that the only copy of a working secret is never gone, and a run that is killed
in between leaves the new one beside it. The next run goes on with that one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.falcosidekick.header import generate_secret
from falcoport.files import PendingFile, find_pending, prepare_private_file
from falcoport.resources.webhook_security import SecretHeader

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.commands.context import Context
    from falcoport.reconcile.journal import Journal
    from falcoport.reconcile.plan import Plan
    from falcoport.resources.interface import Key


_LONGEST_FILE = 100  # bytes; more than a generated secret takes


@dataclass(frozen=True)
class SecretRequest:
    """What was asked for: a header's name and a secret, None where they were left open.

    `rotate` sets the secret although the webhook has one; `out` is where a generated one goes, in
    the place of a file there only with `force`; `on_stdout` is for a caller who prints it.
    """

    header: str | None = None
    secret: str | None = field(default=None, repr=False)
    rotate: bool = False
    out: Path | None = None
    force: bool = False
    on_stdout: bool = False


@dataclass(frozen=True)
class SecretOutcome:
    """What became of the secret.

    `requested` tells whether one was asked for, `written` whether this run set it in Port.
    `generated` is a new secret that the user does not know yet, `file` where it was put,
    `on_stdout` whether it is to be printed; `certain` is False where Port's answer was lost, so
    that it may have another one.
    """

    requested: bool = False
    written: bool = False
    certain: bool = True
    generated: str | None = field(default=None, repr=False)
    file: Path | None = None
    on_stdout: bool = False


class SecretHandover:
    """Takes a webhook's secret through a run."""

    def __init__(self, request: SecretRequest | None, webhook: Key, context: Context) -> None:
        self._request = request
        self._webhook = webhook
        self._context = context
        self._pending: PendingFile | None = None
        self._offered = False
        self._earlier = _find_earlier(request)
        self.header = _make_header(request, self._earlier, context) if request is not None else None
        """What the webhook must ask for; None where its security is left as it is."""

    def prepare(self, planned: Plan) -> None:
        """Prepare the secret's file where a plan sets the secret. Raise UsageError."""
        writes = any(w.key == self._webhook and w.has_hidden for w in planned.writes)
        if not writes or self._request is None or self._request.secret is not None:
            return
        self._offered = True
        if self._earlier is not None:
            self._pending = self._earlier.pending
        elif self._request.out is not None and self._pending is None:
            assert self.header is not None
            text = f"{self.header.secret}\n"
            force = self._request.force
            self._pending = prepare_private_file(self._request.out, text, force=force)

    def abandon(self, journal: Journal) -> None:
        """After a failure: hand over a secret that may be in use, forget one that surely is not."""
        if not self._offered:
            return
        if not journal.may_have_written_hidden(self._webhook):
            # What an earlier run left may be what Port has since then.
            if self._pending is not None and self._earlier is None:
                self._pending.discard()
            return
        if self._pending is None and self._earlier is not None:
            return  # it is in its file already
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
        assert self._request is not None
        request, secret = self._request, self.header.secret
        return SecretOutcome(requested, written, written, secret, request.out, request.on_stdout)


@dataclass(frozen=True)
class _Earlier:
    """A secret that a run before this one generated; `pending` unless its file is in its place."""

    secret: str = field(repr=False)
    pending: PendingFile | None


def _find_earlier(request: SecretRequest | None) -> _Earlier | None:
    """Return the secret with which a run that was cut is to be finished, if there is one."""
    if request is None or request.out is None or request.secret is not None:
        return None
    pending = find_pending(request.out, force=request.force)
    placed, prepared = _read_generated(request.out), _read_generated(pending.pending)
    if prepared is not None and prepared == placed:
        pending.discard()  # the run was cut between the file's two names
        prepared = None
    if prepared is not None and (request.force or not request.out.exists()):
        return _Earlier(prepared, pending)
    if placed is None or request.rotate or request.force:
        return None
    return _Earlier(placed, None)


def _read_generated(path: Path) -> str | None:
    """Return the secret in a file; None if that is not whole, or nothing that falcoport made."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            found = re.fullmatch(rb"([0-9a-f]{64})\r?\n?", file.read(_LONGEST_FILE))
    except OSError:
        return None
    return None if found is None else found[1].decode()


def _make_header(
    request: SecretRequest, earlier: _Earlier | None, context: Context
) -> SecretHeader:
    secret = request.secret
    if secret is None:
        secret = generate_secret() if earlier is None else earlier.secret
    context.mask(secret)
    # Nobody can tell whether Port got what an earlier run had prepared: it is written again.
    given = request.secret is not None or (earlier is not None and earlier.pending is not None)
    return SecretHeader(secret, request.header, rotate=request.rotate, given=given)
