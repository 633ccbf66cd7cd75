"""Write docs/commands.md from the program itself; `--check` only tells whether it is up to date."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from falcoport.cli.app import commands
from falcoport.cli.help import describe

FILE = Path(__file__).parent.parent / "docs" / "commands.md"

_HEAD = """\
# Commands

Written by `scripts/write_command_reference.py` from the program itself; a test compares the two.
Every command also has `-h` and `--help`.
"""


def reference() -> str:
    """Return the whole page."""
    found = commands()
    common = _options_of_all(found)
    parts = [_HEAD, *(_command(name, command, common) for name, command in found.items())]
    parts.append("## Options of every command\n\n" + _table(common["Output"]))
    parts.append("## Options of every command that talks to Port\n\n" + _table(common["Port"]))
    return "\n".join(parts)


def _options_of_all(commands: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the options that commands share, taken from one that has them all."""
    found: dict[str, list[Any]] = {"Output": [], "Port": []}
    for parameter in commands["setup"].params:
        if parameter.rich_help_panel in found:
            found[parameter.rich_help_panel].append(parameter)
    return found


def _command(name: str, command: Any, common: dict[str, list[Any]]) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    own = [
        p
        for p in command.params
        if p.param_type_name == "option" and p.rich_help_panel not in common
    ]
    shared = {p.rich_help_panel for p in command.params if p.param_type_name == "option"}
    usage = " ".join([f"falcoport {name}", "[OPTIONS]", *(_argument(a) for a in arguments)])
    example, codes = _epilog(command.epilog)
    lines = [f"## falcoport {name}\n", f"{_paragraphs(command.help)}\n", f"    {usage}\n"]
    if arguments or own:
        lines.append(_table([*arguments, *own]))
    also = ["[every command's](#options-of-every-command)"]
    if "Port" in shared:
        also.append("[those for Port](#options-of-every-command-that-talks-to-port)")
    lines.append(f"Further options: {' and '.join(also)}.\n")
    lines.append(f"Example: `{example}`\n")
    lines.append(f"Exit codes: {codes}\n")
    return "\n".join(lines)


def _argument(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _epilog(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"Example: (.*)\n\nExit codes: (.*)", text, re.DOTALL)
    assert found, text
    return found[1], found[2]


def _paragraphs(text: str) -> str:
    """Return a docstring's paragraphs, each on one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _table(options: list[Any]) -> str:
    rows = ["| option | meaning |", "|---|---|", *(_row(option) for option in options)]
    return "\n".join(rows) + "\n"


def _row(parameter: Any) -> str:
    described = describe(parameter)
    names = ", ".join(f"`{name}`" for name in described.names)
    shown = " ".join(filter(None, (names, described.value and f"`{described.value}`")))
    text = described.text.replace("<", "\\<")
    return f"| {_cell(shown)} | {_cell(text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; return the exit code."""
    page = reference()
    if "--check" not in arguments:
        FILE.write_text(page, encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == page:
        return 0
    print(f"{FILE} is out of date: run python scripts/{Path(__file__).name}")
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
