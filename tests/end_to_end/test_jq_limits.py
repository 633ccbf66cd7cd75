"""A mapping that never ends, from a manifest or from Port, ends a command with 4 and its name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from support.command_line import falcoport
from support.jq_bombs import BOMBS, build_webhook

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from falcoport.sandbox.server import RunningSandbox

FAST = ("--jq-timeout", "0.5", "--jq-memory", "128")
FIELD = "mappings[0].entity.properties.rule"


def write_webhook(folder: Path, expression: str) -> str:
    path = folder / "webhook.yaml"
    text = yaml.safe_dump(build_webhook(expression, "properties.rule"))
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def live_bomb(pointed: RunningSandbox, api: httpx.Client) -> None:
    """Put an expression that never ends into the live webhook."""
    del pointed
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    mappings = build_webhook("[range(1e12)]", "properties.rule")["mappings"]
    body = {"mappings": mappings}
    api.patch("/webhooks/falco_alert_mapper", json=body).raise_for_status()


@pytest.mark.parametrize("command", ["setup", "plan", "preview"])
@pytest.mark.parametrize("expression", ["until(false; .)", '"a" * 1e9', "def f: [f]; f"])
def test_a_manifest_cannot_hang_a_command(
    command: str, expression: str, tmp_path: Path, pointed: RunningSandbox
) -> None:
    del pointed
    began = time.monotonic()
    ran = falcoport(
        command, "--webhook-config", write_webhook(tmp_path, expression), *FAST, "-o", "json"
    )
    assert time.monotonic() - began < 8
    assert ran.exit_code == 4
    [problem] = ran.envelope["errors"]
    assert FIELD in problem["where"]
    assert "0.5 s" in problem["message"] or "MiB" in problem["message"]


@pytest.mark.parametrize("command", [("preview", "--live"), ("send-test",)])
def test_a_live_mapping_cannot_hang_a_command(command: tuple[str, ...], live_bomb: None) -> None:
    del live_bomb
    ran = falcoport(*command, *FAST, "-o", "json")
    assert ran.exit_code == 4
    [problem] = ran.envelope["errors"]
    assert problem["where"] == FIELD
    assert "[range(1e12)]" in problem["message"]
    assert "--jq-timeout" in problem["hint"]


def test_who_needs_more_time_gets_it(tmp_path: Path) -> None:
    slow = write_webhook(tmp_path, "[range(400000)] | length | tostring")
    assert falcoport("preview", "--webhook-config", slow, "--jq-timeout", "0.1").exit_code == 4
    ran = falcoport("preview", "--webhook-config", slow, "--jq-timeout", "60", "-o", "json")
    assert ran.exit_code == 0
    assert ran.data["entities"][0]["entity"]["properties"]["rule"] == "400000"


@pytest.mark.parametrize(
    "option", [("--jq-timeout", "0"), ("--jq-memory", "1"), ("--jq-timeout", "x")]
)
def test_a_limit_that_makes_no_sense_is_a_usage_error(option: tuple[str, str]) -> None:
    assert falcoport("preview", *option).exit_code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_whose_mapping_never_ends(
    number: signal.Signals, tmp_path: Path
) -> None:
    config = write_webhook(tmp_path, "until(false; .)")
    command = [sys.executable, "-m", "falcoport", "preview", "--webhook-config", config]
    with subprocess.Popen(
        [*command, "--jq-timeout", "300"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            children = wait_for_child(process.pid)
            began = time.monotonic()
            process.send_signal(number)
            _, stderr = process.communicate(timeout=20)
            seconds = time.monotonic() - began
        finally:
            process.kill()
    assert seconds < 5
    assert process.returncode == 130, stderr
    assert b"Traceback" not in stderr
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def wait_for_child(pid: int) -> list[int]:
    """Return the children of a process once there is one."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
        )
        if listed.stdout.split():
            return [int(one) for one in listed.stdout.split()]
    raise AssertionError("no child was started")


@pytest.mark.slow
@pytest.mark.parametrize("expression", BOMBS)
@pytest.mark.parametrize("command", ["setup", "plan", "preview"])
def test_every_bomb_in_a_manifest_ends_within_eight_seconds(
    command: str, expression: str, tmp_path: Path, pointed: RunningSandbox
) -> None:
    del pointed
    began = time.monotonic()
    ran = falcoport(command, "--webhook-config", write_webhook(tmp_path, expression), "-q")
    assert time.monotonic() - began < 8
    assert ran.exit_code == 4
    assert FIELD in ran.stderr
