"""Every way falcoport fails on purpose, and the exit code each has.

    FalcoportError
      UsageError             2  the command line or the environment is incomplete or contradictory
      CheckFailedError       3  something is missing, drifted, disabled or did not arrive
      InputError             4  a file or an option's content is wrong
        ManifestError        4  a blueprint or webhook file
        ConflictError        4  what is in Port contradicts what was asked for
        RefusedError         4  Port refuses the request as invalid
      AccessError            5
        CredentialsError     5  Port does not know the credentials
        PermissionsError     5  Port knows them and says no
      PortError              6  Port or the network: trying again is sensible
        UnreachableError     6  no answer at all
        UnexpectedAnswerError 6 an answer that is not one of Port's
        ConcurrentChangeError 6 somebody else wrote at the same time
      PartialError           7  some items failed, the rest was done
      InterruptedRunError  130  Ctrl-C

Exit code 0 is success and 1 is a bug in falcoport.
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_CHECK = 3
EXIT_INPUT = 4
EXIT_ACCESS = 5
EXIT_PORT = 6
EXIT_PARTIAL = 7
EXIT_INTERRUPTED = 130

AGAIN = "Running the same command again is safe: it goes on from here."
"""What to do after an interruption."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `message` says what, `where` the file and key or the request.

    `code` is a stable word for scripts; `hint` says what to do next and may be empty.
    """

    code: str
    message: str
    where: str = ""
    hint: str = ""


class FalcoportError(Exception):
    """A failure that falcoport explains: never shown as a traceback.

    `problems`, where given, lists everything that is wrong at once; otherwise the error is its
    own single problem.
    """

    exit_code = EXIT_BUG
    code = "error"

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        code: str = "",
        problems: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems or (Problem(code or self.code, message, where, hint),)
        self.where = where
        self.hint = hint
        self.progress = ""
        """What had been done when it happened; empty if nothing."""


class UsageError(FalcoportError):
    """The command line or the environment is incomplete or contradictory."""

    exit_code = EXIT_USAGE
    code = "usage"


class CheckFailedError(FalcoportError):
    """A check did not hold: something is missing, drifted, disabled or did not arrive."""

    exit_code = EXIT_CHECK
    code = "check_failed"


class InputError(FalcoportError):
    """A file or an option's content is wrong."""

    exit_code = EXIT_INPUT
    code = "bad_input"


class ManifestError(InputError):
    """A blueprint or webhook file does not say what Port accepts."""

    code = "bad_manifest"


class ConflictError(InputError):
    """What is in Port contradicts what was asked for; nothing was written."""

    code = "conflict"


class RefusedError(InputError):
    """Port refuses the request as invalid."""

    code = "refused"


class AccessError(FalcoportError):
    """Credentials or permission."""

    exit_code = EXIT_ACCESS
    code = "access"


class CredentialsError(AccessError):
    """Port does not know the credentials."""

    code = "bad_credentials"


class PermissionsError(AccessError):
    """Port knows the credentials and says no."""

    code = "no_permission"


class PortError(FalcoportError):
    """Port or the network failed; running the same command again is sensible."""

    exit_code = EXIT_PORT
    code = "port_error"


class UnreachableError(PortError):
    """No answer at all."""

    code = "unreachable"


class UnexpectedAnswerError(PortError):
    """An answer that is not one of Port's."""

    code = "unexpected_answer"


class ConcurrentChangeError(PortError):
    """Somebody else wrote at the same time."""

    code = "concurrent_change"


class PartialError(FalcoportError):
    """Some items failed, the rest was done."""

    exit_code = EXIT_PARTIAL
    code = "partial"


class InterruptedRunError(FalcoportError):
    """Ctrl-C, or a termination signal."""

    exit_code = EXIT_INTERRUPTED
    code = "interrupted"
