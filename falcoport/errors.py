"""Every way falcoport fails on purpose: which condition is which exit code is decided here alone.

    FalcoportError           1
      UsageError             2  the command line or the environment is incomplete or contradictory
        OptionValueError     2  an option's value that cannot be used
        CredentialsMissingError 2  no client id or secret was given
        SecretMissingError   2  a webhook asks for a secret that was not given
        FileTakenError       2  an output file that exists already
      CheckFailedError       3  something is missing, drifted, disabled or did not arrive
        NotSetUpError        3  what `setup` makes is not in Port yet
        SignedWebhookError   3  a webhook asks for signatures, which Falcosidekick cannot send
      InputError             4  a file's content is wrong
        ManifestError        4  a blueprint or webhook file
        ConfigError          4  falcoport.yaml
        ConflictError        4  what is in Port contradicts what was asked for
        RefusedError         4  Port refuses the request as invalid
      AccessError            5
        CredentialsError     5  Port does not know the credentials
        PermissionsError     5  Port knows them and says no
      PortError              6  Port or the network: trying again is sensible
        UnreachableError     6  no answer at all
        UnexpectedAnswerError 6 an answer that is not one of Port's
        ConcurrentChangeError 6 somebody else wrote at the same time
      InterruptedRunError  130  Ctrl-C

`port/errors.py` adds those that only a client of Port meets. A command that did part of its work
returns EXIT_PARTIAL with its result: that is no error to raise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_CHECK = 3
EXIT_INPUT = 4
EXIT_ACCESS = 5
EXIT_PORT = 6
EXIT_PARTIAL = 7
EXIT_INTERRUPTED = 130

EXIT_CODES = {
    EXIT_OK: "done",
    EXIT_BUG: "a bug in falcoport",
    EXIT_USAGE: "usage, or no usable credentials, secret or option value",
    EXIT_CHECK: "changes pending, a check did not hold, or not set up yet",
    EXIT_INPUT: "bad input, or a conflict with what Port has",
    EXIT_ACCESS: "credentials refused, or without permission",
    EXIT_PORT: "Port or network: try again",
    EXIT_PARTIAL: "some items failed, the rest was done",
    EXIT_INTERRUPTED: "interrupted",
}
"""What each exit code says, in `--help`, the README and docs/commands.md."""

AGAIN = "Running the same command again is safe: it goes on from here."
"""What to do after an interruption."""

MOST_SHOWN = 50
"""How many problems one error names; the others are counted."""


_TWO_STOPS = re.compile(r"""(?<=[\w)"'`])\.\.(?=\s|$)""")


def end_once(text: str) -> str:
    """Return a sentence that ends with what somebody else wrote, without a second full stop."""
    return _TWO_STOPS.sub(".", text)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `message` says what, `where` the file and key or the request.

    `code` is a stable word for scripts; `hint` says what to do next and may be empty.
    """

    code: str
    message: str
    where: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", end_once(self.message))


class FalcoportError(Exception):
    """A failure that falcoport explains: never shown as a traceback.

    `problems`, where given, lists everything that is wrong at once; otherwise the error is its
    own single problem.
    """

    exit_code = EXIT_BUG
    code = "error"
    detailed_codes: tuple[str, ...] = ()
    """Codes of problems that say more than `code` does, and are this error all the same."""

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
        self.message = end_once(message)
        self.problems = _shorten(problems) or (Problem(code or self.code, message, where, hint),)
        self.where = where
        self.hint = hint
        self.progress = ""
        """What had been done when it happened; empty if nothing."""


class UsageError(FalcoportError):
    """The command line or the environment is incomplete or contradictory."""

    exit_code = EXIT_USAGE
    code = "usage"


class OptionValueError(UsageError):
    """An option's value, or an environment variable's, that cannot be used."""

    code = "bad_option_value"


class CredentialsMissingError(UsageError):
    """No client id or no client secret was given."""

    code = "no_credentials"


class SecretMissingError(UsageError):
    """A webhook asks for a secret that was not given."""

    code = "no_webhook_secret"


class FileTakenError(UsageError):
    """An output file that exists already, and was not to be replaced."""

    code = "file_exists"


class CheckFailedError(FalcoportError):
    """A check did not hold: something is missing, drifted, disabled or did not arrive."""

    exit_code = EXIT_CHECK
    code = "check_failed"


class NotSetUpError(CheckFailedError):
    """What `setup` makes, and a command needs, is not in Port yet."""

    code = "not_set_up"

    @classmethod
    def missing(cls, kind: str, identifier: str) -> NotSetUpError:
        """Return the error for a blueprint, a webhook or the like that Port does not have."""
        return cls(
            f"There is no {kind} {identifier!r} in Port.",
            where=f"{kind} {identifier}",
            hint="Run `falcoport setup` first.",
        )


class SignedWebhookError(CheckFailedError):
    """A webhook asks for signed bodies, which Falcosidekick cannot send."""

    code = "signed_webhook"


class InputError(FalcoportError):
    """A file's content is wrong."""

    exit_code = EXIT_INPUT
    code = "bad_input"


class ManifestError(InputError):
    """A blueprint or webhook file does not say what Port accepts."""

    code = "bad_manifest"


class ConfigError(InputError):
    """`falcoport.yaml` does not say what it can say."""

    code = "bad_config"


class ConflictError(InputError):
    """What is in Port contradicts what was asked for; nothing was written."""

    code = "conflict"
    detailed_codes = ("secured_otherwise", "depended_on")


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


class InterruptedRunError(FalcoportError):
    """Ctrl-C, or a termination signal."""

    exit_code = EXIT_INTERRUPTED
    code = "interrupted"


def _shorten(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return the first problems, and one that says how many more there are."""
    more = len(problems) - MOST_SHOWN
    if more <= 0:
        return problems
    rest = Problem(problems[0].code, f"{more:,} more problems are not shown.")
    return (*problems[:MOST_SHOWN], rest)


def error_from(problems: Sequence[Problem]) -> FalcoportError:
    """Return one error for problems that were found together; each keeps its own code.

    Which error it is, and so the exit code, follows from the problems' codes: that of the class
    whose code they bear. What is not set up yet decides before what is wrong with the input,
    since the rest may follow from it.
    """
    kinds = [_kind_of(problem.code) for problem in problems]
    exit_code = min(kind.exit_code for kind in kinds)
    decisive = {kind for kind in kinds if kind.exit_code == exit_code}
    # Several kinds with the same code: what they have in common says enough.
    kind = decisive.pop() if len(decisive) == 1 else _GENERAL[exit_code]
    return kind(problems[0].message, problems=tuple(problems))


def _kind_of(code: str) -> type[FalcoportError]:
    for kind in _tree(FalcoportError):
        if code == kind.code or code in kind.detailed_codes:
            return kind
    return InputError


def _tree(kind: type[FalcoportError]) -> Iterator[type[FalcoportError]]:
    yield kind
    for derived in kind.__subclasses__():
        yield from _tree(derived)


_GENERAL = {kind.exit_code: kind for kind in FalcoportError.__subclasses__()}
