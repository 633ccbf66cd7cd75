"""From a command's result or failure to what is written, and to the exit code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import typer

from falcoport import signals
from falcoport.errors import (
    AGAIN,
    EXIT_OK,
    FalcoportError,
    InterruptedRunError,
    OptionValueError,
    Problem,
)
from falcoport.render.streams import StdoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcoport.render.console import Output


@dataclass(frozen=True)
class CommandResult:
    """What a command returns: the envelope's data, its exit code and what was wrong, if anything.

    Text for people was written on the way; `rendered` says that this included the problems.
    `envelope_written` says that `write_envelope_early` wrote the envelope.
    """

    data: Any = None
    exit_code: int = EXIT_OK
    problems: tuple[Problem, ...] = field(default=())
    rendered: bool = False
    envelope_written: bool = False


def execute(
    command: str,
    output: Output,
    body: Callable[[], CommandResult],
) -> int:
    """Run a command's body; write its result or its failure, and return the exit code."""
    try:
        with signals.let_through():
            finished = body()
    except (KeyboardInterrupt, typer.Abort):
        error = InterruptedRunError("Interrupted. Nothing was changed in Port.", hint=AGAIN)
        return fail(command, output, error)
    except FalcoportError as error:
        return fail(command, output, error)
    except StdoutError:
        raise
    except UnicodeEncodeError as error:
        return fail(command, output, _explain_encoding(error, output))
    except Exception as error:  # noqa: BLE001 -- the last line of defence: never a traceback
        return fail(command, output, _bug(error, output))
    if output.is_json:
        write_envelope_early(command, output, finished)
    elif finished.problems and not finished.rendered:
        output.problems(finished.problems)
    return finished.exit_code


def write_envelope_early(command: str, output: Output, finished: CommandResult) -> CommandResult:
    """Write the envelope, unless it was already; for a command that goes on until it is stopped.

    Returns what the command is to return in the end.
    """
    if output.is_json and not finished.envelope_written:
        output.envelope(
            command,
            exit_code=finished.exit_code,
            data=finished.data,
            problems=finished.problems,
        )
        output.flush()
    return replace(finished, envelope_written=True)


def fail(command: str, output: Output, error: FalcoportError, data: Any = None) -> int:
    """Explain a failure, to a person or in the envelope, and return its exit code."""
    if output.is_json:
        if data is None and error.progress:
            data = {"done": error.progress}
        output.envelope(command, exit_code=error.exit_code, data=data, problems=error.problems)
    else:
        output.error(error)
    return error.exit_code


def _explain_encoding(error: UnicodeEncodeError, output: Output) -> FalcoportError:
    """Return an error for bytes that are no text, wherever in the command line they stood."""
    if not any("\ud800" <= character <= "\udfff" for character in error.object):
        return _bug(error, output)
    shown = error.object if len(error.object) <= _SHOWN else f"{error.object[:_SHOWN]}…"
    return OptionValueError(f"{shown!a} is not UTF-8 text.", hint="Give it in UTF-8.")


_SHOWN = 100


def _bug(error: Exception, output: Output) -> FalcoportError:
    """Return an error for what falcoport did not foresee; its traceback only when asked for."""
    if output.verbose:
        import traceback

        for line in "".join(traceback.format_tb(error.__traceback__)).splitlines():
            output.trace(line)
    return FalcoportError(
        f"Internal error: {type(error).__name__}.",
        code="bug",
        hint="Report it with the output of the same command and --verbose.",
    )
