"""demo and sandbox: falcoport without an account."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from support.command_line import falcoport

if TYPE_CHECKING:
    from pathlib import Path


def test_demo_shows_three_alerts_in_the_catalog_related_by_tag_and_by_place() -> None:
    ran = falcoport("demo", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    alerts = ran.data["alerts"]
    assert [alert["arrived"] for alert in alerts] == [True, True, True]
    assert [alert["differences"] for alert in alerts] == [[], [], []]
    related = [alert["entity"]["relations"]["namespace"] for alert in alerts]
    assert related == ["auth-namespace", None, "auth-namespace-demo"]
    assert alerts[0]["entity"]["properties"]["rule"] == "Fileless execution via memfd_create"


def test_demo_for_people_ends_with_the_url() -> None:
    ran = falcoport("demo")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[-1].startswith("http://127.0.0.1:")
    assert "auth-namespace" in ran.stdout


def test_demo_fails_if_an_alert_is_not_as_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    from falcoport.commands import demo

    monkeypatch.setitem(demo.SAMPLES, "exec-into-pod", demo.TAGGED)
    ran = falcoport("demo", "-o", "json")
    assert ran.exit_code == 3
    [error] = ran.envelope["errors"]
    assert "exec-into-pod" in error["message"]


def test_sandbox_prints_lines_to_use_it_and_stops_on_ctrl_c() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "falcoport", "sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    names = [line.split("=")[0] for line in lines]
    assert names == ["export PORT_API_URL", "export PORT_CLIENT_ID", "export PORT_CLIENT_SECRET"]
    assert process.returncode == 0
    assert "not Port itself" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("command", [("sandbox", "--port", "0"), ("demo", "--keep")])
def test_the_envelope_comes_while_the_sandbox_runs(command: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "falcoport", *command, "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    while "}\n" not in lines:
        lines.append(process.stdout.readline())
    data = json.loads("".join(lines))["data"]
    url = data["PORT_API_URL"] if command[0] == "sandbox" else data["webhook_url"]
    assert httpx.post(url, trust_env=False).status_code > 0
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert (rest, process.returncode) == ("", 0)


def test_sandbox_on_a_busy_port_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = falcoport("sandbox", "--port", str(taken.getsockname()[1]))
    assert ran.exit_code == 2
    assert ran.stderr.count("error:") == 1


def test_sandbox_with_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    ran = falcoport("sandbox", "--port", "0", "--db", str(tmp_path / "none" / "catalog.db"))
    assert ran.exit_code == 2
    assert ran.stderr.count("error:") == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--on-missing-relation", "maybe"), "'reject', 'ignore', 'create'"),
        (("--rate-limit", "fast"), "N/SECONDS"),
        (("--latency", "-1"), "--latency"),
        (("--latency", "nan"), "--latency"),
        (("--port", "70000"), "--port"),
    ],
)
def test_sandbox_refuses_options_it_does_not_know(arguments: tuple[str, ...], word: str) -> None:
    ran = falcoport("sandbox", *arguments)
    assert ran.exit_code == 2
    assert word in ran.stderr


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_sandbox_without_its_extra_names_the_command(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    ran = falcoport(command)
    assert ran.exit_code == 2
    assert "starlette" in ran.stderr
    assert "extra sandbox" in ran.stderr
