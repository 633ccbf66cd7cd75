"""A shell completes commands, options, values and files, tried in the real bash, zsh and fish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import falcoport
from support.terminal import running_at_terminal
from typer.main import get_command

from falcoport.cli.app import app, commands
from falcoport.cli.candidates import FILES, find_candidates, split_line
from falcoport.cli.completion_scripts import SCRIPTS
from falcoport.falco.inputs.interface import InputFormat
from falcoport.falco.samples import samples
from falcoport.falcosidekick.handover.interface import Format
from falcoport.manifests.extra_names import ChannelKind, Extra
from falcoport.mapping.finding_expressions import Key

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent
GROUP: Any = get_command(app)
PRIORITIES = "emergency alert critical error warning notice informational debug".split()
CONFIG = "clusters: [prod, stage]\n"


def candidates(line: str) -> list[str] | None:
    """Return what may stand at the end of a line; None for any file."""
    *before, typed = split_line(line)[1:]
    found = find_candidates(GROUP, before, typed)
    return None if found is None else [one.value for one in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a falcoport.yaml, a file and a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "falcoport.yaml").write_text(CONFIG)
    (tmp_path / "alerts.jsonl").touch()
    (tmp_path / "archive").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("falcoport se", ["setup", "send-test"]),
        ("falcoport help pl", ["plan"]),
        ("falcoport -o json pl", ["plan"]),
        ("falcoport --region ", ["eu", "us"]),
        ("falcoport setup --region e", ["eu"]),
        ("falcoport setup --region=u", ["--region=us"]),
        ("falcoport plan --identifier ", ["hostname-time", "hostname-time-rule", "uuid"]),
        ("falcoport setup --profile ", ["guide", "standard"]),
        ("falcoport setup --min-priority ", PRIORITIES),
        ("falcoport show-url --min-priority w", ["warning"]),
        ("falcoport send-test --priority em", ["emergency"]),
        ("falcoport prune --max-priority n", ["notice"]),
        ("falcoport prune --status R", ["Resolved"]),
        ("falcoport send-test --sample ", [one.name for one in samples()]),
        ("falcoport setup --findings-by ", list(Key)),
        ("falcoport setup --findings-by rule,po", ["rule,pod"]),
        ("falcoport setup --with ", list(Extra)),
        ("falcoport setup --with dashboard,r", ["dashboard,rollups", "dashboard,retention"]),
        ("falcoport setup --without tri", ["triage"]),
        ("falcoport setup --notify ", list(ChannelKind)),
        ("falcoport show-url --format ", list(Format)),
        ("falcoport show-url --secret-store-kind ", ["ClusterSecretStore", "SecretStore"]),
        ("falcoport tag-rules --format ", ["yaml", "helm"]),
        ("falcoport export --format ", ["terraform", "json"]),
        ("falcoport preview --input ", list(InputFormat)),
        ("falcoport preview -o ", ["text", "json", "jsonl"]),
        ("falcoport plan -qo ", ["text", "json"]),
        ("falcoport replay --through ", ["webhook", "api"]),
        ("falcoport sandbox --catalog ", ["empty", "exporter", "exporter-legacy"]),
        ("falcoport completion ", ["bash", "zsh", "fish"]),
        ("falcoport setup --cluster ", ["prod", "stage"]),
        ("falcoport show-url --cluster=p", ["--cluster=prod"]),
        ("falcoport setup --cluster prod --cluster ", ["prod", "stage"]),
        ("falcoport add-relation --namespace-blueprint k", ["k8s_namespace"]),
        ("falcoport setup --webhook-ti", ["--webhook-title"]),
        ("falcoport setup --webhook-title x --webhook-t", []),
        ("falcoport setup --webhook-title ", []),
        ("falcoport setup ", []),
        ("falcoport no-such-command ", []),
    ],
)
def test_the_word_at_the_cursor_is_completed(folder: Path, line: str, expected: list[str]) -> None:
    assert candidates(line) == [str(one) for one in expected]


def test_files_are_completed_where_a_file_is_meant_and_nowhere_else() -> None:
    for name, command in commands().items():
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                line = f"falcoport {name} "
            elif not parameter.is_flag:
                line = f"falcoport {name} {parameter.opts[-1]} "
            else:
                continue
            is_file = "FILE" in str(parameter.metavar)
            assert (candidates(line) is None) == is_file, line


def test_a_configuration_that_cannot_be_read_completes_nothing(folder: Path) -> None:
    (folder / "falcoport.yaml").write_text("clusters: {")
    assert candidates("falcoport setup --cluster ") == []


def test_another_configuration_is_read_where_it_is_named(folder: Path) -> None:
    (folder / "other.yaml").write_text("clusters: [edge]\n")
    assert candidates("falcoport setup --config other.yaml --cluster ") == ["edge"]


def test_organizations_come_from_the_configuration_of_ports_cli(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "port.yaml").write_text("organizations: {acme: {client_id: a}, beta: {}}\n")
    monkeypatch.setenv("PORT_CONFIG_FILE", str(folder / "port.yaml"))
    assert candidates("falcoport setup --org ") == ["acme", "beta"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("falcoport ", ["falcoport", ""]),
        ("falcoport setup", ["falcoport", "setup"]),
        ("falcoport --title 'a b' x", ["falcoport", "--title", "a b", "x"]),
        ("falcoport --title 'a b", ["falcoport", "--title", "a b"]),
        (r"falcoport a\ b ", ["falcoport", "a b", ""]),
        ('falcoport "a\\"b" c', ["falcoport", 'a"b', "c"]),
    ],
)
def test_an_unfinished_line_is_split_as_bash_splits_it(line: str, words: list[str]) -> None:
    assert split_line(line) == words


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_command_prints_the_script_of_a_shell(shell: str) -> None:
    assert falcoport("completion", shell).stdout == SCRIPTS[shell]


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a shell that finds this falcoport under its name."""
    place = tmp_path_factory.mktemp("bin")
    command = place / "falcoport"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m falcoport "$@"\n')
    command.chmod(0o755)
    return {
        "PATH": f"{place}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(place),
        "LC_ALL": "C.UTF-8",
    }


def _find_shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def _ask_bash(line: str, environment: dict[str, str], folder: Path) -> list[str]:
    """Return what bash would offer for a line, by the function that the script defines."""
    driver = (
        f'eval "$(falcoport completion bash)"; COMP_LINE={_quoted(line)}; '
        "COMP_POINT=${#COMP_LINE}; current=${COMP_LINE##*[ =:]}; "
        '_falcoport_completion falcoport "$current" ""; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return _lines([_find_shell("bash"), "--norc", "-c", driver], environment, folder)


def _ask_fish(line: str, environment: dict[str, str], folder: Path) -> list[str]:
    """Return what fish offers for a line, by its own completion engine."""
    driver = f"falcoport completion fish | source; complete -C {_quoted(line)}"
    lines = _lines([_find_shell("fish"), "--no-config", "-c", driver], environment, folder)
    return [one.partition("\t")[0] for one in lines]


def _quoted(line: str) -> str:
    return "'" + line.replace("'", "'\\''") + "'"


def _lines(command: list[str], environment: dict[str, str], folder: Path) -> list[str]:
    ran = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stderr == ""
    return ran.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("ask", [_ask_bash, _ask_fish])
def test_bash_and_fish_complete_by_their_own_engines(
    ask: Callable[[str, dict[str, str], Path], list[str]],
    environment: dict[str, str],
    folder: Path,
) -> None:
    def offered(line: str) -> list[str]:
        return sorted(ask(line, environment, folder))

    assert offered("falcoport se") == ["send-test", "setup"]
    assert offered("falcoport setup --region ") == ["eu", "us"]
    assert offered("falcoport setup --cluster ") == ["prod", "stage"]
    assert {one.rstrip("/") for one in offered("falcoport preview a")} == {
        "alerts.jsonl",
        "archive",
    }
    assert offered("falcoport setup --webhook-title x") == [""][: ask is _ask_bash]
    # bash takes what stands behind the equals sign for the word.
    short = ask is _ask_bash
    assert offered("falcoport setup --region=e") == ["eu" if short else "--region=eu"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "prepare"),
    [
        ("bash --norc --noprofile -i", "PS1='%'"),
        ("zsh -f -i", "PS1='%%'; autoload -Uz compinit; compinit -u -D"),
    ],
)
def test_a_person_who_presses_tab_gets_the_word(
    command: str, prepare: str, environment: dict[str, str], folder: Path
) -> None:
    shell, *options = command.split()
    with running_at_terminal([_find_shell(shell), *options], environment, folder) as (at, _):
        # The quotes keep the word that is waited for out of what is echoed.
        at.type(f"{prepare}; eval \"$(falcoport completion {shell})\"; echo re''ady\n")
        at.wait_for("\nready")
        at.type("falcoport --region u\t")
        at.wait_for("--region us ")
        at.type("stat\t")
        at.wait_for("status ")
        at.type("--cluster=pr\t")
        at.wait_for("--cluster=prod")
        at.type(" --blueprint al\t")
        at.wait_for("alerts.jsonl")
        at.type("\x15falcoport show-url --format \t\t")
        at.wait_for("compose", "external-secret", "relay-kafka")


def test_a_shell_never_sees_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FALCOPORT_COMPLETE", "zsh")
    for words in ([], ["--no-such", ""], ["setup", "--region"], ["\udcff"]):
        ran = falcoport(*words)
        assert (ran.exit_code, ran.stderr) == (0, "")
        assert ran.stdout.split("\n")[0] in (FILES, "values")
