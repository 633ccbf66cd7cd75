"""Files that falcoport writes: whole or not at all, never in the place of what is there.

A file is written under a temporary name beside its place and renamed. What holds a secret that is
not in Port yet is prepared before and put in place after (`PendingFile`), so that a full disk or a
taken name shows before anything is written to Port, and a kill in between loses nothing.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from falcoport.errors import FileTakenError, UsageError

_PRIVATE, _PUBLIC = 0o600, 0o644
_WRITE_HERE = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)


def write_file(path: Path, text: str, *, private: bool, force: bool) -> None:
    """Write a file whole or not at all; mode 0600 where it is `private`.

    An existing file is replaced only with `force`, where a link leads if it is one. What is there
    and no file, such as a device or a folder, never is. Raise UsageError.
    """
    _check_place(path)
    try:
        if not force:
            # Whoever creates the name first has it; what comes now replaces only our own.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
        try:
            _replace(path.resolve(), text, _PRIVATE if private else _PUBLIC)
        except OSError:
            if not force:
                path.unlink()
            raise
    except FileExistsError:
        raise _is_taken_error(path) from None
    except OSError as error:
        raise _unwritable(path, error) from None


@dataclass(frozen=True)
class PendingFile:
    """A private file that is written already, under another name beside its place.

    `path` is the place, `pending` the other name. The name is always the same for one place, so
    that a run after one that was killed finds what that one had prepared.
    """

    path: Path
    pending: Path
    force: bool = False

    def commit(self) -> None:
        """Put the file in its place at once. Raise UsageError where somebody else took it."""
        try:
            if self.force:
                self.pending.replace(self.path.resolve())
                return
            # A rename would replace what came into the place meanwhile; a second name does not.
            os.link(self.pending, self.path)
            self.pending.unlink(missing_ok=True)
        except FileExistsError:
            raise FileTakenError(
                f"{self.path} was taken meanwhile; the secret is in {self.pending}.",
                where=str(self.path),
                hint="Move it from there yourself: Port does not give it back.",
            ) from None
        except OSError as error:
            raise UsageError(
                f"{self.path} cannot be written: {error.strerror}. The secret is in "
                f"{self.pending}.",
                where=str(self.path),
                hint="Move it from there yourself: Port does not give it back.",
            ) from None

    def discard(self) -> None:
        """Remove what was prepared; the place stays as it is."""
        self.pending.unlink(missing_ok=True)


def pending_path(path: Path) -> Path:
    """Return the name under which a file for `path` is prepared."""
    return path.with_name(f".{path.name}.pending")


def prepare_private_file(path: Path, text: str, *, force: bool) -> PendingFile:
    """Write a private file beside its place, to be put there by `commit`.

    Raise UsageError where the place is taken and `force` is not given, or cannot be written to.
    """
    _check_place(path)
    if path.exists() and not force:
        raise _is_taken_error(path)
    pending = find_pending(path, force=force)
    try:
        # Under its own name at once: a temporary one would stay behind where the run is killed.
        handle = os.open(pending.pending, _WRITE_HERE, _PRIVATE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, _PRIVATE)
            file.write(text)
            file.flush()
            os.fsync(handle)
    except OSError as error:
        raise _unwritable(path, error) from None
    return pending


def find_pending(path: Path, *, force: bool) -> PendingFile:
    """Return what a run for this place prepares, or has prepared."""
    return PendingFile(path, pending_path(path.resolve()), force)


def _check_place(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise FileTakenError(
            f"{path} is not a file and is left as it is.",
            where=str(path),
            hint="Name another place.",
        )


def _is_taken_error(path: Path) -> FileTakenError:
    return FileTakenError(
        f"{path} exists already and is left as it is.",
        where=str(path),
        hint="Give --force to replace it, or name another file.",
    )


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror}.", where=str(path))


def _replace(path: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(handle, mode)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
