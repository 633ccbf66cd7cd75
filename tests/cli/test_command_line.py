"""A command line may begin with its options, and a word that is no command is understood."""

from __future__ import annotations

import pytest
from support.command_line import falcoport

from falcoport import __version__
from falcoport.cli.app import commands
from falcoport.cli.catalogue import COMMANDS
from falcoport.cli.command_line import MEANT, arrange

LOADED = commands()


@pytest.mark.parametrize(
    ("line", "arranged"),
    [
        ("-o json plan", "plan -o json"),
        ("--region us setup --secure", "setup --region us --secure"),
        ("-qo json status", "status -qo json"),
        ("--cluster prod --cluster stage setup", "setup --cluster prod --cluster stage"),
        ("--webhook-title setup plan", "plan --webhook-title setup"),
        ("--no-such-option setup", "setup --no-such-option"),
        ("--help setup", "setup --help"),
        ("setup -o json", "setup -o json"),
        ("help setup", "setup --help"),
        ("-q help setup", "setup --help"),
        ("help", "--help"),
        ("--version setup", "--version setup"),
        ("-- setup", "-- setup"),
        ("-o json", "-o json"),
        ("preview setup", "preview setup"),
    ],
)
def test_options_before_the_command_follow_it(line: str, arranged: str) -> None:
    assert arrange(line.split(), LOADED.__getitem__) == arranged.split()


@pytest.mark.parametrize("line", [["help", "show-url"], ["show-url", "-h"], ["-h", "show-url"]])
def test_the_help_of_a_command_can_be_asked_for_in_any_order(line: list[str]) -> None:
    ran = falcoport(*line)
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Usage: falcoport show-url ")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_has_a_short_option(option: str) -> None:
    assert falcoport(option).stdout == f"falcoport {__version__}\n"


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("apply", "setup"),
        ("destroy", "teardown"),
        ("diff", "plan"),
        ("doctor", "status"),
        ("test", "send-test"),
        ("stauts", "status"),
        ("set-up", "setup"),
        ("aply", "setup"),
        ("show_url", "show-url"),
        ("PLAN", "plan"),
        ("previw", "preview"),
    ],
)
def test_a_word_that_is_no_command_leads_to_the_one_that_was_meant(word: str, command: str) -> None:
    ran = falcoport(word, "-o", "json")
    assert ran.exit_code == 2
    [error] = ran.envelope["errors"]
    assert error["hint"] == f"Did you mean `falcoport {command}`?"


def test_a_word_like_nothing_leads_to_the_list() -> None:
    assert "falcoport --help" in falcoport("xyzzy").stderr


def test_what_other_tools_say_leads_to_commands_that_are_there() -> None:
    assert set(MEANT.values()) <= set(COMMANDS)
    assert set(MEANT) & set(COMMANDS) == set()


def test_without_words_the_list_of_commands_is_shown() -> None:
    ran = falcoport()
    assert ran.exit_code == 2
    assert ran.stdout.startswith("Usage: falcoport ")
