"""What a shell may complete a command line with: commands, options, values, or files.

A shell's script (completion_scripts.py) hands over the words up to the cursor and gets back lines:
the first says `values` or `files`, the others are candidates, with a tab before their description.
A command line that cannot be read has no candidates: a shell shows no errors.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from falcoport.cli.catalogue import COMMANDS
from falcoport.cli.command_line import arrange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILES = "files"
VALUES = "values"
BASH = "bash"
_BASH_BREAKS = "=:"
"""Where bash splits a word into two, of which it completes the second only."""
_WORD = re.compile(r"""(?:'[^']*'?|"(?:\\.|[^"\\])*"?|\\.|[^\s'"\\])+|$""")
_PLAIN_CHOICES = re.compile(r"[a-z0-9-]+(?:\|[a-z0-9-]+)+")


class Candidate(NamedTuple):
    """One word that may stand at the cursor, and what it means."""

    value: str
    description: str = ""


def answer_shell(group: Any, shell: str, words: Sequence[str]) -> str:
    """Return the lines for a shell's script; `group` is the command line as a whole.

    bash hands the line over as it stands, the others the words behind `falcoport`, without quotes.
    """
    if shell == BASH:
        words = split_line(words[0] if words else "")[1:]
    *before, typed = words or [""]
    found = find_candidates(group, before, typed)
    if found is None:
        return FILES
    if shell == BASH:
        skipped = max(typed.rfind(one) for one in _BASH_BREAKS) + 1
        return "\n".join([VALUES, *(_quote(one.value[skipped:]) for one in found)])
    return "\n".join([VALUES, *("\t".join(one).rstrip() for one in found)])


def split_line(line: str) -> list[str]:
    """Split an unfinished command line into its words, the last being the one that is typed."""
    words = [_unquote(word) for word in _WORD.findall(line.lstrip())]
    # The pattern finds one empty word at the end, which is the next if a space precedes it.
    return words if line[-1:].isspace() or not words[:-1] else words[:-1]


def find_candidates(group: Any, before: list[str], typed: str) -> list[Candidate] | None:
    """Return what may stand in the place of `typed`, behind other words; None for any file."""
    command, words = _find_command(group, before)
    if command is None:
        # Options may stand before the command; those of `status` are what most have in common.
        command, words = _load(group, "status"), before
        option = _find_option(command, words[-1]) if words else None
        if not typed.startswith("-") and (option is None or option.is_flag):
            if _other_words(command, before):
                return []
            commands = [Candidate(one.name, one.summary) for one in COMMANDS.values()]
            return _starting_with(commands, typed)
    name, equals, value = typed.partition("=")
    if typed.startswith("--") and equals:
        option = _find_option(command, name)
        found = _values(command, option, words, value) if option else []
        return found and [one._replace(value=f"{name}={one.value}") for one in found]
    option = _find_option(command, words[-1]) if words else None
    if option is not None and not option.is_flag:
        return _values(command, option, words[:-1], typed)
    if typed.startswith("-"):
        return _starting_with(list(_options(command, words)), typed)
    argument = next((one for one in command.params if one.param_type_name == "argument"), None)
    return _values(command, argument, words, typed) if argument is not None else []


def _find_command(group: Any, before: list[str]) -> tuple[Any, list[str]]:
    """Return the command that some words call, and its own; None where they call none yet."""
    arranged = arrange(list(before), lambda name: _load(group, name))
    if not arranged or arranged[0] not in COMMANDS:
        return None, before
    return _load(group, arranged[0]), arranged[1:]


def _other_words(command: Any, words: list[str]) -> list[str]:
    """Return the words that are neither options nor their values, nor `help`."""
    context = typer.Context(command, resilient_parsing=True, ignore_unknown_options=True)
    rest: list[str] = command.make_parser(context).parse_args(list(words))[1]
    return rest[1:] if rest[:1] == ["help"] else rest


def _load(group: Any, name: str) -> Any:
    group.load([name])
    return group.commands[name]


def _find_option(command: Any, word: str) -> Any:
    """Return the option of that name, also behind short flags (`-qo`); None for no option."""
    is_short = re.fullmatch(r"-[A-Za-z]+", word) is not None
    name = f"-{word[-1]}" if is_short else word
    return next((one for one in command.params if name in (*one.opts, *one.secondary_opts)), None)


def _options(command: Any, words: Sequence[str]) -> Iterator[Candidate]:
    """List the options that may still be given; most can be given once only."""
    for option in command.get_params(typer.Context(command)):
        names = [*option.opts, *option.secondary_opts]
        is_used = not option.multiple and any(name in words for name in names)
        if option.param_type_name == "option" and not option.hidden and not is_used:
            summary = str(option.help or "").partition(". ")[0].rstrip(".")
            yield from (Candidate(name, summary) for name in names if name.startswith("--"))


def _values(
    command: Any, parameter: Any, words: Sequence[str], typed: str
) -> list[Candidate] | None:
    """Return the values that an option or argument takes; None where it takes any file."""
    metavar = str(parameter.metavar or "")
    if "FILE" in metavar or "DIR" in metavar:
        return None
    context = typer.Context(command, resilient_parsing=True, ignore_unknown_options=True)
    context.params = command.make_parser(context).parse_args(list(words))[0]
    found = [
        Candidate(one.value, one.help or "") for one in parameter.shell_complete(context, typed)
    ]
    choices = metavar if _PLAIN_CHOICES.fullmatch(metavar) else ""
    return found or _starting_with([Candidate(one) for one in choices.split("|") if one], typed)


def _starting_with(candidates: list[Candidate], typed: str) -> list[Candidate]:
    return [one for one in candidates if one.value.startswith(typed)]


def _unquote(word: str) -> str:
    for closing in ("", "'", '"'):
        try:
            return "".join(shlex.split(word + closing)) if word else word
        except ValueError:
            continue
    return word


def _quote(value: str) -> str:
    return value if re.fullmatch(r"[\w@%+=:,./-]*", value) else shlex.quote(value)
