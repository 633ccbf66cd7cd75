"""The same condition is the same exit code in every command; each command is in these tables."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.catalogs import as_set_up, before_setup
from support.command_line import falcoport

import falcoport as falcoport_package
from falcoport.cli.app import commands
from falcoport.cli.catalogue import COMMANDS
from falcoport.errors import (
    EXIT_ACCESS,
    EXIT_CHECK,
    EXIT_CODES,
    EXIT_OK,
    EXIT_PORT,
    EXIT_USAGE,
)

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

SAMPLE = Path(falcoport_package.__file__).parent / "falco" / "samples" / "exec-into-pod.json"
PORT_COMMANDS: dict[str, list[str]] = {
    "setup": ["setup"],
    "plan": ["plan"],
    "add-relation": ["add-relation"],
    "show-url": ["show-url"],
    "export": ["export"],
    "preview": ["preview", "--live"],
    "send-test": ["send-test", "--wait", "5"],
    "relay": ["relay", "nats://127.0.0.1:9/falco", "--once"],
    "replay": ["replay", str(SAMPLE)],
    "prune": ["prune", "--older-than", "30d", "--yes"],
    "tag-rules": ["tag-rules", "Some rule", "--namespace", "auth-namespace"],
    "status": ["status"],
    "teardown": ["teardown", "--yes"],
}
"""How each command that talks to Port is called here."""
NEEDS_SET_UP = ["add-relation", "show-url", "export", "preview", "send-test", "status", "replay"]
SIGNED = {"secret": "x", "signatureHeaderName": "X-Hub", "signatureAlgorithm": "sha256"}


def test_every_command_that_talks_to_port_is_in_the_table() -> None:
    talking = {
        name
        for name, command in commands().items()
        if any(parameter.name == "client_id" for parameter in command.params)
    }
    # `init` writes down what its options say; it looks at Port only where it may.
    assert talking - {"init"} == set(PORT_COMMANDS)
    assert set(COMMANDS) - talking == {"demo", "sandbox", "completion"}


def walk(*but: str) -> list[list[str]]:
    return [line for name, line in PORT_COMMANDS.items() if name not in but]


def check(line: list[str], exit_code: int, code: str = "") -> None:
    """Run a command for people and for scripts; both end alike, in words that are documented."""
    for further in ([], ["-o", "json"]):
        ran = falcoport(*line, *further)
        assert ran.exit_code == exit_code, (line, ran.everything)
    assert ran.envelope["exit_code"] == exit_code
    assert exit_code in EXIT_CODES
    if code:
        assert ran.envelope["errors"][0]["code"] == code, ran.envelope


@pytest.mark.parametrize("line", walk("tag-rules", "relay"), ids=" ".join)
def test_no_credentials(line: list[str]) -> None:
    """`tag-rules` goes on without them and says so; `relay` asks its queue first."""
    check(line, EXIT_USAGE, "no_credentials")


@pytest.mark.parametrize("line", walk(), ids=" ".join)
def test_a_client_secret_that_cannot_be_read(line: list[str], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for file in (tmp_path / "missing", tmp_path, empty):
        check([*line, "--client-id", "id", "--client-secret-file", str(file)], EXIT_USAGE)


@pytest.mark.parametrize("line", walk(), ids=" ".join)
def test_settings_that_cannot_be_used(line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_CLIENT_ID", "id")
    monkeypatch.setenv("PORT_CLIENT_SECRET", "secret-4711")
    for wrong in (["--api-url", "http://port.example"], ["--region", "mars"]):
        check([*line, *wrong], EXIT_USAGE)


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("line", walk("relay"), ids=" ".join)
def test_refused_credentials(line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_CLIENT_SECRET", "another-one")
    check(line, EXIT_ACCESS, "bad_credentials")


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("line", walk("relay"), ids=" ".join)
def test_no_answer(line: list[str]) -> None:
    check([*line, "--api-url", "http://127.0.0.1:9"], EXIT_PORT, "unreachable")


@pytest.mark.parametrize("name", NEEDS_SET_UP)
def test_not_set_up_yet(name: str, pointed: RunningSandbox) -> None:
    before_setup().seed(pointed)
    check(PORT_COMMANDS[name], EXIT_CHECK)


@pytest.mark.parametrize("name", [name for name in NEEDS_SET_UP if name != "status"])
def test_not_set_up_yet_has_one_name(name: str, pointed: RunningSandbox) -> None:
    before_setup().seed(pointed)
    check(PORT_COMMANDS[name], EXIT_CHECK, "not_set_up")


@pytest.mark.parametrize(
    "line",
    [
        ["show-url", "--format", "helm"],
        ["send-test"],
        ["send-test", "--via", "http://127.0.0.1:9"],
        ["setup", "--secure"],
        ["plan", "--secure"],
    ],
    ids=" ".join,
)
def test_a_webhook_that_asks_for_signatures(
    line: list[str], pointed: RunningSandbox, api: httpx.Client
) -> None:
    as_set_up().seed(pointed)
    api.patch("/webhooks/falco_alert_mapper", json={"security": SIGNED}).raise_for_status()
    check(line, EXIT_CHECK, "signed_webhook")


@pytest.mark.usefixtures("pointed")
@pytest.mark.parametrize("line", [["show-url", "--format", "helm"], ["send-test"]], ids=" ".join)
def test_a_secret_that_was_not_given(line: list[str], tmp_path: Path) -> None:
    out = tmp_path / "secret"
    secured = ["--create-namespace-blueprint", "--secure", "--secret-out", str(out)]
    assert falcoport("setup", *secured).exit_code == EXIT_OK
    check(line, EXIT_USAGE, "no_webhook_secret")
    out.write_text("", encoding="utf-8")
    check([*line, "--webhook-secret-file", str(out)], EXIT_USAGE)


@pytest.mark.parametrize(
    "line",
    [
        ["show-url", "-f"],
        ["export", "-f"],
        ["export", "--offline", "-f"],
        ["tag-rules", "Some rule", "--namespace", "n", "--offline", "-f"],
        ["setup", "--secure", "--secret-out"],
    ],
    ids=" ".join,
)
def test_an_output_file_that_exists(
    line: list[str], pointed: RunningSandbox, tmp_path: Path
) -> None:
    as_set_up().seed(pointed)
    file = tmp_path / "there"
    file.write_text("mine", encoding="utf-8")
    check([*line, str(file)], EXIT_USAGE, "file_exists")
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "line",
    [
        ["send-test", "--priority", "loud"],
        ["send-test", "--wait", "0"],
        ["send-test", "--sample", "no-such"],
        ["show-url", "--format", "helm", "--min-priority", "loud"],
        ["show-url", "--format", "helm", "--custom-tag", "a,b"],
        ["show-url", "--format", "helm", "--kube-namespace", "A B"],
        ["setup", "--identifier", "rule"],
        ["setup", "--cluster", "my cluster"],
        ["setup", "--cluster", "x", "--no-relation"],
        ["setup", "--webhook-id", "x" * 31],
        ["setup", "--webhook-title", "x" * 31],
        ["setup", "--secure", "--header", "a b"],
        ["setup", "--timeout", "0"],
        ["add-relation", "--relation", "a b"],
        ["add-relation", "--relation", "team", "--target", "a²"],
        ["add-relation", "--tag-prefix", ""],
        ["tag-rules", "x", "--namespace", "a²", "--offline"],
        ["sandbox", "--rate-limit", "fast"],
        ["sandbox", "--latency", "inf"],
        ["completion", "csh"],
    ],
    ids=" ".join,
)
def test_the_value_of_an_option_that_cannot_be_used(
    line: list[str], pointed: RunningSandbox
) -> None:
    as_set_up().seed(pointed)
    check(line, EXIT_USAGE)


@pytest.mark.parametrize("line", walk("relay", "replay"), ids=" ".join)
def test_the_client_secret_from_standard_input(
    line: list[str], pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_set_up().seed(pointed)
    expected = falcoport(*line)
    assert expected.exit_code in (EXIT_OK, EXIT_CHECK), expected.everything
    monkeypatch.delenv("PORT_CLIENT_SECRET")
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{pointed.client_secret}\n".encode()))
    )
    ran = falcoport(*line, "--client-secret-file", "-")
    assert ran.exit_code == expected.exit_code, ran.everything
    assert "empty" not in ran.everything


@pytest.mark.usefixtures("pointed")
def test_a_mark_of_the_encoding_is_no_part_of_a_secret(
    pointed: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORT_CLIENT_SECRET")
    file = tmp_path / "secret"
    file.write_bytes(b"\xef\xbb\xbf" + pointed.client_secret.encode() + b"\r\n")
    assert (
        falcoport("plan", "--no-relation", "--client-secret-file", str(file)).exit_code == EXIT_OK
    )


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
def test_a_device_without_end_is_no_secret(device: str) -> None:
    line = ["show-url", "--client-id", "id", "--client-secret-file", device]
    check(line, EXIT_USAGE)
