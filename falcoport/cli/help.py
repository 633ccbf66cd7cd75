"""What `--help` shows, at any width: names are never cut, and choices and defaults look the same.

Options stand in groups. On a narrow terminal the meaning of an option stands below its name. How
an option is described here is how docs/commands.md describes it too.
"""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NARROWEST, _WIDEST = 40, 100
_TWO_COLUMNS_FROM = 80
_NAMES_WIDTH = 28
_INDENT = "  "
_PANELS_LAST = ("Port", "Output")
"""What nearly every command has in common stands at the end of its help."""
_SHELL_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|\S)+""")


class Described(NamedTuple):
    """An option or argument as help and documents show it."""

    names: tuple[str, ...]
    value: str
    text: str

    @property
    def usage(self) -> str:
        """Its names and what it takes, such as `-f, --file FILE`."""
        return " ".join(filter(None, (", ".join(self.names), self.value)))


class HelpCommand(TyperCommand):
    """A command whose help this module writes."""

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override] # typer's own context
        """Write the whole help."""
        write_help(self, ctx, formatter)


def write_help(command: Any, ctx: typer.Context, formatter: Any) -> None:
    """Write a command's help, or that of the group of all commands."""
    ctx.color = _color()
    lines = [
        *_usage(command, ctx),
        "",
        *_paragraphs(command.help or ""),
        *_arguments(command),
        *_commands(command),
        *_options(command, ctx),
        *_epilog(command.epilog or ""),
    ]
    formatter.write("\n".join(line.rstrip() for line in lines) + "\n")


def describe(parameter: Any) -> Described:
    """Return how an option or an argument is shown."""
    text = " ".join(str(parameter.help or "").split())
    if parameter.param_type_name == "argument":
        return Described((), str(parameter.metavar or parameter.name.upper()), text)
    names = sorted(parameter.opts, key=len) + list(parameter.secondary_opts)
    if parameter.is_flag:
        return Described(tuple(names), "", text)
    extras = "; ".join(filter(None, (_range(parameter.type), _default(parameter))))
    if extras:
        text = f"{text} ({extras})"
    return Described(tuple(names), _value(parameter), text)


def _range(kind: Any) -> str:
    """Return which numbers an option takes; nothing where no bound says more than its kind."""
    lowest, highest = getattr(kind, "min", None), getattr(kind, "max", None)
    if highest is not None:
        return f"{lowest:g} to {highest:g}"
    return f"at least {lowest:g}" if lowest else ""


def _default(parameter: Any) -> str:
    default = parameter.default
    if default in (None, (), []) or parameter.required:
        return ""
    plain = getattr(default, "value", default)
    shown = f"{plain:g}" if isinstance(plain, float) else plain
    return f"default: {shown}" if shown != "" else ""


def _value(parameter: Any) -> str:
    choices = getattr(parameter.type, "choices", None)
    if parameter.metavar:
        return str(parameter.metavar)
    if choices:
        return "|".join(str(getattr(choice, "value", choice)) for choice in choices)
    return str(parameter.type.name).upper()


def _color() -> bool | None:
    """Tell whether help has bold headings; None where the stream decides."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _width() -> int:
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))


def _usage(command: Any, ctx: typer.Context) -> list[str]:
    pieces = " ".join(command.collect_usage_pieces(ctx))
    start = f"Usage: {ctx.command_path} "
    return _wrap(f"{start}{pieces}", hanging=len("Usage: ") + 2)


def _heading(text: str) -> str:
    return typer.style(f"{text}:", bold=True)


def _wrap(text: str, indent: str = "", *, hanging: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        _width() - 1,
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        # A name or a path that is cut cannot be copied.
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in filter(None, re.split(r"\n\s*\n", text.strip())):
        yield from _wrap(" ".join(paragraph.split()))
        yield ""


def _arguments(command: Any) -> Iterator[str]:
    found = [one for one in command.params if one.param_type_name == "argument" and one.help]
    if found:
        yield from _section("Arguments", [describe(one) for one in found])


def _commands(command: Any) -> Iterator[str]:
    """List the commands of the group, by their panels."""
    entries = getattr(command, "commands", {})
    panels: dict[str, list[Any]] = {}
    for entry in entries.values():
        panels.setdefault(entry.rich_help_panel or "Commands", []).append(entry)
    width = max((len(name) for name in entries), default=0)
    for panel, members in panels.items():
        yield _heading(panel)
        for entry in members:
            label = f"{_INDENT}{entry.name:<{width}}{_INDENT}"
            yield from _columns(label, entry.help.partition("\n\n")[0])
        yield ""


def _options(command: Any, ctx: typer.Context) -> Iterator[str]:
    panels: dict[str, list[Described]] = {}
    for option in command.get_params(ctx):
        if option.param_type_name == "option" and not option.hidden:
            panels.setdefault(option.rich_help_panel or "Options", []).append(describe(option))
    ordered = sorted(
        panels, key=lambda name: _PANELS_LAST.index(name) if name in _PANELS_LAST else -1
    )
    for panel in ordered:
        yield from _section(panel, panels[panel])


def _section(title: str, members: Sequence[Described]) -> Iterator[str]:
    yield _heading(title)
    stacked = _width() < _TWO_COLUMNS_FROM
    for one in members:
        names = list(_names(one))
        if stacked or len(names) > 1 or len(names[0]) > _NAMES_WIDTH:
            yield from names
            indent = _INDENT * 3 if stacked else " " * (_NAMES_WIDTH + 2)
            yield from _wrap(one.text, indent)
        else:
            yield from _columns(f"{names[0]:<{_NAMES_WIDTH}}  ", one.text)
    yield ""


def _names(one: Described) -> Iterable[str]:
    """Return the lines of an option's names: choices go on the next where they do not fit."""
    line = f"{_INDENT}{one.usage}"
    if len(line) < _width():
        return [line]
    parts = [*(f"{name}," for name in one.names[:-1]), *one.names[-1:]]
    choices = _fold(one.value, _width() - len(_INDENT) * 3 - 1)
    return [f"{_INDENT}{' '.join(parts)}", *(f"{_INDENT * 2}{part}" for part in choices)]


def _fold(value: str, width: int) -> Iterator[str]:
    """Fold choices behind a bar, never inside one."""
    line = ""
    for part in re.findall(r"[^|]+\|?", value):
        if line and len(line) + len(part) > width:
            yield line
            line = ""
        line += part
    yield line


def _columns(label: str, text: str) -> list[str]:
    first, *rest = _wrap(text, " " * len(label))
    return [label + first[len(label) :], *rest]


def _epilog(text: str) -> Iterator[str]:
    """Show the example, and the exit codes with a line for each."""
    for part in filter(None, text.split("\n\n")):
        title, _, content = part.partition(": ")
        if title == "Exit codes":
            yield _heading(title)
            for entry in content.split(" · "):
                code, _, meaning = entry.partition(" ")
                yield from _columns(f"{_INDENT}{code:<3}{_INDENT}", meaning)
        elif title == "Example":
            yield _heading(title)
            yield from _shell_lines(content)
        else:
            yield from _wrap(" ".join(part.split()))
        yield ""


def _shell_lines(command: str) -> list[str]:
    """Fold a command line between its words, so that it can be pasted as it stands."""
    lines = [_INDENT]
    for word in _SHELL_WORD.findall(command):
        if lines[-1].strip() and len(lines[-1]) + len(word) > _width() - 4:
            lines[-1] += "\\"
            lines.append(_INDENT * 2)
        lines[-1] += f"{word} "
    return lines
