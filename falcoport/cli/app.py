"""The command line as a whole: its commands, and what happens before and after one runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.main import get_command

from falcoport import __version__
from falcoport.cli import (
    completion,
    demo,
    handover,
    preview,
    provisioning,
    rules,
    sandbox,
    status,
    teardown,
    testing,
)
from falcoport.cli.command import fail
from falcoport.errors import EXIT_OK, EXIT_USAGE, UsageError
from falcoport.output import Format, Output

app = typer.Typer(
    name="falcoport",
    help="Wire Falco alerts into Port: blueprint, relation, webhook and mapping in one command.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


def _version(value: bool) -> None:
    if value:
        Output().result(f"falcoport {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


for _module in (
    provisioning,
    handover,
    preview,
    testing,
    rules,
    status,
    teardown,
    demo,
    sandbox,
    completion,
):
    _module.register(app)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    command = get_command(app)
    try:
        code = command.main(args=arguments, prog_name="falcoport", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _usage(arguments, error)
    except typer.Abort:
        return EXIT_USAGE
    except BrokenPipeError:
        # Whoever read stdout has seen enough; nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    return code if isinstance(code, int) else EXIT_OK


def _usage(arguments: list[str], error: typer.TyperException) -> int:
    """Explain a command line that typer could not read, in the format that it asked for."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "falcoport"
    name = path.split(" ", 1)[1] if " " in path else ""
    message = error.format_message().rstrip(".")
    if not message:
        return EXIT_USAGE
    wrong = UsageError(f"{message}.", where=path, hint=f"See {path} --help")
    output = Output(Format.JSON if _asks_for_json(arguments) else Format.TEXT)
    return fail(name, output, wrong)


def _asks_for_json(arguments: list[str]) -> bool:
    """Tell whether `-o json` is there in one of its spellings; the line could not be parsed."""
    joined = " ".join(arguments)
    spellings = ("-o json", "-ojson", "-o=json", "--output json", "--output=json")
    return any(f" {spelling} " in f" {joined} " for spelling in spellings)
