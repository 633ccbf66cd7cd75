"""How a command is registered: with the options, exit codes and output that all have in common.

A command is a function of a `Run` and its own options that returns a `CommandResult`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from falcoport.cli.catalogue import COMMANDS
from falcoport.cli.execution import CommandResult, execute, write_envelope_early
from falcoport.cli.help import HelpCommand
from falcoport.cli.parameters import read_parameters
from falcoport.cli.run import OutputOptions, PortOptions, Run, StreamOptions
from falcoport.errors import (
    EXIT_ACCESS,
    EXIT_CHECK,
    EXIT_CODES,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_PORT,
    EXIT_USAGE,
)
from falcoport.render.console import Format, Output

if TYPE_CHECKING:
    import typer

__all__ = ["PORT_EXIT_CODES", "CommandResult", "Run", "add", "write_envelope_early"]

PORT_EXIT_CODES = (
    EXIT_OK,
    EXIT_USAGE,
    EXIT_CHECK,
    EXIT_INPUT,
    EXIT_ACCESS,
    EXIT_PORT,
    EXIT_INTERRUPTED,
)
"""What any command that talks to Port can end with."""

Command = Callable[..., CommandResult]
"""A command's function."""


def add(
    app: typer.Typer,
    name: str,
    *,
    exits: tuple[int, ...],
    example: str,
    port: bool = True,
    streams: bool = False,
) -> Callable[[Command], Command]:
    """Register a command: common options in its signature, exit codes and an example in its help.

    Its summary is the catalogue's, the rest of its help the function's docstring. `exits` are the
    exit codes it can give, `port` whether it talks to Port and so has the options for that,
    `streams` whether it writes JSON Lines on demand.
    """

    def register(function: Command) -> Command:
        output_group = StreamOptions if streams else OutputOptions
        groups: list[type] = [PortOptions, output_group] if port else [output_group]
        parameters = read_parameters(function, groups)

        def call(**given: Any) -> int:
            chosen = parameters.common_group(output_group, given)
            output = Output(Format(chosen.output), quiet=chosen.quiet, verbose=chosen.verbose)
            run = Run(output, parameters.common_group(PortOptions, given), os.environ)
            arguments = parameters.own_arguments(given)
            try:
                return execute(name, output, lambda: function(run, **arguments))
            finally:
                run.close()

        # What typer learns the options and the help from.
        call.__signature__ = parameters.signature()  # type: ignore[attr-defined] # any object may
        call.__annotations__ = {}
        call.__doc__ = f"{COMMANDS[name].summary}\n\n{inspect.getdoc(function)}"
        app.command(name, cls=HelpCommand, epilog=_epilog(exits, example))(call)
        return function

    return register


def _epilog(exits: tuple[int, ...], example: str) -> str:
    codes = " · ".join(f"{code} {EXIT_CODES[code]}" for code in sorted(set(exits)))
    return f"Example: {example}\n\nExit codes: {codes}"
