"""The command that prints a shell's completion script."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from falcoport.cli.command import CommandResult, Run, add
from falcoport.errors import EXIT_OK, EXIT_USAGE


class Shell(StrEnum):
    """The shells there is completion for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_Shell = Annotated[Shell, typer.Argument(metavar="|".join(Shell), help="The shell to complete in.")]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "completion",
        exits=(EXIT_OK, EXIT_USAGE),
        example='eval "$(falcoport completion bash)"',
        port=False,
    )(completion)


def completion(run: Run, shell: _Shell) -> CommandResult:
    """Put the example, with the shell's name, into ~/.bashrc or ~/.zshrc (there, behind compinit).

    fish: falcoport completion fish > ~/.config/fish/completions/falcoport.fish
    """
    from falcoport.cli.completion_scripts import SCRIPTS

    script = SCRIPTS[shell]
    run.output.result(script.rstrip("\n"))
    return CommandResult({"shell": str(shell), "content": script})
