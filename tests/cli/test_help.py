"""Help fits narrow terminals without cutting a name, and says choices and defaults in one style."""

from __future__ import annotations

import re
import shlex

import pytest
from support.command_line import falcoport

from falcoport.cli.app import commands
from falcoport.cli.help import describe
from falcoport.manifests.extra_names import ChannelKind
from falcoport.manifests.loading import Profile
from falcoport.mapping.option_expressions import Identifier
from falcoport.settings import REGIONS

COMMANDS = commands()
PARAMETERS = {
    (name, parameter.name): parameter
    for name, command in COMMANDS.items()
    for parameter in command.params
}


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal_and_names_every_option_whole(
    command: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    ran = falcoport(*filter(None, [command]), "--help")
    assert ran.exit_code == 0
    assert [line for line in ran.stdout.splitlines() if len(line) > width] == []
    words = set(re.findall(r"[^\s,]+", ran.stdout))
    options = COMMANDS[command].params if command else []
    names = {name for one in options for name in (*one.opts, *one.secondary_opts)}
    assert {name for name in names if name.startswith("-")} - words == set()
    assert "…" not in {word[-1] for word in words if word.startswith("--")}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_of_help_can_be_pasted_at_any_width(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = COMMANDS[command].epilog.partition("\n\n")[0].removeprefix("Example: ")
    monkeypatch.setenv("COLUMNS", "60")
    shown = falcoport(command, "--help").stdout.partition("Example:\n")[2].partition("\n\n")[0]
    assert shlex.split(shown.replace("\\\n", "")) == shlex.split(wanted)


def test_choices_are_listed_with_bars_and_defaults_in_parentheses() -> None:
    described = [describe(parameter) for parameter in PARAMETERS.values()]
    values = [one.value for one in described if one.names]
    assert [value for value in values if re.search(r"[<\[{(]", value)] == ["ID[=RULE]"]
    texts = [one.text for one in described]
    assert [text for text in texts if re.search(r"\[default|\(Default|unless given", text)] == []


@pytest.mark.parametrize(
    ("command", "option", "choices"),
    [
        ("setup", "region", REGIONS),
        ("setup", "identifier", Identifier),
        ("setup", "profile", Profile),
        ("init", "profile", Profile),
        ("setup", "notify", ChannelKind),
    ],
)
def test_choices_in_help_are_those_that_are_taken(
    command: str, option: str, choices: list[str]
) -> None:
    assert describe(PARAMETERS[command, option]).value == "|".join(choices)


def test_json_lines_are_offered_where_they_are_written() -> None:
    with_jsonl = {
        name for name in COMMANDS if "jsonl" in describe(PARAMETERS[name, "output"]).value
    }
    assert with_jsonl == {"preview"}


def test_timeout_means_the_same_everywhere() -> None:
    texts = {
        describe(parameter).text
        for (_command, name), parameter in PARAMETERS.items()
        if name == "timeout"
    }
    assert len(texts) == 1


def test_headings_are_bold_only_where_colours_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in falcoport("plan", "--help").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1m" in falcoport("plan", "--help").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in falcoport("plan", "--help").stdout
