"""Command lines that cannot be read: what is wrong with them, in the format that they ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer

from falcoport.cli.catalogue import COMMANDS
from falcoport.cli.command_line import suggest_command
from falcoport.errors import EXIT_USAGE, UsageError
from falcoport.render.console import Format, Output

if TYPE_CHECKING:
    from typer.core import TyperGroup


def explain_usage(group: TyperGroup, arguments: list[str], error: typer.TyperException) -> int:
    """Explain a command line that typer could not read, and return the exit code."""
    from falcoport.cli.execution import fail

    context = getattr(error, "ctx", None)
    path = context.command_path if context else "falcoport"
    message = " ".join(error.format_message().split()).rstrip(".")
    if not message:
        return EXIT_USAGE
    sentence = message if message.endswith("?") else f"{message}."
    wrong = UsageError(sentence, where=path, hint=_next_step(path, sentence))
    output = Output(Format.JSON if _asks_for_json(group, arguments) else Format.TEXT)
    return fail(path.partition(" ")[2], output, wrong)


_UNKNOWN = re.compile(r"No such command '(.*)'\.")


def _next_step(path: str, sentence: str) -> str:
    """Return what to do about it: the command that was probably meant, else the help."""
    unknown = _UNKNOWN.fullmatch(sentence)
    if unknown is None:
        return f"See {path} --help"
    meant = suggest_command(unknown[1])
    return (
        f"Did you mean `falcoport {meant}`?" if meant else "See falcoport --help for all commands"
    )


def _asks_for_json(group: TyperGroup, arguments: list[str]) -> bool:
    """Tell whether `-o json` is there in one of its spellings, as the command itself reads it.

    typer's own parser knows which words are values (`--webhook-title '-o json'`) and which may be
    run together (`-qo json`); here it passes over what is wrong.
    """
    # Without a command any will do, since all have the options of the output in common.
    name = next((word for word in arguments if word in COMMANDS), "completion")
    words = list(arguments)
    if name in words:
        words.remove(name)
    command: Any = group.resolve_command(typer.Context(group), [name])[1]
    words = words[: words.index("--")] if "--" in words else words
    context = typer.Context(command, resilient_parsing=True, ignore_unknown_options=True)
    chosen: dict[str, Any] = {}
    while words:
        # The parser takes words away until one is wrong, so that the next round goes on behind it.
        chosen |= command.make_parser(context).parse_args(words)[0]
    return chosen.get("output") == Format.JSON
