"""The command line as a whole: its commands, and what happens before and after one runs."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from falcoport import __version__
from falcoport.cli.catalogue import COMMANDS, COMPLETION
from falcoport.cli.command_line import arrange
from falcoport.cli.help import HelpCommand, write_help
from falcoport.cli.usage import explain_usage
from falcoport.errors import EXIT_OK, EXIT_USAGE
from falcoport.render.streams import StdoutError, discard_stdout

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Commands(TyperGroup):
    """All commands; a command's module is loaded when that command is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._loaded: set[str] = set()
        for entry in COMMANDS.values():
            listed = HelpCommand(entry.name, help=entry.summary, rich_help_panel=entry.panel)
            self.commands[entry.name] = listed

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the real command in the place of the listed one, if it is that which is called."""
        self.load(args[:1])
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of all commands."""
        write_help(self, ctx, formatter)

    def load(self, names: Iterable[str]) -> None:
        """Load the commands of these names, as far as there are any."""
        for name in names:
            if name in COMMANDS and name not in self._loaded:
                self._loaded.add(name)
                self.commands[name] = _loaded(name)


def _loaded(name: str) -> Any:
    module = importlib.import_module(f"falcoport.cli.{COMMANDS[name].module}")
    own = typer.Typer()
    own.callback()(lambda: None)
    module.register(own)
    # One module may hold several commands, and reading the options of each takes time.
    own.registered_commands = [one for one in own.registered_commands if one.name == name]
    return get_command(own).commands[name]  # type: ignore[attr-defined] # a group has them


app = typer.Typer(
    name="falcoport",
    help="Send Falco alerts to Port: blueprint, relation, webhook and mapping in one command.",
    epilog="`falcoport help COMMAND` shows its options, an example and its exit codes.",
    cls=_Commands,
    # What other tools call a command counts too, so falcoport looks for the one that was meant.
    suggest_commands=False,
    # `falcoport completion` prints scripts that complete more than typer's own.
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


def _version(value: bool) -> None:
    if value:
        from falcoport.render.console import Output

        Output().result(f"falcoport {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("-V", "--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def commands() -> dict[str, Any]:
    """Return every command, loaded, by its name: for the command reference."""
    group: Any = get_command(app)
    group.load(COMMANDS)
    return dict(group.commands)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    command: Any = get_command(app)
    if COMPLETION in os.environ:
        return _complete(command, arguments)
    if not arguments:
        _run(command, ["--help"])
        return EXIT_USAGE
    return _run(command, arrange(arguments, _loaded))


def _run(command: Any, arguments: list[str]) -> int:
    try:
        code = command.main(args=arguments, prog_name="falcoport", standalone_mode=False)
        sys.stdout.flush()
    except StdoutError as error:
        return _without_stdout(error.reason)
    except OSError as error:
        return _without_stdout(error)
    except typer.TyperException as error:
        return explain_usage(command, arguments, error)
    except typer.Abort:
        return EXIT_USAGE
    except SystemExit:
        # Typer ends so when the reader of its help has gone.
        return EXIT_OK
    return code if isinstance(code, int) else EXIT_OK


def _complete(group: Any, words: list[str]) -> int:
    """Print what a shell may complete; a shell shows no errors, so there are none."""
    from falcoport.cli.candidates import answer_shell
    from falcoport.render.console import Output

    Output().result(answer_shell(group, os.environ[COMPLETION], words))
    return EXIT_OK


def _without_stdout(reason: OSError) -> int:
    """Say that the result was lost, unless its reader had seen enough; return the exit code."""
    from falcoport.errors import AGAIN, UsageError
    from falcoport.render.console import Output

    discard_stdout()
    if isinstance(reason, BrokenPipeError):
        return EXIT_OK
    error = UsageError(
        f"The result cannot be written: {reason.strerror}.",
        code="unwritable",
        where="stdout",
        hint=AGAIN,
    )
    Output().error(error)
    return error.exit_code
