"""The words of a command line, put in the order that typer reads them, and what else was meant.

`falcoport -o json plan` means `falcoport plan -o json`, and `falcoport help plan` its help.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import typer

from falcoport.cli.catalogue import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

_HELP = "--help"
_VERSION = ("-V", "--version")
_CUTOFF = 0.72
"""How alike two words must be for the one to be taken for a slip of the other."""

MEANT = {
    "apply": "setup",
    "install": "setup",
    "create": "setup",
    "up": "setup",
    "update": "setup",
    "destroy": "teardown",
    "delete": "teardown",
    "uninstall": "teardown",
    "remove": "teardown",
    "down": "teardown",
    "diff": "plan",
    "dry-run": "plan",
    "doctor": "status",
    "check": "status",
    "verify": "status",
    "health": "status",
    "test": "send-test",
    "send": "send-test",
    "url": "show-url",
    "values": "show-url",
    "helm": "show-url",
    "terraform": "export",
    "configure": "init",
    "clean": "prune",
    "purge": "prune",
    "serve": "sandbox",
    "completions": "completion",
}
"""What other tools call what falcoport has under another name."""


def suggest_command(word: str) -> str | None:
    """Return the command that was probably meant by a word that is none; None for no idea."""
    lowered = word.lower().replace("_", "-")
    near = get_close_matches(lowered, [*COMMANDS, *MEANT], n=1, cutoff=_CUTOFF)
    return MEANT.get(near[0], near[0]) if near else None


def arrange(arguments: list[str], load: Callable[[str], Any]) -> list[str]:
    """Return a command line whose command stands first and whose options follow.

    `load` gives a command by its name. A line that names no command stays as it is.
    """
    if arguments[:1] == ["help"]:
        return [*arguments[1:2], _HELP]
    if not arguments or not arguments[0].startswith("-"):
        return arguments
    for place, word in enumerate(arguments):
        before = arguments[:place]
        if word == "--" or word in _VERSION:
            return arguments
        if word == "help":
            return [*arguments[place + 1 : place + 2], _HELP]
        if word in COMMANDS and not _takes_next(load(word), before):
            return [word, *before, *arguments[place + 1 :]]
    return arguments


def _takes_next(command: Any, words: list[str]) -> bool:
    """Tell whether the last of some options waits for a value, so that what follows is no command.

    `--webhook-title setup` names a title.
    """
    context = typer.Context(command, resilient_parsing=True, ignore_unknown_options=True)
    parser = command.make_parser(context)
    try:
        given, _rest, _order = parser.parse_args([*words, "\0"])
    except typer.TyperException:
        return False
    options = {one.name for one in command.params if one.param_type_name == "option"}
    return any(
        "\0" in (value if isinstance(value, list) else [value])
        for name, value in given.items()
        if name in options
    )
